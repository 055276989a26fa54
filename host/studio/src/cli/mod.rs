//! The command line: every command is a thin layer over the studio that the HTTP API uses too.

mod arguments;
mod brick;
mod bricks;
mod check;
mod models;
mod run;
mod secrets;
mod serve;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use qpyt_workflow::{Catalog, Document, Problem, import};

use self::arguments::{Arguments, Bricks, BricksAction, Command, Common, Models};
use self::brick::Brick;
use crate::config::{Config, Environment, Overrides};
use crate::setup::{self, Layout, SetupOptions};
use crate::store::Store;
use crate::studio::{Access, Studio};

/// A workflow ran and failed, or something is wrong with the studio.
const FAILED: u8 = 1;
/// The command line or the workflow can't be used as it is.
const UNUSABLE: u8 = 2;

/// Reads the command line, does what it says and turns errors into a message and an exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_logging();
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", whole_message(&error));
            ExitCode::from(FAILED)
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { command, common, serve } = arguments;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime could not start")?;
    runtime.block_on(async move {
        match command {
            None => serve::serve(&common, serve).await,
            Some(Command::Serve(options)) => serve::serve(&common, options.or(serve)).await,
            Some(Command::Run(run)) => run::run(&common, run).await,
            Some(Command::Check { file }) => check::check(&common, &file).await,
            Some(Command::Bricks(Bricks { action: None, json })) => bricks::list(&common, json).await,
            Some(Command::Bricks(Bricks { action: Some(action), json })) => match action {
                BricksAction::Grant { brick, scope, trial } => {
                    bricks::grant(&common, &brick, scope, trial).await
                }
                BricksAction::Revoke { brick, scope, trial } => {
                    bricks::revoke(&common, &brick, scope, trial).await
                }
                BricksAction::Forget { brick } => bricks::forget(&common, &brick),
                BricksAction::Audit { brick, json: also } => {
                    bricks::audit(&common, brick.as_deref(), json || also)
                }
            },
            Some(Command::Secrets(action)) => secrets::secrets(&common, action),
            Some(Command::Brick(Brick { action })) => brick::run(&common, action).await,
            Some(Command::Models(Models { action: None, json })) => models::list(&common, json).await,
            Some(Command::Models(Models { action: Some(action), json })) => {
                models::act(&common, action.or_json(json)).await
            }
            Some(Command::Openapi) => {
                println!("{}", crate::http::openapi_json().context("the OpenAPI document can't be written")?);
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// An error with its causes, each said once: many of our messages say their cause already.
fn whole_message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("QPYT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

/// A studio for a command that only looks, or leaves the queue to whoever owns the data folder.
async fn open(common: &Common, access: Access) -> anyhow::Result<Studio> {
    let config = Config::load(&overrides(common), &Environment::of_process()?)?;
    let layout = ready(common, &config)?;
    Studio::open(&config, layout, access).await
}

/// Finds the installation and, on a source checkout, builds what changed.
fn ready(common: &Common, config: &Config) -> anyhow::Result<Layout> {
    let layout = Layout::find(std::env::var_os("QPYT_HOME").as_deref().map(Path::new))?;
    if !common.no_setup {
        setup::prepare(&layout, SetupOptions { offline: config.offline })?;
    }
    Ok(layout)
}

/// The data folder for a command that needs nothing else.
fn open_store(common: &Common) -> anyhow::Result<Store> {
    let config = Config::load(&overrides(common), &Environment::of_process()?)?;
    Ok(Store::open_beside(&config.data)?)
}

fn overrides(common: &Common) -> Overrides {
    Overrides { data: common.data.clone(), config_file: common.config.clone(), ..Overrides::default() }
}

/// Reads a workflow file: a document, or an array of the original program. Notes of the import go to stderr.
fn read_document(file: &Path, catalog: &Catalog) -> anyhow::Result<Document> {
    let bytes = std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
    let imported = import(bytes, catalog).with_context(|| format!("{} is not a workflow", file.display()))?;
    for note in imported.notes {
        eprintln!("note: {note}");
    }
    Ok(imported.document)
}

/// Prints everything that is wrong with a workflow.
fn print_problems(problems: &[Problem]) {
    for problem in problems {
        eprintln!("error[{}]: {}", problem.code.as_str(), problem.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let told = anyhow::anyhow!("disk full").context("the file a.png can't be written: disk full");
        assert_eq!(whole_message(&told), "the file a.png can't be written: disk full");
        let untold = anyhow::anyhow!("disk full").context("the file a.png can't be written");
        assert_eq!(whole_message(&untold), "the file a.png can't be written: disk full");
    }
}
