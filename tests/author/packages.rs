//! Packages that are not to be believed.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::http::Client;
use super::server::Server;
use super::{
    builds_alone, built, complaint, copy, copy_of_built, new_key, packed, run, text, told, wait_for,
};

#[test]
fn a_package_that_was_changed_is_refused() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("lighten.wasm");
    packed(&new_key(home.path(), "acme.key"), &file);
    let good = fs::read(&file).unwrap();
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = good.windows(from.len()).rposition(|part| part == from.as_bytes()).unwrap();
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        fs::write(&file, bytes).unwrap();
        complaint(&run(home.path(), &["brick", "install", "--yes", text(&file)]))
    };
    let manifest = replaced("uses = []", "uses =[ ]");
    assert!(manifest.contains("signature is not by the key"), "{manifest}");
    let component = replaced("Makes a picture", "Takes a picture");
    assert!(component.contains("changed after it was packed"), "{component}");
    assert_eq!(installed(home.path()), 0);
}

#[test]
fn a_publisher_s_name_belongs_to_the_key_that_was_seen_first() {
    let home = TempDir::new().unwrap();
    let [theirs, other, unsigned] =
        ["theirs.wasm", "other.wasm", "unsigned.wasm"].map(|name| home.path().join(name));
    packed(&new_key(home.path(), "acme.key"), &theirs);
    packed(&new_key(home.path(), "thief.key"), &other);
    told(&run(home.path(), &["brick", "pack", text(&built().join("dist")), "--out", text(&unsigned)]));
    told(&run(home.path(), &["brick", "install", "--yes", text(&theirs)]));
    for file in [&other, &unsigned] {
        let refused = complaint(&run(home.path(), &["brick", "install", "--yes", text(file)]));
        assert!(refused.contains("“acme” is known by the key"), "{refused}");
    }
    let again = told(&run(home.path(), &["brick", "install", "--yes", text(&theirs)]));
    assert!(again.contains("installed already"), "{again}");
}

#[test]
fn a_running_studio_takes_no_version_that_somebody_else_signed() {
    let home = TempDir::new().unwrap();
    let place = home.path().join("bricks/lighten.wasm");
    let theirs = home.path().join("theirs.wasm");
    packed(&new_key(home.path(), "acme.key"), &theirs);
    told(&run(home.path(), &["brick", "install", "--yes", text(&theirs)]));
    fs::remove_dir_all(home.path().join("bricks")).unwrap();
    fs::create_dir(home.path().join("bricks")).unwrap();
    fs::copy(&theirs, &place).unwrap();
    let server = Server::start(home.path(), &[]);
    let client = Client::new(&server.address);
    let ours = |body: &Value| {
        body["bricks"].as_array().unwrap().iter().find(|brick| brick["id"] == "acme:lighten").cloned()
    };
    let before = ours(&client.get("/api/bricks").body).unwrap();
    assert!(before["signed_by"].as_str().is_some_and(|key| key.starts_with("ed25519:")), "{before:#}");

    let (changed, thief) = (home.path().join("changed"), home.path().join("thief.wasm"));
    copy(&built().join("dist"), &changed);
    let mut component = fs::read(changed.join("lighten.wasm")).unwrap();
    component.extend([0, 3, 1, b'm', 1]);
    fs::write(changed.join("lighten.wasm"), component).unwrap();
    let key = new_key(home.path(), "thief.key");
    told(&run(home.path(), &["brick", "pack", text(&changed), "--key", text(&key), "--out", text(&thief)]));
    fs::rename(&thief, &place).unwrap();

    let mut body = Value::Null;
    wait_for("the refusal", || {
        body = client.get("/api/bricks").body;
        body["refused"].as_array().is_some_and(|refused| !refused.is_empty())
    });
    let refusal = &body["refused"][0];
    assert_eq!(refusal["kind"], "publisher");
    assert!(
        refusal["message"].as_str().unwrap().contains("acme's bricks so far were signed with"),
        "{refusal:#}"
    );
    assert_eq!(ours(&body).unwrap()["digest"], before["digest"], "the version before goes on");
}

#[test]
fn nothing_is_installed_without_a_yes() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("lighten.wasm");
    packed(&new_key(home.path(), "acme.key"), &file);
    let asked = complaint(&run(home.path(), &["brick", "install", text(&file)]));
    assert!(asked.contains("--yes"), "{asked}");
    assert_eq!(installed(home.path()), 0);
    let bare = complaint(&run(
        home.path(),
        &["brick", "install", "--yes", text(&built().join("dist/lighten.wasm"))],
    ));
    assert!(bare.contains("qpyt brick pack"), "{bare}");
}

#[test]
fn two_versions_lie_side_by_side() {
    let home = TempDir::new().unwrap();
    let (_home, folder) = copy_of_built();
    let _alone = builds_alone();
    let manifest = folder.join("Cargo.toml");
    let newer = fs::read_to_string(&manifest).unwrap().replace("version = \"0.1.0\"", "version = \"0.2.0\"");
    fs::write(&manifest, newer).unwrap();
    for dir in [built(), &folder] {
        let file = home.path().join("lighten.wasm");
        told(&run(home.path(), &["brick", "pack", text(dir), "--out", text(&file)]));
        told(&run(home.path(), &["brick", "install", "--yes", text(&file)]));
    }
    for version in ["0.1.0", "0.2.0"] {
        assert!(home.path().join(format!("bricks/acme.lighten-{version}.wasm")).exists(), "{version}");
    }
}

/// How many bricks a data folder has.
fn installed(data: &Path) -> usize {
    fs::read_dir(data.join("bricks")).map_or(0, Iterator::count)
}
