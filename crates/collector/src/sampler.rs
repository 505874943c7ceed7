//! Gauges that nobody keeps up while working: sampled from the store.

use std::time::Duration;

use hes_store::{SlotsOfDay, StoreError, Tally};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::channel::Shared;
use crate::notebook::wall_clock;

/// When today's slots are counted for the first time: a start has other work to do.
const FIRST_AFTER: Duration = Duration::from_secs(10);

/// How often today's slots are counted, at the most.
const SLOTS_EVERY: Duration = Duration::from_secs(300);

/// Counting may take this part of the time, on a fleet where it takes long.
const SLOTS_SHARE: u32 = 20;

/// Samples until `cancel`.
pub(crate) async fn sample(shared: Shared, cancel: CancellationToken) {
    let mut count_at = Instant::now() + FIRST_AFTER;
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            () = tokio::time::sleep_until(count_at) => {}
        }
        let begun = Instant::now();
        let counted = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            counted = count_slots(&shared) => counted,
        };
        if let Err(error) = counted {
            tracing::warn!(%error, "today's slots could not be counted");
        }
        count_at = Instant::now() + SLOTS_EVERY.max(begun.elapsed() * SLOTS_SHARE);
    }
}

async fn count_slots(shared: &Shared) -> Result<(), StoreError> {
    let now = wall_clock();
    let slots = SlotsOfDay { day: shared.store.calendar().day_of(now), now, plan: None };
    let mut sum = Tally::default();
    shared.store.success(&slots, |meter| meter.plans.iter().for_each(|(_, tally)| sum.add(tally))).await?;
    let given_up = sum.given_up.values().sum::<u64>();
    let missing = sum.expected.saturating_sub(sum.filled() + given_up);
    for (state, count) in
        [("expected", sum.expected), ("filled", sum.filled()), ("given_up", given_up), ("missing", missing)]
    {
        shared.metrics.slots(state, i64::try_from(count).unwrap_or(i64::MAX));
    }
    Ok(())
}
