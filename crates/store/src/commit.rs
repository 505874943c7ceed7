//! One transaction of the batch writer, set-wise: a few statements for ten thousand readings.
//!
//! Readings and exchanges, the bulk of it, go in by inserts of many rows ([`crate::rows`]). What there is little of travels as
//! one JSON text a statement (`json_each`). Readings that are new, nearly all of them, are inserted unseen; only those whose
//! slot has a version already are looked at one by one, by the rules in [`crate::versions`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use hes_model::{FailureKind, Obis, Reading, ReadingSeq, Series, UtcMicros};
use sqlx::{Row, SqliteConnection};

use crate::block::{Block, Point};
use crate::calendar::{civil_seconds, slot_seconds};
use crate::codes::{class_code, rules_code, series_code, value_code};
use crate::gate::{Durability, Gate, Urgency};
use crate::metrics::Metrics;
use crate::names::Names;
use crate::numbers::Numbers;
use crate::on_demand::{OnDemandClock, OnDemandValue};
use crate::records::{Committed, DialogueRecord, GiveUp, Slot, Stored};
use crate::rows;
use crate::slots::{Grid, is_slot};
use crate::versions::{self, Content, Decision};
use crate::{Calendar, StoreError};

/// Days until a register that its meter does not have is tried again: the first, second, third and every further time.
pub const PROBE_AFTER_DAYS: [i64; 3] = [1, 7, 30];

/// Longest stored detail of a failure, in characters.
const DETAIL_MAX: usize = 200;

/// Detail of an attempt that brought suspects only.
const SUSPECT: &str = "the values obtained broke a plausibility rule";

/// Longest stored bytes of a failure: one frame, wake-up bytes and all.
const FAILURE_BYTES_MAX: usize = 512;

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

/// A reading on its way into a table.
struct New {
    series: Series,
    slot: i64,
    meter: i64,
    register: i64,
    seq: i64,
    content: Content,
    captured: i64,
    received_at: i64,
    meter_clock: Option<i64>,
    exchange: i64,
}

/// A slot of one meter as rows name it.
type Key = (i64, i64, i64, i64);

impl New {
    fn key(&self) -> Key {
        (series_code(self.series), self.slot, self.meter, self.register)
    }
}

/// What the readings of a batch turned out to be.
struct Outcome {
    /// Readings that became versions.
    stored: Marks,
    /// Exchanges that prove a stored version.
    proofs: Marks,
    /// Of the slot of each reading, in order: when the value was received, and whether its current version was good then.
    slots: Vec<(Key, (i64, bool))>,
    /// Good values that took the place of different good ones.
    changed: Vec<Changed>,
}

/// A good value that took the place of a different one.
struct Changed {
    seq: i64,
    received_at: i64,
    key: Key,
}

impl Changed {
    fn by(new: &New) -> Self {
        Self { seq: new.seq, received_at: new.received_at, key: new.key() }
    }
}

/// Marks on numbers handed out in a row.
struct Marks {
    first: i64,
    marked: Vec<bool>,
}

impl Marks {
    fn none(first: i64, count: usize) -> Self {
        Self { first, marked: vec![false; count] }
    }
    fn mark(&mut self, number: i64) {
        let place = usize::try_from(number - self.first).ok();
        if let Some(mark) = place.and_then(|place| self.marked.get_mut(place)) {
            *mark = true;
        }
    }
    fn has(&self, number: i64) -> bool {
        let place = usize::try_from(number - self.first).ok();
        place.and_then(|place| self.marked.get(place)).copied().unwrap_or(false)
    }
    fn count(&self) -> usize {
        self.marked.iter().filter(|marked| **marked).count()
    }
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

/// One exchange of a batch with its number.
struct Numbered<'a> {
    id: i64,
    record: &'a DialogueRecord,
    channel: i64,
    plan: Option<i64>,
    proof: &'a hes_model::ExchangeProof,
}

/// The records of one transaction, with every name resolved and every number handed out.
struct Batch<'a> {
    records: &'a [DialogueRecord],
    names: &'a Names,
    /// The readings are numbered in the order of the records from here on.
    first_seq: i64,
    first_exchange: Vec<i64>,
    channels: Vec<i64>,
    plans: Vec<Option<i64>>,
    singles: Vec<New>,
    points: Vec<New>,
}

