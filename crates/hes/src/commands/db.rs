//! `hes db`: copies of the database, and whether it is sound.
//!
//! A backup goes through the running server, or opens the database itself where none runs. A restore needs the data
//! folder for itself.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use hes_api::dto::operations::{BackupDone, BackupRequest};
use hes_store::{CheckReport, DATABASE_FILE, Store, StoreConfig, restore};
use prometheus::Registry;

use crate::cli::{Common, on_one_thread};
use crate::client::Client;
use crate::exit::{Exit, Unreachable};
use crate::output::Tone;
use crate::server::master_key;
use crate::settings::Settings;
use crate::text::{help, say, told};

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    #[command(about = help::db_backup(), long_about = help::db_backup_long())]
    Backup {
        #[arg(value_name = "FILE", help = help::db_backup_file())]
        file: PathBuf,
    },
    #[command(about = help::db_restore(), long_about = help::db_restore_long())]
    Restore {
        #[arg(value_name = "FILE", help = help::db_restore_file())]
        file: PathBuf,
    },
    #[command(about = help::db_check(), long_about = help::db_check_long())]
    Check,
}

impl DbCommand {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        match self {
            DbCommand::Backup { file } => backup(common, file),
            DbCommand::Restore { file } => {
                let settings = common.settings()?;
                let coming = beside(&settings.data_dir.0.join(DATABASE_FILE), ".restoring");
                let bar = common.progress().growing(coming, &file, say::restoring(file.display()));
                on_one_thread(async { Ok(restore(&file, &settings.data_dir.0).await?) })?;
                bar.finish();
                let database = settings.data_dir.0.join(DATABASE_FILE);
                let out = common.output();
                if out.is_json() {
                    out.document(&serde_json::json!({ "restored": file, "database": database }))?;
                } else {
                    out.toned(Tone::Good, say::restored(database.display(), file.display()))?;
                }
                Ok(Exit::Done)
            }
            DbCommand::Check => check(common),
        }
    }
}

/// Where the store writes what is to become `file`.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn backup(common: &Common, file: PathBuf) -> anyhow::Result<Exit> {
    // The server may have another working directory than we.
    let file = std::path::absolute(&file).with_context(|| say::file_unwritable(file.display()))?;
    let database = common.settings()?.data_dir.0.join(DATABASE_FILE);
    let bar = common.progress().growing(beside(&file, ".part"), &database, say::backing_up(file.display()));
    let done = match common.client().and_then(|client| online(&client, file.clone())) {
        Err(error) if error.is::<Unreachable>() => offline(&common.settings()?, file)?,
        answered => answered?,
    };
    bar.finish();
    let out = common.output();
    if out.is_json() {
        out.document(&done)?;
    } else {
        out.toned(Tone::Good, say::backed_up(done.path.display(), done.size_bytes))?;
    }
    Ok(Exit::Done)
}

fn online(client: &Client, file: PathBuf) -> anyhow::Result<BackupDone> {
    on_one_thread(client.post(&["db", "backup"], &BackupRequest { path: Some(file) }))
}

fn offline(settings: &Settings, file: PathBuf) -> anyhow::Result<BackupDone> {
    let started = std::time::Instant::now();
    with_store(settings, async |store| Ok(store.backup(&file).await?))?;
    let size_bytes = std::fs::metadata(&file).with_context(|| say::file_unreadable(file.display()))?.len();
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(BackupDone { path: file, size_bytes, duration_ms })
}

fn check(common: &Common) -> anyhow::Result<Exit> {
    let settings = common.settings()?;
    let bar = common.progress().waiting(say::checking());
    let report: CheckReport = with_store(&settings, async |store| Ok(store.check().await?))?;
    bar.finish_and_clear();
    let out = common.output();
    if out.is_json() {
        out.document(&report)?;
    } else {
        for finding in &report.findings {
            out.toned(Tone::Bad, told(finding))?;
        }
        let counts = say::checked(report.readings, report.interval_blocks, report.exchanges, report.evidence_bytes);
        out.line(counts)?;
        if report.findings.is_empty() {
            out.toned(Tone::Good, say::database_sound())?;
        }
    }
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Opens the database of the settings for one piece of work. Refused while a server has it.
fn with_store<T>(settings: &Settings, work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let database = settings.data_dir.0.join(DATABASE_FILE);
    anyhow::ensure!(database.exists(), say::no_database(database.display()));
    let key = master_key(settings)?;
    let config = StoreConfig { data_dir: settings.data_dir.0.clone(), ..settings.store.clone() };
    on_one_thread(async {
        let store = Store::open(config, settings.zone.time_zone().clone(), &key, &Registry::new()).await?;
        let done = work(&store).await;
        store.close().await.context("closing the database")?;
        done
    })
}
