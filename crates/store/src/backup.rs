//! Backup of a running store, restore into a stopped one.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Row, SqliteConnection};

use crate::store::{DATABASE_FILE, close, lock, owners_only};
use crate::{OpenError, SCHEMA, Store, StoreError, schema};

/// Why a backup or a restore did not happen. Nothing was changed, but by [`BackupError::Unfinished`].
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
        source: io::Error,
    },
    /// The database could not be read.
    #[error("the database could not be copied")]
    Store(#[from] StoreError),
    /// The data directory is in use, or can't be used.
    #[error("cannot restore into the data directory")]
    Open(#[from] OpenError),
    /// The file is not a backup that can be restored.
    #[error("{} cannot be restored", path.display())]
    NotABackup {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        flaw: Flaw,
    },
    /// The backup is whole and in the data directory, but could not take the place of the database yet.
    #[error("the restore into {} is not finished: give it what it lacks and start hes, which ends it", folder.display())]
    Unfinished {
        /// The data directory.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with a file that is to be restored.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// SQLite does not take it for a database.
    #[error("it is not a database")]
    NotADatabase(#[source] sqlx::Error),
    /// A database of somebody else.
    #[error("it is not a database of hes")]
    Foreign,
    /// Written by a newer program.
    #[error("it has schema {found}, this hes knows up to {known}: install the newer hes")]
    Newer {
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite's check found damage.
    #[error("it is damaged: {finding}")]
    Damaged {
        /// The first that was found.
        finding: String,
    },
}

impl Store {
    /// Writes a consistent copy of the database as of now, while everything goes on. The file appears when it is whole.
    pub async fn backup(&self, target: &Path) -> Result<(), BackupError> {
        if target.exists() {
            return Err(BackupError::Exists { path: target.to_owned() });
        }
        let part = with_suffix(target, ".part");
        remove(&part).map_err(failed(&part))?;
        drop(owners_only(&part, OpenOptions::new().write(true).create_new(true)).map_err(failed(&part))?);
        let written = self.copy_to(&part, target).await;
        // After a failure most of all: what is left of it may fill the disk.
        written.and(remove(&part).map_err(failed(&part)))?;
        sync_folder_of(target).map_err(failed(target))
    }

    async fn copy_to(&self, part: &Path, target: &Path) -> Result<(), BackupError> {
        // Of its own, and able to write, as the copy is attached to it; it takes no write lock on our database.
        let options = SqliteConnectOptions::new().filename(self.file()).disable_statement_logging();
        let mut connection = options.connect().await.map_err(StoreError::from)?;
        let copied =
            sqlx::query("VACUUM INTO ?").bind(part.to_string_lossy().into_owned()).execute(&mut connection).await;
        close(connection).await?;
        copied.map_err(StoreError::from)?;
        File::open(part).and_then(|file| file.sync_all()).map_err(failed(part))?;
        // A link, as a rename would take the place of a file that came meanwhile. Not every file system has links.
        match std::fs::hard_link(part, target) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Exists { path: target.to_owned() }),
            Err(_) => std::fs::rename(part, target).map_err(failed(target)),
        }
    }
}

/// Puts a backup in the place of the database of a data directory in which no server runs.
///
/// What was there is kept beside it as `hes.db.before-restore` (one such file; an older one is replaced).
///
/// Whatever ends the process meanwhile leaves the old database or the new one. Until the new one is whole nothing is
/// touched; from the moment on in which it has the name `hes.db.restored`, whoever opens the data directory next ends
/// what is left to do ([`finish_restore`]).
pub async fn restore(backup: &Path, data_dir: &Path) -> Result<(), BackupError> {
    let _lock = lock(data_dir)?;
    let file = data_dir.join(DATABASE_FILE);
    let unfinished = |source| BackupError::Unfinished { folder: data_dir.to_owned(), source };
    // What an earlier restore brought, if it was cut short, is what this one keeps.
    finish_restore(&file).map_err(unfinished)?;
    let coming = with_suffix(&file, ".restoring");
    if let Err(error) = prepare(backup, &coming).await {
        remove_database(&coming).map_err(failed(&coming))?;
        return Err(error);
    }
    let kept = kept(&file);
    remove_database(&kept).map_err(failed(&kept))?;
    let restored = with_suffix(&file, RESTORED);
    std::fs::rename(&coming, &restored).map_err(failed(&restored))?;
    sync_folder_of(&file).map_err(unfinished)?;
    finish_restore(&file).map_err(unfinished)
}

/// The name of a database that is to take the place of the one that is there.
const RESTORED: &str = ".restored";

/// What is left to do when a database is to take the place of the one that is there, in this order. Each step may have
/// been done before.
const STEPS: [fn(&Path) -> io::Result<()>; 4] = [keep_database, keep_log, forget_index, take_place];

/// Ends a restore that was cut short; nothing, where none was. The data directory must be locked.
pub(crate) fn finish_restore(file: &Path) -> io::Result<()> {
    if !with_suffix(file, RESTORED).try_exists()? {
        return Ok(());
    }
    STEPS.iter().try_for_each(|step| step(file))?;
    tracing::info!(database = %file.display(), "a backup took the place of the database");
    Ok(())
}

/// Under two names until the new one takes its own: there is a database at every moment.
fn keep_database(file: &Path) -> io::Result<()> {
    let kept = kept(file);
    if kept.try_exists()? || !file.try_exists()? {
        return Ok(());
    }
    // Not every file system has links.
    if std::fs::hard_link(file, &kept).is_err() {
        let part = with_suffix(&kept, ".part");
        copy_privately(file, &part)?;
        File::open(&part)?.sync_all()?;
        std::fs::rename(&part, &kept)?;
    }
    sync_folder_of(file)
}

/// The old log goes before the new database comes, into which it would be replayed.
fn keep_log(file: &Path) -> io::Result<()> {
    let log = with_suffix(file, "-wal");
    if log.try_exists()? {
        std::fs::rename(&log, with_suffix(&kept(file), "-wal"))?;
        sync_folder_of(file)?;
    }
    Ok(())
}

fn forget_index(file: &Path) -> io::Result<()> {
    remove(&with_suffix(file, "-shm"))
}

fn take_place(file: &Path) -> io::Result<()> {
    std::fs::rename(with_suffix(file, RESTORED), file)?;
    sync_folder_of(file)
}

fn kept(file: &Path) -> PathBuf {
    with_suffix(file, ".before-restore")
}

/// Makes of a backup a database that can be put in place: whole, checked, in one file, on the disk.
async fn prepare(backup: &Path, coming: &Path) -> Result<(), BackupError> {
    let refuse = |flaw| BackupError::NotABackup { path: backup.to_owned(), flaw };
    if !backup.is_file() {
        return Err(refuse(Flaw::Missing));
    }
    remove_database(coming).map_err(failed(coming))?;
    copy_privately(backup, coming).map_err(failed(coming))?;
    // A backup has no log, but the files of a stopped or killed server do, as what a restore keeps.
    let log = with_suffix(backup, "-wal");
    if log.is_file() {
        let coming = with_suffix(coming, "-wal");
        copy_privately(&log, &coming).map_err(failed(&coming))?;
    }
    // Without a log of its own the copy becomes one file, whatever it was.
    let options = SqliteConnectOptions::new().filename(coming).journal_mode(SqliteJournalMode::Delete);
    let connected = options.disable_statement_logging().connect().await;
    let mut connection = connected.map_err(|e| refuse(Flaw::NotADatabase(e)))?;
    let checked = match flaw(&mut connection).await {
        Ok(None) => leave_numbers_given_out_since(&mut connection).await,
        Ok(Some(flaw)) => Err(refuse(flaw)),
        Err(error) => Err(refuse(Flaw::NotADatabase(error))),
    };
    close(connection).await?;
    checked?;
    File::open(coming).and_then(|f| f.sync_all()).map_err(failed(coming))
}

/// What is wrong with a database, if anything is.
async fn flaw(connection: &mut SqliteConnection) -> Result<Option<Flaw>, sqlx::Error> {
    let found = schema::version(connection).await?;
    if found == 0 {
        return Ok(Some(Flaw::Foreign));
    }
    if found > SCHEMA {
        return Ok(Some(Flaw::Newer { found, known: SCHEMA }));
    }
    let finding: String = sqlx::query("PRAGMA integrity_check(1)").fetch_one(connection).await?.try_get(0)?;
    Ok((finding != "ok").then_some(Flaw::Damaged { finding }))
}

/// How many numbers a restored database leaves out: more than any server gives out between a backup and its restore.
const NUMBERS_LEFT_OUT: i64 = 1 << 32;

/// Numbers of readings are cursors in the hands of others. Those given out after the backup are not in it, and must not be
/// given out again for other readings: billing would take these for ones it has.
async fn leave_numbers_given_out_since(connection: &mut SqliteConnection) -> Result<(), BackupError> {
    let sql = "UPDATE counter SET next = next + ? WHERE name IN ('reading', 'exchange')";
    sqlx::query(sql).bind(NUMBERS_LEFT_OUT).execute(connection).await.map_err(StoreError::from)?;
    Ok(())
}

/// Copies without the mode of the original, which may be open to others.
fn copy_privately(from: &Path, to: &Path) -> io::Result<()> {
    remove(to)?;
    let mut copy = owners_only(to, OpenOptions::new().write(true).create_new(true))?;
    io::copy(&mut File::open(from)?, &mut copy).map(drop)
}

/// Removes a database with everything that SQLite keeps beside it.
fn remove_database(file: &Path) -> io::Result<()> {
    ["", "-wal", "-shm", "-journal"].iter().try_for_each(|suffix| remove(&with_suffix(file, suffix)))
}

/// Removes a file that need not be there.
fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path: path.clone(), source }
}