impl<'a> Batch<'a> {
    /// Gives versions and exchanges their numbers. Those of a transaction that fails are lost.
    fn number(numbers: &mut Numbers, names: &'a Names, records: &'a [DialogueRecord]) -> Result<Self, StoreError> {
        let readings: usize = records.iter().map(|r| r.readings.len()).sum();
        let mut next_exchange = numbers.take_exchanges(records.iter().map(|r| r.exchanges.len()).sum());
        let mut seq = numbers.take_readings(readings);
        let unknown = || StoreError::corrupt("a name that was just stored");
        let mut batch = Self {
            records,
            names,
            first_seq: seq,
            first_exchange: Vec::with_capacity(records.len()),
            channels: Vec::with_capacity(records.len()),
            plans: Vec::with_capacity(records.len()),
            singles: Vec::with_capacity(readings),
            points: Vec::new(),
        };
        for record in records {
            batch.first_exchange.push(next_exchange);
            batch.channels.push(names.channels.id(&record.channel).ok_or_else(unknown)?);
            let plan = record.plan.as_ref().map(|p| names.plans.id(p).ok_or_else(unknown)).transpose()?;
            batch.plans.push(plan);
            for (reading, proof) in &record.readings {
                let register = names.registers.id(&reading.register).ok_or_else(unknown)?;
                let exchange = next_exchange + i64::try_from(*proof).unwrap_or(0);
                let new = new_row(reading, register, seq, exchange)?;
                match reading.series {
                    Series::Interval(_) => batch.points.push(new),
                    _ => batch.singles.push(new),
                }
                seq += 1;
            }
            next_exchange += i64::try_from(record.exchanges.len()).unwrap_or(0);
        }
        Ok(batch)
    }

    /// Daily, monthly and instant values.
    async fn insert_single_values(&self, db: &mut SqliteConnection, outcome: &mut Outcome) -> Result<(), StoreError> {
        if self.singles.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.singles.iter().map(|new| Insert { new, version: 1, current: true }).collect();
        let inserted = insert_readings(db, &rows).await?;
        let known = if usize::try_from(inserted).is_ok_and(|n| n == rows.len()) {
            HashSet::new()
        } else {
            self.not_inserted(db).await?
        };
        for new in &self.singles {
            if !known.contains(&new.seq) {
                let filled = new.content.is_good();
                outcome.became(new, filled);
            }
        }
        if known.is_empty() { Ok(()) } else { self.insert_further_versions(db, &known, outcome).await }
    }

    /// Sequence numbers of the readings whose slot had a version already, in the database or earlier in this batch.
    async fn not_inserted(&self, db: &mut SqliteConnection) -> Result<HashSet<i64>, StoreError> {
        let keys: Vec<_> = self.singles.iter().map(|n| (n.key(), n.seq)).collect();
        let rows = sqlx::query(
            "SELECT value ->> 1 FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM reading WHERE seq = value ->> 1)",
        )
        .bind(json(&keys)?)
        .fetch_all(db)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn insert_further_versions(
        &self,
        db: &mut SqliteConnection,
        known: &HashSet<i64>,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        let again: Vec<&New> = self.singles.iter().filter(|n| known.contains(&n.seq)).collect();
        let mut existing = stored_versions(db, &again).await?;
        let mut inserts = Vec::new();
        let mut demoted = Vec::new();
        for new in again {
            let versions = existing.entry(new.key()).or_default();
            let decision = versions::decide(versions, &new.content);
            versions::apply(versions, &decision, new.content.clone());
            let filled = versions::is_filled(versions);
            match decision {
                Decision::Unchanged => outcome.noted(new, filled),
                Decision::Store { version, current, demoted: old, changed } => {
                    outcome.became(new, filled);
                    if changed {
                        outcome.changed.push(Changed::by(new));
                    }
                    inserts.push((new, version, current));
                    demoted.extend(old.map(|old| (new.key(), old)));
                }
            }
        }
        // A version that is demoted by a later reading of this same batch is inserted as such.
        let gone: HashSet<(Key, i64)> = demoted.iter().copied().collect();
        let rows: Vec<_> = inserts
            .iter()
            .map(|&(new, version, current)| {
                let current = current && !gone.contains(&(new.key(), version));
                Insert { new, version, current }
            })
            .collect();
        insert_readings(db, &rows).await?;
        let demoted: Vec<_> =
            demoted.iter().map(|((series, slot, meter, register), v)| (series, slot, meter, register, v)).collect();
        sqlx::query(
            "UPDATE reading SET current = 0 WHERE (series, slot, meter, register, version) IN
             (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?))",
        )
        .bind(json(&demoted)?)
        .execute(db)
        .await?;
        Ok(())
    }

