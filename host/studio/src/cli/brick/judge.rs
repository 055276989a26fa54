//! `qpyt brick check`, `test` and `doc`: what a brick is, and whether it is as it should be.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use qpyt_author::check::{self, Finding, Report};
use qpyt_author::golden::{CaseReport, run_all};
use qpyt_author::page::Page;
use qpyt_author::readable;
use qpyt_author::subject::Subject;
use qpyt_bricks::Binary;

use super::Bench;
use crate::cli::FAILED;
use crate::library::Library;
use crate::store::Store;
use crate::studio::Access;

/// Says everything that is wrong with a brick.
pub(super) async fn check(bench: &Bench, brick: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let place = bench.place(&Subject::at(brick)?)?;
    let report = check::check(&bench.runtime()?, &place).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_report(&report);
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn print_report(report: &Report) {
    for Finding { at, text } in &report.problems {
        println!("problem: {at}: {text}");
    }
    for Finding { at, text } in &report.hints {
        println!("hint: {at}: {text}");
    }
    for ask in &report.asks {
        println!("asks the person whether it may {ask}");
    }
    let bricks = if report.bricks.is_empty() { "not loaded".to_owned() } else { report.bricks.join(", ") };
    let compiled = report.compiled_bytes.map(|bytes| format!(", {} compiled", readable(bytes)));
    println!("{bricks}: {}{}, {}", readable(report.bytes), compiled.unwrap_or_default(), report.digest);
    match report.problems.len() {
        0 => println!("No problems."),
        1 => println!("1 problem."),
        count => println!("{count} problems."),
    }
}

/// Runs a brick's golden cases.
pub(super) async fn test(bench: &Bench, brick: &Path, update: bool, json: bool) -> anyhow::Result<ExitCode> {
    let subject = Subject::at(brick)?;
    let place = bench.place(&subject)?;
    let binary = bench.runtime()?.load(&place).await?;
    let reports = run_all(&binary, &subject.cases(), update).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        print_cases(&reports);
    }
    Ok(if reports.iter().all(|report| report.passed) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn print_cases(reports: &[CaseReport]) {
    let widest =
        reports.iter().map(|report| report.name.chars().count()).max().unwrap_or(0).max("case".len());
    println!(
        "{:widest$}  {:7} {:>9} {:>9} {:>9} {:>9} {:>7} {:>5} {:>4}",
        "case", "", "cpu", "wall", "memory", "copied", "handles", "calls", "asks"
    );
    for report in reports {
        let CaseReport { name, calls, asks, .. } = report;
        let state = match (report.passed, report.updated) {
            (true, true) => "updated",
            (true, false) => "ok",
            (false, _) => "FAILED",
        };
        let [cpu, wall, memory, copied, handles] = report.usage.map_or_else(
            || ["-"; 5].map(str::to_owned),
            |usage| {
                [
                    format!("{:.1} ms", usage.cpu.as_secs_f64() * 1e3),
                    format!("{:.1} ms", usage.wall.as_secs_f64() * 1e3),
                    readable(usage.peak_memory),
                    readable(usage.bytes_copied),
                    usage.open_handles.to_string(),
                ]
            },
        );
        println!(
            "{name:widest$}  {state:7} {cpu:>9} {wall:>9} {memory:>9} {copied:>9} {handles:>7} {:>5} {:>4}",
            calls.len(),
            asks.len()
        );
    }
    for report in reports {
        for ask in &report.asks {
            println!("{}: a person would have to allow {} {}", report.name, ask.import, ask.scope);
        }
        for problem in &report.problems {
            println!("{}: {problem}", report.name);
        }
        for line in report.log.iter().filter(|_| !report.passed) {
            println!("{}: its log: {line}", report.name);
        }
    }
    let passed = reports.iter().filter(|report| report.passed).count();
    println!("{passed} of {} passed", reports.len());
}

/// Writes a page about a brick.
pub(super) async fn doc(
    bench: &Bench,
    brick: &str,
    out: Option<&Path>,
    html: bool,
) -> anyhow::Result<ExitCode> {
    let binary = find(bench, brick).await?;
    let page = Page::of(&binary, check::component_bytes(binary.path())?);
    let page = if html { page.to_html() } else { page.to_markdown() };
    match out {
        None => print!("{page}"),
        Some(out) => {
            std::fs::write(out, page).with_context(|| format!("{} can't be written", out.display()))?;
            println!("{}", out.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The brick at a path, or the newest installed one of that id.
async fn find(bench: &Bench, brick: &str) -> anyhow::Result<Arc<Binary>> {
    let runtime = bench.runtime()?;
    let path = Path::new(brick);
    if path.exists() || !brick.contains(':') {
        return Ok(runtime.load(&bench.place(&Subject::at(path)?)?).await?);
    }
    let mut roots = vec![bench.layout.plugins_dist.clone(), bench.bricks()];
    roots.extend(bench.config.brick_folders.iter().cloned());
    let store = Arc::new(Store::open_beside(&bench.config.data)?);
    let library = Library::open(runtime, roots, store, Access::Beside).await;
    let installed = library.current();
    let newest = brick.parse().ok().and_then(|id| installed.catalog.newest(&id));
    let binary = newest.and_then(|spec| library.binary_of(spec));
    binary.with_context(|| format!("the brick {brick} is not installed; `qpyt bricks` lists what is"))
}