/// Makes what was renamed, linked or removed beside a file durable.
fn sync_folder_of(file: &Path) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use prometheus::Registry;

    use super::*;
    use crate::{AreaRow, MasterKey, StoreConfig};

    async fn open(folder: &Path, key: &MasterKey) -> Store {
        let config = StoreConfig { data_dir: folder.to_owned(), ..StoreConfig::default() };
        Store::open(config, TimeZone::UTC, key, &Registry::new()).await.unwrap()
    }

    async fn add_area(store: &Store, code: &str) {
        let row = AreaRow { line: 2, code: code.parse().unwrap(), name: None, reader: None, reader_name: None };
        store.import_areas(vec![row], hes_model::UtcMicros(0)).await.unwrap();
    }

    async fn areas(folder: &Path, key: &MasterKey) -> Vec<String> {
        let store = open(folder, key).await;
        let codes = store.areas().await.unwrap().into_iter().map(|view| view.area.code.to_string()).collect();
        store.close().await.unwrap();
        codes
    }

    /// A data directory as a killed server leaves it: `old` is in the log only. Beside it the backup `new`.
    async fn killed(key: &MasterKey) -> (tempfile::TempDir, PathBuf) {
        let running = tempfile::tempdir().unwrap();
        let store = open(running.path(), key).await;
        add_area(&store, "new").await;
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup.db");
        store.backup(&backup).await.unwrap();
        add_area(&store, "old").await;
        for name in ["hes.db", "hes.db-wal"] {
            std::fs::copy(running.path().join(name), folder.path().join(name)).unwrap();
        }
        (folder, backup)
    }

    #[tokio::test]
    async fn a_restore_that_is_cut_short_leaves_the_old_database_or_the_new_one() {
        let key = MasterKey::generate();
        for done in 0..=STEPS.len() {
            let (folder, backup) = killed(&key).await;
            let file = folder.path().join(DATABASE_FILE);
            prepare(&backup, &with_suffix(&file, ".restoring")).await.unwrap();
            if done == 0 {
                assert_eq!(areas(folder.path(), &key).await, ["new", "old"], "before it was decided");
            }
            std::fs::rename(with_suffix(&file, ".restoring"), with_suffix(&file, RESTORED)).unwrap();
            for step in STEPS.iter().take(done) {
                step(&file).unwrap();
                assert!(file.exists(), "there is a database at every moment");
            }
            assert_eq!(areas(folder.path(), &key).await, ["new"], "after {done} steps");
        }
    }

    #[tokio::test]
    async fn what_was_there_is_kept_whole_and_can_be_restored_in_its_turn() {
        let key = MasterKey::generate();
        let (folder, backup) = killed(&key).await;
        restore(&backup, folder.path()).await.unwrap();
        assert_eq!(areas(folder.path(), &key).await, ["new"]);
        restore(&kept(&folder.path().join(DATABASE_FILE)), folder.path()).await.unwrap();
        assert_eq!(areas(folder.path(), &key).await, ["new", "old"], "what was in the log is there too");
    }
}
