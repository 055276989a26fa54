//! `qpyt brick`: the tools for authors of bricks, each a thin layer over `qpyt-author`.

mod arguments;
mod exchange;
mod judge;
mod make;
mod publishers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use qpyt_author::AuthorError;
use qpyt_author::build::BuildOptions;
use qpyt_author::subject::Subject;
use qpyt_bricks::{Runtime, RuntimeOptions};

use self::arguments::Action;
pub use self::arguments::Brick;
pub(super) use self::make::tell_of_build;
use super::arguments::Common;
use super::overrides;
use crate::config::{Config, Environment};
use crate::setup::{Layout, progress};

/// Does what was asked.
///
/// # Errors
/// When it can't be done; the message says why and what to do.
pub(super) async fn run(common: &Common, action: Action) -> anyhow::Result<ExitCode> {
    let bench = Bench::open(common)?;
    match action {
        Action::New { name, lang, into } => make::new(&bench, &name, lang.into(), &into),
        Action::Build { dir } => make::build(&bench, &dir),
        Action::Dev { dir, clean } => make::dev(&bench, &dir, clean).await,
        Action::Check { brick, json } => judge::check(&bench, &brick, json).await,
        Action::Test { brick, update, json } => judge::test(&bench, &brick, update, json).await,
        Action::Doc { brick, out, html } => judge::doc(&bench, &brick, out.as_deref(), html).await,
        Action::Pack { dir, key, out } => exchange::pack(&bench, &dir, key.as_deref(), out.as_deref()).await,
        Action::Keygen { file } => exchange::keygen(&file),
        Action::Install { file, yes } => exchange::install(&bench, &file, yes).await,
        Action::Remove { brick } => exchange::remove(&bench, &brick),
    }
}

/// What the tools need of the installation and of the settings.
struct Bench {
    layout: Layout,
    config: Config,
}

impl Bench {
    fn open(common: &Common) -> anyhow::Result<Self> {
        let config = Config::load(&overrides(common), &Environment::of_process()?)?;
        let layout = Layout::find(std::env::var_os("QPYT_HOME").as_deref().map(Path::new))?;
        Ok(Self { layout, config })
    }

    fn sdk(&self) -> PathBuf {
        self.layout.root.join("sdk")
    }

    fn build_options(&self) -> BuildOptions {
        BuildOptions { sdk: self.sdk(), offline: self.config.offline }
    }

    /// Where installed bricks are.
    fn bricks(&self) -> PathBuf {
        self.config.data.join("bricks")
    }

    /// The runtime, with the limits and the compiled copies of the studio.
    fn runtime(&self) -> anyhow::Result<Runtime> {
        let cache_folder = self.config.data.join("cache").join("bricks");
        Runtime::new(RuntimeOptions { cache_folder, limits: self.config.limits.to_limits() })
            .context("the brick runtime could not start")
    }

    /// Where the brick can be loaded from; a source that changed is built first.
    fn place(&self, subject: &Subject) -> Result<PathBuf, AuthorError> {
        let options = self.build_options();
        match subject {
            Subject::Source(source) => {
                let title = format!("Building {}", source.name());
                progress::during(&title, |say| subject.place(&options, say))
            }
            Subject::Place(_) => subject.place(&options, &|_| {}),
        }
    }
}