    /// Load-profile points: the blocks they belong to are read, extended and written back.
    async fn merge_intervals(
        &self,
        db: &mut SqliteConnection,
        calendar: &Calendar,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        let mut given_up: BTreeMap<BlockKey, Vec<(u32, i64, i64)>> = BTreeMap::new();
        for (kind, detail, at, meter, slot) in self.give_ups() {
            if let Series::Interval(minutes) = slot.series {
                let (day, index) = Grid::new(calendar, minutes).place(slot.time)?;
                let register = self.register(slot.register)?;
                let reason = reason(db, kind, &detail).await?;
                given_up.entry((day, meter, register, i64::from(minutes))).or_default().push((index, at, reason));
            }
        }
        let mut by_block: BTreeMap<BlockKey, Vec<(u32, &New)>> = BTreeMap::new();
        for new in &self.points {
            let Series::Interval(minutes) = new.series else { continue };
            let (day, index) = Grid::new(calendar, minutes).place(crate::calendar::slot_from_seconds(new.slot))?;
            by_block.entry((day, new.meter, new.register, i64::from(minutes))).or_default().push((index, new));
        }
        let keys: BTreeSet<BlockKey> = by_block.keys().chain(given_up.keys()).copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut blocks = load_blocks(db, &keys).await?;
        for (key, news) in by_block {
            let block = blocks.entry(key).or_default();
            for (index, new) in news {
                add_point(block, index, new, outcome);
            }
        }
        for (key, slots) in given_up {
            let block = blocks.entry(key).or_default();
            for (index, at, reason) in slots {
                block.give_up(index, at, reason);
            }
        }
        save_blocks(db, &blocks).await
    }

    async fn insert_exchanges(&self, db: &mut SqliteConnection, outcome: &Outcome) -> Result<(), StoreError> {
        let proofs: Vec<_> = self.proofs(outcome).collect();
        if proofs.is_empty() {
            return Ok(());
        }
        let insert = "INSERT INTO exchange (id, meter, channel, plan, class, sent_at, received_at, request, answer) ";
        rows::insert(db, insert, "", &proofs, |mut row, Numbered { id, record, channel, plan, proof }| {
            row.push_bind(*id)
                .push_bind(record.meter.0)
                .push_bind(*channel)
                .push_bind(*plan)
                .push_bind(class_code(record.class))
                .push_bind(proof.sent_at.0)
                .push_bind(proof.received_at.0.0)
                .push_bind(proof.request.as_slice())
                .push_bind(proof.answer.as_slice());
        })
        .await?;
        let mut days: BTreeMap<i64, i64> = BTreeMap::new();
        for Numbered { id, proof, .. } in &proofs {
            days.entry(proof.received_at.0.0.div_euclid(86_400_000_000)).or_insert(*id);
        }
        let days: Vec<_> = days.into_iter().collect();
        sqlx::query(
            "INSERT INTO exchange_day (utc_day, first_id) SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
             ON CONFLICT (utc_day) DO NOTHING",
        )
        .bind(json(&days)?)
        .execute(db)
        .await?;
        Ok(())
    }

    /// Everything that tells what is settled, what was tried in vain, and what happened.
    async fn record_progress(
        &self,
        db: &mut SqliteConnection,
        calendar: &Calendar,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        self.forget_attempts(db, calendar, outcome).await?;
        self.insert_give_ups(db).await?;
        self.insert_attempts(db, calendar, outcome).await?;
        self.insert_failures(db).await?;
        self.insert_clocks(db).await?;
        self.insert_on_demand_values(db).await?;
        self.insert_changes(db, outcome).await
    }

