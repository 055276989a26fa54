//! `qpyt brick new`, `build` and `dev`: from nothing to a component that is built on every save.

use std::path::Path;
use std::process::ExitCode;

use qpyt_author::build;
use qpyt_author::dev::{DevEvent, DevLoop};
use qpyt_author::readable;
use qpyt_author::source::{Language, Source};
use qpyt_author::template::{NewBrick, create};
use tokio_util::sync::CancellationToken;

use super::Bench;
use crate::cli::serve::told_to_stop;
use crate::setup::progress;

/// Starts a brick from a template.
pub(super) fn new(bench: &Bench, name: &str, language: Language, into: &Path) -> anyhow::Result<ExitCode> {
    let folder = create(&NewBrick { name, language, into, sdk: &bench.sdk() })?;
    println!("{} is a brick in {}. Next:", folder.display(), language.name());
    println!("  cd {}", folder.display());
    println!("  qpyt brick test    # build it and run its cases");
    println!("  qpyt brick dev     # build on every save, into the running studio");
    Ok(ExitCode::SUCCESS)
}

/// Builds a brick.
pub(super) fn build(bench: &Bench, dir: &Path) -> anyhow::Result<ExitCode> {
    let source = Source::open(dir)?;
    let title = format!("Building {}", source.name());
    let built = progress::during(&title, |say| build::build(&source, &bench.build_options(), say))?;
    println!("{} ({}, {})", built.wasm.display(), readable(built.bytes), built.digest);
    Ok(ExitCode::SUCCESS)
}

/// Builds on every save until told to stop.
pub(super) async fn dev(bench: &Bench, dir: &Path, clean: bool) -> anyhow::Result<ExitCode> {
    let dev = DevLoop::new(dir, &bench.bricks(), bench.build_options())?;
    println!("Watching {}. What is built goes to {}; Ctrl+C ends.", dir.display(), dev.place().display());
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        told_to_stop().await;
        stop.cancel();
    });
    dev.run(cancel, tell_of_build).await?;
    if clean {
        dev.clean()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints how a build in dev mode went.
pub(in crate::cli) fn tell_of_build(event: DevEvent) {
    match event {
        DevEvent::Building => println!("Building …"),
        DevEvent::Placed { digest, bytes, build, place, changed } => {
            let what = if changed { "in place" } else { "the same as before" };
            println!(
                "Built in {:.2} s, {what} after {:.1} ms more: {}, {digest}",
                build.as_secs_f64(),
                place.as_secs_f64() * 1e3,
                readable(bytes)
            );
        }
        DevEvent::Failed { message, build } => {
            println!(
                "Failed after {:.2} s. The version before stays in the studio.\n{message}",
                build.as_secs_f64()
            );
        }
    }
}
