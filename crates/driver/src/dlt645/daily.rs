//! Daily freezes (日冻结): the registers as they were at 00:00 of a day.
//!
//! A meter counts freezes from the newest back, so the time inside each answer decides which day it is: a value is only
//! handed out for the day its freeze says it was latched at. Days are asked for from the newest back.

use std::collections::BTreeSet;

use hes_dlt645::items::{FreezeKind, History};
use hes_dlt645::{Data, DataId, Dialect};
use hes_model::{Failure, FailureKind, MeterClock, Obis, Observation, Series};
use jiff::civil::{Date, DateTime, Time};

use super::civil;
use super::dialogue::{Answered, Dialogue, LONGEST_DATA, Refusal, Reply};
use super::freeze::{Latch, Ledger, Step};
use super::registers::{self, Finding};
use super::taking::{self, Latched, State};
use crate::{Env, Exchange, FreezeForm, Model};

/// Indices asked for one day before it is given up for now: more than the search needs on any meter that holds still.
const MOST_ASKED: usize = 16;
/// A meter's clock may be behind: for so long after midnight a freeze that is not there is expected to come.
const LATE_LATCH: Time = jiff::civil::time(1, 0, 0, 0);

/// Reads the freezes of `days`.
pub(super) async fn read<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    model: &Model,
    registers: &[Obis],
    days: &[Date],
) -> Result<(), Failure> {
    let days: BTreeSet<Date> = days.iter().copied().collect();
    let (Some(freeze), Dialect::V2007) = (&model.daily, dialogue.dialect) else {
        let failure = Failure::new(FailureKind::NotSupported, "meters of this model take no daily freezes");
        for &day in &days {
            missing(dialogue, registers, day, &failure);
        }
        return Ok(());
    };
    let now = civil::in_zone(dialogue.env.now(), dialogue.env.zone());
    let ledger = Ledger::new(freeze.depth_days, now.date());
    let mut freezes =
        Freezes { registers, now, ledger, form: freeze.form, block_taken: BlockTaken::NotYet, open: days };
    while let Some(&day) = freezes.open.last() {
        freezes.read_day(dialogue, day).await?;
        freezes.open.remove(&day);
    }
    Ok(())
}

/// Whether the meter has shown that it knows the block of a freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockTaken {
    NotYet,
    Once,
}

/// What a dialogue about freezes knows.
struct Freezes<'a> {
    registers: &'a [Obis],
    now: DateTime,
    ledger: Ledger,
    form: FreezeForm,
    block_taken: BlockTaken,
    /// Days nothing was said of yet.
    open: BTreeSet<Date>,
}

