//! `cargo xtask demo`: from a fresh clone to a running head-end with a fleet to read.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{cargo, run as execute, target_dir};

/// Builds both programs, then becomes `hes demo` with the rest of the command line: a Ctrl-C is the demo's alone, and the
/// prompt comes back when it has stopped everything.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    execute(&mut cargo(&["build", "--locked", "--package", "hes", "--package", "hes-sim", "--bins"]))?;
    let hes = target_dir().join("debug/hes");
    let error = Command::new(&hes).arg("demo").args(arguments).exec();
    Err(error).with_context(|| format!("can't start {}", hes.display()))
}
