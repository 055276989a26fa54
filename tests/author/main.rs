//! A brick's way from `qpyt brick new` to another person's studio, with the real program and the real compiler.
//!
//! - a new brick builds, passes `check` and `test` as it is, and is packed, installed and listed
//! - a changed case fails and says where; `--update` makes it pass
//! - packages that were changed, or are by somebody else under the same name, are refused
//! - dev mode puts every new version into place, and the errors of builds that fail
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod dev;
#[path = "../support/http.rs"]
#[allow(dead_code, reason = "shared with the tests of the HTTP API, which use all of it")]
mod http;
mod life;
mod packages;
#[path = "../support/server.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A command line with a data folder of its own, and one target folder for all bricks.
fn qpyt(data: &Path, arguments: &[&str]) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author-target");
    let mut command = Command::new(server::QPYT);
    command.args(arguments).arg("--data").arg(data).env("CARGO_TARGET_DIR", target);
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    qpyt(data, arguments).output().expect("qpyt runs")
}

/// What it wrote, if it went well.
fn told(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

/// What it complained of, if it went wrong.
fn complaint(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "it should have failed: {out}");
    format!("{out}{err}")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A brick that was started and built once for all tests, with a publisher. Copy it before changing it.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author");
        let _ = fs::remove_dir_all(&home);
        told(&run(&home, &["brick", "new", "acme:lighten", "--into", text(&home)]));
        let folder = home.join("lighten");
        let manifest = folder.join("brick.toml");
        let anonymous = fs::read_to_string(&manifest).unwrap();
        let signed = anonymous.replace("# publisher = \"your name\"", "publisher = \"acme\"");
        assert_ne!(signed, anonymous);
        fs::write(&manifest, signed).unwrap();
        told(&run(&home, &["brick", "build", text(&folder)]));
        folder
    })
}

/// Held by tests that build a changed copy: in the common target folder their components have one name.
fn builds_alone() -> MutexGuard<'static, ()> {
    static BUILDS: Mutex<()> = Mutex::new(());
    BUILDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A copy of the built brick that a test may change.
fn copy_of_built() -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("lighten");
    copy(built(), &folder);
    (home, folder)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let started = Instant::now();
    while !ready() {
        assert!(started.elapsed() < Duration::from_secs(120), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Signs and packs the built brick.
fn packed(key: &Path, out: &Path) {
    told(&run(
        out.parent().unwrap(),
        &["brick", "pack", text(&built().join("dist")), "--key", text(key), "--out", text(out)],
    ));
}

fn new_key(folder: &Path, name: &str) -> PathBuf {
    let key = folder.join(name);
    told(&run(folder, &["brick", "keygen", text(&key)]));
    key
}
