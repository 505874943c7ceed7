//! Success rate: filled on time / expected, and what became of the rest.

use std::collections::{BTreeMap, BTreeSet};

use hes_model::{AreaCode, FailureKind, MeterNo, PlanName};
use jiff::civil::Date;

use crate::group::group_key;
use crate::slot::NONE;
use crate::{Causes, Dimension, Exclusion, MeterOnDay, Percent, Rate, SlotState};

/// Expected slots by what became of them. `expected` is always the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Slots expected.
    pub expected: u64,
    /// Filled by their deadline.
    pub on_time: u64,
    /// Filled after it.
    pub late: u64,
    /// Only suspect values so far.
    pub suspect: u64,
    /// Given up with a reason.
    pub given_up: u64,
    /// Not filled, still asked for.
    pub open: u64,
}

impl Tally {
    /// Counts `n` more expected slots in a state.
    pub fn add(&mut self, state: SlotState, n: u64) {
        self.expected += n;
        *match state {
            SlotState::OnTime => &mut self.on_time,
            SlotState::Late => &mut self.late,
            SlotState::Suspect => &mut self.suspect,
            SlotState::GivenUp => &mut self.given_up,
            SlotState::Open => &mut self.open,
        } += n;
    }
    /// The success rate: filled on time / expected.
    pub fn success(&self) -> Rate {
        Rate::new(self.on_time, self.expected)
    }
    /// Filled at all / expected: what billing has by now.
    pub fn filled(&self) -> Rate {
        Rate::new(self.on_time + self.late, self.expected)
    }
}

/// One group of a success report, or its total.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SuccessGroup {
    /// The code of the area, channel, reader…; `-` for what has none. Grouped by cause: `on_time`, `late`, or a cause.
    pub key: String,
    /// What people call it, where it has a name.
    pub name: Option<String>,
    /// Meters with at least one slot in the group.
    pub meters: u64,
    /// Its slots.
    #[serde(flatten)]
    pub slots: Tally,
    /// Filled on time / expected.
    pub success_percent: Percent,
    /// Filled at all / expected.
    pub filled_percent: Percent,
    /// The group's expected slots / all expected slots of the report.
    pub share_percent: Percent,
    /// Why slots of the group are not filled.
    pub causes: Causes,
}

/// How many meters a reason excludes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExcludedTotal {
    /// The reason.
    pub reason: Exclusion,
    /// Meters.
    pub meters: u64,
}

/// A meter nothing was expected of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExcludedMeter {
    /// Which.
    pub meter_no: MeterNo,
    /// Its area, where it had one.
    pub area: Option<AreaCode>,
    /// Why.
    pub reason: Exclusion,
}

/// The success of one civil day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SuccessReport {
    /// The day.
    pub day: Date,
    /// The zone the day is a day of.
    pub zone: String,
    /// By what it is grouped.
    pub by: Dimension,
    /// The only plan counted, or all.
    pub plan: Option<PlanName>,
    /// Everything.
    pub total: SuccessGroup,
    /// The groups, worst success first, then by key.
    pub groups: Vec<SuccessGroup>,
    /// Meters not expected to deliver, counted by reason.
    pub excluded: Vec<ExcludedTotal>,
    /// The same meters one by one, as many as asked for.
    pub excluded_meters: Vec<ExcludedMeter>,
    /// Meters counted above and not listed here.
    pub excluded_not_listed: u64,
}

/// Builds a success report from one meter after the other.
#[derive(Debug)]
pub(crate) struct SuccessFold {
    by: Dimension,
    limit: usize,
    total: Group,
    groups: BTreeMap<String, Group>,
    excluded: BTreeMap<Exclusion, u64>,
    excluded_meters: Vec<ExcludedMeter>,
    not_listed: u64,
}

