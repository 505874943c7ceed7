//! `hes config`: looks at configuration files without starting anything.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::Common;
use crate::exit::{Exit, UsageError};
use crate::output::Tone;
use crate::settings::{ANNOTATED_DEFAULTS, Settings};
use crate::text::{help, say};

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    #[command(about = help::config_check())]
    Check(Check),
    #[command(about = help::config_default())]
    Default,
    #[command(about = help::config_show())]
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[arg(value_name = "FILE", help = help::config_check_file())]
    file: Option<PathBuf>,
}

impl Config {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        match self {
            Config::Check(check) => check.run(common),
            Config::Default => {
                std::io::Write::write_all(&mut std::io::stdout().lock(), ANNOTATED_DEFAULTS.as_bytes())?;
                Ok(Exit::Done)
            }
            Config::Show => show(common),
        }
    }
}

impl Check {
    fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let file = self
            .file
            .or_else(|| common.config_file().map(ToOwned::to_owned))
            .ok_or_else(|| UsageError(say::config_check_needs_file()))?;
        let out = common.output();
        // The same code that `hes serve` runs: what passes here starts there.
        match Settings::load(&file) {
            Ok(_) if out.is_json() => out.document(&serde_json::json!({ "ok": true, "file": file }))?,
            Ok(_) => out.toned(Tone::Good, say::config_good(file.display()))?,
            Err(error) if out.is_json() => {
                out.document(&serde_json::json!({ "ok": false, "file": file, "error": format!("{error:#}") }))?;
                return Ok(Exit::Failed);
            }
            Err(error) => return Err(error),
        }
        Ok(Exit::Done)
    }
}

/// The settings in force: the file over the defaults.
fn show(common: &Common) -> anyhow::Result<Exit> {
    let settings = common.settings()?;
    let out = common.output();
    if out.is_json() {
        out.document(&settings)?;
    } else {
        std::io::Write::write_all(&mut std::io::stdout().lock(), toml::to_string(&settings)?.as_bytes())?;
    }
    Ok(Exit::Done)
}
