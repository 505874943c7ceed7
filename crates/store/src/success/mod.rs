//! What a day's slots came to, as the archive and the plans stood that day: the ground of every report.
//!
//! The same functions say what is expected here and in the planner. Meters are gone through in windows of rows, so the
//! memory taken does not grow with the fleet. A slot that several plans expect counts once, for the most urgent.
//!
//! What the plans [expect](expectation) of a day and what the store [holds](facts) of it are loaded; every slot is then
//! [judged](judge) by them alone.

mod expectation;
mod facts;
mod judge;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use hes_model::{Failure, FailureKind, MeterId, MeterState, PlanName, UtcMicros};
use jiff::civil::Date;
use sqlx::Row;

use self::expectation::Expectation;
use self::judge::{Judged, SlotState, judge};
use crate::archive::population::{self, MeterOnDay};
use crate::calendar::day_number;
use crate::records::Slot;
use crate::{Store, StoreError};

/// Meters judged at once.
const WINDOW: i64 = 500;

/// Why a meter's slots are not expected on a day. Never silent: such meters are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// In the archive, not yet on the wall.
    NotCommissioned,
    /// Excluded from plans for now.
    Suspended,
    /// Taken out of service.
    Retired,
    /// Installed nowhere.
    NotInstalled,
    /// In service, but no plan has a slot of it on that day.
    NothingDue,
}

impl Exclusion {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Exclusion::NotCommissioned => "not_commissioned",
            Exclusion::Suspended => "suspended",
            Exclusion::Retired => "retired",
            Exclusion::NotInstalled => "not_installed",
            Exclusion::NothingDue => "nothing_due",
        }
    }
}

/// How many of a meter's slots came to what, for one plan and day.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Slots expected; those of the day that are not complete yet are not.
    pub expected: u64,
    /// Filled in time.
    pub on_time: u64,
    /// Filled later.
    pub late: u64,
    /// Open, with suspect values only.
    pub suspect: u64,
    /// Given up, by cause.
    pub given_up: BTreeMap<FailureKind, u64>,
    /// Open without any value, by the last cause known.
    pub open: BTreeMap<FailureKind, u64>,
    /// Open, and nothing was tried that is known of.
    pub untried: u64,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: &Tally) {
        self.expected += other.expected;
        self.on_time += other.on_time;
        self.late += other.late;
        self.suspect += other.suspect;
        self.untried += other.untried;
        for (kind, n) in &other.given_up {
            *self.given_up.entry(*kind).or_default() += n;
        }
        for (kind, n) in &other.open {
            *self.open.entry(*kind).or_default() += n;
        }
    }
    /// Slots with a good value.
    pub fn filled(&self) -> u64 {
        self.on_time + self.late
    }
    fn count(&mut self, state: &SlotState) {
        self.expected += 1;
        match state {
            SlotState::OnTime => self.on_time += 1,
            SlotState::Late => self.late += 1,
            SlotState::Suspect => self.suspect += 1,
            SlotState::GivenUp(cause) => *self.given_up.entry(cause.kind).or_default() += 1,
            SlotState::Open(Some(cause)) => *self.open.entry(cause.kind).or_default() += 1,
            SlotState::Open(None) => self.untried += 1,
        }
    }
}

/// A meter's part in a day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MeterDay {
    /// The meter as it stood that day.
    pub meter: MeterOnDay,
    /// Why nothing was expected of it, if so.
    pub exclusion: Option<Exclusion>,
    /// What its slots came to, by plan.
    pub plans: Vec<(PlanName, Tally)>,
}

/// Which slots are looked at.
#[derive(Debug, Clone, Copy)]
pub struct SlotsOfDay<'a> {
    /// Those of this civil day.
    pub day: Date,
    /// Complete by now; what is not yet is not expected yet. Nor counts what a clock that was wrong then gave up later.
    pub now: UtcMicros,
    /// Only those that this plan expects, whichever others do too; `None` is all plans, each slot for the most urgent.
    pub plan: Option<&'a PlanName>,
}

/// The slots of a meter and day that have no good value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterGaps {
    /// The meter as it stood that day.
    pub meter: MeterOnDay,
    /// By urgency of their plans, then by time and register. Never empty.
    pub gaps: Vec<Gap>,
}

/// A slot that has no good value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Which slot.
    pub slot: Slot,
    /// The plan that expects it.
    pub plan: PlanName,
    /// Whether it is open, open with suspects, or given up.
    pub state: GapState,
    /// Why, as far as is known.
    pub cause: Option<Failure>,
    /// How often it was asked in vain; where it was not itself, how often its meter was since the day began.
    pub tries: u32,
    /// When last.
    pub last_try: Option<UtcMicros>,
    /// Before when it is not asked again. None where it does not wait for a time of its own but for its meter or its channel.
    pub next_try: Option<UtcMicros>,
}

/// How a slot without a good value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapState {
    /// Will be asked again.
    Open,
    /// Has suspect values; will be asked again.
    Suspect,
    /// Will not be asked again.
    GivenUp,
}

