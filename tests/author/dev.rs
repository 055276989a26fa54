//! Dev mode: what is saved is in place a moment later, and so are the errors.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use super::{builds_alone, copy_of_built, qpyt, text, wait_for};

/// A `qpyt brick dev` that ends with the test.
struct Dev(Child);

impl Dev {
    fn start(data: &Path, source: &Path, more: &[&str]) -> Self {
        let mut arguments = vec!["brick", "dev", text(source)];
        arguments.extend(more);
        Self(qpyt(data, &arguments).stdout(Stdio::null()).spawn().expect("qpyt starts"))
    }

    /// Ends it as Ctrl+C does.
    #[cfg(unix)]
    fn interrupt(&mut self) {
        let told = std::process::Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()));
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[cfg(unix)]
fn every_save_puts_a_new_version_or_its_errors_into_place() {
    let (home, source) = copy_of_built();
    let _alone = builds_alone();
    let data = home.path().join("data");
    let place = data.join("bricks/dev-lighten");
    let (wasm, errors) = (place.join("lighten.wasm"), place.join("build-error.txt"));
    let mut dev = Dev::start(&data, &source, &["--clean"]);
    wait_for("the first build", || wasm.exists());
    assert!(place.join("brick.toml").exists(), "a place is filled in one step");
    let first = fs::read(&wasm).unwrap();

    let code = source.join("src/lib.rs");
    let good = fs::read_to_string(&code).unwrap();
    fs::write(&code, good.replace("255.0", "two hundred")).unwrap();
    wait_for("the error", || errors.exists());
    let told = fs::read_to_string(&errors).unwrap();
    assert!(told.contains("src/lib.rs") && told.contains("error"), "{told}");
    assert_eq!(fs::read(&wasm).unwrap(), first, "the version before stays");

    fs::write(&code, good.replace("255.0", "200.0")).unwrap();
    wait_for("the new version", || fs::read(&wasm).is_ok_and(|new| new != first));
    wait_for("the end of the error", || !errors.exists());

    dev.interrupt();
    assert!(!place.exists(), "--clean takes it out of the studio");
    assert_eq!(fs::read_dir(data.join("bricks")).unwrap().count(), 0, "no draft is left");
}
