//! `qpyt run`: the executor of the studio without the browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use qpyt_bricks::media::Container;
use qpyt_workflow::set_param;
use serde::Serialize;

use super::arguments::{Common, Run};
use super::{FAILED, UNUSABLE, open, print_problems, read_document};
use crate::jobs::hub::Message;
use crate::jobs::progress::{Bricks, ProgressUpdate};
use crate::jobs::view::{JobFailure, JobView, ResultView};
use crate::jobs::{Submission, SubmitError};
use crate::store::{JobId, JobState};
use crate::studio::{Access, Studio};

/// How often the store is asked how the job stands.
const LOOK: Duration = Duration::from_millis(100);

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    job: &'a str,
    state: JobState,
    seconds: f64,
    files: Vec<Written>,
    bricks: &'a Bricks,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a JobFailure>,
}

/// One file that was written.
#[derive(Serialize)]
struct Written {
    path: PathBuf,
    brick: String,
    width: u32,
    height: u32,
    container: Container,
    info: serde_json::Value,
}

/// Runs a workflow file and writes its pictures.
///
/// # Errors
/// When the file can't be read, the studio can't start or a picture can't be written.
pub(super) async fn run(common: &Common, run: Run) -> anyhow::Result<ExitCode> {
    let studio = open(common, Access::Share).await?;
    let mut document = read_document(&run.file, &studio.library.catalog())?;
    for setting in &run.set {
        set_param(&mut document, &studio.library.catalog(), setting)
            .with_context(|| format!("--set {setting}"))?;
    }
    studio.start()?;
    let started = Instant::now();
    let submission = Submission { id: None, document, targets: run.targets.clone() };
    let job = match studio.jobs.submit(submission).await {
        Ok(job) => job,
        Err(SubmitError::Problems(problems)) => {
            print_problems(&problems);
            return Ok(ExitCode::from(UNUSABLE));
        }
        Err(error) => return Err(error.into()),
    };
    let job = follow(&studio, job.id, run.json).await?;
    fs::create_dir_all(&run.out)
        .with_context(|| format!("the folder {} can't be made", run.out.display()))?;
    let files = write_results(&studio, &job, &run.out)?;
    report(&job, files, started.elapsed().as_secs_f64(), run.json)?;
    studio.stop();
    Ok(match job.state {
        JobState::Succeeded => ExitCode::SUCCESS,
        JobState::Cancelled => ExitCode::from(130),
        _ => ExitCode::from(FAILED),
    })
}

/// Draws the progress bar until the job has ended. Ctrl+C cancels the job and waits for its end.
async fn follow(studio: &Studio, id: JobId, quiet: bool) -> anyhow::Result<JobView> {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(1000) };
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut messages = studio.jobs.hub().listen();
    let mut news = studio.store.watch_events();
    loop {
        let job = studio.jobs.get(id).await?;
        if job.state.is_final() {
            bar.finish_and_clear();
            return Ok(job);
        }
        tokio::select! {
            message = messages.recv() => {
                if let Ok(Message::Progress(update)) = message {
                    draw(&bar, &update);
                }
            }
            changed = news.changed() => changed.context("the studio stopped before the job was done")?,
            // Another process may own the queue; its news are in the store only.
            () = tokio::time::sleep(LOOK) => {}
            _ = tokio::signal::ctrl_c() => {
                bar.set_message("stopping…");
                studio.jobs.cancel(id).await?;
            }
        }
    }
}

fn draw(bar: &ProgressBar, update: &ProgressUpdate) {
    bar.set_position((f64::from(update.fraction.clamp(0.0, 1.0)) * 1000.0) as u64);
    bar.set_message(match (update.step, update.steps) {
        (Some(step), Some(steps)) => format!("{}: step {step} of {steps}", update.brick),
        _ => format!("{}: {}", update.brick, update.note),
    });
}

fn write_results(studio: &Studio, job: &JobView, folder: &Path) -> anyhow::Result<Vec<Written>> {
    let stem = file_stem(&job.name);
    job.results
        .iter()
        .map(|result| {
            let bytes = studio.store.content().open_file(result.file.parse()?)?;
            let path = place(folder, &stem, result, &bytes)?;
            Ok(Written {
                path,
                brick: result.brick.clone(),
                width: result.width,
                height: result.height,
                container: result.container,
                info: result.info.clone(),
            })
        })
        .collect()
}

/// Writes `bytes` under the first free name. A file that already holds them is the result: running a workflow
/// twice leaves one file, and nothing is ever overwritten.
fn place(folder: &Path, stem: &str, result: &ResultView, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let seed = result
        .info
        .get("seed")
        .and_then(serde_json::Value::as_u64)
        .map(|seed| format!("-{seed}"))
        .unwrap_or_default();
    let extension = result.container.extension();
    for attempt in 1.. {
        let number = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        let path = folder.join(format!("{stem}{seed}{number}.{extension}"));
        match fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                std::io::Write::write_all(&mut file, bytes)
                    .with_context(|| format!("{} can't be written", path.display()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                if fs::read(&path).is_ok_and(|there| there == bytes) {
                    return Ok(path);
                }
            }
            Err(error) => return Err(error).with_context(|| format!("{} can't be written", path.display())),
        }
    }
    anyhow::bail!("no free name in {}", folder.display())
}

/// A workflow's name as the start of a file name.
fn file_stem(name: &str) -> String {
    let words: Vec<String> = name
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    if words.is_empty() { "picture".into() } else { words.join("-") }
}

fn report(job: &JobView, files: Vec<Written>, seconds: f64, json: bool) -> anyhow::Result<()> {
    if json {
        let id = job.id.to_string();
        let report = Report {
            job: &id,
            state: job.state,
            seconds,
            files,
            bricks: &job.bricks,
            error: job.error.as_ref(),
        };
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    for file in &files {
        println!("{}", file.path.display());
    }
    for (brick, progress) in &job.bricks {
        for note in &progress.notes {
            eprintln!("note: {brick}: {note}");
        }
    }
    match (&job.error, job.state) {
        (Some(error), _) => eprintln!("error[{}]: {}", error.code, error.message),
        (None, JobState::Succeeded) if files.is_empty() => {
            eprintln!("note: the workflow has no Final output brick, so no picture was written");
        }
        (None, JobState::Succeeded) => eprintln!("done in {seconds:.1} s"),
        (None, JobState::Cancelled) => eprintln!("cancelled"),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_name_becomes_a_plain_file_name() {
        assert_eq!(file_stem("First picture"), "first-picture");
        assert_eq!(file_stem("../../etc/passwd"), "etc-passwd");
        assert_eq!(file_stem("…"), "picture");
    }
}
