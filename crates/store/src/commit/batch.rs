//! The records of one transaction, with every name resolved and every number handed out.

use hes_model::{ExchangeProof, FailureKind, Obis, Reading, ReadingSeq, Series};

use crate::StoreError;
use crate::calendar::{civil_seconds, slot_seconds};
use crate::codes::{rules_code, series_code, value_code};
use crate::failures::short;
use crate::names::Names;
use crate::numbers::Numbers;
use crate::records::{Committed, DialogueRecord, GiveUp, Slot, Stored};
use crate::versions::Content;

use super::outcome::Outcome;

/// The records of one transaction, with every name resolved and every number handed out.
pub(super) struct Batch<'a> {
    pub(super) records: &'a [DialogueRecord],
    pub(super) names: &'a Names,
    /// The readings are numbered in the order of the records from here on.
    pub(super) first_seq: i64,
    pub(super) first_exchange: Vec<i64>,
    pub(super) channels: Vec<i64>,
    pub(super) plans: Vec<Option<i64>>,
    pub(super) singles: Vec<New>,
    pub(super) points: Vec<New>,
}

/// A reading on its way into a table.
pub(super) struct New {
    pub(super) series: Series,
    pub(super) slot: i64,
    pub(super) meter: i64,
    pub(super) register: i64,
    pub(super) seq: i64,
    pub(super) content: Content,
    pub(super) captured: i64,
    pub(super) received_at: i64,
    pub(super) meter_clock: Option<i64>,
    pub(super) exchange: i64,
}

/// A slot of one meter as rows name it.
pub(super) type Key = (i64, i64, i64, i64);

/// One exchange of a batch with its number.
pub(super) struct Numbered<'a> {
    pub(super) id: i64,
    pub(super) record: &'a DialogueRecord,
    pub(super) channel: i64,
    pub(super) plan: Option<i64>,
    pub(super) proof: &'a ExchangeProof,
}

impl New {
    pub(super) fn key(&self) -> Key {
        (series_code(self.series), self.slot, self.meter, self.register)
    }
}

impl<'a> Batch<'a> {
    /// Gives versions and exchanges their numbers. Those of a transaction that fails are lost.
    pub(super) fn number(
        numbers: &mut Numbers,
        names: &'a Names,
        records: &'a [DialogueRecord],
    ) -> Result<Self, StoreError> {
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

    /// Slots that end here.
    pub(super) fn give_ups(&self) -> impl Iterator<Item = (FailureKind, String, i64, i64, Slot)> {
        self.records.iter().flat_map(|record| {
            let one = |g: &GiveUp| (g.reason.kind, short(&g.reason.detail), g.at.0, record.meter.0, g.slot);
            record.given_up.iter().map(one)
        })
    }

    /// The exchanges worth keeping: those that prove a new version or a clock.
    pub(super) fn proofs(&self, outcome: &Outcome) -> impl Iterator<Item = Numbered<'_>> {
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

    pub(super) fn answers(&self, outcome: &Outcome) -> Vec<Committed> {
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

    pub(super) fn register(&self, register: Obis) -> Result<i64, StoreError> {
        self.names.registers.id(&register).ok_or_else(|| StoreError::corrupt("a register that was just stored"))
    }

    pub(super) fn key(&self, meter: i64, slot: &Slot) -> Result<Key, StoreError> {
        let seconds = slot_seconds(slot.time).ok_or(StoreError::NotASlot { at: slot.time })?;
        Ok((series_code(slot.series), seconds, meter, self.register(slot.register)?))
    }
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
