//! `cargo xtask lint`: what a reviewer should not have to say.

use anyhow::Result;

use crate::command::{cargo, run as execute, succeeds};

/// Formatting, clippy and the dependency policy.
pub(crate) fn run() -> Result<()> {
    format_and_clippy()?;
    deny()
}

/// The part that needs nothing installed; `cargo xtask test` starts with it.
pub(crate) fn format_and_clippy() -> Result<()> {
    execute(&mut cargo(&["fmt", "--all", "--check"]))?;
    execute(
        cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
            .env("CARGO_TERM_COLOR", "never"),
    )
}

/// Licences, sources and bans. Not advisories, whose database not every machine can fetch: `cargo deny check` does them too.
fn deny() -> Result<()> {
    if !succeeds(&mut cargo(&["deny", "--version"])) {
        execute(&mut cargo(&["install", "cargo-deny", "--locked", "--version", "0.20.2"]))?;
    }
    execute(&mut cargo(&["deny", "check", "licenses", "bans", "sources"]))
}
