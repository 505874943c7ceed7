//! When open on-demand reads end, by the monotonic clock.
//!
//! A row has its deadline by the wall clock, for after a restart. While the process lives, a read is as old as the time
//! that went by since it was asked for, and a wall clock that jumps ends none of them and keeps none alive.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hes_model::UtcMicros;
use sqlx::Row;
use tokio::sync::OnceCell;

use crate::StoreError;
use crate::gate::{Durability, Gate, Urgency};
use crate::records::OnDemandId;

/// Deadlines of the reads that are not ended.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    ends: Mutex<HashMap<OnDemandId, Instant>>,
    /// Set once the reads from before this start are known too.
    learned: OnceCell<()>,
}

impl Deadlines {
    /// Takes in the reads that an earlier process left open; only the wall clock can say how much of their time is left.
    pub(crate) async fn learn(&self, gate: &Gate, now: UtcMicros, at: Instant) -> Result<(), StoreError> {
        let learn = async {
            // Behind the gate, so that none ends between the look at it and the note of it.
            let mut turn = gate.begin(Urgency::Urgent, Durability::Process).await?;
            let open =
                sqlx::query("SELECT id, created_at, deadline_at FROM on_demand WHERE state IN ('queued', 'running')")
                    .fetch_all(turn.connection())
                    .await?;
            for row in open {
                let (created, deadline) = (UtcMicros(row.try_get(1)?), UtcMicros(row.try_get(2)?));
                // No more than it was given, should the clock have gone back since.
                let left = span(now, deadline).min(span(created, deadline));
                self.ends().entry(OnDemandId(row.try_get(0)?)).or_insert(at + left);
            }
            turn.commit().await
        };
        self.learned.get_or_try_init(|| learn).await.copied()
    }

    /// Notes a new read.
    pub(crate) fn set(&self, read: OnDemandId, end: Instant) {
        self.ends().insert(read, end);
    }

    /// A read has ended.
    pub(crate) fn forget(&self, read: OnDemandId) {
        self.ends().remove(&read);
    }

    /// How much time a read has left; `None` when it is over.
    pub(crate) fn left(&self, read: OnDemandId, at: Instant) -> Option<Duration> {
        let left = self.ends().get(&read)?.checked_duration_since(at)?;
        (!left.is_zero()).then_some(left)
    }

    /// The reads whose time is over.
    pub(crate) fn over(&self, at: Instant) -> Vec<OnDemandId> {
        self.ends().iter().filter(|(_, end)| **end <= at).map(|(read, _)| *read).collect()
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<OnDemandId, Instant>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From one time to a later one; nothing if it is not later.
pub(crate) fn span(from: UtcMicros, to: UtcMicros) -> Duration {
    Duration::from_micros(to.since(from).max(0).unsigned_abs())
}
