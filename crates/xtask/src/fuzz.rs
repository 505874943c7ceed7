//! `cargo xtask fuzz`: every target of `protocols/fuzz`, with libFuzzer through cargo-fuzz.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::{cargo, run as execute, succeeds};

/// How long a target runs unless told otherwise.
const SECONDS: &str = "600";

/// `fuzz [TARGET] [SECONDS]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if !succeeds(&mut cargo(&["fuzz", "--version"])) {
        execute(&mut cargo(&["install", "cargo-fuzz", "--locked", "--version", "0.13.2"]))?;
    }
    let seconds = arguments.get(1).map_or(SECONDS, String::as_str);
    let targets = match arguments.first() {
        Some(target) if target != "all" => vec![target.clone()],
        _ => targets()?,
    };
    for target in targets {
        let limit = format!("-max_total_time={seconds}");
        execute(fuzz("run").args([&target, "--", &limit, "-print_final_stats=1", "-max_len=4096"]))?;
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let output = fuzz("list").output().context("cargo fuzz list")?;
    let targets: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    let failed = || format!("cargo fuzz list names no target: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && !targets.is_empty(), failed());
    Ok(targets)
}

/// On a stable toolchain the sanitizer flags need `RUSTC_BOOTSTRAP`.
fn fuzz(verb: &str) -> Command {
    let mut command = cargo(&["fuzz", verb, "--fuzz-dir", "protocols/fuzz"]);
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}
