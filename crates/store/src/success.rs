//! What a day's slots came to, as the archive and the plans stood that day: the ground of every report.
//!
//! The same functions say what is expected here and in the planner. Meters are gone through in windows of rows, so the
//! memory taken does not grow with the fleet. A slot that several plans expect counts once, for the most urgent.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use hes_model::{ChannelName, Failure, FailureKind, MeterId, MeterState, Obis, PlanName, Scope, Series, UtcMicros};
use jiff::civil::Date;
use sqlx::Row;

use crate::archive::population::{self, MeterOnDay, in_scope};
use crate::block::Block;
use crate::calendar::{day_number, slot_seconds};
use crate::codes::series_code;
use crate::failures::{Outage, parse_kind};
use crate::plans::Version;
use crate::records::Slot;
use crate::rows::json;
use crate::slots::{Grid, complete_at, distinct, due_at, times_on};
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

enum SlotState {
    OnTime,
    Late,
    Suspect,
    GivenUp(Failure),
    Open(Option<Failure>),
}

/// One expected slot with what became of it.
struct Judged {
    plan: usize,
    slot: Slot,
    state: SlotState,
    tried: Option<Tried>,
}

#[derive(Clone)]
struct Tried {
    tries: u32,
    last_at: i64,
    next_at: i64,
    cause: Failure,
}

/// What the plans expect of a day, whoever it is expected of.
struct Expectation<'a> {
    versions: Vec<&'a Version>,
    /// By plan.
    asked: Vec<Asked>,
    groups: HashMap<i64, Vec<String>>,
    /// Whether two of them are of one series, so that both may expect the same slot.
    overlaps: bool,
    /// When the day begins, in seconds: attempts at intervals are noted there.
    day_start: i64,
    /// Channels that are down: since when, and why.
    down: HashMap<ChannelName, (i64, Failure)>,
}

/// What one plan asks of each of its meters that day.
struct Asked {
    /// With their rows.
    registers: Vec<(Obis, i64)>,
    /// The day's slots that are complete.
    times: Vec<UtcMicros>,
}

/// What the store holds of a window of meters for a day.
#[derive(Default)]
struct Facts {
    /// Series, slot, meter, register → when a good value first came; `None` when there are suspects only.
    values: HashMap<(i64, i64, i64, i64), Option<i64>>,
    given_up: HashMap<(i64, i64, i64, i64), Failure>,
    tried: HashMap<(i64, i64, i64, i64), Tried>,
    /// Meter, plan → watermark.
    progress: HashMap<(i64, i64), i64>,
    /// Meter → its failures since the day began.
    failures: HashMap<i64, Tried>,
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
    async fn window(&self, low: i64) -> Result<Option<std::ops::RangeInclusive<i64>>, StoreError> {
        let first = sqlx::query("SELECT min(id) FROM meter WHERE id >= ?")
            .bind(low)
            .fetch_one(&self.inner.pool)
            .await?
            .try_get::<Option<i64>, _>(0)?;
        Ok(first.map(|first| first..=first + WINDOW - 1))
    }