    /// A filled slot has no open attempts, and a register that answered is supported.
    async fn forget_attempts(
        &self,
        db: &mut SqliteConnection,
        calendar: &Calendar,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let filled = outcome.slots.iter().filter(|(_, (_, filled))| *filled);
        let mut meters: Vec<i64> = filled.map(|((_, _, meter, _), _)| *meter).collect();
        meters.sort_unstable();
        meters.dedup();
        if meters.is_empty() {
            return Ok(());
        }
        let concerned: Vec<i64> = sqlx::query(
            "SELECT value FROM json_each(?1) WHERE EXISTS (SELECT 1 FROM attempt WHERE meter = value)
             OR EXISTS (SELECT 1 FROM not_supported WHERE meter = value)",
        )
        .bind(json(&meters)?)
        .fetch_all(&mut *db)
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
        if concerned.is_empty() {
            return Ok(());
        }
        let concerned: HashSet<i64> = concerned.into_iter().collect();
        let mut keys = BTreeSet::new();
        for (key @ (_, _, meter, _), (_, filled)) in outcome.standing() {
            if filled && concerned.contains(&meter) {
                keys.insert(attempt_key(calendar, key)?);
            }
        }
        let keys = json(&keys)?;
        sqlx::query(
            "DELETE FROM attempt WHERE (series, slot, meter, register) IN
             (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?))",
        )
        .bind(keys.clone())
        .execute(&mut *db)
        .await?;
        sqlx::query(
            "DELETE FROM not_supported WHERE (series, meter, register) IN
             (SELECT value ->> 0, value ->> 2, value ->> 3 FROM json_each(?))",
        )
        .bind(keys)
        .execute(db)
        .await?;
        Ok(())
    }

    /// Slots that end here.
    fn give_ups(&self) -> impl Iterator<Item = (FailureKind, String, i64, i64, Slot)> {
        self.records.iter().flat_map(|record| {
            let one = |g: &GiveUp| (g.reason.kind, short(&g.reason.detail), g.at.0, record.meter.0, g.slot);
            record.given_up.iter().map(one)
        })
    }

    async fn insert_give_ups(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for (kind, detail, at, meter, slot) in self.give_ups() {
            if matches!(slot.series, Series::Interval(_)) {
                continue;
            }
            let reason = reason(db, kind, &detail).await?;
            let seconds = slot_seconds(slot.time).ok_or(StoreError::NotASlot { at: slot.time })?;
            rows.push((series_code(slot.series), seconds, meter, self.register(slot.register)?, at, reason));
        }
        insert_give_up_rows(db, &rows).await
    }

    /// Slots that were asked and stay open: how often, why not, and before when not again.
    async fn insert_attempts(
        &self,
        db: &mut SqliteConnection,
        calendar: &Calendar,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let mut tried: BTreeMap<Key, (i64, FailureKind, String)> = BTreeMap::new();
        let mut not_before: HashMap<Key, i64> = HashMap::new();
        for record in self.records {
            let given_up: HashSet<Slot> = record.given_up.iter().map(|g| g.slot).collect();
            for failed in &record.failures {
                for slot in failed.slots.iter().filter(|slot| !given_up.contains(slot)) {
                    let key = attempt_key(calendar, self.key(record.meter.0, slot)?)?;
                    tried.insert(key, (failed.at.0, failed.failure.kind, short(&failed.failure.detail)));
                }
            }
            for retry in &record.retry {
                let key = attempt_key(calendar, self.key(record.meter.0, &retry.slot)?)?;
                not_before.insert(key, retry.not_before.0);
            }
            self.remember_unsupported(db, record).await?;
        }
        let standing = if tried.is_empty() && outcome.all_filled() { HashMap::new() } else { outcome.standing() };
        for (key, (received, _)) in standing.iter().filter(|(_, (_, filled))| !filled) {
            let key = attempt_key(calendar, *key)?;
            tried.entry(key).or_insert((*received, FailureKind::Suspect, SUSPECT.to_owned()));
        }
        for (key, (received, _)) in standing.into_iter().filter(|(_, (_, filled))| *filled) {
            // Filled in this very batch, after the attempt. A day's interval slots share one row: others may be open.
            if tried.get(&key).is_some_and(|(at, ..)| *at <= received) {
                tried.remove(&key);
            }
        }
        let mut rows = Vec::with_capacity(tried.len());
        for (key, (at, kind, detail)) in tried {
            let (series, slot, meter, register) = key;
            let next = not_before.get(&key).copied().unwrap_or(at);
            rows.push((meter, series, slot, register, at, next, reason(db, kind, &detail).await?));
        }
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO attempt (meter, series, slot, register, tries, last_at, next_at, reason)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 1, value ->> 4, value ->> 5, value ->> 6
             FROM json_each(?) WHERE true
             ON CONFLICT (meter, series, slot, register) DO UPDATE SET tries = tries + 1, last_at = excluded.last_at,
             next_at = excluded.next_at, reason = excluded.reason",
        )
        .bind(json(&rows)?)
        .execute(db)
        .await?;
        Ok(())
    }

    /// Registers that the meter said it does not have are not asked again before their next probe.
    async fn remember_unsupported(&self, db: &mut SqliteConnection, record: &DialogueRecord) -> Result<(), StoreError> {
        let mut registers: BTreeMap<(i64, i64), (i64, String)> = BTreeMap::new();
        for end in record.given_up.iter().filter(|g| g.reason.kind == FailureKind::NotSupported) {
            let key = (series_code(end.slot.series), self.register(end.slot.register)?);
            registers.insert(key, (end.at.0, short(&end.reason.detail)));
        }
        for ((series, register), (at, detail)) in registers {
            let reason = reason(db, FailureKind::NotSupported, &detail).await?;
            sqlx::query(
                "INSERT INTO not_supported (meter, series, register, since, probes, next_probe_at, reason)
                 VALUES (?1, ?2, ?3, ?4, 1, ?4 + 86400000000 * (?5 ->> 0), ?6)
                 ON CONFLICT (meter, series, register) DO UPDATE SET probes = probes + 1, reason = ?6,
                 next_probe_at = ?4 + 86400000000 * (?5 ->> min(probes, json_array_length(?5) - 1))",
            )
            .bind(record.meter.0)
            .bind(series)
            .bind(register)
            .bind(at)
            .bind(json(&PROBE_AFTER_DAYS)?)
            .bind(reason)
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }

    async fn insert_failures(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for (place, record) in self.records.iter().enumerate() {
            for failed in &record.failures {
                let bytes = failed.failure.bytes.get(..failed.failure.bytes.len().min(FAILURE_BYTES_MAX));
                sqlx::query(
                    "INSERT INTO failure (at, meter, channel, plan, class, kind, detail, bytes)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(failed.at.0)
                .bind(record.meter.0)
                .bind(self.channels.get(place).copied())
                .bind(self.plans.get(place).copied().flatten())
                .bind(class_code(record.class))
                .bind(failed.failure.kind.code())
                .bind(short(&failed.failure.detail))
                .bind(bytes.filter(|b| !b.is_empty()))
                .execute(&mut *db)
                .await?;
            }
        }
        Ok(())
    }

    /// What a person asked for is kept as that read's result, whether it was new or known already.
    async fn insert_on_demand_values(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for record in self.records {
            let Some(id) = record.on_demand else { continue };
            if let Some(clock) = record.clock {
                sqlx::query("UPDATE on_demand SET clock = ? WHERE id = ?")
                    .bind(json(&OnDemandClock::of(clock))?)
                    .bind(id.0)
                    .execute(&mut *db)
                    .await?;
            }
            for (reading, _) in &record.readings {
                let body = json(&OnDemandValue::of(reading))?;
                sqlx::query(
                    "INSERT INTO on_demand_value (on_demand, n, body)
                     SELECT ?1, count(*), ?2 FROM on_demand_value WHERE on_demand = ?1",
                )
                .bind(id.0)
                .bind(body)
                .execute(&mut *db)
                .await?;
            }
        }
        Ok(())
    }

    async fn insert_clocks(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for (record, first) in self.records.iter().zip(&self.first_exchange) {
            let Some(clock) = record.clock else { continue };
            sqlx::query(
                "INSERT INTO clock_offset (meter, at, meter_clock, offset_ms, uncertainty_ms, exchange)
                 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(record.meter.0)
            .bind(clock.at.0)
            .bind(civil_seconds(clock.meter_clock))
            .bind(clock.offset_ms)
            .bind(clock.uncertainty_ms)
            .bind(first + i64::try_from(clock.proof).unwrap_or(0))
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }

    /// A good value that differs from the good value before it is worth an event: somebody may have billed the first.
    async fn insert_changes(&self, db: &mut SqliteConnection, outcome: &Outcome) -> Result<(), StoreError> {
        for Changed { seq, received_at, key: (series, slot, meter, register) } in &outcome.changed {
            let detail = serde_json::json!({
                "seq": seq,
                "series": crate::codes::series_from_code(*series)?.code(),
                "slot": crate::calendar::slot_from_seconds(*slot).to_string(),
                "register": self.names.registers.name(*register)?.to_string(),
            });
            sqlx::query(
                "INSERT INTO event (at, kind, severity, meter, detail) VALUES (?, 'reading_changed', 'warning', ?, ?)",
            )
            .bind(received_at)
            .bind(meter)
            .bind(detail.to_string())
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }

    fn register(&self, register: Obis) -> Result<i64, StoreError> {
        self.names.registers.id(&register).ok_or_else(|| StoreError::corrupt("a register that was just stored"))
    }

    fn key(&self, meter: i64, slot: &Slot) -> Result<Key, StoreError> {
        let seconds = slot_seconds(slot.time).ok_or(StoreError::NotASlot { at: slot.time })?;
        Ok((series_code(slot.series), seconds, meter, self.register(slot.register)?))
    }

    /// The exchanges worth keeping: those that prove a new version or a clock.
    fn proofs(&self, outcome: &Outcome) -> impl Iterator<Item = Numbered<'_>> {
        let numbers = self.first_exchange.iter().zip(&self.channels).zip(&self.plans);
        self.records.iter().zip(numbers).flat_map(move |(record, ((first, channel), plan))| {
            (*first..).zip(record.exchanges.iter().enumerate()).filter_map(move |(id, (index, proof))| {
                let proves_clock = record.clock.is_some_and(|c| c.proof == index);
                (outcome.proofs.has(id) || proves_clock).then_some(Numbered {
                    id,
                    record,
                    channel: *channel,
                    plan: *plan,
                    proof,
                })
            })
        })
    }

    fn answers(&self, outcome: &Outcome) -> Vec<Committed> {
        let mut numbers = self.first_seq..;
        let one = |seq| {
            if outcome.stored.has(seq) { Stored::Version(ReadingSeq(seq)) } else { Stored::Unchanged }
        };
        let mut of = |record: &DialogueRecord| {
            let readings = numbers.by_ref().take(record.readings.len()).map(one).collect();
            Committed { readings }
        };
        self.records.iter().map(&mut of).collect()
    }
}

impl Outcome {
    fn of(batch: &Batch<'_>, readings: usize, exchanges: usize) -> Self {
        let first_exchange = batch.first_exchange.first().copied().unwrap_or(0);
        Self {
            stored: Marks::none(batch.first_seq, readings),
            proofs: Marks::none(first_exchange, exchanges),
            slots: Vec::with_capacity(readings),
            changed: Vec::new(),
        }
    }
    fn became(&mut self, new: &New, filled: bool) {
        self.stored.mark(new.seq);
        self.proofs.mark(new.exchange);
        self.noted(new, filled);
    }
    fn noted(&mut self, new: &New, filled: bool) {
        self.slots.push((new.key(), (new.received_at, filled)));
    }
    /// Whether every slot concerned is filled, and was with each of its values.
    fn all_filled(&self) -> bool {
        self.slots.iter().all(|(_, (_, filled))| *filled)
    }
    /// Each slot concerned after the last of its values.
    fn standing(&self) -> HashMap<Key, (i64, bool)> {
        self.slots.iter().copied().collect()
    }
}

pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::corrupt(e.to_string()))
}

pub(crate) fn short(detail: &str) -> String {
    detail.chars().take(DETAIL_MAX).collect()
}

fn new_row(reading: &Reading, register: i64, seq: i64, exchange: i64) -> Result<New, StoreError> {
    let slot = slot_seconds(reading.slot).ok_or(StoreError::NotASlot { at: reading.slot })?;
    let (mantissa, form) = value_code(&reading.value);
    Ok(New {
        series: reading.series,
        slot,
        meter: reading.meter.0,
        register,
        seq,
        content: Content {
            mantissa,
            form,
            rules: rules_code(&reading.quality),
            occurred: reading.occurred.map(civil_seconds),
        },
        captured: reading.captured.0.since(reading.slot),
        received_at: reading.received.0.0,
        meter_clock: reading.meter_clock.map(civil_seconds),
        exchange,
    })
}

/// A row of `reading`.
struct Insert<'a> {
    new: &'a New,
    version: i64,
    current: bool,
}

