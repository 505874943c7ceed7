//! Gaps: the expected slots of a day that are not filled, why, and what happens next.

use std::collections::BTreeMap;

use hes_model::{AreaCode, ChannelName, FailureKind, MeterNo, Obis, PlanName, Series, UtcMicros, registers};
use jiff::civil::Date;

use crate::group::{Count, group_key};
use crate::slot::NONE;
use crate::{Causes, Dimension, MeterOnDay, SlotState};

/// One group of a gap report, or its total.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GapGroup {
    /// The code of the area, channel, reader, cause…; `-` for what has none.
    pub key: String,
    /// What people call it, where it has a name.
    pub name: Option<String>,
    /// Meters with at least one gap.
    pub meters: u64,
    /// Slots not filled.
    pub slots: u64,
    /// Of these: still asked for.
    pub open: u64,
    /// Of these: only suspect values so far, still asked for.
    pub suspect: u64,
    /// Of these: given up.
    pub given_up: u64,
    /// Why.
    pub causes: Causes,
}

/// Neighbouring slots of one register that share one fate.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// Whose.
    pub meter_no: MeterNo,
    /// The meter's area on the day.
    pub area: Option<AreaCode>,
    /// The meter's channel on the day.
    pub channel: Option<ChannelName>,
    /// Which register.
    pub register: Obis,
    /// Its alias.
    pub alias: String,
    /// `daily`, `monthly`, `interval_15`…
    pub series: String,
    /// The first slot.
    pub from: UtcMicros,
    /// The last slot; the same where it is one.
    pub to: UtcMicros,
    /// How many.
    pub slots: u64,
    /// `open`, `suspect` or `given_up`.
    pub state: SlotState,
    /// Why; `null` when nobody has tried yet.
    pub cause: Option<FailureKind>,
    /// What was seen.
    pub detail: Option<String>,
    /// How often it was asked for in vain; the most of the slots. Where none of them was, how often the meter was since the
    /// day began.
    pub tries: u64,
    /// The last attempt.
    pub last_try_at: Option<UtcMicros>,
    /// Not asked again before; `null` where it waits for the meter or the channel, not for a time of its own.
    pub next_try_at: Option<UtcMicros>,
}

/// What is missing of one civil day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GapReport {
    /// The day.
    pub day: Date,
    /// The zone the day is a day of.
    pub zone: String,
    /// By what it is grouped.
    pub by: Dimension,
    /// The only plan counted, or all.
    pub plan: Option<PlanName>,
    /// Everything.
    pub total: GapGroup,
    /// The groups, most slots first, then by key.
    pub groups: Vec<GapGroup>,
    /// The gaps one by one, by meter, register and time, as many as asked for.
    pub gaps: Vec<Gap>,
    /// Gaps counted above and not listed here.
    pub gaps_not_listed: u64,
}

/// One slot that is not filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenSlot {
    pub(crate) register: Obis,
    pub(crate) series: Series,
    pub(crate) slot: UtcMicros,
    pub(crate) state: SlotState,
    pub(crate) cause: Option<FailureKind>,
    pub(crate) detail: Option<String>,
    pub(crate) tries: u64,
    pub(crate) last_try_at: Option<UtcMicros>,
    pub(crate) next_try_at: Option<UtcMicros>,
}

/// Builds a gap report from slots in the order of meter, register, time.
#[derive(Debug)]
pub(crate) struct GapFold {
    by: Dimension,
    limit: usize,
    total: Group,
    groups: BTreeMap<String, Group>,
    gaps: Vec<Gap>,
    last: Option<Gap>,
    not_listed: u64,
}

#[derive(Debug, Default)]
struct Group {
    name: Option<String>,
    meters: Count,
    open: u64,
    suspect: u64,
    given_up: u64,
    causes: Causes,
}

impl Group {
    fn add(&mut self, meter: &MeterNo, slot: &OpenSlot) {
        self.meters.see(meter);
        match slot.state {
            SlotState::Suspect => self.suspect += 1,
            SlotState::GivenUp => self.given_up += 1,
            _ => self.open += 1,
        }
        self.causes.add(slot.cause, 1);
    }
    fn finish(self, key: String) -> GapGroup {
        let Self { name, meters, open, suspect, given_up, causes } = self;
        GapGroup { key, name, meters: meters.seen(), slots: open + suspect + given_up, open, suspect, given_up, causes }
    }
}

