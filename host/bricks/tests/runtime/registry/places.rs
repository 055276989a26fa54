//! Places that break, go, come back, or hold what another place holds.

use std::{fs, sync::Arc};

use qpyt_bricks::registry::{BUILD_ERROR_FILE, ChangeKind, RefusalKind, Registry, RegistryOptions};

use super::{ECHO_1, ECHO_2, House, Notes, component, install, said};
use crate::{
    built::folder,
    fixtures::{new_runtime, runtime},
};

#[tokio::test(flavor = "multi_thread")]
async fn all_places_are_loaded_and_the_bad_ones_do_not_hold_up_the_good() {
    let fixtures = folder("limits").parent().unwrap().to_owned();
    let options = RegistryOptions {
        roots: vec![fixtures, "/nowhere/at/all".into()],
        shelf: tempfile::tempdir().unwrap().path().to_owned(),
        keeps_copies: false,
        steward: Arc::new(Notes::default()),
    };
    let places = Registry::open(runtime().clone(), options).await.snapshot();
    let names = |good: bool| -> Vec<String> {
        let places = places.places.iter().filter(|place| place.serving.is_some() == good);
        places.map(|place| place.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert!(names(true).iter().any(|name| name == "pictures"), "{:?}", names(true));
    for bad in ["bad-schema", "endless-describe", "huge-describe", "no-run", "nosy-describe"] {
        assert!(names(false).iter().any(|name| name == bad), "{bad} is not in {:?}", names(false));
    }
    assert!(places.places.iter().all(|place| place.serving.is_some() != place.refusal.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn single_files_lie_beside_folders_and_are_swapped_like_them() {
    let root = tempfile::tempdir().unwrap();
    for name in ["one.wasm", ".hidden.wasm", "one.wasm.new", "notes.txt"] {
        fs::write(root.path().join(name), component(ECHO_1)).unwrap();
    }
    let mut house = House::over(root, tempfile::tempdir().unwrap()).await;
    assert_eq!(house.registry.snapshot().places.len(), 1);
    assert_eq!(said(&house.run("one.wasm").await.unwrap()), "0.1.0");
    fs::write(house.path("one.wasm.new"), component(ECHO_2)).unwrap();
    fs::rename(house.path("one.wasm.new"), house.path("one.wasm")).unwrap();
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(said(&house.run("one.wasm").await.unwrap()), "0.2.0");
    fs::remove_file(house.path("one.wasm")).unwrap();
    house.wait_for(ChangeKind::Removed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_brick_is_refused_and_the_old_version_goes_on() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    for bytes in [b"not wasm".to_vec(), component(ECHO_2)[..5000].to_vec()] {
        fs::write(house.path("one").join("brick.wasm"), bytes).unwrap();
        house.wait_for(ChangeKind::Refused).await;
        assert_eq!(house.place("one").refusal.unwrap().kind, RefusalKind::Load);
        assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");
    }
    house.write("one", ECHO_1);
    house.wait_for(ChangeKind::Settled).await;
    assert!(house.place("one").refusal.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_deleted_goes_and_comes_back_without_compiling() {
    let cache = tempfile::tempdir().unwrap();
    let runtime = new_runtime(cache.path());
    let root = tempfile::tempdir().unwrap();
    install(&root.path().join("one"), &component(ECHO_1));
    let mut house = House::on(runtime.clone(), root, tempfile::tempdir().unwrap()).await;
    fs::remove_dir_all(house.path("one")).unwrap();
    let change = house.wait_for(ChangeKind::Removed).await;
    assert_eq!(change.bricks, ["versions:one"]);
    assert!(house.registry.snapshot().places.is_empty());
    house.write("one", ECHO_1);
    house.wait_for(ChangeKind::Added).await;
    assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");
    assert_eq!(runtime.compilations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_places_with_one_brick_the_second_waits_until_the_first_goes() {
    let mut house = House::with(&[("a", ECHO_1), ("b", ECHO_1)]).await;
    let refusal = house.place("b").refusal.unwrap();
    assert!(refusal.message.contains("already loaded from"), "{}", refusal.message);
    fs::remove_dir_all(house.path("a")).unwrap();
    house.wait_for(ChangeKind::Added).await;
    assert_eq!(said(&house.run("b").await.unwrap()), "0.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brick_under_development_goes_before_its_installed_namesake() {
    let house = House::with(&[("a", ECHO_1), ("dev-mine", ECHO_1)]).await;
    let places = house.registry.snapshot();
    assert!(places.places.iter().all(|place| place.serving.is_some()));
    assert!(places.places[0].path.ends_with("dev-mine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_of_one_brick_serve_side_by_side() {
    let house = House::with(&[("a", ECHO_1), ("b", ECHO_2)]).await;
    assert_eq!(said(&house.run("a").await.unwrap()), "0.1.0");
    assert_eq!(said(&house.run("b").await.unwrap()), "0.2.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_does_not_build_is_told_and_the_last_version_goes_on() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    fs::write(house.path("one").join(BUILD_ERROR_FILE), "error[E0425]: cannot find value `x`").unwrap();
    house.wait_for(ChangeKind::Refused).await;
    let refusal = house.place("one").refusal.unwrap();
    assert_eq!((refusal.kind, refusal.message.contains("E0425")), (RefusalKind::Build, true));
    assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");
    fs::remove_file(house.path("one").join(BUILD_ERROR_FILE)).unwrap();
    house.wait_for(ChangeKind::Settled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_studio_does_not_admit_does_not_serve() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    let banned = qpyt_bricks::Digest::of(&component(ECHO_2)).to_string();
    house.notes.banned.lock().unwrap().push(banned);
    house.write("one", ECHO_2);
    house.wait_for(ChangeKind::Refused).await;
    assert_eq!(house.place("one").refusal.unwrap().kind, RefusalKind::Publisher);
    assert_eq!(house.version("one"), "0.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn power_lost_between_write_and_rename_leaves_the_old_version() {
    let house = House::with(&[("one", ECHO_1)]).await;
    let half = component(ECHO_2)[..9000].to_vec();
    fs::write(house.path("one").join("brick.wasm.new"), half).unwrap();
    let house = house.restart().await;
    assert_eq!(house.version("one"), "0.1.0");
    assert!(house.place("one").refusal.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_cut_short_by_a_power_loss_leaves_the_kept_copy_serving_after_the_restart() {
    let house = House::with(&[("one", ECHO_1)]).await;
    house.run("one").await.unwrap();
    house.written_down().await;
    fs::write(house.path("one").join("brick.wasm"), &component(ECHO_2)[..9000]).unwrap();
    let house = house.restart().await;
    assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");
    assert_eq!(house.place("one").refusal.unwrap().kind, RefusalKind::Load);
}