/// Inserts what has no row of that version yet; tells how many had none.
async fn insert_readings(db: &mut SqliteConnection, rows: &[Insert<'_>]) -> Result<u64, StoreError> {
    let insert =
        "INSERT INTO reading (series, slot, meter, register, version, current, seq, mantissa, form, rules, captured,
                                       received_at, occurred, meter_clock, exchange) ";
    let otherwise = " ON CONFLICT (series, slot, meter, register, version) DO NOTHING";
    rows::insert(db, insert, otherwise, rows, |mut row, Insert { new, version, current }| {
        let (series, slot, meter, register) = new.key();
        row.push_bind(series)
            .push_bind(slot)
            .push_bind(meter)
            .push_bind(register)
            .push_bind(*version)
            .push_bind(i64::from(*current))
            .push_bind(new.seq)
            .push_bind(new.content.mantissa)
            .push_bind(new.content.form)
            .push_bind(new.content.rules.as_deref())
            .push_bind(new.captured)
            .push_bind(new.received_at)
            .push_bind(new.content.occurred)
            .push_bind(new.meter_clock)
            .push_bind(new.exchange);
    })
    .await
}

async fn stored_versions(
    db: &mut SqliteConnection,
    news: &[&New],
) -> Result<HashMap<Key, Vec<versions::Stored>>, StoreError> {
    let keys: BTreeSet<Key> = news.iter().map(|n| n.key()).collect();
    let rows = sqlx::query(
        "SELECT series, slot, meter, register, version, current, mantissa, form, rules, occurred
         FROM json_each(?) AS k CROSS JOIN reading AS r
         ON r.series = k.value ->> 0 AND r.slot = k.value ->> 1 AND r.meter = k.value ->> 2 AND r.register = k.value ->> 3
         ORDER BY series, slot, meter, register, version",
    )
    .bind(json(&keys)?)
    .fetch_all(db)
    .await?;
    let mut existing: HashMap<Key, Vec<versions::Stored>> = HashMap::new();
    for row in rows {
        let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let content = Content {
            mantissa: row.try_get(6)?,
            form: row.try_get(7)?,
            rules: row.try_get(8)?,
            occurred: row.try_get(9)?,
        };
        existing.entry(key).or_default().push(versions::Stored {
            version: row.try_get(4)?,
            current: row.try_get::<i64, _>(5)? != 0,
            content,
        });
    }
    Ok(existing)
}