/// So many slots of one meter with one fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// What became of them.
    pub(crate) state: SlotState,
    /// Why it is not filled; `None` for filled slots, and for open ones nobody has tried yet.
    pub(crate) cause: Option<FailureKind>,
    /// How many.
    pub(crate) slots: u64,
}

impl Cell {
    fn is_filled(&self) -> bool {
        matches!(self.state, SlotState::OnTime | SlotState::Late)
    }
    /// The group a slot falls into where the report is by cause.
    fn outcome(&self) -> &'static str {
        if self.is_filled() { self.state.code() } else { self.cause.map_or(Causes::NOT_ASKED, FailureKind::code) }
    }
}

#[derive(Debug, Default)]
struct Group {
    name: Option<String>,
    meters: u64,
    slots: Tally,
    causes: Causes,
}

impl Group {
    fn add(&mut self, cell: &Cell) {
        self.slots.add(cell.state, cell.slots);
        if !cell.is_filled() {
            self.causes.add(cell.cause, cell.slots);
        }
    }
    fn finish(self, key: String, all: u64) -> SuccessGroup {
        SuccessGroup {
            key,
            name: self.name,
            meters: self.meters,
            slots: self.slots,
            success_percent: self.slots.success().percent(),
            filled_percent: self.slots.filled().percent(),
            share_percent: Rate::new(self.slots.expected, all).percent(),
            causes: self.causes,
        }
    }
}

