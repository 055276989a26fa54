//! The command line as clap reads it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
}

impl Serve {
    /// These options, completed by those that came before the word `serve`.
    pub fn or(self, before: Self) -> Self {
        Self {
            port: self.port.or(before.port),
            address: self.address.or(before.address),
            no_open: self.no_open || before.no_open,
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
    /// List the installed bricks, or allow them folders
    Bricks(Bricks),
    /// List the installed models
    Models {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
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
    /// Allow a brick to write files into a folder
    Grant {
        /// The brick, such as qpyt:save-to-disk
        brick: String,
        /// The folder
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
    },
    /// Take a permission back
    Revoke {
        /// The brick
        brick: String,
        /// The folder
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
    },
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