/// Day number, meter, register, minutes.
pub(crate) type BlockKey = (i64, i64, i64, i64);

pub(crate) async fn load_blocks(
    db: &mut SqliteConnection,
    keys: &BTreeSet<BlockKey>,
) -> Result<BTreeMap<BlockKey, Block>, StoreError> {
    let rows = sqlx::query(
        "SELECT day, meter, register, minutes, points FROM json_each(?) AS k CROSS JOIN interval_block AS b
         ON b.day = k.value ->> 0 AND b.meter = k.value ->> 1 AND b.register = k.value ->> 2 AND b.minutes = k.value ->> 3",
    )
    .bind(json(keys)?)
    .fetch_all(db)
    .await?;
    let mut blocks = BTreeMap::new();
    for row in rows {
        let key: BlockKey = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let block =
            Block::decode(row.try_get(4)?).map_err(|_| StoreError::corrupt(format!("interval block {key:?}")))?;
        blocks.insert(key, block);
    }
    Ok(blocks)
}

pub(crate) async fn save_blocks(
    db: &mut SqliteConnection,
    blocks: &BTreeMap<BlockKey, Block>,
) -> Result<(), StoreError> {
    let mut bytes = Vec::new();
    let mut rows = Vec::new();
    for ((day, meter, register, minutes), block) in blocks {
        let at = bytes.len() + 1;
        let packed = block.encode();
        bytes.extend_from_slice(&packed);
        rows.push((day, meter, register, minutes, at, packed.len()));
    }
    sqlx::query(
        "INSERT INTO interval_block (day, meter, register, minutes, points)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, substr(?2, value ->> 4, value ->> 5)
         FROM json_each(?1) WHERE true
         ON CONFLICT (day, meter, register, minutes) DO UPDATE SET points = excluded.points",
    )
    .bind(json(&rows)?)
    .bind(bytes)
    .execute(db)
    .await?;
    Ok(())
}

