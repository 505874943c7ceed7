//! What became of each expected slot, by what is known. Pure.

use std::collections::HashSet;

use hes_model::{Failure, FailureKind, MeterState, Series};

use super::expectation::{Asked, Expectation};
use super::facts::{Facts, Tried};
use crate::archive::population::{MeterOnDay, in_scope};
use crate::codes::series_code;
use crate::plans::Version;
use crate::records::Slot;
use crate::slots::due_at;

pub(super) enum SlotState {
    OnTime,
    Late,
    Suspect,
    GivenUp(Failure),
    Open(Option<Failure>),
}

/// One expected slot with what became of it.
pub(super) struct Judged {
    pub(super) plan: usize,
    pub(super) slot: Slot,
    pub(super) state: SlotState,
    pub(super) tried: Option<Tried>,
}

/// Every slot that is expected of a meter, with what became of it.
pub(super) fn judge(expectation: &Expectation<'_>, facts: &Facts, meter: &MeterOnDay) -> Vec<Judged> {
    let mut judged = Vec::new();
    let mut seen: HashSet<Slot> = HashSet::new();
    if meter.state != MeterState::Active {
        return judged;
    }
    for (plan, (version, Asked { registers, times })) in expectation.versions.iter().zip(&expectation.asked).enumerate()
    {
        let Some(series) = version.plan.task.series() else { continue };
        for time in times {
            let Some(place) = meter.place_at(*time) else { continue };
            if !in_scope(&version.plan.scope, meter, place, &expectation.groups) {
                continue;
            }
            for (register, row) in registers {
                let slot = Slot { series, time: *time, register: *register };
                if !expectation.overlaps || seen.insert(slot) {
                    judged.push(judge_slot(expectation, facts, meter, version, plan, slot, *row));
                }
            }
        }
    }
    judged
}

fn judge_slot(
    expectation: &Expectation<'_>,
    facts: &Facts,
    meter: &MeterOnDay,
    version: &Version,
    plan: usize,
    slot: Slot,
    register: i64,
) -> Judged {
    let seconds = slot.time.0.div_euclid(1_000_000);
    let key = (series_code(slot.series), seconds, meter.meter.0, register);
    let tried_key = match slot.series {
        Series::Interval(_) => (key.0, expectation.day_start, key.2, key.3),
        _ => key,
    };
    let own = facts.tried.get(&tried_key);
    let tried = own.or_else(|| facts.failures.get(&meter.meter.0).filter(|failed| failed.last_at >= slot.time.0));
    let last_at = tried.map_or(i64::MIN, |tried| tried.last_at);
    let down = || expectation.down.get(meter.channel.as_ref()?).filter(|(since, _)| *since > last_at);
    let value = facts.values.get(&key);
    let due = due_at(slot.series, slot.time, version.plan.schedule.deadline_minutes);
    let skipped = || facts.progress.get(&(meter.meter.0, version.id)).is_some_and(|mark| seconds < *mark);
    let state = match (value, facts.given_up.get(&key)) {
        (Some(Some(first_good)), _) if *first_good <= due.0 => SlotState::OnTime,
        (Some(Some(_)), _) => SlotState::Late,
        (_, Some(cause)) => SlotState::GivenUp(cause.clone()),
        (Some(None), None) => SlotState::Suspect,
        (None, None) if skipped() => SlotState::GivenUp(Failure::new(
            FailureKind::NotHeld,
            "older than the meter's memory when the plan or the meter was made",
        )),
        (None, None) => {
            let down = down().filter(|_| own.is_none()).map(|(_, cause)| cause);
            SlotState::Open(down.or(tried.map(|t| &t.cause)).cloned())
        }
    };
    let tried = if matches!(state, SlotState::Open(_)) { tried } else { own };
    Judged { plan, slot, state, tried: tried.cloned() }
}