impl Store {
    /// The meters of a civil day as the archive stood then, in the order of rows, through `each`. May be dropped at any
    /// await.
    pub async fn meters_of_day(&self, day: Date, mut each: impl FnMut(MeterOnDay) + Send) -> Result<(), StoreError> {
        let mut low = 1;
        while let Some(window) = self.window(low).await? {
            low = window.end() + 1;
            let meters = population::of_rows(&self.inner.pool, &self.inner.calendar, day, window).await?;
            meters.into_iter().for_each(&mut each);
        }
        Ok(())
    }

    /// What became of the slots of a civil day, meter by meter in the order of rows, through `each`. May be dropped at any
    /// await.
    pub async fn success(
        &self,
        slots: &SlotsOfDay<'_>,
        mut each: impl FnMut(MeterDay) + Send,
    ) -> Result<(), StoreError> {
        let versions = self.plan_versions(day_number(slots.day)).await?;
        let expectation = self.expectation(&versions, slots).await?;
        let mut low = 1;
        while let Some(window) = self.window(low).await? {
            low = window.end() + 1;
            let meters = population::of_rows(&self.inner.pool, &self.inner.calendar, slots.day, window.clone()).await?;
            let facts = self.facts(&expectation, slots, window).await?;
            for meter in meters {
                let mut tallies: Vec<Tally> = expectation.versions.iter().map(|_| Tally::default()).collect();
                for judged in judge(&expectation, &facts, &meter) {
                    if let Some(tally) = tallies.get_mut(judged.plan) {
                        tally.count(&judged.state);
                    }
                }
                let plans = expectation.versions.iter().zip(tallies).filter(|(_, tally)| tally.expected > 0);
                let plans: Vec<_> = plans.map(|(version, tally)| (version.plan.name.clone(), tally)).collect();
                let nothing_due = plans.is_empty().then_some(Exclusion::NothingDue);
                let exclusion = exclusion(&meter).or(nothing_due);
                each(MeterDay { meter, exclusion, plans });
            }
        }
        Ok(())
    }

    /// Slots of a civil day without a good value, by meter, from behind `after`. With the meter with which `limit` gaps are
    /// reached the page ends: it may be a little longer.
    pub async fn gaps(
        &self,
        slots: &SlotsOfDay<'_>,
        after: Option<MeterId>,
        limit: usize,
    ) -> Result<Vec<MeterGaps>, StoreError> {
        let versions = self.plan_versions(day_number(slots.day)).await?;
        let expectation = self.expectation(&versions, slots).await?;
        let mut page = Vec::new();
        let mut count = 0;
        let mut low = after.map_or(1, |meter| meter.0 + 1);
        while let Some(window) = self.window(low).await? {
            low = window.end() + 1;
            let meters = population::of_rows(&self.inner.pool, &self.inner.calendar, slots.day, window.clone()).await?;
            let facts = self.facts(&expectation, slots, window).await?;
            for meter in meters {
                if count >= limit {
                    return Ok(page);
                }
                let judged = judge(&expectation, &facts, &meter);
                let gaps: Vec<Gap> = judged.into_iter().filter_map(|j| gap(&expectation, j)).collect();
                count += gaps.len();
                if !gaps.is_empty() {
                    page.push(MeterGaps { meter, gaps });
                }
            }
        }
        Ok(page)
    }

    /// The next rows of meters from `low` on; `None` behind the last.
    async fn window(&self, low: i64) -> Result<Option<RangeInclusive<i64>>, StoreError> {
        let first = sqlx::query("SELECT min(id) FROM meter WHERE id >= ?")
            .bind(low)
            .fetch_one(&self.inner.pool)
            .await?
            .try_get::<Option<i64>, _>(0)?;
        Ok(first.map(|first| first..=first + WINDOW - 1))
    }
}

fn exclusion(meter: &MeterOnDay) -> Option<Exclusion> {
    match meter.state {
        MeterState::NotCommissioned => Some(Exclusion::NotCommissioned),
        MeterState::Suspended => Some(Exclusion::Suspended),
        MeterState::Retired => Some(Exclusion::Retired),
        MeterState::Active if meter.places.is_empty() => Some(Exclusion::NotInstalled),
        MeterState::Active => None,
    }
}

fn gap(expectation: &Expectation<'_>, judged: Judged) -> Option<Gap> {
    let (state, cause) = match judged.state {
        SlotState::OnTime | SlotState::Late => return None,
        SlotState::Suspect => (GapState::Suspect, judged.tried.as_ref().map(|t| t.cause.clone())),
        SlotState::GivenUp(cause) => (GapState::GivenUp, Some(cause)),
        SlotState::Open(cause) => (GapState::Open, cause),
    };
    Some(Gap {
        slot: judged.slot,
        plan: expectation.versions.get(judged.plan)?.plan.name.clone(),
        state,
        cause,
        tries: judged.tried.as_ref().map_or(0, |t| t.tries),
        last_try: judged.tried.as_ref().map(|t| UtcMicros(t.last_at)),
        next_try: judged.tried.as_ref().filter(|t| t.next_at > t.last_at).map(|t| UtcMicros(t.next_at)),
    })
}