fn add_point(block: &mut Block, index: u32, new: &New, outcome: &mut Outcome) {
    let mut versions: Vec<versions::Stored> = block
        .versions(index)
        .iter()
        .map(|p| versions::Stored { version: p.version, current: p.current, content: p.content.clone() })
        .collect();
    let decision = versions::decide(&versions, &new.content);
    versions::apply(&mut versions, &decision, new.content.clone());
    let filled = versions::is_filled(&versions);
    let Decision::Store { version, current, demoted, changed } = decision else {
        outcome.noted(new, filled);
        return;
    };
    if let Some(demoted) = demoted {
        block.points.iter_mut().filter(|p| p.index == index && p.version == demoted).for_each(|p| p.current = false);
    }
    block.insert(Point {
        index,
        version,
        current,
        seq: new.seq,
        content: new.content.clone(),
        captured: new.captured,
        received_at: new.received_at,
        meter_clock: new.meter_clock.map(|c| c - new.slot),
        exchange: Some(new.exchange),
    });
    outcome.became(new, filled);
    if changed {
        outcome.changed.push(Changed::by(new));
    }
}

/// Attempts at interval slots are kept by day: one row for a day's ninety-six points.
pub(crate) fn attempt_key(calendar: &Calendar, key: Key) -> Result<Key, StoreError> {
    let (series, slot, meter, register) = key;
    match crate::codes::series_from_code(series)? {
        Series::Interval(_) => {
            let at: UtcMicros = crate::calendar::slot_from_seconds(slot);
            let start = calendar.day_start(calendar.day_of(at));
            let start = slot_seconds(start).ok_or(StoreError::NotASlot { at: start })?;
            Ok((series, start, meter, register))
        }
        _ => Ok(key),
    }
}

