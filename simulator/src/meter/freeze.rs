//! What a meter latched: settlement days, daily, hourly, timed and immediate freezes.
//!
//! Nothing is stored but the instants a person chose. A freeze is the registers at the true time at which the meter's
//! clock showed the instant; so it equals the counter then, to the digit.

use super::encode::{self, Data};
use super::register::{Demand, DemandPeriod, Quantity, Rate};
use super::{Counter, Measures, Meter};
use crate::civil::{Civil, DAY, HOUR, MINUTE};
use crate::load::TARIFFS;

/// Daily freezes a meter keeps.
const DAILY: u8 = 62;
/// Settlements a meter keeps.
pub(super) const SETTLEMENTS: u8 = 12;
const TIMED: u8 = 12;
const HOURLY: u8 = 254;
const IMMEDIATE: u8 = 3;

/// When a timed freeze is due: mm hh DD MM, where `None` is "every".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pattern {
    minute: u8,
    hour: Option<u8>,
    day: Option<u8>,
    month: Option<u8>,
}

/// What control code 16 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FreezeOrder {
    Now,
    Timed(Pattern),
}

impl FreezeOrder {
    /// Reads mm hh DD MM, 99 standing for every.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let [minute, hour, day, month] = data else { return None };
        let field = |byte: u8, range: std::ops::RangeInclusive<u64>| -> Option<Option<u8>> {
            match encode::number(&[byte])? {
                99 => Some(None),
                n if range.contains(&n) => Some(u8::try_from(n).ok()),
                _ => None,
            }
        };
        let (hour, day, month) = (field(*hour, 0..=23)?, field(*day, 1..=28)?, field(*month, 1..=12)?);
        match field(*minute, 0..=59)? {
            None if (hour, day, month) == (None, None, None) => Some(FreezeOrder::Now),
            None => None,
            Some(minute) => Some(FreezeOrder::Timed(Pattern { minute, hour, day, month })),
        }
    }
}

impl Pattern {
    /// As delivered: at the start of each month.
    const STANDARD: Pattern = Pattern { minute: 0, hour: Some(0), day: Some(1), month: None };

    /// Whether it is due at this minute.
    fn is_due(self, at: Civil) -> bool {
        let at = at.datetime();
        let is = |field: Option<u8>, n: i8| field.is_none_or(|field| i8::try_from(field) == Ok(n));
        is(Some(self.minute), at.minute())
            && is(self.hour, at.hour())
            && is(self.day, at.day())
            && is(self.month, at.month())
    }

    /// The `n`-th last time (from 1) it was due, at or before `shown` and after `since`.
    fn due(self, n: u8, shown: Civil, since: Civil) -> Option<Civil> {
        let step = if self.hour.is_none() { HOUR } else { DAY };
        let in_step = i64::from(self.minute) * MINUTE + self.hour.map_or(0, |hour| i64::from(hour) * HOUR);
        let mut at = shown.floor(step).plus(in_step);
        let mut left = n;
        while at > since {
            if at <= shown && self.is_due(at) {
                left -= 1;
                if left == 0 {
                    return Some(at);
                }
            }
            at = at.plus(-step);
        }
        None
    }
}

/// A latch: on the meter's clock, and in truth.
#[derive(Debug, Clone, Copy)]
struct Latch {
    shown: Civil,
    truth: Civil,
}

/// Sub-items of a freeze, in the order of the whole block.
const PARTS: [u8; 11] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x10];

impl Meter {
    /// Class 05.
    pub(super) fn freeze_item(&self, [_, di2, di1, di0]: [u8; 4], truth: Civil) -> Option<Vec<u8>> {
        let latch = self.latch(di2, di0, truth)?;
        let forced = |di1: u8| {
            let item = u32::from_be_bytes([0x05, di2, di1, 0]);
            self.changed()?.frozen.get(&(item, latch.shown.day())).filter(|_| di2 == 0x06)
        };
        let part = |di1: u8| match forced(di1) {
            Some(bytes) => Some(bytes.clone()),
            None if di2 == 0x04 => self.hourly_part(di1, latch),
            None => self.frozen_part(di1, latch),
        };
        match (di1, di2) {
            (0xFF, 0x04) => {
                let block = Data::new().minute(latch.shown).separator();
                let block = [0x01, 0x02].into_iter().try_fold(block, |d, di1| Some(d.raw(&part(di1)?).separator()));
                block.map(Data::done)
            }
            (0xFF, _) => {
                // What this meter does not keep is left out of its place, the separator stays.
                let block = Data::new().minute(latch.shown).separator();
                let all = PARTS.into_iter().fold(block, |d, di1| d.raw(&part(di1).unwrap_or_default()).separator());
                Some(all.done())
            }
            (di1, _) => part(di1),
        }
    }

