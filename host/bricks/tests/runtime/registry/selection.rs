//! The last three good versions are kept, and a person can go back to one.

use qpyt_bricks::{
    Digest,
    registry::{ChangeKind, KEPT_VERSIONS, PlaceError},
};

use super::{ECHO_1, ECHO_2, House, Variant, said};

const ECHO_3: Variant = Variant { version: "0.3.0", mode: "echo." };
const ECHO_4: Variant = Variant { version: "0.4.0", mode: "echo." };

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_version_serves_until_the_file_changes() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    let first = house.serving("one").digest();
    house.write("one", ECHO_2);
    house.wait_for(ChangeKind::Swapped).await;
    let id = house.place("one").id;
    house.registry.select(id.as_str(), &first).await.unwrap();
    house.wait_for(ChangeKind::Selected).await;
    assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");
    assert!(house.place("one").selected);
    house.written_down().await;

    let mut house = house.restart().await;
    assert_eq!(said(&house.run("one").await.unwrap()), "0.1.0");
    house.write("one", ECHO_3);
    house.wait_for(ChangeKind::Swapped).await;
    assert_eq!(said(&house.run("one").await.unwrap()), "0.3.0");
    assert!(!house.place("one").selected);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_versions_are_kept_also_over_a_restart() {
    let mut house = House::with(&[("one", ECHO_1)]).await;
    for variant in [ECHO_2, ECHO_3, ECHO_4] {
        house.write("one", variant);
        house.wait_for(ChangeKind::Swapped).await;
        house.written_down().await;
    }
    let kept = |house: &House| -> Vec<String> {
        let kept = house.place("one").kept;
        kept.iter().map(|version| version.version_of("versions:one").unwrap().to_string()).collect()
    };
    assert_eq!(kept(&house), ["0.4.0", "0.3.0", "0.2.0"]);
    assert_eq!(kept(&house).len(), KEPT_VERSIONS);
    let house = house.restart().await;
    let mut waited = 0;
    while kept(&house).len() < KEPT_VERSIONS {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        waited += 1;
        assert!(waited < 500, "only {:?} came back", kept(&house));
    }
    assert_eq!(kept(&house), ["0.4.0", "0.3.0", "0.2.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_places_that_are_not_there_are_named() {
    let house = House::with(&[("one", ECHO_1)]).await;
    let id = house.place("one").id;
    let other = Digest::of(b"other");
    assert_eq!(house.registry.select(id.as_str(), &other).await, Err(PlaceError::UnknownVersion(other)));
    assert_eq!(
        house.registry.select("nowhere", &other).await,
        Err(PlaceError::UnknownPlace("nowhere".to_owned()))
    );
    assert!(house.registry.release("nowhere").is_err());
}
