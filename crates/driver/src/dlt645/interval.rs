//! Load profiles (负荷曲线): records by given time, several at a time.
//!
//! Each record carries its own time, and that is the slot its values are for: the state of the registers when the
//! interval began. What the meter skips between two records it does not hold: that is a verdict for good, and rests only on
//! records that fit their own sum. What lies beside one that does not cannot be read.

use std::collections::BTreeSet;

use hes_dlt645::items::items;
use hes_dlt645::{DataId, Dialect};
use hes_model::{Failure, FailureKind, MeterClock, Obis, Observation, Series};
use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan as _};

use super::civil;
use super::dialogue::{Dialogue, LONGEST_DATA, Reply};
use super::question::Question;
use super::taking::{self, Lack, Record, Said, Standing, Taken};
use crate::{Env, Exchange, Model};

/// DI0 of a record class: the oldest record, records from a given time on, the newest record.
const OLDEST: u32 = 0x00;
const FROM_TIME: u32 = 0x01;
const NEWEST: u32 = 0x02;
/// The highest number of records two packed digits can ask for.
const MOST_RECORDS: u8 = 0x99;
/// Records asked for at the least, where the model allows it: whether their sums mean anything, one alone does not tell.
const LEAST_RECORDS: u8 = 2;
/// Looks at one end of the profile until two in a row agree: a record may be made between two, and one be damaged.
const MOST_LOOKS: usize = 4;

/// Which points are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// Interval length in minutes.
    pub(super) minutes: u8,
    /// First interval's start.
    pub(super) from: DateTime,
    /// End, exclusive.
    pub(super) to: DateTime,
}

impl Range {
    fn next(&self, slot: DateTime) -> DateTime {
        slot.saturating_add(i64::from(self.minutes).minutes())
    }
    fn slots(self) -> impl Iterator<Item = DateTime> {
        std::iter::successors(Some(self.from), move |&slot| Some(self.next(slot)).filter(|next| *next > slot))
            .take_while(move |slot| *slot < self.to)
    }
    /// From here on, at most this many slots.
    fn window(&self, from: DateTime, records: u8) -> Self {
        let end = (0..records).fold(from, |slot, _| self.next(slot));
        Self { from, to: end.min(self.to), ..*self }
    }
    fn len(self) -> u8 {
        u8::try_from(self.slots().count()).unwrap_or(u8::MAX)
    }
}

/// Reads the points of `range`.
pub(super) async fn read<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    model: &Model,
    registers: &[Obis],
    range: Range,
) -> Result<(), Failure> {
    let (Some(profile), Dialect::V2007) = (&model.profile, dialogue.dialect) else {
        let failure = Failure::new(FailureKind::NotSupported, "meters of this model keep no load profile");
        missing(dialogue, registers, range, &failure);
        return Ok(());
    };
    let table = items(Dialect::V2007);
    let (held, unknown): (Vec<Obis>, Vec<Obis>) =
        registers.iter().copied().partition(|register| table.load_class(register.0).is_some());
    let failure = Failure::new(FailureKind::NotSupported, "load profiles of this protocol go without this register");
    missing(dialogue, &unknown, range, &failure);
    if held.is_empty() {
        return Ok(());
    }
    let item = class_item(&held);
    let least = LEAST_RECORDS.min(profile.records_per_request);
    let mut records = Records { registers: held, range, item, least, span: None, no_span: None };
    let mut from = range.from;
    while from < range.to {
        from = records.window(dialogue, range.window(from, profile.records_per_request)).await?;
    }
    Ok(())
}

/// The item of the one class that holds all these registers, or of all classes.
fn class_item(registers: &[Obis]) -> u32 {
    let table = items(Dialect::V2007);
    let classes: BTreeSet<u8> = registers.iter().filter_map(|register| table.load_class(register.0)).collect();
    let class = match (classes.first(), classes.len()) {
        (Some(&class), 1) => class,
        _ => 0,
    };
    u32::from_be_bytes([0x06, class, 0x00, 0x00])
}

/// What a dialogue about records knows.
struct Records {
    registers: Vec<Obis>,
    range: Range,
    item: u32,
    /// How many are asked for at the least.
    least: u8,
    /// The times of the oldest and the newest record when they were last asked for.
    span: Option<(DateTime, DateTime)>,
    /// Why they are not known, where asking again in this dialogue would not help.
    no_span: Option<Failure>,
}

