//! How far the day's collection is, counted at most every few seconds however many look.
//!
//! Counting goes over every meter; a dozen live views must not each do it every second. One caller counts, the others
//! wait for it; if it is dropped on the way, the next one counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hes_model::UtcMicros;
use hes_reports::{Dimension, Question, SuccessGroup};
use hes_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::dto::live::DayFigures;

/// Areas shown in the live view, worst first.
const AREAS_SHOWN: usize = 50;

/// Counting takes at most one part in so many of the time.
const MAX_SHARE: u32 = 10;

/// The latest figures and whether somebody is counting new ones.
#[derive(Debug)]
pub(crate) struct Figures {
    latest: watch::Sender<Option<Counted>>,
    counting: AtomicBool,
    max_age: Duration,
}

#[derive(Debug, Clone)]
struct Counted {
    figures: Arc<DayFigures>,
    at: Instant,
    /// How long counting took.
    cost: Duration,
}

/// Held while counting; when it goes, whoever waits looks again.
struct Turn<'a>(&'a Figures);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.counting.store(false, Ordering::Release);
        self.0.latest.send_modify(|_| {});
    }
}

impl Figures {
    pub(crate) fn new(max_age: Duration) -> Self {
        Self { latest: watch::Sender::new(None), counting: AtomicBool::new(false), max_age }
    }
    /// The figures of the day of `now`, not older than allowed. May be dropped while it waits.
    pub(crate) async fn of(&self, store: &Store, now: UtcMicros) -> Result<Arc<DayFigures>, StoreError> {
        let day = store.calendar().day_of(now);
        let mut changes = self.latest.subscribe();
        loop {
            let latest = changes.borrow_and_update().clone();
            let fresh = latest.filter(|c| c.at.elapsed() < self.age_allowed(c.cost) && c.figures.day == day);
            if let Some(counted) = fresh {
                return Ok(counted.figures);
            }
            if self.counting.swap(true, Ordering::Acquire) {
                changes.changed().await.map_err(|_| StoreError::Closed)?;
                continue;
            }
            let turn = Turn(self);
            let began = Instant::now();
            let question = Question { day, by: Dimension::Area, plan: None, now };
            let report = hes_reports::success(store, &question, 0).await?;
            let excluded_meters = report.excluded.iter().map(|e| e.meters).sum();
            let areas: Vec<SuccessGroup> = report.groups.into_iter().take(AREAS_SHOWN).collect();
            let figures = Arc::new(DayFigures { day, counted_at: now, total: report.total, areas, excluded_meters });
            self.latest.send_replace(Some(Counted {
                figures: figures.clone(),
                at: Instant::now(),
                cost: began.elapsed(),
            }));
            drop(turn);
            return Ok(figures);
        }
    }
    /// Of a fleet so large that counting takes long, figures may get older, so that looking on stays a small part of the load.
    fn age_allowed(&self, cost: Duration) -> Duration {
        self.max_age.max(cost * MAX_SHARE)
    }
}
