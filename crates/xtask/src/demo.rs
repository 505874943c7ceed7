//! `cargo xtask demo`: from a fresh clone to a running head-end with a fleet to read.

use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, run as execute, target_dir};

/// Builds both programs, then runs `hes demo` with the rest of the command line.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    execute(&mut cargo(&["build", "--locked", "--package", "hes", "--package", "hes-sim", "--bins"]))?;
    execute(Command::new(target_dir().join("debug/hes")).arg("demo").args(arguments))
}
