//! `cargo xtask test` and `cargo xtask bench`.

use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, run as execute};
use crate::{lint, peers};

/// Lints, builds the programs with their fail points, installs the peers, runs every test.
pub(crate) fn run(filter: &[String]) -> Result<()> {
    let peers = peers::install()?;
    if filter.is_empty() {
        lint::format_and_clippy()?;
    }
    execute(&mut cargo(&["build", "--locked", "--workspace", "--bins", "--features", "hes/fail-points"]))?;
    let mut tests = cargo(&["test", "--locked", "--workspace", "--features", "hes/fail-points", "--no-fail-fast"]);
    with_peers(&mut tests, &peers)?;
    execute(tests.arg("--").args(filter))
}

/// Runs one bench by name, or all.
pub(crate) fn bench(names: &[String]) -> Result<()> {
    let peers = peers::install()?;
    execute(&mut cargo(&["build", "--locked", "--release", "--package", "hes", "--package", "hes-sim", "--bins"]))?;
    let mut benches = cargo(&["bench", "--locked", "--package", "hes-benches"]);
    with_peers(&mut benches, &peers)?;
    for name in names {
        benches.args(["--bench", name]);
    }
    execute(&mut benches)
}

fn with_peers(command: &mut Command, peers: &std::path::Path) -> Result<()> {
    command.env("HES_TEST_PEERS", peers).env("HES_TEST_PYTHON", peers::python()?);
    Ok(())
}
