//! Numbers of readings and exchanges: in order, and never given twice.
//!
//! They are cursors and references in the hands of others, who must not meet one again on another reading. A batch is
//! not forced to the disk, so a power cut may take it although its numbers were seen. That is why numbers are set aside
//! many at a time in a commit that *is* forced to the disk: after whatever ended the process, counting goes on behind
//! all that were set aside, and what was not given of them never is.

use std::ops::Range;

use sqlx::{Row, SqliteConnection};

use crate::StoreError;
use crate::gate::{Durability, Gate, Urgency};

/// Set aside at once: one forced commit for some hundred thousand readings.
const SET_ASIDE: i64 = 1 << 18;

/// The numbers that the batch writer may give.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    readings: Range<i64>,
    exchanges: Range<i64>,
}

impl Numbers {
    /// Makes sure that so many of each can be taken.
    pub(crate) async fn provide(&mut self, gate: &Gate, readings: usize, exchanges: usize) -> Result<(), StoreError> {
        let readings = wanted(&self.readings, readings);
        let exchanges = wanted(&self.exchanges, exchanges);
        if readings == 0 && exchanges == 0 {
            return Ok(());
        }
        let mut turn = gate.begin(Urgency::Normal, Durability::Power).await?;
        let mut set_aside = Vec::with_capacity(2);
        for (name, count) in [("reading", readings), ("exchange", exchanges)] {
            let row = sqlx::query("UPDATE counter SET next = next + ?2 WHERE name = ?1 RETURNING next")
                .bind(name)
                .bind(count)
                .fetch_one(turn.connection())
                .await?;
            let end: i64 = row.try_get(0)?;
            set_aside.push(end - count..end);
        }
        turn.commit().await?;
        for (own, new) in [&mut self.readings, &mut self.exchanges].into_iter().zip(set_aside) {
            // Nobody else moves these counters, so what is new begins where our own ends; but for the first time.
            *own = if own.end == new.start { own.start..new.end } else { new };
        }
        Ok(())
    }

    /// The first of `count` readings' numbers.
    pub(crate) fn take_readings(&mut self, count: usize) -> i64 {
        take(&mut self.readings, count)
    }
    /// The first of `count` exchanges' numbers.
    pub(crate) fn take_exchanges(&mut self, count: usize) -> i64 {
        take(&mut self.exchanges, count)
    }
}

/// The first number of a reading that was not set aside yet; to be asked before any is.
pub(crate) async fn first_of_this_start(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("SELECT next FROM counter WHERE name = 'reading'").fetch_one(connection).await?.try_get(0)
}

fn wanted(range: &Range<i64>, count: usize) -> i64 {
    let count = number(count);
    if range.end - range.start >= count { 0 } else { count.max(SET_ASIDE) }
}

fn take(range: &mut Range<i64>, count: usize) -> i64 {
    let first = range.start;
    range.start += number(count);
    debug_assert!(range.start <= range.end, "more numbers taken than were provided");
    first
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX >> 1)
}
