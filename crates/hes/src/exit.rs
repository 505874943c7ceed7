//! How the process ends: the exit codes scripts rely on, and the errors that lead to them.
//!
//! The codes are part of the interface: `--help` and the README list them.

use std::io::Write;

use crate::text::say;

/// The end of a command that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Done, and the answer is "no": a read without a value, a check that found something.
    Failed,
    /// Done for a part only: rows of a file refused, registers without a value. What was refused has been named.
    Partly,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Partly => 4,
        }
    }
}

/// The exit code of a process that a second signal ended: 128 + SIGINT, as shells have it.
const ENDED_AT_ONCE: i32 = 130;

/// Ends the process where it stands, because a second signal said so. Whoever sent it reads that it was obeyed.
pub(crate) fn at_once() -> ! {
    // Nobody is left to tell when standard error is gone.
    drop(writeln!(std::io::stderr().lock(), "hes: {}", say::ended_at_once()));
    std::process::exit(ENDED_AT_ONCE)
}

/// A command line that parses but makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Nothing answers where the server should be.
#[derive(Debug, thiserror::Error)]
#[error("{}", say::server_not_reachable(.url))]
pub(crate) struct Unreachable {
    pub(crate) url: String,
}

/// Whether the reader of our standard output went away (`hes … | head`): the job is done, nothing is to be said.
pub(crate) fn reader_went_away(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}

/// The code for an error that ends a command.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    if error.is::<UsageError>() {
        2
    } else if error.is::<Unreachable>() {
        3
    } else {
        1
    }
}
