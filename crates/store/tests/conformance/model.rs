//! The planner against a derivation that looks at every slot of every day: what is expected, not filled and not given up.

use std::collections::{BTreeMap, BTreeSet};

use hes_model::{Failure, FailureKind, MeterState, Quality, Scope, Series, Task, UtcMicros};
use hes_store::{GiveUp, SlotsOfDay};
use jiff::civil::{Date, date};
use proptest::prelude::*;

use crate::bench::{Bench, DEPTH, IMPORT, plan, record, row, slot};

const METERS: u64 = 3;
const FIRST: Date = date(2026, 11, 15);
const DAYS: i8 = 10;

/// What happens to the fleet, by day of November.
#[derive(Debug, Clone)]
enum Action {
    Fill {
        meter: u64,
        day: i8,
    },
    Suspect {
        meter: u64,
        day: i8,
    },
    GiveUp {
        meter: u64,
        day: i8,
    },
    /// From this day's noon on.
    Suspend {
        meter: u64,
        day: i8,
    },
    Resume {
        meter: u64,
        day: i8,
    },
    Regroup {
        meter: u64,
        day: i8,
        into: bool,
    },
    /// The planner runs, so that its watermarks move.
    Look {
        day: i8,
    },
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let meter = 1..=METERS;
    let day = 15..=24_i8;
    let one = (0..7_u8, meter, day, any::<bool>()).prop_map(|(kind, meter, day, into)| match kind {
        0 | 1 => Action::Fill { meter, day },
        2 => Action::Suspect { meter, day },
        3 => Action::GiveUp { meter, day },
        4 => Action::Suspend { meter, day },
        5 => {
            if into {
                Action::Resume { meter, day }
            } else {
                Action::Look { day }
            }
        }
        _ => Action::Regroup { meter, day, into },
    });
    prop::collection::vec(one, 0..25).prop_map(|mut actions| {
        // Archive changes are made in the order of days, as in life.
        actions.sort_by_key(|action| match action {
            Action::Fill { day, .. }
            | Action::Suspect { day, .. }
            | Action::GiveUp { day, .. }
            | Action::Suspend { day, .. }
            | Action::Resume { day, .. }
            | Action::Regroup { day, .. }
            | Action::Look { day } => *day,
        });
        actions
    })
}

/// The plain model: per meter and day whether it was active and in the group, and which slots are settled.
#[derive(Default)]
struct Naive {
    suspended: BTreeMap<(u64, i8), bool>,
    grouped: BTreeMap<(u64, i8), bool>,
    settled: BTreeSet<(u64, i8)>,
}

