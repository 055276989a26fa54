//! From folders to bricks: what is accepted, what is refused with which words, and what is compiled.

use std::{fs, path::Path};

use qpyt_bricks::{Digest, Interface, LoadError, Value, package};
use tempfile::TempDir;

use crate::{
    built::folder,
    fixtures::{self, new_runtime, run, runtime},
};

/// A brick folder with the component of a fixture, changed by `change`, and a manifest with `uses`.
pub fn variant(fixture: &str, uses: &str, change: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let wasm = format!("{}.wasm", fixture.replace('-', "_"));
    let mut bytes = fs::read(folder(fixture).join(wasm)).unwrap();
    change(&mut bytes);
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("brick.wasm"), bytes).unwrap();
    fs::write(target.path().join("brick.toml"), format!("[brick]\nwasm = \"brick.wasm\"\nuses = [{uses}]"))
        .unwrap();
    target
}

pub fn replace_all(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let starts: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from).map(|(at, _)| at).collect();
    assert!(!starts.is_empty());
    for start in starts {
        bytes[start..start + to.len()].copy_from_slice(to);
    }
}

async fn refusal(folder: &Path) -> String {
    runtime().load(folder).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_binary_tells_its_digest_bricks_and_nature() {
    let limits = fixtures::limits().await;
    let wasm = fs::read(folder("limits").join("limits.wasm")).unwrap();
    assert_eq!(*limits.digest(), Digest::of(&wasm));
    assert_eq!(limits.bricks()[0].id, "limits:loop");
    assert_eq!(limits.manifest().uses, [Interface::JobContext]);
    assert_eq!(limits.path(), folder("limits"));
    assert!(limits.is_pure() && !limits.is_heavy());
    let capabilities = fixtures::capabilities().await;
    assert!(!capabilities.is_pure() && capabilities.is_heavy());
}

#[tokio::test]
async fn imports_outside_uses_are_refused_with_the_line_to_write() {
    let narrow = variant("limits", "", |_| ());
    let message = refusal(narrow.path()).await;
    assert!(message.contains("imports `qpyt:job/context`"), "{message}");
    assert!(message.contains(r#"uses = ["qpyt:job/context"]"#), "{message}");
}

#[tokio::test]
async fn a_binary_imports_only_what_it_calls_so_wide_uses_do_no_harm() {
    let wide = variant("pictures", "\"qpyt:ai/imaging\", \"qpyt:store/files\"", |_| ());
    assert!(runtime().load(wide.path()).await.is_ok());
}

#[tokio::test]
async fn a_contract_of_another_version_is_refused_with_the_one_there_is() {
    let future = variant("limits", "\"qpyt:job/context\"", |bytes| {
        replace_all(bytes, b"qpyt:job/context@0.1.0", b"qpyt:job/context@0.9.0");
    });
    let message = refusal(future.path()).await;
    assert!(
        message.contains("qpyt:job/context@0.9.0") && message.contains("version 0.1.0 of `qpyt:job`"),
        "{message}"
    );
}

/// In a component the version stands in names only, so that this is the brick built against such a contract.
#[tokio::test]
async fn a_brick_from_a_newer_major_is_refused_with_the_version_there_is() {
    for fixture in ["limits", "pictures", "capabilities"] {
        let newer = variant(fixture, "\"qpyt:job/context\"", |bytes| replace_all(bytes, b"@0.1.", b"@1.0."));
        let message = refusal(newer.path()).await;
        assert!(message.contains("@1.0.0") && message.contains("version 0.1.0"), "{fixture}: {message}");
    }
}

#[tokio::test]
async fn exports_of_another_type_than_the_contract_s_are_refused() {
    for (from, to) in [("params-schema", "params-scheme"), ("bad-param", "bad-thing"), ("boolean", "booleen")]
    {
        let other = variant("pictures", "", |bytes| replace_all(bytes, from.as_bytes(), to.as_bytes()));
        let message = refusal(other.path()).await;
        assert!(message.contains(from) || message.contains(to), "{to}: {message}");
    }
}

#[tokio::test]
async fn malformed_parameter_schemas_are_refused_with_what_is_wrong() {
    let deep = "[".repeat(399);
    for (schema, hint) in [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("{\"type\":\"object\",\"properties\":{}}}", "not valid JSON"),
        (deep.as_str(), "not valid JSON"),
        ("null", "\"type\": \"object\""),
        ("[]", "\"type\": \"object\""),
        ("{\"type\":[\"object\"],\"properties\":{}}", "\"type\": \"object\""),
        ("{\"type\":\"object\"}", "properties"),
        ("{\"type\":\"object\",\"properties\":[]}", "properties"),
        ("{\"type\":\"object\",\"properties\":{\"strength\":true}}", "`strength`"),
    ] {
        let brick = variant("any-schema", "", |bytes| {
            let room = format!("{:400}", "{\"type\":\"object\",\"properties\":{}}");
            replace_all(bytes, room.as_bytes(), format!("{schema:400}").as_bytes());
        });
        let message = refusal(brick.path()).await;
        assert!(message.contains(hint), "{schema}: {message}");
    }
}

#[tokio::test]
async fn a_description_without_end_is_refused() {
    let message = refusal(&folder("huge-describe")).await;
    assert!(message.contains("more than 8 MiB"), "{message}");
}

#[tokio::test]
async fn a_component_of_another_world_is_no_brick() {
    let message = refusal(&folder("no-run")).await;
    assert!(message.contains("does not export `run` of `qpyt:brick/run@0.1.1`"), "{message}");
}

#[tokio::test]
async fn a_describe_that_is_wrong_is_refused_by_name() {
    let message = refusal(&folder("bad-schema")).await;
    assert!(message.contains("`bad-schema:one`") && message.contains("\"type\": \"object\""), "{message}");
}

#[tokio::test]
async fn a_describe_without_end_is_stopped() {
    let message = refusal(&folder("endless-describe")).await;
    assert!(message.contains("more than 50 ms"), "{message}");
}

#[tokio::test]
async fn a_describe_that_looks_around_is_refused() {
    let message = refusal(&folder("nosy-describe")).await;
    assert!(message.contains("nothing but the log"), "{message}");
}

#[tokio::test]
async fn files_that_are_no_components_are_refused_with_how_to_build_one() {
    let text = variant("limits", "", |bytes| *bytes = b"hello".to_vec());
    let message = refusal(text.path()).await;
    assert!(message.contains("not WebAssembly") && message.contains("wasm32-wasip2"), "{message}");
    let module = variant("limits", "", |bytes| *bytes = b"\0asm\x01\0\0\0".to_vec());
    let message = refusal(module.path()).await;
    assert!(message.contains("core WebAssembly module"), "{message}");
    let damaged = variant("limits", "", |bytes| bytes.truncate(bytes.len() / 2));
    assert!(matches!(runtime().load(damaged.path()).await, Err(LoadError::Compile { .. })));
}

#[tokio::test]
async fn missing_files_and_wrong_manifests_are_named() {
    let empty = tempfile::tempdir().unwrap();
    assert!(refusal(empty.path()).await.contains("brick.toml can't be read"));
    fs::write(empty.path().join("brick.toml"), "[brick]\nwasm = \"gone.wasm\"").unwrap();
    assert!(refusal(empty.path()).await.contains("gone.wasm can't be read"));
    fs::write(empty.path().join("brick.toml"), "[brick]\nwasm = \"gone.wasm\"\nuse = []").unwrap();
    let message = refusal(empty.path()).await;
    assert!(message.contains("brick.toml") && message.contains("unknown field `use`"), "{message}");
    fs::write(empty.path().join("brick.toml"), "x".repeat(100_000)).unwrap();
    assert!(refusal(empty.path()).await.contains("at most"));
}

/// A single file in a folder of its own.
fn single_file(bytes: &[u8]) -> (TempDir, std::path::PathBuf) {
    let target = tempfile::tempdir().unwrap();
    let file = target.path().join("limits.wasm");
    fs::write(&file, bytes).unwrap();
    (target, file)
}

#[tokio::test]
async fn a_bare_file_may_use_what_it_imports() {
    let wasm = fs::read(folder("limits").join("limits.wasm")).unwrap();
    let (_folder, file) = single_file(&wasm);
    let limits = runtime().load(&file).await.unwrap();
    assert_eq!(limits.manifest().uses, [Interface::JobContext]);
    assert_eq!(limits.manifest().publisher, None);
    assert_eq!((limits.path(), limits.signed_by()), (file.as_path(), None));
}

#[tokio::test]
async fn a_package_brings_its_manifest_along_and_has_the_digest_of_its_component() {
    let wasm = fs::read(folder("limits").join("limits.wasm")).unwrap();
    let manifest = "[brick]\nwasm = \"limits.wasm\"\nuses = [\"qpyt:job/context\"]\npublisher = \"me\"\n";
    let (_folder, file) = single_file(&package::append(&wasm, manifest, None).unwrap());
    let limits = runtime().load(&file).await.unwrap();
    assert_eq!(*limits.digest(), Digest::of(&wasm));
    assert_eq!(limits.manifest().publisher.as_deref(), Some("me"));

    let narrow = manifest.replace("\"qpyt:job/context\"", "");
    let (_folder, file) = single_file(&package::append(&wasm, &narrow, None).unwrap());
    assert!(refusal(&file).await.contains("imports `qpyt:job/context`"));
}

#[tokio::test]
async fn a_package_that_can_not_be_believed_is_refused_by_name() {
    let wasm = fs::read(folder("limits").join("limits.wasm")).unwrap();
    let mut bytes = package::append(&wasm, "[brick]\nwasm = \"limits.wasm\"\n", None).unwrap();
    replace_all(&mut bytes, b"qpyt:job/context@0.1.0", b"qpyt:job/context@0.1.9");
    let (_folder, file) = single_file(&bytes);
    let message = refusal(&file).await;
    assert!(message.contains("limits.wasm") && message.contains("changed after it was packed"), "{message}");
}

#[tokio::test]
async fn the_second_start_compiles_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let first = new_runtime(cache.path());
    first.load(&folder("limits")).await.unwrap();
    first.load(&folder("limits")).await.unwrap();
    assert_eq!(first.compilations(), 1);
    let second = new_runtime(cache.path());
    second.load(&folder("limits")).await.unwrap();
    assert_eq!(second.compilations(), 0);
}

#[tokio::test]
async fn a_compiled_copy_that_was_tampered_with_is_not_run() {
    let cache = tempfile::tempdir().unwrap();
    new_runtime(cache.path()).load(&folder("pictures")).await.unwrap();
    for entry in fs::read_dir(cache.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    let runtime = new_runtime(cache.path());
    let binary = runtime.load(&folder("pictures")).await.unwrap();
    assert_eq!(runtime.compilations(), 1);
    run(&binary, "pictures:echo", vec![Value::Boolean(true)]).await;
}

#[tokio::test]
async fn compiled_copies_of_another_installation_are_not_run() {
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    new_runtime(theirs.path()).load(&folder("pictures")).await.unwrap();
    let runtime = new_runtime(ours.path());
    for entry in fs::read_dir(theirs.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            fs::copy(&path, ours.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    runtime.load(&folder("pictures")).await.unwrap();
    assert_eq!(runtime.compilations(), 1);
}