impl SuccessFold {
    /// An empty report, which will list so many of the meters that nothing is expected of.
    pub(crate) fn new(by: Dimension, limit: usize) -> Self {
        Self {
            by,
            limit,
            total: Group::default(),
            groups: BTreeMap::new(),
            excluded: BTreeMap::new(),
            excluded_meters: Vec::new(),
            not_listed: 0,
        }
    }
    /// Counts a meter's slots of the day; called once a meter.
    pub(crate) fn meter(&mut self, meter: &MeterOnDay, cells: &[Cell]) {
        let mut touched = BTreeSet::new();
        for cell in cells.iter().filter(|cell| cell.slots > 0) {
            let (key, name) = group_key(meter, self.by, cell.outcome());
            let group = self.groups.entry(key.to_owned()).or_default();
            if touched.insert(key) {
                group.meters += 1;
                group.name = name.map(ToOwned::to_owned);
            }
            group.add(cell);
            self.total.add(cell);
        }
        self.total.meters += u64::from(!touched.is_empty());
    }
    /// Counts a meter nothing is expected of.
    pub(crate) fn exclude(&mut self, meter_no: MeterNo, area: Option<AreaCode>, reason: Exclusion) {
        *self.excluded.entry(reason).or_default() += 1;
        if self.excluded_meters.len() < self.limit {
            self.excluded_meters.push(ExcludedMeter { meter_no, area, reason });
        } else {
            self.not_listed += 1;
        }
    }
    /// The report of everything counted.
    pub(crate) fn finish(self, day: Date, zone: String, plan: Option<PlanName>) -> SuccessReport {
        let all = self.total.slots.expected;
        let mut groups: Vec<_> = self.groups.into_iter().map(|(key, group)| group.finish(key, all)).collect();
        groups.sort_by(|a, b| {
            let by_rate = a.slots.success().compare(b.slots.success()).unwrap_or(std::cmp::Ordering::Equal);
            by_rate.then_with(|| b.slots.expected.cmp(&a.slots.expected)).then_with(|| a.key.cmp(&b.key))
        });
        SuccessReport {
            day,
            zone,
            by: self.by,
            plan,
            total: self.total.finish(NONE.to_owned(), all),
            groups,
            excluded: self.excluded.into_iter().map(|(reason, meters)| ExcludedTotal { reason, meters }).collect(),
            excluded_meters: self.excluded_meters,
            excluded_not_listed: self.not_listed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::tests::meter;

    fn cell(state: SlotState, cause: Option<FailureKind>, slots: u64) -> Cell {
        Cell { state, cause, slots }
    }

    fn report(by: Dimension) -> SuccessReport {
        let mut fold = SuccessFold::new(by, 1);
        fold.meter(&meter("1", "A", Some("bus-1")), &[cell(SlotState::OnTime, None, 5)]);
        let dead = [cell(SlotState::OnTime, None, 2), cell(SlotState::Open, Some(FailureKind::NoReply), 3)];
        fold.meter(&meter("2", "B", Some("bus-1")), &dead);
        let mixed = [
            cell(SlotState::Late, None, 1),
            cell(SlotState::Suspect, Some(FailureKind::Suspect), 1),
            cell(SlotState::GivenUp, Some(FailureKind::NoReply), 1),
            cell(SlotState::Open, None, 2),
        ];
        fold.meter(&meter("3", "B", None), &mixed);
        fold.meter(&meter("4", "C", None), &[]);
        for no in ["5", "6"] {
            fold.exclude(MeterNo::new(no).unwrap(), Some(AreaCode::new("C").unwrap()), Exclusion::Suspended);
        }
        fold.finish("2026-07-01".parse().unwrap(), "Asia/Shanghai".to_owned(), None)
    }

    #[test]
    fn every_grouping_adds_up_to_the_same_total() {
        for by in Dimension::ALL {
            let report = report(by);
            assert_eq!(report.total.slots.expected, 15, "{by}");
            let sum: u64 = report.groups.iter().map(|g| g.slots.expected).sum();
            assert_eq!(sum, 15, "{by}");
            for group in report.groups.iter().chain([&report.total]) {
                let Tally { expected, on_time, late, suspect, given_up, open } = group.slots;
                assert_eq!(expected, on_time + late + suspect + given_up + open, "{by} {}", group.key);
                assert_eq!(group.causes.total(), suspect + given_up + open, "{by} {}", group.key);
            }
        }
    }

    #[test]
    fn the_worst_area_comes_first_and_late_is_not_success() {
        let report = report(Dimension::Area);
        let rows: Vec<_> =
            report.groups.iter().map(|g| (g.key.as_str(), g.success_percent.to_string(), g.meters)).collect();
        assert_eq!(rows, [("B", "20.00".to_owned(), 2), ("A", "100.00".to_owned(), 1)]);
        assert_eq!(report.groups[0].filled_percent.to_string(), "30.00");
        assert_eq!(report.groups[0].name.as_deref(), Some("B台区"));
        assert_eq!(report.groups[0].causes.by_count()[0], ("no_reply", 4));
    }

    #[test]
    fn by_cause_a_slot_is_counted_under_what_became_of_it() {
        let report = report(Dimension::Cause);
        let slots = |key: &str| report.groups.iter().find(|g| g.key == key).map(|g| (g.slots.expected, g.meters));
        assert_eq!(slots("on_time"), Some((7, 2)));
        assert_eq!(slots("late"), Some((1, 1)));
        assert_eq!(slots("no_reply"), Some((4, 2)));
        assert_eq!(slots("suspect"), Some((1, 1)));
        assert_eq!(slots("not_asked"), Some((2, 1)));
        assert_eq!(report.total.meters, 3);
    }

    #[test]
    fn every_excluded_meter_is_counted_by_its_reason_and_as_many_are_listed_as_asked_for() {
        let report = report(Dimension::Area);
        assert_eq!(report.excluded, [ExcludedTotal { reason: Exclusion::Suspended, meters: 2 }]);
        let listed: Vec<_> = report.excluded_meters.iter().map(|meter| meter.meter_no.as_str()).collect();
        assert_eq!((listed, report.excluded_not_listed), (vec!["5"], 1));
        assert_eq!(report.total.meters, 3);
    }

    #[test]
    fn a_report_survives_json() {
        let report = report(Dimension::Reader);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<SuccessReport>(&json).unwrap(), report);
        assert!(json.contains(r#""success_percent":"46.66""#), "{json}");
    }
}
