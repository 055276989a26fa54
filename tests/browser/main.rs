//! Journeys of a person through the real program in a real browser.
//!
//! Each file in `journeys/` is one journey: a Node script that drives Chromium (playwright-core) against a studio of
//! its own. Where Chromium is not installed the journeys count as ignored, and one line says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

#[path = "../support/fixtures.rs"]
mod fixtures;
#[path = "../support/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

/// A journey that takes longer hangs, and does not even end itself as it should.
const LONGEST: Duration = Duration::from_secs(180);

/// The first start on a fresh checkout builds the bricks and the web app, which is no part of any journey.
static SET_UP: Once = Once::new();

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two browsers and two studios at once starve each other on small machines.
    arguments.test_threads = arguments.test_threads.or(Some(1));
    let chromium = find_chromium();
    if chromium.is_none() {
        eprintln!(
            "BROWSER TESTS SKIPPED: Chromium was not found. Install it (Debian: apt-get install chromium) or set QPYT_CHROMIUM."
        );
    }
    let trials = journeys().into_iter().map(|journey| trial(journey, chromium.clone())).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(journey: PathBuf, chromium: Option<PathBuf>) -> Trial {
    let name = journey.file_stem().map(|stem| stem.to_string_lossy().replace('-', "_")).unwrap_or_default();
    let missing = chromium.is_none();
    Trial::test(name, move || walk(&journey, chromium.as_deref().unwrap_or(Path::new("chromium"))))
        .with_ignored_flag(missing)
}

fn find_chromium() -> Option<PathBuf> {
    let chosen = std::env::var_os("QPYT_CHROMIUM").map(PathBuf::from);
    let usual =
        ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from);
    chosen.into_iter().chain(usual).find(|path| path.exists())
}

fn journeys() -> Vec<PathBuf> {
    let folder = server::checkout().join("tests/browser/journeys");
    let mut found: Vec<_> = std::fs::read_dir(&folder)
        .expect("the journeys")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "mjs"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no journeys in {}", folder.display());
    found
}

/// Runs one script; what it prints is shown when it fails.
fn walk(journey: &Path, chromium: &Path) -> Result<(), Failed> {
    SET_UP.call_once(|| drop(server::Server::fresh()));
    let mut node = Command::new("node")
        .arg(journey)
        .env("QPYT_PROGRAM", server::QPYT)
        .env("QPYT_CHROMIUM", chromium)
        .env("QPYT_FIXTURES", fixtures::folder(""))
        .current_dir(server::checkout())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("node could not be started: {error}"))?;
    let started = Instant::now();
    loop {
        if let Some(status) = node.try_wait()? {
            return if status.success() {
                Ok(())
            } else {
                Err(format!("the journey ended with {status}").into())
            };
        }
        if started.elapsed() > LONGEST {
            node.kill()?;
            return Err(format!("the journey took longer than {} s", LONGEST.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
