//! Opening and closing: the lock, the connections, the identity of the database.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use prometheus::Registry;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::watch;

use crate::deadlines::Deadlines;
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::secrets::{MasterKey, Vault};
use crate::writer::{self, Writer};
use crate::{Calendar, OpenError, StoreConfig, StoreError, backup, numbers, schema};

/// The database inside the data directory.
pub const DATABASE_FILE: &str = "hes.db";
const LOCK_FILE: &str = "hes.lock";

/// How long a query waits for SQLite's own short locks (a checkpoint's, a backup's).
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// The one database of a server. Cheap to clone; every clone is the same store.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) gate: Gate,
    pub(crate) pool: SqlitePool,
    pub(crate) calendar: Calendar,
    pub(crate) names: Arc<Names>,
    pub(crate) vault: Vault,
    pub(crate) writer: Writer,
    pub(crate) config: StoreConfig,
    pub(crate) metrics: Arc<Metrics>,
    /// Numbers of readings below were set aside before this start.
    pub(crate) first_seq: i64,
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) on_demand: watch::Sender<u64>,
    pub(crate) deadlines: Deadlines,
    file: PathBuf,
    /// Held until the store is closed; the system releases it even after `kill -9`.
    lock: Mutex<Option<File>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("file", &self.inner.file).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database of `config.data_dir`, makes it on first use, brings it to this program's schema.
    ///
    /// One server at a time: a second one is refused while the first lives, however it ended before.
    pub async fn open(
        config: StoreConfig,
        zone: TimeZone,
        key: &MasterKey,
        registry: &Registry,
    ) -> Result<Self, OpenError> {
        let lock = lock(&config.data_dir)?;
        let file = config.data_dir.join(DATABASE_FILE);
        backup::finish_restore(&file)
            .map_err(|source| OpenError::Directory { path: config.data_dir.clone(), source })?;
        let failed = |source| OpenError::Database { file: file.clone(), source };
        drop(owners_only(&file, OpenOptions::new().create(true).append(true)).map_err(|e| failed(sqlx::Error::Io(e)))?);
        let options = write_options(&file, &config);
        let mut connection = options.connect().await.map_err(failed)?;
        schema::migrate(&mut connection, &file).await?;
        let vault = identify(&mut connection, &zone, key, &file).await?;
        let names = Arc::new(Names::load(&mut connection).await.map_err(|e| failed(into_sqlx(e)))?);
        sqlx::query(
            "UPDATE on_demand SET state = 'queued', started_at = NULL WHERE state IN ('queued', 'running') AND state = 'running'",
        )
        .execute(&mut connection)
        .await
        .map_err(failed)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(config.read_connections.max(1))
            // A connection to a file of ours does not go stale, and asking it whether it did costs as much as a look-up.
            .test_before_acquire(false)
            .connect_with(read_options(&file))
            .await
            .map_err(failed)?;
        let first_seq = numbers::first_of_this_start(&mut connection).await.map_err(failed)?;
        let metrics = Arc::new(Metrics::register(registry)?);
        let gate = Gate::new(connection, options);
        let calendar = Calendar::new(zone);
        let writer = writer::start(gate.clone(), Arc::clone(&names), Arc::clone(&metrics), calendar.clone(), &config);
        let inner = Inner {
            gate,
            pool,
            calendar,
            names,
            vault,
            writer,
            config,
            metrics,
            first_seq,
            changes: watch::Sender::new(0),
            on_demand: watch::Sender::new(0),
            deadlines: Deadlines::default(),
            file,
            lock: Mutex::new(Some(lock)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Commits what is pending, closes the connections and gives the database free for another server.
    ///
    /// Other clones answer [`StoreError::Closed`] afterwards.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.writer.close().await;
        self.inner.pool.close().await;
        self.inner.gate.close().await?;
        drop(self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        Ok(())
    }

    /// The utility's calendar, through which slots are derived.
    pub fn calendar(&self) -> &Calendar {
        &self.inner.calendar
    }
    /// The database file.
    pub fn file(&self) -> &Path {
        &self.inner.file
    }
    /// The way in for what dialogues bring.
    pub fn writer(&self) -> &Writer {
        &self.inner.writer
    }
    /// A generation that grows whenever archive, channels or plans change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }
    pub(crate) fn changed(&self) {
        self.inner.changes.send_modify(|generation| *generation += 1);
    }
    /// Whether the database answers and finds room to write: for readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM meta LIMIT 1").fetch_optional(&self.inner.pool).await?;
        if self.inner.writer.is_full() { Err(StoreError::Full) } else { Ok(()) }
    }
}

/// Takes the lock of a data directory, which is made if it is missing.
pub(crate) fn lock(data_dir: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Directory { path: data_dir.to_owned(), source };
    std::fs::create_dir_all(data_dir).map_err(failed)?;
    let file = data_dir.join(LOCK_FILE);
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&file).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { file }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Opens a file that, if it is made by this, only its owner can read: it holds customers. SQLite gives the files it
/// makes beside a database the database's own mode.
pub(crate) fn owners_only(file: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(file)
}

fn write_options(file: &Path, config: &StoreConfig) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        .statement_cache_capacity(200)
        .pragma("cache_size", "-65536")
        // Pages of a night's values are written many times while it fills: the rarer they are copied back, the fewer copies.
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();
    match config.max_size_mib {
        0 => options,
        mib => options.pragma("max_page_count", (u64::from(mib) * 256).to_string()),
    }
}