    /// Whether this item, whatever its last byte, is one that a daily freeze keeps.
    pub(crate) fn keeps_daily(item: u32) -> bool {
        let [di3, di2, di1, _] = item.to_be_bytes();
        (di3, di2) == (0x05, 0x06) && (di1 == 0 || PARTS.contains(&di1))
    }

    /// The `n`-th last settlement (from 1) at or before `shown`, on the meter's clock. Each was due by the rule in force
    /// when it came.
    pub(super) fn settlement(&self, n: u8, shown: Civil) -> Civil {
        let mut left = n;
        let mut replaced: Option<Civil> = None;
        for rule in self.settlement_rules() {
            let mut month = Month::of(shown);
            loop {
                let at = month.at(rule.day, rule.hour).unwrap_or(shown);
                let truth = self.clock.truth(at);
                if rule.since.is_some_and(|since| truth < since) {
                    break;
                }
                if at <= shown && replaced.is_none_or(|later| truth < later) {
                    left = left.saturating_sub(1);
                    if left == 0 {
                        return at;
                    }
                }
                month = month.before();
            }
            replaced = rule.since.or(replaced);
        }
        shown
    }

    /// The demand period that runs at `shown`.
    pub(super) fn running_period(&self, shown: Civil) -> DemandPeriod {
        DemandPeriod { from: self.period_start(shown), to: shown }
    }

    /// The demand period up to `end`, even when another begins there.
    pub(super) fn period_until(&self, end: Civil) -> DemandPeriod {
        DemandPeriod { from: self.period_start(end.plus(-1)), to: end }
    }

    /// The demand period that runs (0) or ended with the `n`-th last settlement.
    pub(super) fn settled_period(&self, n: u8, shown: Civil) -> DemandPeriod {
        match n {
            0 => self.running_period(shown),
            n => self.period_until(self.settlement(n, shown)),
        }
    }

    /// Where the demand period that runs at `shown` began: at the last settlement or the last clearing.
    fn period_start(&self, shown: Civil) -> Civil {
        let settled = self.settlement(1, shown);
        let cleared = self.changed().into_iter().flat_map(|changed| &changed.demand_cleared);
        let cleared = cleared.map(|truth| self.clock.shows(*truth)).filter(|at| *at <= shown).max();
        cleared.map_or(settled, |at| at.max(settled))
    }

    pub(super) fn energy_value(&self, data: Data, quantity: Quantity, rate: Rate, truth: Civil) -> Data {
        let value = self.energy(quantity, rate, truth);
        if quantity.is_signed() { data.signed(value, 4) } else { data.bcd(value.unsigned_abs(), 4) }
    }

    /// Total and tariffs.
    pub(super) fn energy_values(&self, data: Data, quantity: Quantity, truth: Civil) -> Data {
        rates().fold(data, |data, rate| self.energy_value(data, quantity, rate, truth))
    }

    /// The maximum demand of one rate in a period, and its time.
    pub(super) fn demand_value(&self, data: Data, quantity: Quantity, rate: Rate, period: DemandPeriod) -> Data {
        let [total, tariffs @ ..] = self.demands(quantity, period);
        let demand = match rate {
            Rate::Total => total,
            Rate::Tariff(tariff) => tariffs.get(tariff).copied().unwrap_or(total),
        };
        demand_bytes(data, quantity, demand)
    }

    /// Of the total and each tariff.
    pub(super) fn demand_values(&self, data: Data, quantity: Quantity, period: DemandPeriod) -> Data {
        let demands = self.demands(quantity, period);
        demands.into_iter().fold(data, |data, demand| demand_bytes(data, quantity, demand))
    }

