//! The program `qpyt`.

use std::process::ExitCode;

use qpyt_inference::allocator::KeepingAllocator;

#[global_allocator]
static ALLOCATOR: KeepingAllocator = KeepingAllocator;

fn main() -> ExitCode {
    qpyt_studio::cli::main()
}
