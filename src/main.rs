//! The program `sealwatch`: parse the command line, run the command, leave with its exit code.
fn main() {}