impl Freezes<'_> {
    /// Asks until something can be said of `day`.
    async fn read_day<L: Exchange, E: Env>(
        &mut self,
        dialogue: &mut Dialogue<'_, L, E>,
        day: Date,
    ) -> Result<(), Failure> {
        for asked in 0..MOST_ASKED {
            let spoiled = match (self.ledger.next(day, asked), self.form) {
                (Step::Ask(index) | Step::Found(index), FreezeForm::Block) => self.block(dialogue, index, day).await?,
                (Step::Ask(index), FreezeForm::Items) => self.stamp(dialogue, index).await?,
                (Step::Found(index), FreezeForm::Items) => self.items(dialogue, index, day).await?,
                (Step::NotYet { newest }, _) => Some(self.not_yet(newest)),
                (Step::NotHeld, _) => Some(self.not_held(day)),
            };
            if let Some(failure) = spoiled {
                missing(dialogue, self.registers, day, &failure);
                return Ok(());
            }
            if !self.open.contains(&day) {
                return Ok(());
            }
        }
        let failure = Failure::new(FailureKind::WrongItem, "the meter's freezes changed while they were read");
        missing(dialogue, self.registers, day, &failure);
        Ok(())
    }

    /// Everything of one freeze with its time, `0506FFnn`. A meter that refuses the block, or sends it in a form of its
    /// own, may still know its parts.
    async fn block<L: Exchange, E: Env>(
        &mut self,
        dialogue: &mut Dialogue<'_, L, E>,
        index: u8,
        day: Date,
    ) -> Result<Option<Failure>, Failure> {
        let item = daily_item(0xFF, index);
        match dialogue.read(item, LONGEST_DATA).await? {
            Reply::Data(answered) => {
                self.block_taken = BlockTaken::Once;
                let Some(freeze) = taking::latched(item, &answered.data).into_iter().next() else {
                    return Ok(self.without_time(index, &answered.data));
                };
                self.ledger.saw(index, Latch::At(freeze.at));
                match freeze.said.state {
                    State::Damaged => self.form = FreezeForm::Items,
                    // A freeze of another day than is being looked for is not handed out, not even if that day was asked
                    // for too: nothing but its own time would speak for it.
                    State::Whole if freeze.at == midnight(day) => self.hand_out(dialogue, freeze, &answered),
                    State::Whole => {}
                }
                Ok(None)
            }
            Reply::Refused(refusal) if refusal.errors.not_authorised() => Ok(Some(refusal.failure)),
            Reply::Refused(_) if self.block_taken == BlockTaken::NotYet => {
                self.form = FreezeForm::Items;
                Ok(None)
            }
            Reply::Refused(refusal) => Ok(self.without_freeze(index, refusal)),
            Reply::Spoiled(failure) => Ok(Some(failure)),
        }
    }

    /// The time of a freeze, `050600nn`.
    async fn stamp<L: Exchange, E: Env>(
        &mut self,
        dialogue: &mut Dialogue<'_, L, E>,
        index: u8,
    ) -> Result<Option<Failure>, Failure> {
        let item = daily_item(0x00, index);
        match dialogue.read(item, 5).await? {
            Reply::Data(answered) => match taking::latched(item, &answered.data).first() {
                Some(freeze) => self.ledger.saw(index, Latch::At(freeze.at)),
                None => return Ok(self.without_time(index, &answered.data)),
            },
            Reply::Refused(refusal) => return Ok(self.without_freeze(index, refusal)),
            Reply::Spoiled(failure) => return Ok(Some(failure)),
        }
        Ok(None)
    }

    /// The values of a freeze whose time is known, each by its own item; then its time again, because a freeze latched
    /// meanwhile moves every index on.
    async fn items<L: Exchange, E: Env>(
        &mut self,
        dialogue: &mut Dialogue<'_, L, E>,
        index: u8,
        day: Date,
    ) -> Result<Option<Failure>, Failure> {
        let mut findings = Vec::new();
        let history = History::Freeze(FreezeKind::Daily, index);
        registers::read(dialogue, self.registers, history, &mut findings).await?;
        if let Some(failure) = self.stamp(dialogue, index).await? {
            return Ok(Some(failure));
        }
        if self.ledger.next(day, 0) != Step::Found(index) {
            return Ok(None);
        }
        self.open.remove(&day);
        for finding in findings {
            match finding {
                Finding::Value(taken, proof) => dialogue.value(observation(taken, day, proof)),
                Finding::Missing(register, failure) => dialogue.missing(register, slot(day), failure),
            }
        }
        Ok(None)
    }

    /// Hands out a freeze, and says what it goes without.
    fn hand_out<L: Exchange, E: Env>(&mut self, dialogue: &mut Dialogue<'_, L, E>, freeze: Latched, from: &Answered) {
        let day = freeze.at.date();
        self.open.remove(&day);
        for &register in self.registers {
            if freeze.said.lacks(register).is_some() {
                let detail = "the meter's freezes go without this register";
                dialogue.missing(register, slot(day), Failure::new(FailureKind::NotSupported, detail));
            }
        }
        for taken in freeze.said.values {
            dialogue.value(observation(taken, day, from.proof));
        }
    }

    /// Only a meter that says it has no such data has no freeze there; one that is busy, or wants another authority, may.
    fn without_freeze(&mut self, index: u8, refusal: Refusal) -> Option<Failure> {
        if !refusal.no_such_data() {
            return Some(refusal.failure);
        }
        self.ledger.refused(index);
        None
    }

    /// A freeze that shows no time: never latched, where it shows nothing at all; else damage that no check sum saw.
    fn without_time(&mut self, index: u8, data: &[u8]) -> Option<Failure> {
        let stamp = data.get(..5).unwrap_or(data);
        if stamp.iter().all(|&byte| byte == 0) || stamp.iter().all(|&byte| byte == 0xFF) {
            self.ledger.saw(index, Latch::Empty);
            return None;
        }
        let detail = format!("freeze {index} shows {} as its time", Data::plain(stamp));
        Some(Failure::new(FailureKind::WrongItem, detail))
    }

    fn not_yet(&self, newest: Option<DateTime>) -> Failure {
        match newest {
            Some(newest) => {
                let detail = format!("not latched yet: the meter's newest freeze is of {newest}");
                Failure::new(FailureKind::Clock, detail)
            }
            None if self.now.time() < LATE_LATCH => {
                Failure::new(FailureKind::Clock, "not latched yet: the meter holds no freeze")
            }
            None => holds_none(),
        }
    }

    fn not_held(&self, day: Date) -> Failure {
        if self.ledger.is_empty_meter() {
            return holds_none();
        }
        Failure::new(FailureKind::NotHeld, format!("the meter holds no freeze of {day}"))
    }
}

/// Not one freeze in the meter: it takes none.
fn holds_none() -> Failure {
    Failure::new(FailureKind::NotSupported, "the meter holds no daily freeze at all")
}

/// `05 06 DI1 nn`: DI1 00 is the time, FF everything.
fn daily_item(part: u8, index: u8) -> DataId {
    DataId::V2007(u32::from_be_bytes([0x05, 0x06, part, index]))
}

fn midnight(day: Date) -> DateTime {
    day.to_datetime(Time::midnight())
}

fn slot(day: Date) -> Option<MeterClock> {
    Some(MeterClock(midnight(day)))
}

fn observation(taken: taking::Taken, day: Date, proof: usize) -> Observation {
    let taking::Taken { register, value, occurred } = taken;
    Observation { register, series: Series::Daily, slot: slot(day), latched: None, value, occurred, proof }
}

fn missing<L: Exchange, E: Env>(dialogue: &mut Dialogue<'_, L, E>, registers: &[Obis], day: Date, failure: &Failure) {
    for &register in registers {
        dialogue.missing(register, slot(day), failure.clone());
    }
}
