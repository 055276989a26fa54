//! The data folder belongs to one process, and to a program that understands it.

use std::fs;
use std::path::Path;
use std::process::Command;

use qpyt_bricks::media::PixelFormat;
use qpyt_studio::store::{JobState, Lane, Store, StoreError};

use super::{TestStore, picture, queue};

const KILLED: &str = "opening::what_a_process_kept_before_it_died_is_there_for_the_next";
const FOLDER: &str = "KILLED_TEST_FOLDER";

#[test]
fn a_second_process_on_the_same_folder_is_told_who_has_it_and_what_to_do() {
    let first = TestStore::new();
    let Err(error) = Store::open(first.path()) else { panic!("two stores have one folder") };
    assert!(
        matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    let message = error.to_string();
    assert!(message.contains("--data") && message.contains(&first.path().display().to_string()), "{message}");

    drop(first.restart());
}

#[test]
fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let database = folder.path().join("qpyt.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);

    let Err(error) = Store::open(folder.path()) else { panic!("a newer database was opened") };
    assert!(matches!(error, StoreError::NewerDatabase { found: 999, .. }), "{error}");
    assert!(error.to_string().contains("qpyt.db"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("qpyt.db"), "this is a letter to a friend, not a database. ".repeat(100))
        .unwrap();
    let Err(error) = Store::open(folder.path()) else { panic!("a letter was opened as a database") };
    assert!(error.to_string().contains("qpyt.db"), "{error}");
}

#[test]
fn beside_the_owner_others_may_look_and_disturb_nothing() {
    let owner = TestStore::new();
    let half = owner.path().join("content/staging/half.tmp");
    fs::write(&half, "being written").unwrap();
    let job = queue(&owner, "a job", Lane::Cpu);

    let beside = Store::open_beside(owner.path()).unwrap();
    assert_eq!(beside.job(job.id).unwrap(), job);
    let another = queue(&beside, "another", Lane::Cpu);
    assert!(half.exists());
    drop(beside);
    owner.claim_next(Lane::Cpu).unwrap();
    assert_eq!(owner.claim_next(Lane::Cpu).unwrap().unwrap().id, another.id);
}

#[cfg(unix)]
#[test]
fn the_folder_is_for_the_user_only() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("new/data");
    let store = Store::open(&data).unwrap();
    for folder in [data.clone(), store.cache_folder(), store.bricks_folder(), data.join("content/staging")] {
        assert_eq!(
            fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700,
            "{}",
            folder.display()
        );
    }
}

#[test]
fn what_a_killed_process_left_half_written_is_cleared_away() {
    let store = TestStore::new();
    let rest = store.path().join("content/staging/half.tmp");
    fs::write(&rest, "half").unwrap();
    let store = store.restart();
    assert!(!rest.exists());
    drop(store);
}

#[test]
fn what_a_process_kept_before_it_died_is_there_for_the_next() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        keep_and_die(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    let status = again.args(["--exact", KILLED]).env(FOLDER, folder.path()).output().unwrap().status;
    assert!(!status.success(), "the process was to die");

    let store = Store::open(folder.path()).unwrap();
    let jobs = store.jobs(10, None).unwrap();
    assert_eq!(jobs.iter().map(|job| job.state).collect::<Vec<_>>(), [JobState::Queued, JobState::Running]);
    store.content().open_image(picture(PixelFormat::Rgb8, 30, 30).digest()).unwrap();
    assert_eq!(store.recover().unwrap().requeued, [jobs[1].id]);
}

fn keep_and_die(folder: &Path) -> ! {
    let store = Store::open(folder).unwrap();
    queue(&store, "runs", Lane::Cpu);
    queue(&store, "waits", Lane::Cpu);
    store.claim_next(Lane::Cpu).unwrap();
    store.content().put_image(&picture(PixelFormat::Rgb8, 30, 30)).unwrap();
    std::process::abort()
}

#[test]
fn several_that_open_a_new_folder_at_once_make_one_database() {
    for _ in 0..50 {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let openings: Vec<_> =
                (0..8).map(|_| scope.spawn(|| Store::open_beside(folder.path()).map(drop))).collect();
            for opening in openings {
                opening.join().unwrap().unwrap();
            }
        });
    }
}
