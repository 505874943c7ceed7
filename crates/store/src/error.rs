//! What the store's callers have to tell apart.

use std::path::PathBuf;

use hes_model::{MeterId, MeterNo, PlanError, PlanName, UtcMicros};

use crate::Conflict;

/// Why a query or a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed; nothing of the operation was done.
    #[error("database operation failed")]
    Database(#[source] sqlx::Error),
    /// The disk, or the configured size limit, leaves no room. Nothing of the operation was done.
    #[error("no room left for the database: free space on its disk, or raise store.max_size_mib")]
    Full,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A row holds what this program does not understand: written by another version, or damaged.
    #[error("{what} is not readable; run `hes db check`")]
    Corrupt {
        /// Which row.
        what: String,
    },
    /// No meter of that number.
    #[error("no meter {no} in the archive")]
    NoSuchMeter {
        /// What was asked for.
        no: MeterNo,
    },
    /// No meter with that row number: removed, or of another database.
    #[error("no meter row {id}")]
    NoSuchMeterRow {
        /// What was asked for.
        id: MeterId,
    },
    /// No plan of that name.
    #[error("no plan {name}")]
    NoSuchPlan {
        /// What was asked for.
        name: PlanName,
    },
    /// The plan breaks a rule of plans.
    #[error("the plan is not valid")]
    Plan(#[from] PlanError),
    /// A slot that is not on a whole second, or an interval slot off its grid: no series has such.
    #[error("{at} is not a slot of that series")]
    NotASlot {
        /// What was given.
        at: UtcMicros,
    },
    /// A reading names an exchange that its dialogue does not have.
    #[error("reading names exchange {index} of a dialogue that has {count}")]
    NoSuchProof {
        /// What was named.
        index: usize,
        /// What there is.
        count: usize,
    },
    /// A change of the archive that contradicts what stands there.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Too many on-demand reads wait on that channel already.
    #[error("{waiting} reads wait on that channel already; try again when they are done")]
    Busy {
        /// How many.
        waiting: u32,
    },
    /// A stored secret could not be opened with the master key.
    #[error("a stored secret of meter row {meter} cannot be opened: the row was altered or belongs to another meter")]
    Sealed {
        /// Whose.
        meter: MeterId,
    },
}

impl StoreError {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

impl From<sqlx::Error> for StoreError {
    /// Tells a full disk from other failures, whichever way SQLite says it.
    fn from(error: sqlx::Error) -> Self {
        if is_full(&error) { Self::Full } else { Self::Database(error) }
    }
}

/// SQLITE_FULL, or an I/O error of a write: the two ways in which SQLite reports that a write found no room.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    const FULL: i32 = 13;
    const IOERR_WRITE: i32 = 778;
    const IOERR_FSYNC: i32 = 1034;
    const IOERR_SHMSIZE: i32 = 4874;
    error
        .as_database_error()
        .and_then(|e| e.code())
        .and_then(|code| code.parse::<i32>().ok())
        .is_some_and(|code| [FULL, IOERR_WRITE, IOERR_FSYNC, IOERR_SHMSIZE].contains(&code))
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server holds it.
    #[error(
        "another hes server is using {}: stop it first, or give this one another data_dir", file.display()
    )]
    Locked {
        /// The lock file.
        file: PathBuf,
    },
    /// The folder or the lock file could not be made or opened.
    #[error("cannot use the data directory {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// SQLite could not open the file.
    #[error("cannot open the database {}", file.display())]
    Database {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// Written by a newer program.
    #[error("the database {} has schema {found}, this hes knows up to {known}: install the newer hes", file.display())]
    Newer {
        /// Which.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A migration failed; the database is as it was.
    #[error("migration {number} of the database failed; nothing was changed")]
    Migration {
        /// Which.
        number: i64,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// Opened with another master key than the one its secrets are sealed with.
    #[error("the master key is not the one this database was made with: give the right key file or HES_MASTER_KEY")]
    WrongKey,
    /// Slots are derived through the zone, so a database belongs to one.
    #[error("the database was made for zone {made_for}, the configuration says {configured}: set zone back")]
    Zone {
        /// Of the database.
        made_for: String,
        /// Of the configuration.
        configured: String,
    },
    /// A metric of that name is registered already: two stores on one registry.
    #[error("metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}
