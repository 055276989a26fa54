//! Setting up a checkout: what is out of date is built, what is not is left alone. The checkout is a small one with a
//! brick that cargo really builds; `node` and `npm` are scripts that write down how they were called.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self { folder: tempfile::tempdir().unwrap() };
        checkout.write("workflows/empty.json", "{}");
        checkout.write("plugins/Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"tiny-brick\"]\n");
        checkout.write(
            "plugins/tiny-brick/Cargo.toml",
            "[package]\nname = \"tiny-brick\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n",
        );
        checkout.write("plugins/tiny-brick/brick.toml", "[brick]\nwasm = \"tiny-brick.wasm\"\nuses = []\n");
        checkout.write("plugins/tiny-brick/src/lib.rs", "");
        checkout.write("web/package.json", "{}");
        checkout.write("web/package-lock.json", "{}");
        checkout.write("web/src/main.ts", "");
        checkout.script("node", "echo v22.0.0");
        checkout.script(
            "npm",
            "echo \"npm $*\" >> ../calls\nmkdir -p node_modules dist\necho page > dist/index.html",
        );
        checkout
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn script(&self, name: &str, commands: &str) {
        let name = format!("bin/{name}");
        self.write(&name, &format!("#!/bin/sh\n{commands}\n"));
        fs::set_permissions(self.path(&name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Starts the program with these folders to look for tools in.
    fn start_with(&self, path: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_qpyt"))
            .args(["models", "--data"])
            .arg(self.path("data"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("QPYT_HOME", self.folder.path())
            .env("PATH", path)
            .output()
            .unwrap()
    }

    /// Starts the program with the scripts before the real tools. Gives what it said while setting up.
    fn start(&self) -> String {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let output = self.start_with(&path, &[]);
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    }

    /// How npm was called since this was last asked.
    fn calls(&self) -> Vec<String> {
        let log = self.path("calls");
        let calls = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        calls.lines().map(|line| line.split(" --").next().unwrap().to_owned()).collect()
    }

    fn installed(&self) -> PathBuf {
        self.path("plugins/dist/tiny-brick/tiny-brick.wasm")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn modified(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn a_first_start_builds_all_and_a_second_one_nothing() {
    let checkout = Checkout::new();
    let told = checkout.start();
    for step in ["Building the bricks", "Fetching the packages of the web app", "Building the web app"] {
        assert_eq!(told.matches(step).count(), 1, "{step}: {told}");
    }
    assert!(fs::read(checkout.installed()).unwrap().starts_with(b"\0asm"));
    assert!(checkout.path("plugins/dist/tiny-brick/brick.toml").is_file());
    assert_eq!(checkout.calls(), ["npm ci", "npm run build"]);

    // No tool is in reach, so none can be needed.
    let output = checkout.start_with("", &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("Building"), "{}", said(&output));
}

#[test]
fn only_what_changed_is_built_again() {
    let checkout = Checkout::new();
    checkout.start();
    checkout.calls();
    let built = modified(&checkout.installed());

    checkout.write("web/src/main.ts", "changed");
    checkout.start();
    assert_eq!(checkout.calls(), ["npm run build"]);

    checkout.write("web/package-lock.json", "{ \"changed\": true }");
    checkout.start();
    assert_eq!(checkout.calls(), ["npm ci", "npm run build"]);
    assert_eq!(modified(&checkout.installed()), built, "no brick has changed");

    checkout.write("plugins/tiny-brick/src/lib.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn more() {}\n");
    let told = checkout.start();
    assert!(told.contains("Building the bricks") && checkout.calls().is_empty(), "{told}");
    assert_ne!(modified(&checkout.installed()), built);
}

#[test]
fn what_was_deleted_is_made_again() {
    let checkout = Checkout::new();
    checkout.start();
    checkout.calls();
    fs::remove_dir_all(checkout.path("plugins/dist")).unwrap();
    fs::remove_dir_all(checkout.path("web/dist")).unwrap();
    checkout.start();
    assert!(checkout.installed().is_file());
    assert_eq!(checkout.calls(), ["npm run build"]);
}

#[test]
fn a_brick_that_does_not_compile_is_told_in_the_compilers_words_and_the_old_one_stays() {
    let checkout = Checkout::new();
    checkout.start();
    let before = fs::read(checkout.installed()).unwrap();
    checkout.write("plugins/tiny-brick/src/lib.rs", "this is no Rust");
    let output = checkout.start_with(&std::env::var("PATH").unwrap(), &[]);
    assert!(!output.status.success());
    let told = said(&output);
    assert!(
        told.contains("Could not build the bricks") && told.contains("tiny-brick/src/lib.rs:1"),
        "{told}"
    );
    assert_eq!(fs::read(checkout.installed()).unwrap(), before);
}

#[test]
fn without_a_fitting_node_the_message_says_which_is_needed() {
    let checkout = Checkout::new();
    checkout.start();
    checkout.write("web/src/main.ts", "changed");
    let output = checkout.start_with("", &[]);
    assert!(!output.status.success());
    assert!(said(&output).contains("Node 20"), "{}", said(&output));

    checkout.script("node", "echo v18.19.0");
    let output = checkout.start_with(&checkout.path("bin").display().to_string(), &[]);
    assert!(!output.status.success());
    assert!(said(&output).contains("Node 20") && said(&output).contains("v18.19.0"), "{}", said(&output));

    let output = checkout.start_with("", &["--no-setup"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn an_installed_release_without_sources_needs_no_tools() {
    let folder = tempfile::tempdir().unwrap();
    let checkout = Checkout { folder };
    checkout.write("workflows/empty.json", "{}");
    checkout.write("plugins/dist/.keep", "");
    let output = checkout.start_with("", &[]);
    assert!(output.status.success(), "{}", said(&output));
}
