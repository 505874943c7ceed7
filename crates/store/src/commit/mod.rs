//! One transaction of the batch writer, set-wise: a few statements for ten thousand readings.
//!
//! Readings and exchanges, the bulk of it, go in by inserts of many rows ([`crate::rows`]). What there is little of travels as
//! one JSON text a statement (`json_each`). Readings that are new, nearly all of them, are inserted unseen; only those whose
//! slot has a version already are looked at one by one, by the rules in [`crate::versions`].
//!
//! In the order of the transaction: the records are [numbered](batch), [single values](singles) and
//! [load-profile points](intervals) stored, then the [exchanges](exchanges) that prove what became a version, then how
//! the [slots](progress) stand and what else is [written down](journal).

mod batch;
mod exchanges;
mod intervals;
mod journal;
mod outcome;
mod progress;
mod singles;

use std::sync::Arc;
use std::time::Instant;

use crate::gate::{Durability, Gate, Urgency};
use crate::metrics::Metrics;
use crate::names::Names;
use crate::numbers::Numbers;
use crate::records::{Committed, DialogueRecord};
use crate::slots::is_slot;
use crate::{Calendar, StoreError};

use batch::Batch;
use outcome::Outcome;

pub(crate) use intervals::{BlockKey, load_blocks, save_blocks};
pub use progress::PROBE_AFTER_DAYS;
pub(crate) use progress::{attempt_key, insert_give_up_rows, reason};

/// Refuses a record that no transaction could store, before it joins a batch.
pub(crate) fn check(record: &DialogueRecord, calendar: &Calendar) -> Result<(), StoreError> {
    let count = record.exchanges.len();
    let proofs = record.readings.iter().map(|(_, proof)| *proof).chain(record.clock.map(|c| c.proof));
    if let Some(index) = proofs.into_iter().find(|index| *index >= count) {
        return Err(StoreError::NoSuchProof { index, count });
    }
    let read = record.readings.iter().map(|(r, _)| (r.series, r.slot));
    let failed = record.failures.iter().flat_map(|f| &f.slots);
    let others = failed.chain(record.given_up.iter().map(|g| &g.slot)).chain(record.retry.iter().map(|r| &r.slot));
    match read.chain(others.map(|s| (s.series, s.time))).find(|(series, at)| !is_slot(*series, *at, calendar)) {
        Some((_, at)) => Err(StoreError::NotASlot { at }),
        None => Ok(()),
    }
}

/// Commits batches; keeps the numbers it hands out.
pub(crate) struct Committer {
    gate: Gate,
    names: Arc<Names>,
    pub(crate) metrics: Arc<Metrics>,
    calendar: Calendar,
    numbers: Numbers,
}

impl Committer {
    pub(crate) fn new(gate: Gate, names: Arc<Names>, metrics: Arc<Metrics>, calendar: Calendar) -> Self {
        Self { gate, names, metrics, calendar, numbers: Numbers::default() }
    }

    /// Stores the records in one transaction.
    pub(crate) async fn commit(&mut self, records: &[DialogueRecord]) -> Result<Vec<Committed>, StoreError> {
        self.create_names(records).await?;
        let exchanges = records.iter().map(|r| r.exchanges.len()).sum();
        let readings = records.iter().map(|r| r.readings.len()).sum();
        self.numbers.provide(&self.gate, readings, exchanges).await?;
        let begun = Instant::now();
        hes_failpoint::hit("store.writer.before_begin");
        let mut turn = self.gate.begin(Urgency::Normal, Durability::Process).await?;
        let db = turn.connection();
        hes_failpoint::hit("store.writer.after_begin");
        let batch = Batch::number(&mut self.numbers, &self.names, records)?;
        let mut outcome = Outcome::of(&batch, readings, exchanges);
        batch.insert_single_values(db, &mut outcome).await?;
        hes_failpoint::hit("store.writer.after_readings");
        batch.merge_intervals(db, &self.calendar, &mut outcome).await?;
        hes_failpoint::hit("store.writer.after_intervals");
        batch.insert_exchanges(db, &outcome).await?;
        hes_failpoint::hit("store.writer.after_exchanges");
        batch.record_progress(db, &self.calendar, &outcome).await?;
        batch.write_journal(db, &outcome).await?;
        hes_failpoint::hit("store.writer.before_commit");
        turn.commit().await?;
        hes_failpoint::hit("store.writer.after_commit");
        self.count(&batch, &outcome, begun);
        Ok(batch.answers(&outcome))
    }

    async fn create_names(&self, records: &[DialogueRecord]) -> Result<(), StoreError> {
        let registers = || {
            records.iter().flat_map(|r| {
                let readings = r.readings.iter().map(|(reading, _)| &reading.register);
                let failed = r.failures.iter().flat_map(|f| f.slots.iter().map(|s| &s.register));
                let given_up = r.given_up.iter().map(|g| &g.slot.register);
                readings.chain(failed).chain(given_up).chain(r.retry.iter().map(|r| &r.slot.register))
            })
        };
        let channels = records.iter().map(|r| &r.channel);
        let plans = records.iter().filter_map(|r| r.plan.as_ref());
        let unknown = self.names.unknown(registers(), channels, plans);
        if unknown.is_empty() {
            return Ok(());
        }
        let turn = self.gate.begin(Urgency::Normal, Durability::Process).await?;
        self.names.create(turn, unknown).await
    }

    fn count(&self, batch: &Batch<'_>, outcome: &Outcome, begun: Instant) {
        let mut good = 0;
        let mut suspect = 0;
        for new in batch.singles.iter().chain(&batch.points) {
            if outcome.stored.has(new.seq) {
                if new.content.is_good() { good += 1 } else { suspect += 1 }
            }
        }
        let all = batch.singles.len() + batch.points.len();
        let unchanged = all - outcome.stored.count();
        let add = |result: &str, n: usize| {
            self.metrics.readings.with_label_values(&[result]).inc_by(u64::try_from(n).unwrap_or(u64::MAX));
        };
        add("good", good);
        add("suspect", suspect);
        add("unchanged", unchanged);
        add("changed", outcome.changed.len());
        self.metrics.batch_readings.observe(f64::from(u32::try_from(all).unwrap_or(u32::MAX)));
        self.metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        let bytes: usize = batch.proofs(outcome).map(|p| p.proof.request.len() + p.proof.answer.len()).sum();
        self.metrics.evidence_bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
        for (kind, ..) in batch.give_ups() {
            self.metrics.give_ups.with_label_values(&[kind.code()]).inc();
        }
    }
}
