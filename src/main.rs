//! The program `sealwatch`: parse the command line, run the command, leave with its exit code.

mod cli;
mod config;
mod exit;
mod kafka;
mod output;
mod session;
mod several;
mod signals;
mod sources;
mod telemetry;

use std::process::ExitCode;

/// An event is a dozen small allocations that live for a moment, and the system's allocator was a fifth of the whole way's
/// cost (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