impl Records {
    /// Asks for the records of one window; returns where to go on.
    async fn window<L: Exchange, E: Env>(
        &mut self,
        dialogue: &mut Dialogue<'_, L, E>,
        window: Range,
    ) -> Result<DateTime, Failure> {
        let (item, since) = (DataId::V2007(self.item | FROM_TIME), civil::to_meter(window.from));
        let Some(since) = since else {
            let failure = Failure::new(FailureKind::NotHeld, "no meter's clock shows such a year");
            missing(dialogue, &self.registers, window, &failure);
            return Ok(window.to);
        };
        // A number of two packed digits, as everything in this protocol.
        let records = hes_wire::bcd::to_byte(window.len().max(self.least)).unwrap_or(MOST_RECORDS);
        let question = Question::Records { item, records, since };
        let mut before: Option<Vec<DateTime>> = None;
        let failure = loop {
            let (records, proof) = match dialogue.ask(question, LONGEST_DATA).await? {
                Reply::Data(answered) if !answered.data.is_empty() => {
                    let records = taking::records(item, &answered.data);
                    if let Err(failure) = in_order(&records, window.from) {
                        break failure;
                    }
                    (records, Some(answered.proof))
                }
                Reply::Data(_) => (Vec::new(), None),
                Reply::Refused(refusal) if refusal.no_such_data() => {
                    return self.without_records(dialogue, window).await;
                }
                // Busy, or without authority: that says nothing of what the meter holds.
                Reply::Refused(refusal) => break refusal.failure,
                Reply::Spoiled(failure) => break failure,
            };
            // That the meter does not hold a record is a verdict for good, and a time damaged under a right check sum, or
            // a late answer to another question, looks the same: an answer with a hole must come twice.
            let times: Vec<DateTime> = records.iter().map(|record| record.at).collect();
            if !times.is_empty() && self.has_no_hole(window, &times) || before.as_ref() == Some(&times) {
                return match proof {
                    Some(proof) => Ok(self.hand_out(dialogue, window, records, proof)),
                    None => self.without_records(dialogue, window).await,
                };
            }
            if before.is_some() {
                break Failure::new(FailureKind::WrongItem, "twice asked, the meter answered with other records");
            }
            before = Some(times);
        };
        missing(dialogue, &self.registers, window, &failure);
        Ok(window.to)
    }

    /// Whether every slot up to the last record has its own.
    fn has_no_hole(&self, window: Range, times: &[DateTime]) -> bool {
        let end = times.last().map_or(window.from, |last| self.range.next(*last)).min(self.range.to);
        (Range { to: end, ..window }).slots().all(|slot| times.contains(&slot))
    }

    /// The meter has nothing from that time on: it is before its oldest record, after its newest, or in a gap.
    async fn without_records<L: Exchange, E: Env>(
        &mut self,
        dialogue: &mut Dialogue<'_, L, E>,
        window: Range,
    ) -> Result<DateTime, Failure> {
        let rest = Range { from: window.from, ..self.range };
        let (oldest, newest) = match self.span_around(dialogue, window.from).await? {
            Ok(span) => span,
            // An end that cannot be read says nothing of the records that can.
            Err(failure) if failure.kind == FailureKind::WrongItem => {
                missing(dialogue, &self.registers, window, &failure);
                self.no_span = Some(failure);
                return Ok(window.to);
            }
            Err(failure) => {
                missing(dialogue, &self.registers, rest, &failure);
                return Ok(rest.to);
            }
        };
        if newest < window.from {
            let detail = format!("not recorded yet: the meter's newest record is of {newest}");
            missing(dialogue, &self.registers, rest, &Failure::new(FailureKind::Clock, detail));
            return Ok(rest.to);
        }
        let end = if oldest > window.from { self.first_slot_from(window.from, oldest) } else { window.to };
        missing(dialogue, &self.registers, Range { to: end, ..window }, &not_held());
        Ok(end)
    }

    /// The times of the oldest and the newest record. Kept for the dialogue as long as they enclose `time`: both ends only
    /// move on, so a time between them stays a gap. Outside of them they are read anew.
    async fn span_around<L: Exchange, E: Env>(
        &mut self,
        dialogue: &mut Dialogue<'_, L, E>,
        time: DateTime,
    ) -> Result<Result<(DateTime, DateTime), Failure>, Failure> {
        if let Some((oldest, newest)) = self.span
            && (oldest..=newest).contains(&time)
        {
            return Ok(Ok((oldest, newest)));
        }
        if let Some(failure) = &self.no_span {
            return Ok(Err(failure.clone()));
        }
        let oldest = match self.end(dialogue, OLDEST).await? {
            Ok(oldest) => oldest,
            Err(failure) => return Ok(Err(failure)),
        };
        let newest = match self.end(dialogue, NEWEST).await? {
            Ok(newest) => newest,
            Err(failure) => return Ok(Err(failure)),
        };
        self.span = Some((oldest, newest));
        Ok(Ok((oldest, newest)))
    }

