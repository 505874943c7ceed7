//! The archive (档案): customers, service points, meters, installations, areas, readers, channels; from when to when.
//!
//! What stands there is never overwritten: a change closes the row that held until then and opens another, so a past
//! day's success and consumption come out as they were. The first row of each thing holds from the beginning; when a
//! meter is *expected* to answer is bounded by its installations alone, which are kept to the instant.

mod areas;
mod channels;
mod exchange;
mod import;
pub(crate) mod meters;
pub(crate) mod population;
mod refusal;

pub use areas::{AreaRow, AreaView};
pub use exchange::{Edge, EdgeReading, MeterExchange};
pub use import::MeterRow;
pub use meters::{ChannelMeter, InstallationView, MeterFilter, MeterView};
pub use refusal::{Conflict, Refusal, Remark};

use sqlx::SqliteConnection;

use crate::StoreError;
use crate::rows::json;

/// "Still": the end of a period that has none. 2^53 - 1, which JSON readers keep exact.
pub(crate) const STILL: i64 = 9_007_199_254_740_991;

/// The first day of what has been so from the beginning.
pub(crate) const BEGINNING: i64 = 0;

/// What an import did. Good rows are stored whatever the bad ones are like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows that brought something new.
    pub created: u64,
    /// Rows that changed what was there.
    pub updated: u64,
    /// Rows that said what was known already.
    pub unchanged: u64,
    /// Rows that were not taken.
    pub bad: Vec<BadRow>,
    /// What a person should know about rows that were taken.
    pub notes: Vec<RowNote>,
}

/// A row that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The column at fault.
    pub column: &'static str,
    /// What is wrong and what to do.
    pub reason: Refusal,
}

/// A remark on a row that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowNote {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What it caused.
    pub note: Remark,
}

impl ImportReport {
    fn refuse(&mut self, line: u64, column: &'static str, reason: Refusal) {
        self.bad.push(BadRow { line, column, reason });
    }
    fn remark(&mut self, line: u64, note: Remark) {
        self.notes.push(RowNote { line, note });
    }
}

/// Runs a statement over rows given as one JSON text.
async fn each<R: serde::Serialize>(db: &mut SqliteConnection, sql: &'static str, rows: &[R]) -> Result<(), StoreError> {
    if !rows.is_empty() {
        sqlx::query(sql).bind(json(&rows)?).execute(db).await?;
    }
    Ok(())
}
