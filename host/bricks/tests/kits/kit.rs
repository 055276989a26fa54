//! The tools of a kit: installed once, in pinned versions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The version that `sdk/python` names in its messages too.
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";

const NODE_IS_NEW_ENOUGH: &str =
    "if (Number(process.versions.node.split('.')[0]) < 20) throw Error('Node 20 is needed')";
const PYTHON_IS_NEW_ENOUGH: &str =
    "import sys\nif sys.version_info < (3, 11): sys.exit('Python 3.11 is needed, this is older')";

/// One of the author kits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kit {
    JavaScript,
    Python,
}

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folder for what these tests make.
pub fn made() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("kits")
}

impl Kit {
    pub fn title(self) -> &'static str {
        match self {
            Self::JavaScript => "JAVASCRIPT",
            Self::Python => "PYTHON",
        }
    }

    /// The name of its folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "js",
            Self::Python => "python",
        }
    }

    /// The kit's folder.
    pub fn folder(self) -> PathBuf {
        root().join("sdk").join(self.name())
    }

    /// The template that this kit comes with.
    pub fn template(self) -> PathBuf {
        root().join("sdk/templates").join(self.name())
    }

    /// Makes the kit ready to build bricks. The error says what could not be had.
    pub fn install(self) -> Result<(), String> {
        match self {
            Self::JavaScript => install_packages(&self.folder()),
            Self::Python => install_componentizer(),
        }
    }

    /// The command that builds the brick in `source` into `target`.
    pub fn build_command(self, source: &Path, target: &Path) -> Command {
        let mut command = match self {
            Self::JavaScript => {
                let mut node = Command::new("node");
                node.arg(self.folder().join("build/main.js"));
                node
            }
            Self::Python => {
                let mut python = Command::new(venv().join("bin/python"));
                python.args(["-m", "qpyt_brick", "build"]).env("PYTHONPATH", self.folder());
                python
            }
        };
        command.arg(source).arg("--out").arg(target);
        command
    }
}

/// `npm ci`, unless the packages are those of the lock file already.
fn install_packages(folder: &Path) -> Result<(), String> {
    run(Command::new("node").args(["-e", NODE_IS_NEW_ENOUGH]))?;
    let stamp = folder.join("node_modules/.package-lock.json");
    let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    if modified(&stamp)
        .is_some_and(|installed| Some(installed) >= modified(&folder.join("package-lock.json")))
    {
        return Ok(());
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder))
}

fn venv() -> PathBuf {
    made().join("venv")
}

fn install_componentizer() -> Result<(), String> {
    run(Command::new("python3").args(["-c", PYTHON_IS_NEW_ENOUGH]))?;
    let python = venv().join("bin/python");
    let installed = |python: &Path| {
        let asked =
            Command::new(python).args(["-m", "pip", "freeze", "--disable-pip-version-check"]).output();
        asked.is_ok_and(|asked| {
            String::from_utf8_lossy(&asked.stdout).lines().any(|line| line == COMPONENTIZE_PY)
        })
    };
    if installed(&python) {
        return Ok(());
    }
    fs::create_dir_all(made()).unwrap();
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv()))?;
    run(Command::new(python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        COMPONENTIZE_PY,
    ]))
}

/// Runs a tool. The error is one line.
fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{shown} could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().map(str::trim).filter(|line| line.contains(' ')).take(3).collect();
    Err(format!("{shown} failed: {}", lines.join("; ")))
}