    /// The time of the oldest or the newest record; a meter without one keeps no load profile. What lies beyond an end is
    /// given up for good, so a single damaged time must not be one: two answers in a row have to agree, on a record that
    /// fits its own sum.
    async fn end<L: Exchange, E: Env>(
        &self,
        dialogue: &mut Dialogue<'_, L, E>,
        which: u32,
    ) -> Result<Result<DateTime, Failure>, Failure> {
        let item = DataId::V2007(self.item | which);
        let mut before = None;
        for _ in 0..MOST_LOOKS {
            let end = match dialogue.read(item, LONGEST_DATA).await? {
                Reply::Data(answered) => taking::records(item, &answered.data)
                    .first()
                    .map(|record| (record.standing == Standing::Firm).then_some(record.at)),
                Reply::Refused(refusal) if refusal.no_such_data() => {
                    return Ok(Err(refusal.because(FailureKind::NotSupported, "the meter holds no load profile")));
                }
                Reply::Refused(refusal) => return Ok(Err(refusal.failure)),
                Reply::Spoiled(failure) => return Ok(Err(failure)),
            };
            match end {
                None => return Ok(Err(Failure::new(FailureKind::WrongItem, format!("{item} shows no time")))),
                Some(end) if before == Some(end) => {
                    let detail = || format!("{item} shows a record that does not fit its own sum");
                    return Ok(end.ok_or_else(|| Failure::new(FailureKind::WrongItem, detail())));
                }
                Some(end) => before = Some(end),
            }
        }
        let detail = format!("{item} shows another time with each answer");
        Ok(Err(Failure::new(FailureKind::WrongItem, detail)))
    }

    /// The first slot at or after `time`, at the range's end at the latest.
    fn first_slot_from(&self, from: DateTime, time: DateTime) -> DateTime {
        let rest = Range { from, ..self.range };
        rest.slots().find(|slot| *slot >= time).unwrap_or(self.range.to)
    }

    /// Hands out the records that came; returns where to go on. What lies before one of them and was not among them, the
    /// meter does not hold, or it cannot be read; the latter is said of the window only.
    fn hand_out<L: Exchange, E: Env>(
        &self,
        dialogue: &mut Dialogue<'_, L, E>,
        window: Range,
        records: Vec<Record>,
        proof: usize,
    ) -> DateTime {
        let mut records = records.into_iter().peekable();
        for slot in (Range { to: self.range.to, ..window }).slots() {
            while records.next_if(|record| record.at < slot).is_some() {}
            match records.next_if(|record| record.at == slot) {
                Some(record) => self.record(dialogue, slot, record.said, proof),
                None => match records.peek().map(|record| record.standing) {
                    None => return slot,
                    Some(Standing::Firm) => {
                        let lone = Range { from: slot, to: self.range.next(slot), ..window };
                        missing(dialogue, &self.registers, lone, &not_held());
                    }
                    Some(Standing::Doubtful) if slot < window.to => {
                        self.record(dialogue, slot, Said::nothing_readable(), proof);
                    }
                    Some(Standing::Doubtful) => return slot,
                },
            }
        }
        self.range.to
    }

    fn record<L: Exchange, E: Env>(&self, dialogue: &mut Dialogue<'_, L, E>, slot: DateTime, said: Said, proof: usize) {
        let slot = Some(MeterClock(slot));
        let series = Series::Interval(self.range.minutes);
        let mut values = Vec::new();
        for &register in &self.registers {
            match said.lacks(register) {
                None => {}
                Some(Lack::Unreadable(taken)) => values.push(taken),
                Some(Lack::Absent) => {
                    let detail = "the meter's records go without this register";
                    dialogue.missing(register, slot, Failure::new(FailureKind::NotSupported, detail));
                }
            }
        }
        values.extend(said.values);
        for Taken { register, value, occurred } in values {
            dialogue.value(Observation { register, series, slot, latched: None, value, occurred, proof });
        }
    }
}

fn not_held() -> Failure {
    Failure::new(FailureKind::NotHeld, "the meter holds no record of this time")
}

/// Records of another question's time, or of no order, answer another question.
fn in_order(records: &[Record], from: DateTime) -> Result<(), Failure> {
    let Some(first) = records.first() else {
        return Err(Failure::new(FailureKind::WrongItem, "the answer has no record whose time could be read"));
    };
    if first.at.duration_since(from) < SignedDuration::ZERO {
        let detail = format!("records from {from} on were asked for, the first one is of {}", first.at);
        return Err(Failure::new(FailureKind::WrongItem, detail));
    }
    if records.iter().zip(records.iter().skip(1)).any(|(earlier, later)| earlier.at >= later.at) {
        return Err(Failure::new(FailureKind::WrongItem, "the records are not in the order of their times"));
    }
    Ok(())
}

fn missing<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    registers: &[Obis],
    range: Range,
    failure: &Failure,
) {
    for slot in range.slots() {
        for &register in registers {
            dialogue.missing(register, Some(MeterClock(slot)), failure.clone());
        }
    }
}