    /// Active and reactive power, total and phases: the "variables" of a freeze.
    pub(super) fn variables(&self, data: Data, truth: Civil) -> Data {
        let data = self.total_and_phases(data, truth, Meter::active_power);
        self.total_and_phases(data, truth, Meter::reactive_power)
    }

    fn latch(&self, di2: u8, di0: u8, truth: Civil) -> Option<Latch> {
        let shown_now = self.clock.shows(truth);
        let shown = match (di2, di0) {
            (0x00, 1..=TIMED) => {
                let (pattern, since) = self
                    .changed()
                    .and_then(|changed| changed.timed_freeze)
                    .unwrap_or((Pattern::STANDARD, self.clock.shows(self.born)));
                pattern.due(di0, shown_now, since)?
            }
            (0x01, 1..=IMMEDIATE) => {
                let done = &self.changed()?.immediate_freezes;
                let truth = *done.iter().rev().filter(|at| **at <= truth).nth(usize::from(di0) - 1)?;
                return Some(Latch { shown: self.clock.shows(truth), truth });
            }
            (0x04, 1..=HOURLY) => shown_now.floor(HOUR).plus(-i64::from(di0 - 1) * HOUR),
            (0x06, 1..=DAILY) => Civil::midnight(shown_now.day() - i64::from(di0 - 1)),
            _ => return None,
        };
        let latched = self.clock.truth(shown);
        (latched >= self.born).then_some(Latch { shown, truth: latched })
    }

    fn frozen_part(&self, di1: u8, latch: Latch) -> Option<Vec<u8>> {
        let data = Data::new();
        let active_only = [0x00, 0x01, 0x02, 0x10];
        if self.measures == Measures::Active && !active_only.contains(&di1) {
            return None;
        }
        let data = match di1 {
            0x00 => data.minute(latch.shown),
            0x01..=0x08 => self.energy_values(data, Quantity::from_di2(di1)?, latch.truth),
            // What is latched is the demand up to there; on a settlement day, of the period that ended with it.
            0x09 => self.demand_values(data, Quantity::Counted(Counter::Forward), self.period_until(latch.shown)),
            0x0A => self.demand_values(data, Quantity::Counted(Counter::Reverse), self.period_until(latch.shown)),
            0x10 => self.variables(data, latch.truth),
            _ => return None,
        };
        Some(data.done())
    }

    fn hourly_part(&self, di1: u8, latch: Latch) -> Option<Vec<u8>> {
        let total = |counter| self.energy_value(Data::new(), Quantity::Counted(counter), Rate::Total, latch.truth);
        match di1 {
            0x00 => Some(Data::new().minute(latch.shown).done()),
            0x01 => Some(total(Counter::Forward).done()),
            0x02 => Some(total(Counter::Reverse).done()),
            _ => None,
        }
    }
}

/// A month of the calendar.
#[derive(Debug, Clone, Copy)]
struct Month {
    year: i16,
    month: i8,
}

impl Month {
    fn of(at: Civil) -> Self {
        let at = at.datetime();
        Self { year: at.year(), month: at.month() }
    }

    fn before(self) -> Self {
        match self.month {
            1 => Self { year: self.year - 1, month: 12 },
            month => Self { month: month - 1, ..self },
        }
    }

    fn at(self, day: i8, hour: i8) -> Option<Civil> {
        jiff::civil::DateTime::new(self.year, self.month, day, hour, 0, 0, 0).ok().map(Civil::from_datetime)
    }
}

fn demand_bytes(data: Data, quantity: Quantity, demand: Demand) -> Data {
    let data =
        if quantity.is_signed() { data.signed(demand.value, 3) } else { data.bcd(demand.value.unsigned_abs(), 3) };
    match demand.at {
        Some(at) => data.minute(at),
        None => data.repeat(0, 5),
    }
}

/// Total, then each tariff.
pub(super) fn rates() -> impl Iterator<Item = Rate> {
    std::iter::once(Rate::Total).chain((0..TARIFFS).map(Rate::Tariff))
}