impl GapFold {
    pub(crate) fn new(by: Dimension, limit: usize) -> Self {
        Self {
            by,
            limit,
            total: Group::default(),
            groups: BTreeMap::new(),
            gaps: Vec::new(),
            last: None,
            not_listed: 0,
        }
    }
    pub(crate) fn slot(&mut self, meter: &MeterOnDay, slot: OpenSlot) {
        self.total.add(&meter.meter_no, &slot);
        let cause = slot.cause.map_or(Causes::NOT_ASKED, FailureKind::code);
        let (key, name) = group_key(meter, self.by, cause);
        let group = self.groups.entry(key.to_owned()).or_default();
        group.name = name.map(ToOwned::to_owned);
        group.add(&meter.meter_no, &slot);
        if let Some(last) = self.last.as_mut().filter(|last| last.continues(meter, &slot)) {
            last.take(&slot);
            return;
        }
        self.list_last();
        self.last = Some(Gap::starting(meter, slot));
    }
    fn list_last(&mut self) {
        let Some(gap) = self.last.take() else { return };
        if self.gaps.len() < self.limit {
            self.gaps.push(gap);
        } else {
            self.not_listed += 1;
        }
    }
    pub(crate) fn finish(mut self, day: Date, zone: String, plan: Option<PlanName>) -> GapReport {
        self.list_last();
        let mut groups: Vec<_> = self.groups.into_iter().map(|(key, group)| group.finish(key)).collect();
        groups.sort_by(|a, b| b.slots.cmp(&a.slots).then_with(|| a.key.cmp(&b.key)));
        GapReport {
            day,
            zone,
            by: self.by,
            plan,
            total: self.total.finish(NONE.to_owned()),
            groups,
            gaps: self.gaps,
            gaps_not_listed: self.not_listed,
        }
    }
}

impl Gap {
    fn starting(meter: &MeterOnDay, slot: OpenSlot) -> Self {
        Self {
            meter_no: meter.meter_no.clone(),
            area: meter.area.as_ref().map(|(code, _)| code.clone()),
            channel: meter.channel.clone(),
            register: slot.register,
            alias: registers().name_of(slot.register),
            series: slot.series.code(),
            from: slot.slot,
            to: slot.slot,
            slots: 1,
            state: slot.state,
            cause: slot.cause,
            detail: slot.detail,
            tries: slot.tries,
            last_try_at: slot.last_try_at,
            next_try_at: slot.next_try_at,
        }
    }
    /// Whether a slot is the next one of the same register with the same fate. A filled slot in between ends a gap.
    fn continues(&self, meter: &MeterOnDay, slot: &OpenSlot) -> bool {
        let Series::Interval(minutes) = slot.series else { return false };
        let next = i64::from(minutes) * 60_000_000;
        self.meter_no == meter.meter_no
            && self.register == slot.register
            && self.series == slot.series.code()
            && slot.slot.since(self.to) == next
            && (self.state, self.cause, &self.detail) == (slot.state, slot.cause, &slot.detail)
    }
    fn take(&mut self, slot: &OpenSlot) {
        self.to = slot.slot;
        self.slots += 1;
        self.tries = self.tries.max(slot.tries);
        self.last_try_at = self.last_try_at.max(slot.last_try_at);
        self.next_try_at = match (self.next_try_at, slot.next_try_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::tests::meter;

    fn slot(series: Series, at_minutes: i64, state: SlotState, cause: Option<FailureKind>) -> OpenSlot {
        OpenSlot {
            register: "1.0.1.8.0.255".parse().unwrap(),
            series,
            slot: UtcMicros(at_minutes * 60_000_000),
            state,
            cause,
            detail: None,
            tries: 1,
            last_try_at: None,
            next_try_at: None,
        }
    }

    fn report(by: Dimension, limit: usize) -> GapReport {
        let mut fold = GapFold::new(by, limit);
        let (first, second) = (meter("1", "A", Some("bus-1")), meter("2", "B", None));
        fold.slot(&first, slot(Series::Daily, 0, SlotState::GivenUp, Some(FailureKind::NotHeld)));
        for at in [0, 15, 30, 60] {
            fold.slot(&first, slot(Series::Interval(15), at, SlotState::Open, Some(FailureKind::NoReply)));
        }
        fold.slot(&second, slot(Series::Interval(15), 75, SlotState::Open, None));
        fold.finish("2026-07-01".parse().unwrap(), "Asia/Shanghai".to_owned(), None)
    }

    #[test]
    fn neighbouring_slots_are_one_gap_until_one_in_between_is_filled() {
        let gaps: Vec<_> = report(Dimension::Area, 10).gaps.into_iter().map(|g| (g.series, g.slots)).collect();
        let expected = [("daily", 1), ("interval_15", 3), ("interval_15", 1), ("interval_15", 1)];
        assert_eq!(gaps, expected.map(|(series, n)| (series.to_owned(), n)));
    }

    #[test]
    fn what_is_not_listed_is_still_counted() {
        let report = report(Dimension::Cause, 1);
        assert_eq!((report.gaps.len(), report.gaps_not_listed), (1, 3));
        assert_eq!((report.total.slots, report.total.meters), (6, 2));
        let groups: Vec<_> = report.groups.iter().map(|g| (g.key.as_str(), g.slots, g.meters)).collect();
        assert_eq!(groups, [("no_reply", 4, 1), ("not_asked", 1, 1), ("not_held", 1, 1)]);
    }
}
