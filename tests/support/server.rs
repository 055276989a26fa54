//! A real `qpyt serve` on a port of its own, with a data folder of its own.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// The program under test.
pub const QPYT: &str = env!("CARGO_BIN_EXE_qpyt");

/// The root of the source checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}

/// A running studio; dropping it kills the process as a power cut would.
pub struct Server {
    process: Child,
    /// Where it answers, without a slash at the end.
    pub address: String,
    data: PathBuf,
}

impl Server {
    /// Starts a studio on `data` and waits until it says where it listens.
    pub fn start(data: &Path, more: &[&str]) -> Self {
        Self::start_with(data, more, &[])
    }

    /// The same with variables.
    pub fn start_with(data: &Path, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new(QPYT)
            .args(["serve", "--no-open", "--port", "0", "--data"])
            .arg(data)
            .args(more)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("qpyt starts");
        let output = process.stdout.take().expect("its output");
        let (found, address) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(start) = line.find("http://") {
                    let address = line[start..].split_whitespace().next().unwrap_or_default();
                    let _ = found.send(address.trim_end_matches('/').to_owned());
                }
            }
        });
        // The first start on a fresh checkout builds the bricks and the web app.
        let address = address.recv_timeout(Duration::from_secs(1200)).expect("qpyt says where it listens");
        Self { process, address, data: data.to_owned() }
    }

    /// Starts a studio on a data folder that vanishes with the returned guard.
    pub fn fresh() -> (Self, TempDir) {
        let data = TempDir::new().expect("a temporary folder");
        (Self::start(data.path(), &[]), data)
    }

    /// Kills the process, as `kill -9` does, and starts another one on the same data.
    pub fn kill_and_start_again(mut self) -> Self {
        self.kill();
        let data = std::mem::take(&mut self.data);
        Self::start(&data, &[])
    }

    /// Kills the process, as `kill -9` does.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
