//! The command line as clap reads it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::brick::Brick;

/// Make pictures with bricks: a studio in the browser and on the command line.
#[derive(Debug, Parser)]
#[command(name = "qpyt", version, propagate_version = true)]
pub struct Arguments {
    /// What to do; without it, `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// Options of `serve`, accepted without the word as well.
    #[command(flatten)]
    pub serve: Serve,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The folder that holds everything you make: jobs, pictures, workflows, settings
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A settings file to use instead of the qpyt.toml here or in the data folder
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Don't build bricks and the web app, even if their sources changed
    #[arg(long, global = true)]
    pub no_setup: bool,
}

/// Options of `qpyt serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct Serve {
    /// Port to listen at
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Address to listen at; any but loopback asks browsers for a token
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,
    /// Don't open the browser
    #[arg(long)]
    pub no_open: bool,
    /// Build the brick in this source folder on every save and swap it in (repeatable)
    #[arg(long, value_name = "DIR")]
    pub dev: Vec<PathBuf>,
}

impl Serve {
    /// These options, completed by those that came before the word `serve`.
    pub fn or(self, before: Self) -> Self {
        Self {
            port: self.port.or(before.port),
            address: self.address.or(before.address),
            no_open: self.no_open || before.no_open,
            dev: before.dev.into_iter().chain(self.dev).collect(),
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the studio and open it in the browser
    Serve(Serve),
    /// Run a workflow and write its pictures
    Run(Run),
    /// Check a workflow without running it
    Check {
        /// The workflow
        file: PathBuf,
    },
    /// List the installed bricks, or say what they may do
    Bricks(Bricks),
    /// Keep keys and tokens that bricks may use and never see
    #[command(subcommand)]
    Secrets(SecretsAction),
    /// Make bricks: start, build, check, test, pack and install them
    Brick(Brick),
    /// List the installed models, fetch others, or remove them
    Models(Models),
    /// Print the OpenAPI document of the HTTP API
    Openapi,
}

/// Options of `qpyt run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The workflow
    pub file: PathBuf,
    /// Set a parameter, such as --set prompt.prompt="a red apple"
    #[arg(long = "set", value_name = "BRICK.PARAM=VALUE")]
    pub set: Vec<String>,
    /// Run only what this brick needs (repeatable)
    #[arg(long = "target", value_name = "BRICK")]
    pub targets: Vec<String>,
    /// Where the pictures go
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `qpyt bricks` and what is below it.
#[derive(Debug, Args)]
pub struct Bricks {
    /// What to do with them; without it, list.
    #[command(subcommand)]
    pub action: Option<BricksAction>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be done with bricks.
#[derive(Debug, Subcommand)]
pub enum BricksAction {
    /// Allow a brick to write into a folder, to reach a host, or to use a secret
    Grant {
        /// The brick, such as qpyt:save-to-disk
        brick: String,
        #[command(flatten)]
        scope: Scope,
        /// Put it on trial at once: allowed, and counted
        #[arg(long)]
        trial: bool,
    },
    /// Take a permission back
    Revoke {
        /// The brick
        brick: String,
        #[command(flatten)]
        scope: Scope,
        /// Put it on trial instead: still allowed, and counted, so that you see what it would break
        #[arg(long)]
        trial: bool,
    },
    /// Make a brick forget what it remembers from run to run
    Forget {
        /// The brick
        brick: String,
    },
    /// List what bricks did with their powers, newest first
    Audit {
        /// Only this brick
        brick: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What is allowed: one of three.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Scope {
    /// A folder that the brick writes into
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// A host with its port that the brick reaches, such as api.example.org:443 or *.example.org:443
    #[arg(long, value_name = "HOST:PORT")]
    pub host: Option<String>,
    /// The name of a secret that the brick uses
    #[arg(long, value_name = "NAME")]
    pub secret: Option<String>,
}

/// What can be done with secrets.
#[derive(Debug, Subcommand)]
pub enum SecretsAction {
    /// Keep a secret; its value is read from the standard input
    Set {
        /// Its name, such as example-key
        name: String,
    },
    /// List the names of all secrets
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget a secret
    Remove {
        /// Its name
        name: String,
    },
}

/// `qpyt models` and what is below it.
#[derive(Debug, Args)]
pub struct Models {
    /// What to do with them; without it, list those that are installed.
    #[command(subcommand)]
    pub action: Option<ModelsAction>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// List the models that can be fetched, and how each stands
    #[command(alias = "catalog")]
    Catalogue {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model of the catalogue, or go on with one that was interrupted
    Pull {
        /// The model, such as u2net
        name: String,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Remove a model that was fetched, or what an interrupted pull left
    Remove {
        /// The model
        name: String,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
}

impl ModelsAction {
    /// This, with `--json` that came before its word.
    pub fn or_json(self, before: bool) -> Self {
        match self {
            Self::Catalogue { json } => Self::Catalogue { json: json || before },
            Self::Pull { name, json } => Self::Pull { name, json: json || before },
            remove @ Self::Remove { .. } => remove,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_data_folder_is_accepted_before_and_after_the_command() {
        for line in [["qpyt", "--data", "d", "models"], ["qpyt", "models", "--data", "d"]] {
            assert_eq!(Arguments::parse_from(line).common.data, Some(PathBuf::from("d")));
        }
    }

    #[test]
    fn no_command_means_serve_with_its_options() {
        let arguments = Arguments::parse_from(["qpyt", "--port", "9000", "--no-open"]);
        assert!(arguments.command.is_none());
        assert_eq!(arguments.serve.port, Some(9000));
        assert!(arguments.serve.no_open);
    }
}
