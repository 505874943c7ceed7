//! `hes export`: a day's reads as a file for billing.
//!
//! The file appears under its name only when it is whole: it is written beside, synced and renamed.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use reqwest::Response;

use crate::cli::{Common, on_one_thread};
use crate::day::Day;
use crate::exit::Exit;
use crate::output::Tone;
use crate::text::{help, say};

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    #[command(about = help::export_daily(), long_about = help::export_daily_long())]
    Daily(Daily),
}

#[derive(Debug, Args)]
pub(crate) struct Daily {
    #[arg(long, value_name = "DAY", default_value = "today", help = help::export_day())]
    day: Day,
    #[arg(long, value_enum, default_value_t = Format::Csv, help = help::export_format())]
    format: Format,
    #[arg(long, value_name = "SEQ", help = help::export_since())]
    since: Option<i64>,
    #[arg(short, long, value_name = "FILE", help = help::export_output())]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Ndjson,
}

impl Format {
    const fn code(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }
    const fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv",
            Format::Ndjson => "application/x-ndjson",
        }
    }
}

impl Export {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let Export::Daily(daily) = self;
        daily.run(common)
    }
}

impl Daily {
    fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let settings = common.settings()?;
        let client = common.client()?;
        let mut query = vec![("format", self.format.code().to_owned())];
        match self.since {
            Some(since) => query.push(("since", since.to_string())),
            None => query.push(("day", self.day.date(settings.zone.time_zone()).to_string())),
        }
        let bar = common.progress().bytes(None, say::exporting());
        let file = self.output.filter(|file| file.as_os_str() != "-");
        let bytes = on_one_thread(async {
            let response = client.stream(&["export", "daily"], &query, self.format.media_type()).await?;
            match &file {
                Some(file) => to_file(response, file, &bar).await,
                None => copy(response, &mut std::io::stdout().lock(), &bar).await,
            }
        })?;
        bar.finish_and_clear();
        match file {
            Some(file) if common.output().is_json() => {
                common.output().document(&serde_json::json!({ "file": file, "bytes": bytes }))?;
            }
            Some(file) => common.output().toned(Tone::Good, say::exported(file.display(), bytes))?,
            None => {}
        }
        Ok(Exit::Done)
    }
}

/// Writes the answer to a file that appears whole or not at all.
async fn to_file(response: Response, file: &Path, bar: &ProgressBar) -> anyhow::Result<u64> {
    let named = || say::file_unwritable(file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As any new file of this user: the process's mask decides who else may read it.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut beside =
        tempfile::Builder::new().prefix(".hes-export-").permissions(mode).tempfile_in(folder).with_context(named)?;
    let bytes = copy(response, beside.as_file_mut(), bar).await?;
    beside.as_file().sync_all().with_context(named)?;
    beside.persist(file).with_context(named)?;
    Ok(bytes)
}

/// Writes the answer piece by piece. The server ends a stream it cannot finish by breaking it, so what ends well is whole.
async fn copy(mut response: Response, out: &mut impl Write, bar: &ProgressBar) -> anyhow::Result<u64> {
    let mut bytes = 0;
    while let Some(piece) = response.chunk().await.context("the server broke off in the middle of the export")? {
        out.write_all(&piece)?;
        bytes += piece.len() as u64;
        bar.set_position(bytes);
    }
    out.flush()?;
    Ok(bytes)
}
