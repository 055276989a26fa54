//! The program `qpyt`.

use std::process::ExitCode;

fn main() -> ExitCode {
    qpyt_studio::cli::main()
}
