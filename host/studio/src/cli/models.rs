//! `qpyt models`: what is installed, what can be fetched, and fetching it.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::sync::watch;

use super::arguments::{Common, ModelsAction};
use super::{FAILED, open, overrides};
use crate::config::{Config, Environment};
use crate::network::Network;
use crate::pull::view::{CatalogueModel, ModelState};
use crate::pull::{Phase, Progress, Pulls, amount};
use crate::setup::Layout;
use crate::store::Store;
use crate::studio::{Access, model_places, network_settings};

/// What a shell says of a program that Ctrl+C ended.
const INTERRUPTED: u8 = 130;

/// Does what is asked with models.
///
/// # Errors
/// When the model is unknown or can't be fetched or removed.
pub(super) async fn act(common: &Common, action: ModelsAction) -> anyhow::Result<ExitCode> {
    let pulls = Arc::new(pulls(common)?);
    match action {
        ModelsAction::Catalogue { json } => catalogue(&pulls, json),
        ModelsAction::Pull { name, json } => pull(&pulls, &name, json).await,
        ModelsAction::Remove { name, yes } => remove(&pulls, &name, yes),
    }
}

/// Lists the installed models.
///
/// # Errors
/// When the studio can't start.
pub(super) async fn list(common: &Common, json: bool) -> anyhow::Result<ExitCode> {
    let studio = open(common, Access::Beside).await?;
    let listed = studio.models.list();
    if json {
        println!("{}", serde_json::to_string_pretty(&listed)?);
        return Ok(ExitCode::SUCCESS);
    }
    for model in &listed.models {
        let mib = model.bytes as f64 / (1024.0 * 1024.0);
        println!("{:<24} {:<18} {mib:>9.1} MiB  {}", model.id, model.family, model.path);
    }
    if listed.models.is_empty() {
        println!("no models are installed");
    }
    for broken in &listed.broken {
        eprintln!("broken {}: {}", broken.path, broken.message);
    }
    for unknown in &listed.unknown {
        eprintln!("unknown {}: {}", unknown.path, unknown.message);
    }
    Ok(ExitCode::SUCCESS)
}

/// The pulls alone: neither bricks nor the engine are needed.
fn pulls(common: &Common) -> anyhow::Result<Pulls> {
    let config = Config::load(&overrides(common), &Environment::of_process()?)?;
    let layout = Layout::find(std::env::var_os("QPYT_HOME").as_deref().map(Path::new))?;
    let store = Arc::new(Store::open_beside(&config.data)?);
    let network = Arc::new(Network::new(store.clone(), network_settings(&config))?);
    Pulls::new(network, store, config.hub.clone(), model_places(&config, &layout))
}

fn catalogue(pulls: &Pulls, json: bool) -> anyhow::Result<ExitCode> {
    let listed = pulls.list();
    if json {
        println!("{}", serde_json::to_string_pretty(&listed)?);
        return Ok(ExitCode::SUCCESS);
    }
    for model in &listed.models {
        let size = model.bytes.map_or_else(|| "?".to_owned(), amount);
        let kind = written(&model.kind);
        println!("{:<32} {kind:<18} {size:>10}  {:<12} {}", model.name, written(&model.state), model.label);
    }
    println!("fetch one with: qpyt models pull NAME");
    Ok(ExitCode::SUCCESS)
}

/// A kind or state as it is written in JSON.
fn written(value: &impl serde::Serialize) -> String {
    json!(value).as_str().unwrap_or_default().to_owned()
}

/// Fetches a model and draws how far it is. Ctrl+C stops it and keeps what is here.
async fn pull(pulls: &Arc<Pulls>, name: &str, quiet: bool) -> anyhow::Result<ExitCode> {
    let mut progress = pulls.start(name)?;
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    let last = tokio::select! {
        last = follow(&mut progress, &bar) => last?,
        _ = tokio::signal::ctrl_c() => {
            bar.set_message("stopping…");
            pulls.stop(name).await?;
            progress.borrow().clone()
        }
    };
    bar.finish_and_clear();
    let model = pulls.show(name)?;
    if quiet {
        println!("{}", serde_json::to_string_pretty(&model)?);
    }
    Ok(tell_end(&model, &last, quiet))
}

async fn follow(progress: &mut watch::Receiver<Progress>, bar: &ProgressBar) -> anyhow::Result<Progress> {
    loop {
        let now = progress.borrow_and_update().clone();
        draw(bar, &now);
        if now.phase.is_final() {
            return Ok(now);
        }
        progress.changed().await.context("the pull ended without saying how")?;
    }
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    let template = match progress.total {
        Some(_) => {
            "{bar:30} {percent:>3} %  {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left  {msg}"
        }
        None => "{spinner} {binary_bytes}, {binary_bytes_per_sec}  {msg}",
    };
    if bar.length() != progress.total || bar.position() == 0 {
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
    }
    if let Some(total) = progress.total {
        bar.set_length(total);
    }
    bar.set_position(progress.done);
    bar.set_message(match progress.phase {
        Phase::Waiting => "waiting",
        Phase::Listing => "asking which files there are",
        _ => "",
    });
}

/// Says how it ended and what to do next.
fn tell_end(model: &CatalogueModel, last: &Progress, quiet: bool) -> ExitCode {
    match &last.phase {
        Phase::Failed(error) => {
            eprintln!("error[{}]: {error}", error.code());
            ExitCode::from(FAILED)
        }
        Phase::Done => {
            if !quiet {
                println!("{}", model.path.as_deref().unwrap_or(&model.name));
            }
            ExitCode::SUCCESS
        }
        _ => {
            let done = amount(model.done_bytes.unwrap_or(0));
            let of = model.bytes.map(|bytes| format!(" of {}", amount(bytes))).unwrap_or_default();
            eprintln!("stopped; {done}{of} are kept. Go on with: qpyt models pull {}", model.name);
            ExitCode::from(INTERRUPTED)
        }
    }
}

/// Removes a fetched model, or what an interrupted pull left of it.
fn remove(pulls: &Pulls, name: &str, yes: bool) -> anyhow::Result<ExitCode> {
    let model = pulls.show(name)?;
    let unfinished = matches!(model.state, ModelState::Interrupted | ModelState::Failed);
    let (what, bytes) =
        if unfinished { ("what was fetched of it", model.done_bytes) } else { ("its folder", model.bytes) };
    if (unfinished || model.removable) && !yes {
        let size = bytes.map(|bytes| format!(" ({})", amount(bytes))).unwrap_or_default();
        if !confirmed(&format!("Remove {name}: {what}{size}? [y/N] "))? {
            eprintln!("{name} stays");
            return Ok(ExitCode::from(FAILED));
        }
    }
    if unfinished { pulls.discard(name) } else { pulls.remove(name) }?;
    println!("{name} is removed");
    Ok(ExitCode::SUCCESS)
}

/// The person's word. Where nobody can be asked, the flag has to say it.
fn confirmed(question: &str) -> anyhow::Result<bool> {
    let input = std::io::stdin();
    anyhow::ensure!(input.is_terminal(), "nobody can be asked here; say it with --yes");
    eprint!("{question}");
    std::io::stderr().flush().context("the question can't be shown")?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer).context("the answer can't be read")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
