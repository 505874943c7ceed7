//! Backup of a running store, restore into a stopped one.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Row};

use crate::store::{DATABASE_FILE, close, lock, owners_only, read_options};
use crate::{OpenError, SCHEMA, Store, StoreError, schema};

/// Why a backup or a restore did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target exists; backups are never overwritten.
    #[error("{} exists already: give another name", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database could not be read.
    #[error("the database could not be copied")]
    Store(#[from] StoreError),
    /// The data directory is in use, or can't be used.
    #[error("cannot restore into the data directory")]
    Open(#[from] OpenError),
    /// The file is not a backup that can be restored.
    #[error("{} cannot be restored: {reason}", path.display())]
    NotABackup {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Store {
    /// Writes a consistent copy of the database as of now, while everything goes on. The file appears when it is whole.
    pub async fn backup(&self, target: &Path) -> Result<(), BackupError> {
        if target.exists() {
            return Err(BackupError::Exists { path: target.to_owned() });
        }
        let part = with_suffix(target, ".part");
        let file_error = |path: &Path| {
            let path = path.to_owned();
            move |source| BackupError::File { path, source }
        };
        if part.exists() {
            std::fs::remove_file(&part).map_err(file_error(&part))?;
        }
        drop(owners_only(&part, OpenOptions::new().write(true).create_new(true)).map_err(file_error(&part))?);
        let written = self.copy_to(&part, target).await;
        // After a failure most of all: what is left of it may fill the disk.
        let removed = match std::fs::remove_file(&part) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file_error(&part)(e)),
            _ => Ok(()),
        };
        written.and(removed)?;
        sync_folder_of(target)
    }

    async fn copy_to(&self, part: &Path, target: &Path) -> Result<(), BackupError> {
        // Of its own, and able to write, as the copy is attached to it; it takes no write lock on our database.
        let options = SqliteConnectOptions::new().filename(self.file()).disable_statement_logging();
        let mut connection = options.connect().await.map_err(StoreError::from)?;
        let copied =
            sqlx::query("VACUUM INTO ?").bind(part.to_string_lossy().into_owned()).execute(&mut connection).await;
        close(connection).await?;
        copied.map_err(StoreError::from)?;
        let failed = |path: &Path, source| BackupError::File { path: path.to_owned(), source };
        File::open(part).and_then(|file| file.sync_all()).map_err(|e| failed(part, e))?;
        // A link, as a rename would take the place of a file that came meanwhile. Not every file system has links.
        match std::fs::hard_link(part, target) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(BackupError::Exists { path: target.to_owned() })
            }
            Err(_) => std::fs::rename(part, target).map_err(|e| failed(target, e)),
        }
    }
}

/// Puts a backup in the place of the database of a data directory in which no server runs.
///
/// What was there is kept beside it as `hes.db.before-restore` (one such file; an older one is replaced).
pub async fn restore(backup: &Path, data_dir: &Path) -> Result<(), BackupError> {
    let _lock = lock(data_dir)?;
    verify(backup).await?;
    let file = data_dir.join(DATABASE_FILE);
    let coming = with_suffix(&file, ".restoring");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    };
    copy_privately(backup, &coming).map_err(failed(&coming))?;
    leave_numbers_given_out_since(&coming).await?;
    File::open(&coming).and_then(|f| f.sync_all()).map_err(failed(&coming))?;
    // The old log goes before the new file comes: a log beside a file that it does not belong to would be replayed into it.
    for suffix in ["", "-wal"] {
        let old = with_suffix(&file, suffix);
        let kept = with_suffix(&with_suffix(&file, ".before-restore"), suffix);
        if kept.exists() {
            std::fs::remove_file(&kept).map_err(failed(&kept))?;
        }
        if old.exists() {
            std::fs::hard_link(&old, &kept).map_err(failed(&kept))?;
        }
    }
    for suffix in ["-wal", "-shm"] {
        let old = with_suffix(&file, suffix);
        if old.exists() {
            std::fs::remove_file(&old).map_err(failed(&old))?;
        }
    }
    std::fs::rename(&coming, &file).map_err(failed(&file))?;
    sync_folder_of(&file)
}

/// How many numbers a restored database leaves out: more than any server gives out between a backup and its restore.
const NUMBERS_LEFT_OUT: i64 = 1 << 32;

/// Numbers of readings are cursors in the hands of others. Those given out after the backup are not in it, and must not be
/// given out again for other readings: billing would take these for ones it has.
async fn leave_numbers_given_out_since(database: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(database).journal_mode(SqliteJournalMode::Delete);
    let mut connection = options.disable_statement_logging().connect().await?;
    let sql = "UPDATE counter SET next = next + ? WHERE name IN ('reading', 'exchange')";
    let moved = sqlx::query(sql).bind(NUMBERS_LEFT_OUT).execute(&mut connection).await;
    close(connection).await?;
    moved?;
    Ok(())
}

/// Refuses what is not a whole database of a schema that we know.
async fn verify(backup: &Path) -> Result<(), BackupError> {
    let refuse = |reason: String| BackupError::NotABackup { path: backup.to_owned(), reason };
    if !backup.is_file() {
        return Err(refuse("there is no such file".to_owned()));
    }
    // Immutable: a backup is one file, and reading it must not leave others beside it.
    let options = read_options(backup).immutable(true);
    let mut connection = options.connect().await.map_err(|e| refuse(e.to_string()))?;
    let checked = async {
        let found = schema::version(&mut connection).await?;
        let result: String = sqlx::query("PRAGMA integrity_check(1)").fetch_one(&mut connection).await?.try_get(0)?;
        Ok::<_, sqlx::Error>((found, result))
    }
    .await;
    close(connection).await?;
    match checked {
        Err(error) => Err(refuse(error.to_string())),
        Ok((0, _)) => Err(refuse("it is not a database of hes".to_owned())),
        Ok((found, _)) if found > SCHEMA => {
            Err(refuse(format!("it has schema {found}, this hes knows up to {SCHEMA}: install the newer hes")))
        }
        Ok((_, result)) if result != "ok" => Err(refuse(result)),
        Ok(_) => Ok(()),
    }
}

/// Copies without the mode of the original, which may be open to others.
fn copy_privately(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        std::fs::remove_file(to)?;
    }
    let mut copy = owners_only(to, OpenOptions::new().write(true).create_new(true))?;
    std::io::copy(&mut File::open(from)?, &mut copy).map(drop)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes a rename durable.
fn sync_folder_of(file: &Path) -> Result<(), BackupError> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|source| BackupError::File { path: folder.to_owned(), source })
}
