//! `qpyt brick` as clap reads it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use qpyt_author::source::Language;

/// `qpyt brick` and what is below it.
#[derive(Debug, Args)]
pub struct Brick {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done as an author of bricks.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Start a brick from a template
    New {
        /// Its name, such as soft-light or me:soft-light
        name: String,
        /// What to write it in
        #[arg(long, value_enum, default_value_t = Lang::Rust)]
        lang: Lang,
        /// The folder that gets the brick's folder
        #[arg(long, value_name = "DIR", default_value = ".")]
        into: PathBuf,
    },
    /// Build a brick into its folder dist
    Build {
        /// The source folder
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Build on every save, into the studio that uses the same data folder
    Dev {
        /// The source folder
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Take the brick out of the studio at the end
        #[arg(long)]
        clean: bool,
    },
    /// Say everything that is wrong with a brick
    Check {
        /// A source folder, a built brick or a .wasm file
        #[arg(default_value = ".", value_name = "DIR|FILE")]
        brick: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a brick's golden cases, tests/*.json, against a studio that always answers the same
    Test {
        /// A source folder, a built brick or a .wasm file
        #[arg(default_value = ".", value_name = "DIR|FILE")]
        brick: PathBuf,
        /// Keep what the brick gives now as what is expected
        #[arg(long)]
        update: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Pack a brick into one file for others
    Pack {
        /// The source folder, or a built brick
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Sign it with this key
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// The file to write; without it, NAMESPACE.NAME-VERSION.wasm in dist
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Draw a key to sign packages with
    Keygen {
        /// The file to write; keep it to yourself
        file: PathBuf,
    },
    /// Install a package, after showing what it is
    Install {
        /// The package
        file: PathBuf,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Remove an installed package
    Remove {
        /// The brick, such as me:soft-light or me:soft-light@0.1.0
        #[arg(value_name = "ID[@VERSION]")]
        brick: String,
    },
    /// Write a page about a brick, made from its binary
    Doc {
        /// A source folder, a built brick, a .wasm file or the id of an installed brick
        #[arg(default_value = ".", value_name = "DIR|FILE|ID")]
        brick: String,
        /// The file to write; without it, print it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// HTML instead of Markdown
        #[arg(long)]
        html: bool,
    },
}

/// The languages that there are kits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Rust.
    Rust,
    /// JavaScript.
    Js,
    /// Python.
    Python,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Rust => Self::Rust,
            Lang::Js => Self::JavaScript,
            Lang::Python => Self::Python,
        }
    }
}
