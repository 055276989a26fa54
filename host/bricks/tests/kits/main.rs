//! The author kits for JavaScript and Python: their examples and templates, built by their own tools and run as real
//! components in real sandboxes.
//!
//! The tools come from npm and PyPI. Where one can't be installed its tests count as ignored, and one line says why.
//! A build takes seconds, so what was built from the same sources is used again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod brick;
mod counter;
mod golden;
#[path = "../runtime/host.rs"]
#[allow(dead_code, reason = "shared with the tests of the runtime, which use all of it")]
mod host;
mod javascript;
mod kit;
mod python;
mod tour;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::kit::Kit;

/// A test: its name and what it does.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Builds and compilations use every core by themselves.
    arguments.test_threads = arguments.test_threads.or(Some(1));
    let mut trials = Vec::new();
    for (kit, tests) in [(Kit::JavaScript, javascript::TESTS), (Kit::Python, python::TESTS)] {
        let wanted = !arguments.list && tests.iter().any(|(name, _)| is_asked_for(&arguments, name));
        let missing = wanted.then(|| kit.install().err()).flatten();
        if let Some(reason) = &missing {
            eprintln!("{} KIT TESTS SKIPPED: {reason}", kit.title());
        }
        trials.extend(tests.iter().map(|(name, test)| {
            let run = || {
                test();
                Ok(())
            };
            Trial::test(*name, run).with_ignored_flag(missing.is_some())
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// False if the command line asks for other tests only, so that nothing is installed for nothing.
fn is_asked_for(arguments: &Arguments, name: &str) -> bool {
    arguments.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
        && !arguments.skip.iter().any(|skipped| name.contains(skipped.as_str()))
}
