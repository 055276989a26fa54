//! Builds the fixture bricks once and puts each into a brick folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// What bricks are compiled for.
const TARGET: &str = "wasm32-wasip2";

/// The folder of a fixture: its `brick.toml` and its component.
pub fn folder(name: &str) -> PathBuf {
    static FOLDERS: OnceLock<PathBuf> = OnceLock::new();
    let folders = FOLDERS.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
        build(&source, &source.join("target"));
        install(&source)
    });
    folders.join(name)
}

/// A fresh machine has Rust but not its target for components.
fn add_target() {
    let ask = ["--print", "target-libdir", "--target", TARGET];
    let folder = Command::new("rustc").args(ask).output().unwrap().stdout;
    if !Path::new(String::from_utf8_lossy(&folder).trim()).is_dir() {
        let added = Command::new("rustup").args(["target", "add", TARGET]).status();
        assert!(
            added.is_ok_and(|status| status.success()),
            "Rust's target {TARGET} is missing and can't be added"
        );
    }
}

/// Builds the package or workspace in `source` for [`TARGET`], into `target`.
pub fn build(source: &Path, target: &Path) {
    add_target();
    // Cargo's own lock makes test programs that run at the same time take turns.
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--target", TARGET, "--quiet"])
        .current_dir(source)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the bricks in {} do not build:\n{errors}", source.display());
}

fn install(source: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures");
    for entry in fs::read_dir(source.join("bricks")).unwrap() {
        let brick = entry.unwrap();
        put(&brick.path(), &source.join("target"), &target.join(brick.file_name()));
    }
    target
}

/// Puts a brick that was built into `target` into a folder of its own, under its file's name with `_`.
pub fn put(brick: &Path, target: &Path, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let wasm = format!("{}.wasm", brick.file_name().unwrap().to_str().unwrap().replace('-', "_"));
    fs::copy(target.join(TARGET).join("release").join(&wasm), folder.join(&wasm)).unwrap();
    fs::copy(brick.join("brick.toml"), folder.join("brick.toml")).unwrap();
}