pub(crate) fn read_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", "-16384")
        .disable_statement_logging()
}

fn into_sqlx(error: StoreError) -> sqlx::Error {
    match error {
        StoreError::Database(e) => e,
        other => sqlx::Error::Decode(Box::new(other)),
    }
}

/// On first use gives the database its identity, its zone and its key check; later compares.
async fn identify(
    connection: &mut SqliteConnection,
    zone: &TimeZone,
    key: &MasterKey,
    file: &Path,
) -> Result<Vault, OpenError> {
    let failed = |source| OpenError::Database { file: file.to_owned(), source };
    let configured = zone.iana_name().unwrap_or("fixed").to_owned();
    let meta = |name| sqlx::query("SELECT value FROM meta WHERE key = ?").bind(name);
    let row = meta("database").fetch_optional(&mut *connection).await.map_err(failed)?;
    let Some(row) = row else {
        let database: String = rand::random::<[u8; 16]>().iter().map(|b| format!("{b:02x}")).collect();
        let vault = Vault::new(key, database.clone());
        let check: String = vault.key_check().iter().map(|b| format!("{b:02x}")).collect();
        // One statement, so that a kill leaves all of the identity or nothing.
        sqlx::query("INSERT INTO meta (key, value) VALUES ('database', ?), ('zone', ?), ('key_check', ?)")
            .bind(database)
            .bind(configured)
            .bind(check)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        return Ok(vault);
    };
    let vault = Vault::new(key, row.try_get(0).map_err(failed)?);
    let check: String =
        meta("key_check").fetch_one(&mut *connection).await.and_then(|r| r.try_get(0)).map_err(failed)?;
    if !vault.is_right_key(&unhex(&check)) {
        return Err(OpenError::WrongKey);
    }
    let made_for: String = meta("zone").fetch_one(&mut *connection).await.and_then(|r| r.try_get(0)).map_err(failed)?;
    if made_for != configured {
        return Err(OpenError::Zone { made_for, configured });
    }
    Ok(vault)
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or(0);
    text.as_bytes().chunks(2).map(|pair| pair.iter().fold(0_u8, |n, &b| (n << 4) | digit(b))).collect()
}

/// Closes a connection that was opened for one task, ignoring nothing.
pub(crate) async fn close(connection: SqliteConnection) -> Result<(), StoreError> {
    Ok(connection.close().await?)
}
