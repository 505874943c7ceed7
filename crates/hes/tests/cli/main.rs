//! The command line as its users meet it: the real binary, its output, its exit codes.
#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failed test")]

mod chinese;
mod config;
mod decode;
mod help;
mod import;
mod metrics;
mod program;
mod raw;
mod served;
mod terminal;
