//! A disk that is really full: a file system of 1 MiB in memory, made by starting this very test again in a mount
//! namespace of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use qpyt_bricks::media::{Image, PixelFormat};
use qpyt_studio::store::{Inserted, Lane, SaveMode, Store, StoreError};
use serde_json::json;

use super::new_job;

const NAME: &str = "full_disk::a_full_disk_is_told_with_its_folder_and_loses_nothing";
const FOLDER: &str = "FULL_DISK_TEST_FOLDER";

#[test]
fn a_full_disk_is_told_with_its_folder_and_loses_nothing() {
    if let Some(small_disk) = std::env::var_os(FOLDER) {
        fill_it(&PathBuf::from(small_disk));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"]).arg(folder.path());
        command
    };
    const MOUNT: &str = "mount -t tmpfs -o size=1m none \"$1\"";
    if !in_namespace(MOUNT).output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: this system lets nobody mount a small disk, so a full one was not tried");
        return;
    }
    let mut again = in_namespace(&format!("{MOUNT}; shift; exec \"$@\""));
    again.arg(std::env::current_exe().unwrap()).args(["--exact", NAME, "--nocapture"]);
    let output = again.env(FOLDER, folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "the test was not found under its name: {said}");
}

fn fill_it(disk: &Path) {
    let data = disk.join("data");
    let store = Store::open(&data).unwrap();
    let small = Image::new(PixelFormat::Luma8, 8, 8, vec![7; 64]).unwrap();
    store.content().put_image(&small).unwrap();
    store.save_workflow(&"kept".parse().unwrap(), &json!({ "a": 1 }), SaveMode::Replace).unwrap();
    let first = new_job("before", Lane::Cpu);
    assert!(matches!(store.insert_job(&first, 10).unwrap(), Inserted::New(_)));

    let mut ballast = fs::File::create(disk.join("ballast")).unwrap();
    while ballast.write_all(&[0; 512]).is_ok() {}

    let noise: Vec<u8> = (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let large = Image::new(PixelFormat::Luma8, 500, 400, noise.clone()).unwrap();
    let told = |error: StoreError, below: &Path| {
        assert!(matches!(&error, StoreError::NoSpace { folder } if folder.starts_with(below)), "{error:?}");
        assert!(error.to_string().contains(&below.display().to_string()), "{error}");
    };
    told(store.content().put_image(&large).unwrap_err(), &data);
    told(store.content().put_file(&noise).unwrap_err(), &data);
    let workflow =
        store.save_workflow(&"kept".parse().unwrap(), &json!("b".repeat(100_000)), SaveMode::Replace);
    told(workflow.unwrap_err(), &data);
    let mut second = new_job("during", Lane::Cpu);
    second.document = json!("c".repeat(200_000));
    told(store.insert_job(&second, 10).unwrap_err(), &data);

    // Nothing half written is left, what was there is whole, and with space all goes on.
    assert_eq!(fs::read_dir(data.join("content/staging")).unwrap().count(), 0);
    assert_eq!(store.load_workflow(&"kept".parse().unwrap()).unwrap(), json!({ "a": 1 }));
    assert_eq!(store.content().open_image(small.digest()).unwrap().pixels(), small.pixels());
    assert_eq!(store.jobs(10, None).unwrap().len(), 1);
    drop(ballast);
    fs::remove_file(disk.join("ballast")).unwrap();
    store.content().put_image(&large).unwrap();
    assert!(matches!(store.insert_job(&second, 10).unwrap(), Inserted::New(_)));
    drop(store);
    assert_eq!(Store::open(&data).unwrap().jobs(10, None).unwrap().len(), 2);
}