/// The row of a cause with its detail; made if it is new.
pub(crate) async fn reason(db: &mut SqliteConnection, kind: FailureKind, detail: &str) -> Result<i64, StoreError> {
    let found = sqlx::query("SELECT id FROM reason WHERE kind = ? AND detail = ?")
        .bind(kind.code())
        .bind(detail)
        .fetch_optional(&mut *db)
        .await?;
    let row = match found {
        Some(row) => row,
        None => {
            sqlx::query("INSERT INTO reason (kind, detail) VALUES (?, ?) RETURNING id")
                .bind(kind.code())
                .bind(detail)
                .fetch_one(db)
                .await?
        }
    };
    Ok(row.try_get(0)?)
}

/// Series, slot, meter, register, at, reason. What is given up already stays as it is, unless that was at a later time, by a
/// clock that was wrong then; attempts end.
pub(crate) async fn insert_give_up_rows(
    db: &mut SqliteConnection,
    rows: &[(i64, i64, i64, i64, i64, i64)],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(&rows)?;
    sqlx::query(
        "INSERT INTO give_up (series, slot, meter, register, at, reason)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?) WHERE true
         ON CONFLICT (series, slot, meter, register) DO UPDATE SET at = excluded.at, reason = excluded.reason
         WHERE give_up.at > excluded.at",
    )
    .bind(rows.clone())
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM attempt WHERE (series, slot, meter, register) IN
         (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?))",
    )
    .bind(rows)
    .execute(db)
    .await?;
    Ok(())
}