impl Naive {
    fn state(changes: &BTreeMap<(u64, i8), bool>, meter: u64, day: i8) -> bool {
        changes.range((meter, 0)..=(meter, day)).next_back().is_some_and(|(_, on)| *on)
    }
    fn open(&self, by_group: bool) -> BTreeSet<(u64, i8)> {
        let mut open = BTreeSet::new();
        for meter in 1..=METERS {
            // One that is suspended now is not asked, whatever was expected of it.
            if Self::state(&self.suspended, meter, 24) {
                continue;
            }
            for day in 15..=24 {
                let active = !Self::state(&self.suspended, meter, day);
                let in_scope = !by_group || Self::state(&self.grouped, meter, day);
                if active && in_scope && !self.settled.contains(&(meter, day)) {
                    open.insert((meter, day));
                }
            }
        }
        open
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_planner_offers_exactly_what_is_expected_and_not_settled(
        actions in actions(), by_group in any::<bool>(), interval in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(check(actions, by_group, interval));
    }
}

async fn check(actions: Vec<Action>, by_group: bool, interval: bool) {
    let bench = Bench::with_meters(METERS).await;
    // Of intervals the whole day is one: sixty minutes, and only the first of the day is looked at.
    let (series, task) = match interval {
        true => (Series::Interval(60), Task::Interval { minutes: 60, registers: vec![IMPORT] }),
        false => (Series::Daily, Task::Daily { registers: vec![IMPORT] }),
    };
    let mut plan = plan("night", task, FIRST);
    if by_group {
        plan.scope = Scope::Groups(vec!["g".parse().unwrap()]);
    }
    let noon = |day: i8| bench.calendar().instant(date(2026, 11, day).at(12, 0, 0, 0));
    let start = |day: i8| bench.midnight(date(2026, 11, day));
    bench.store.put_plan(&plan, start(15)).await.unwrap();
    let mut naive = Naive::default();
    for action in &actions {
        apply(&bench, &mut naive, action, series, &noon, &start).await;
    }
    let work = bench.missing_at(noon(24)).await;
    let offered: BTreeSet<(u64, i8)> = work
        .slots
        .iter()
        .filter(|open| bench.calendar().civil(open.slot.time).hour() == 0)
        .map(|open| (u64::try_from(open.meter.0).unwrap(), bench.calendar().day_of(open.slot.time).day()))
        .collect();
    assert!(work.complete);
    assert_eq!(offered, naive.open(by_group), "{actions:?}");

    // What the reports count is what the planner asks for, day by day.
    let mut counted = BTreeSet::new();
    for day in 15..15 + DAYS {
        let slots = SlotsOfDay { day: date(2026, 11, day), now: noon(24), plan: None };
        for of in bench.store.gaps(&slots, None, usize::MAX).await.unwrap() {
            let is_open = |gap: &hes_store::Gap| {
                bench.calendar().civil(gap.slot.time).hour() == 0 && gap.state != hes_store::GapState::GivenUp
            };
            if of.gaps.iter().any(is_open) {
                counted.insert((u64::try_from(of.meter.meter.0).unwrap(), day));
            }
        }
    }
    let asked_now: BTreeSet<_> =
        counted.into_iter().filter(|(meter, _)| !Naive::state(&naive.suspended, *meter, 24)).collect();
    assert_eq!(asked_now, offered, "{actions:?}");
    let depth = DEPTH.horizon(&plan.task, noon(24), bench.calendar());
    assert!(depth < start(15), "nothing left the meters' memory in this test");
}

async fn apply(
    bench: &Bench,
    naive: &mut Naive,
    action: &Action,
    series: Series,
    noon: &impl Fn(i8) -> UtcMicros,
    start: &impl Fn(i8) -> UtcMicros,
) {
    let id = |meter: u64| hes_model::MeterId(i64::try_from(meter).unwrap());
    let import = async |meter: u64, day: i8, change: &dyn Fn(&mut hes_store::MeterRow)| {
        let mut row = row(meter);
        change(&mut row);
        let report = bench.store.import_meters(vec![row], noon(day)).await.unwrap();
        assert_eq!(report.bad, []);
    };
    match *action {
        Action::Fill { meter, day } => {
            bench.read(bench.reading(id(meter), series, start(day), 5)).await;
            naive.settled.insert((meter, day));
        }
        Action::Suspect { meter, day } => {
            let mut reading = bench.reading(id(meter), series, start(day), 6);
            reading.quality = Quality::Suspect(vec!["V04".into()]);
            bench.read(reading).await;
        }
        Action::GiveUp { meter, day } => {
            let mut dialogue = record(vec![bench.reading(id(meter), series, start(day), 0)]);
            dialogue.readings.clear();
            let reason = Failure::new(FailureKind::NotHeld, "never latched");
            dialogue.given_up.push(GiveUp { slot: slot(series, start(day)), at: noon(day), reason });
            bench.record(dialogue).await;
            naive.settled.insert((meter, day));
        }
        Action::Suspend { meter, day } | Action::Resume { meter, day } => {
            let off = matches!(action, Action::Suspend { .. });
            let state = if off { MeterState::Suspended } else { MeterState::Active };
            import(meter, day, &|row| row.state = Some(state)).await;
            naive.suspended.insert((meter, day), off);
        }
        Action::Regroup { meter, day, into } => {
            let groups = if into { vec!["g".parse().unwrap()] } else { Vec::new() };
            import(meter, day, &|row| row.groups = Some(groups.clone())).await;
            naive.grouped.insert((meter, day), into);
        }
        Action::Look { day } => {
            bench.missing_at(noon(day)).await;
        }
    }
}