    async fn expectation<'a>(
        &self,
        versions: &'a [Version],
        slots: &SlotsOfDay<'_>,
    ) -> Result<Expectation<'a>, StoreError> {
        let &SlotsOfDay { day, now, plan } = slots;
        let calendar = &self.inner.calendar;
        let wanted = |v: &&Version| v.on(day) && plan.is_none_or(|plan| v.plan.name == *plan);
        let mut versions: Vec<&Version> =
            versions.iter().filter(wanted).filter(|v| v.plan.task.series().is_some()).collect();
        versions.sort_by_key(|v| (v.plan.schedule.priority, v.id));
        let mut asked = Vec::new();
        for version in &versions {
            let Some(series) = version.plan.task.series() else { continue };
            let registers = distinct(version.plan.task.registers());
            let registers =
                registers.into_iter().map(|r| (r, self.inner.names.registers.id(&r).unwrap_or(0))).collect();
            let mut times = times_on(&version.plan.task, day, calendar);
            times.retain(|at| complete_at(series, *at) <= now && (series != Series::Instant || *at >= version.created));
            asked.push(Asked { registers, times });
        }
        let by_group = versions.iter().any(|v| matches!(v.plan.scope, Scope::Groups(_)));
        let groups = if by_group { population::groups_on(&self.inner.pool, day).await? } else { HashMap::new() };
        let day_start = calendar.day_start(day).0.div_euclid(1_000_000);
        let series: BTreeSet<_> = versions.iter().filter_map(|v| v.plan.task.series()).collect();
        let overlaps = series.len() < versions.len();
        let down = self.channels_down().await?;
        let cause = |Outage { from, cause, .. }| (from.0, Failure::new(FailureKind::ChannelDown, cause));
        let down = down.into_iter().map(|(channel, outage)| (channel, cause(outage))).collect();
        Ok(Expectation { versions, asked, groups, overlaps, day_start, down })
    }

    async fn facts(
        &self,
        expectation: &Expectation<'_>,
        slots: &SlotsOfDay<'_>,
        window: std::ops::RangeInclusive<i64>,
    ) -> Result<Facts, StoreError> {
        let &SlotsOfDay { day, now, .. } = slots;
        let mut facts = Facts::default();
        let mut single: BTreeMap<Series, BTreeSet<i64>> = BTreeMap::new();
        let mut intervals: BTreeSet<u8> = BTreeSet::new();
        for (version, Asked { times, .. }) in expectation.versions.iter().zip(&expectation.asked) {
            match version.plan.task.series() {
                Some(Series::Interval(minutes)) => {
                    intervals.insert(minutes);
                }
                Some(series) => single.entry(series).or_default().extend(times.iter().filter_map(|t| slot_seconds(*t))),
                None => {}
            }
        }
        for (series, slots) in single {
            self.single_facts(&mut facts, series_code(series), &json(&slots)?, &window, now).await?;
        }
        for minutes in intervals {
            self.interval_facts(&mut facts, minutes, day, &window, now).await?;
        }
        self.progress_facts(&mut facts, day, &window, now).await?;
        Ok(facts)
    }

    async fn single_facts(
        &self,
        facts: &mut Facts,
        series: i64,
        slots: &str,
        window: &std::ops::RangeInclusive<i64>,
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT r.slot, r.meter, r.register, min(CASE WHEN r.rules IS NULL THEN r.received_at END)
             FROM json_each(?2) AS s CROSS JOIN reading AS r
             ON r.series = +?1 AND r.slot = s.value AND r.meter BETWEEN ?3 AND ?4
             GROUP BY r.slot, r.meter, r.register",
        )
        .bind(series)
        .bind(slots)
        .bind(*window.start())
        .bind(*window.end())
        .fetch_all(&self.inner.pool)
        .await?;
        for row in rows {
            let key = (series, row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            facts.values.insert(key, row.try_get(3)?);
        }
        let rows = sqlx::query(
            "SELECT g.slot, g.meter, g.register, r.kind, r.detail
             FROM json_each(?2) AS s CROSS JOIN give_up AS g
             ON g.series = ?1 AND g.slot = s.value AND g.meter BETWEEN ?3 AND ?4 AND g.at <= ?5
             JOIN reason AS r ON r.id = g.reason",
        )
        .bind(series)
        .bind(slots)
        .bind(*window.start())
        .bind(*window.end())
        .bind(now.0)
        .fetch_all(&self.inner.pool)
        .await?;
        for row in rows {
            let key = (series, row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let detail: String = row.try_get(4)?;
            facts.given_up.insert(key, Failure::new(parse_kind(row.try_get(3)?)?, detail));
        }
        Ok(())
    }

    async fn interval_facts(
        &self,
        facts: &mut Facts,
        minutes: u8,
        day: Date,
        window: &std::ops::RangeInclusive<i64>,
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        let series = series_code(Series::Interval(minutes));
        let number = day_number(day);
        let rows = sqlx::query(
            "SELECT meter, register, points FROM interval_block
             WHERE day = ? AND meter BETWEEN ? AND ? AND minutes = ?",
        )
        .bind(number)
        .bind(*window.start())
        .bind(*window.end())
        .bind(i64::from(minutes))
        .fetch_all(&self.inner.pool)
        .await?;
        let starts = Grid::new(&self.inner.calendar, minutes).starts(day);
        let slot_of = |index: u32| starts.get(usize::try_from(index).ok()?).map(|at| at.0.div_euclid(1_000_000));
        let mut reasons: HashMap<i64, Failure> = HashMap::new();
        for row in rows {
            let (meter, register): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let block = Block::decode(row.try_get(2)?)
                .map_err(|_| StoreError::corrupt(format!("interval block of meter row {meter}, day {day}")))?;
            for point in &block.points {
                let Some(slot) = slot_of(point.index) else { continue };
                let first = facts.values.entry((series, slot, meter, register)).or_default();
                if point.content.is_good() {
                    *first = Some(first.map_or(point.received_at, |f| f.min(point.received_at)));
                }
            }
            for run in block.given_up.iter().filter(|run| run.at <= now.0) {
                let cause = match reasons.get(&run.reason) {
                    Some(cause) => cause.clone(),
                    None => {
                        let cause = self.reason(run.reason).await?;
                        reasons.insert(run.reason, cause.clone());
                        cause
                    }
                };
                for slot in (run.index..run.index.saturating_add(run.count)).map_while(slot_of) {
                    facts.given_up.insert((series, slot, meter, register), cause.clone());
                }
            }
        }
        Ok(())
    }

    async fn reason(&self, id: i64) -> Result<Failure, StoreError> {
        let row =
            sqlx::query("SELECT kind, detail FROM reason WHERE id = ?").bind(id).fetch_one(&self.inner.pool).await?;
        let detail: String = row.try_get(1)?;
        Ok(Failure::new(parse_kind(row.try_get(0)?)?, detail))
    }

    async fn progress_facts(
        &self,
        facts: &mut Facts,
        day: Date,
        window: &std::ops::RangeInclusive<i64>,
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        let start = self.inner.calendar.day_start(day);
        let end = day.tomorrow().map_or(start, |next| self.inner.calendar.day_start(next));
        let rows = sqlx::query(
            "SELECT a.series, a.slot, a.meter, a.register, a.tries, a.last_at, a.next_at, r.kind, r.detail
             FROM attempt AS a JOIN reason AS r ON r.id = a.reason
             WHERE a.meter BETWEEN ?1 AND ?2 AND a.slot >= ?3 AND a.slot < ?4",
        )
        .bind(*window.start())
        .bind(*window.end())
        .bind(start.0.div_euclid(1_000_000))
        .bind(end.0.div_euclid(1_000_000))
        .fetch_all(&self.inner.pool)
        .await?;
        for row in rows {
            let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            let detail: String = row.try_get(8)?;
            let tries: i64 = row.try_get(4)?;
            let tried = Tried {
                tries: u32::try_from(tries).unwrap_or(u32::MAX),
                last_at: row.try_get(5)?,
                next_at: row.try_get(6)?,
                cause: Failure::new(parse_kind(row.try_get(7)?)?, detail),
            };
            facts.tried.insert(key, tried);
        }
        let sql = "SELECT meter, plan, settled_until FROM progress WHERE meter BETWEEN ? AND ? AND settled_until <= ?";
        let rows = sqlx::query(sql)
            .bind(*window.start())
            .bind(*window.end())
            .bind(now.0.div_euclid(1_000_000))
            .fetch_all(&self.inner.pool)
            .await?;
        for row in rows {
            facts.progress.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
        }
        let rows = sqlx::query(
            "SELECT m.id, f.at, f.kind, f.detail,
             (SELECT count(*) FROM failure AS n WHERE n.meter = m.id AND n.at >= ?3)
             FROM meter AS m CROSS JOIN failure AS f
             ON f.id = (SELECT l.id FROM failure AS l WHERE l.meter = m.id AND l.at >= ?3 ORDER BY l.at DESC, l.id DESC LIMIT 1)
             WHERE m.id BETWEEN ?1 AND ?2",
        )
        .bind(*window.start())
        .bind(*window.end())
        .bind(start.0)
        .fetch_all(&self.inner.pool)
        .await?;
        for row in rows {
            let (last_at, tries): (i64, i64) = (row.try_get(1)?, row.try_get(4)?);
            let tried = Tried {
                tries: u32::try_from(tries).unwrap_or(u32::MAX),
                last_at,
                next_at: last_at,
                cause: Failure::new(parse_kind(row.try_get(2)?)?, row.try_get::<String, _>(3)?),
            };
            facts.failures.insert(row.try_get(0)?, tried);
        }
        Ok(())
    }
}

/// Every slot that is expected of a meter, with what became of it.
fn judge(expectation: &Expectation<'_>, facts: &Facts, meter: &MeterOnDay) -> Vec<Judged> {
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
