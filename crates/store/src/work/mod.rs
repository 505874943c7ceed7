//! What is missing: planned work is derived from archive, plans and what is settled, never stored as jobs.
//!
//! For the meters of one channel, the slots that their plans expect are walked from the newest day back to a watermark
//! kept a meter and plan, and each is looked up where it would lie. What is neither filled nor given up is open: it is
//! offered, unless it is to wait, and given up when it has left the meter's memory. A restart loses nothing, and
//! planning is cheap where nothing is missing, as the watermark is then at the last day.

mod members;
mod settled;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use hes_model::{
    ChannelName, Class, ClockSync, Failure, FailureKind, MeterId, MeterSpec, MeterState, Obis, PlanName, Priority,
    Series, Task, UtcMicros,
};
use sqlx::Row;

use self::members::Member;
use self::settled::Settled;
use crate::archive::STILL;
use crate::calendar::{day_from_number, day_number, slot_seconds};
use crate::codes::series_code;
use crate::commit::{self, BlockKey, PROBE_AFTER_DAYS};
use crate::failures::parse_kind;
use crate::gate::{Durability, Turn, Urgency};
use crate::plans::Version;
use crate::records::Slot;
use crate::rows::json;
use crate::slots::{Grid, complete_at, distinct, due_at, times_on};
use crate::{MemoryDepth, Store, StoreError};

/// Days looked up at once, from the newest on: most passes end after the first, which is short for that.
const CHUNKS: [i64; 4] = [1, 3, 7, 14];

/// A watermark is written when it has moved this far, not for each slot.
const WATERMARK_STEP_SECONDS: i64 = 24 * 3600;

/// The longest wait before a register that is not supported is probed again; one that seems longer was noted by a clock
/// that was wrong then.
const LONGEST_UNTIL_PROBE: i64 = 86_400_000_000 * PROBE_AFTER_DAYS[PROBE_AFTER_DAYS.len() - 1];

/// How far a watermark stays behind now: longer than the longest interval, so that none of a day is still to come.
const WATERMARK_LAG: Duration = Duration::from_secs(2 * 3600);

/// Whether the time is good enough to say that a slot has left its meter's memory, which is a verdict for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// What is too old is given up.
    Counts,
    /// The host's clock may be wrong: what seems too old is neither given up nor asked, as is what its meter seems not to
    /// have, and no watermark moves.
    Doubted,
}

/// What to look for.
#[derive(Debug, Clone)]
pub struct WorkQuery {
    /// For the meters of this channel.
    pub channel: ChannelName,
    /// Now.
    pub now: UtcMicros,
    /// What `now` is good for.
    pub age: Age,
    /// How long after a slot is complete it is first asked: meters' clocks are not exactly right. Values of now, which no
    /// meter latches, are asked at once.
    pub settle: Duration,
    /// Slots to offer at most; the walk back ends with the day in which they are reached.
    pub limit: usize,
    /// Meters that are not to be asked now (they are silent); nothing of theirs counts towards the limit.
    pub leave_out: HashSet<MeterId>,
}

/// A slot that is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSlot {
    /// Whose.
    pub meter: MeterId,
    /// Which.
    pub slot: Slot,
    /// The plan that expects it; of several, the most urgent.
    pub plan: PlanName,
    /// Its priority.
    pub priority: Priority,
    /// `Scheduled` for the newest slots of the plan and those that can still be on time, else `Backfill`.
    pub class: Class,
    /// Until when a value is on time.
    pub due: UtcMicros,
    /// How often it was asked in vain. Of intervals, how often any of its day's points was.
    pub tries: u32,
    /// Why it was not obtained last.
    pub last_failure: Option<FailureKind>,
}

/// A meter whose clock is to be checked today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockDue {
    /// Whose.
    pub meter: MeterId,
    /// For which plan.
    pub plan: PlanName,
    /// Its priority.
    pub priority: Priority,
}

/// What a channel has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Slots to ask, by day from the newest, then by priority and meter.
    pub slots: Vec<OpenSlot>,
    /// Clocks to check.
    pub clocks: Vec<ClockDue>,
    /// Whether a clock plan as it stands wants the meters' clocks set, checks due or not.
    pub sync: ClockSync,
    /// Whether everything was looked at; `false` when the limit ended the walk first.
    pub complete: bool,
    /// When the first of the slots that wait may be asked.
    pub next_retry: Option<UtcMicros>,
}

/// What was tried for a slot (of intervals: for a day).
struct Attempt {
    tries: u32,
    last_at: i64,
    next_at: i64,
    kind: FailureKind,
    detail: String,
}

/// Series, slot, meter, register.
type AttemptKey = (i64, i64, i64, i64);

/// A plan's walk over the meters of a channel.
struct Walk<'a> {
    version: &'a Version,
    series: Series,
    registers: Vec<(Obis, i64)>,
    /// The newest slot that is due to be asked.
    newest: Option<UtcMicros>,
    /// By place of the member: the lowest slot that is not known to be settled; none if the plan does not concern it.
    low: Vec<Option<UtcMicros>>,
    /// By place of the member: the earliest slot that it may still hold.
    horizon: Vec<UtcMicros>,
    /// Whether anything of it may be asked now.
    asks: bool,
}

/// What a pass found out and will write.
#[derive(Default)]
struct Findings {
    work: Work,
    offered: HashSet<(MeterId, Slot)>,
    /// Slots to give up: kind and detail.
    lost: Vec<(MeterId, Slot, FailureKind, String)>,
    /// Lowest open slot by meter and plan row.
    lowest_open: HashMap<(i64, i64), UtcMicros>,
}

impl Store {
    /// The open slots of a channel's meters, newest first. Gives up what can't be had any more, with its reason.
    ///
    /// `depth` tells how far back a meter of that kind remembers. May be dropped at any await.
    pub async fn missing(
        &self,
        query: &WorkQuery,
        depth: impl Fn(&MeterSpec) -> MemoryDepth + Send + Sync,
    ) -> Result<Work, StoreError> {
        let Some(channel) = self.inner.names.channels.id(&query.channel) else {
            return Ok(Work { complete: true, ..Work::default() });
        };
        let members = members::load(&self.inner.pool, channel).await?;
        if members.is_empty() {
            return Ok(Work { complete: true, ..Work::default() });
        }
        let pass = Pass::prepare(self, query, &members, &depth).await?;
        let findings = pass.run().await?;
        pass.settle(findings).await
    }
}

/// One pass over a channel.
struct Pass<'a> {
    store: &'a Store,
    query: &'a WorkQuery,
    members: &'a [Member],
    depths: Vec<MemoryDepth>,
    versions: Vec<Version>,
    attempts: HashMap<AttemptKey, Attempt>,
    /// Meter, series, register → when it is probed again, and the reason.
    unsupported: HashMap<(i64, i64, i64), (i64, String)>,
    /// Meter, plan → watermark.
    progress: HashMap<(i64, i64), i64>,
    ids: String,
}

impl<'a> Pass<'a> {
    async fn prepare(
        store: &'a Store,
        query: &'a WorkQuery,
        members: &'a [Member],
        depth: &(impl Fn(&MeterSpec) -> MemoryDepth + Send + Sync),
    ) -> Result<Self, StoreError> {
        let ids = json(&members.iter().map(|m| m.id.0).collect::<Vec<_>>())?;
        let pool = &store.inner.pool;
        let mut pass = Self {
            store,
            query,
            members,
            depths: members.iter().map(|m| depth(&m.spec)).collect(),
            versions: store.plan_versions(0).await?,
            attempts: HashMap::new(),
            unsupported: HashMap::new(),
            progress: HashMap::new(),
            ids: ids.clone(),
        };
        pass.versions.sort_by_key(|v| (v.plan.schedule.priority, v.id, v.from_day));
        let rows = sqlx::query(
            "SELECT a.series, a.slot, a.meter, a.register, a.tries, a.last_at, a.next_at, r.kind, r.detail
             FROM json_each(?) AS m CROSS JOIN attempt AS a ON a.meter = m.value JOIN reason AS r ON r.id = a.reason",
        )
        .bind(ids.clone())
        .fetch_all(pool)
        .await?;
        for row in rows {
            let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            let tries: i64 = row.try_get(4)?;
            let attempt = Attempt {
                tries: u32::try_from(tries).unwrap_or(u32::MAX),
                last_at: row.try_get(5)?,
                next_at: row.try_get(6)?,
                kind: parse_kind(row.try_get(7)?)?,
                detail: row.try_get(8)?,
            };
            pass.attempts.insert(key, attempt);
        }
        let rows = sqlx::query(
            "SELECT n.meter, n.series, n.register, n.next_probe_at, r.detail
             FROM json_each(?) AS m CROSS JOIN not_supported AS n ON n.meter = m.value JOIN reason AS r ON r.id = n.reason",
        )
        .bind(ids.clone())
        .fetch_all(pool)
        .await?;
        for row in rows {
            let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            pass.unsupported.insert(key, (row.try_get(3)?, row.try_get(4)?));
        }
        let rows = sqlx::query(
            "SELECT p.meter, p.plan, p.settled_until FROM json_each(?) AS m CROSS JOIN progress AS p ON p.meter = m.value",
        )
        .bind(ids)
        .fetch_all(pool)
        .await?;
        for row in rows {
            pass.progress.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
        }
        Ok(pass)
    }

    /// Walks back from today until every meter's watermark or the limit is reached.
    async fn run(&self) -> Result<Findings, StoreError> {
        let mut findings = Findings::default();
        let walks = self.walks();
        let now = self.query.now;
        let mut newest = day_number(self.store.inner.calendar.day_of(now));
        let earliest = walks.iter().flat_map(|w| w.low.iter().flatten()).min().copied();
        let oldest = earliest.map_or(newest + 1, |at| day_number(self.store.inner.calendar.day_of(at)));
        let mut chunks = CHUNKS.into_iter();
        let mut length = 1;
        findings.work.complete = true;
        while newest >= oldest {
            if findings.work.slots.len() >= self.query.limit {
                findings.work.complete = false;
                break;
            }
            length = chunks.next().unwrap_or(length);
            let first = oldest.max(newest - length + 1);
            for walk in &walks {
                self.look_at(walk, first, newest, &mut findings).await?;
            }
            if !findings.work.complete {
                break;
            }
            newest = first - 1;
        }
        self.clocks(&mut findings).await?;
        // A day is looked up in the calendar, so once a slot and not with each comparison.
        findings.work.slots.sort_by_cached_key(|open| {
            let day = day_number(self.store.inner.calendar.day_of(open.slot.time));
            (std::cmp::Reverse(day), open.priority, open.meter, open.slot)
        });
        Ok(findings)
    }

    fn walks(&self) -> Vec<Walk<'_>> {
        let names = &self.store.inner.names.registers;
        self.versions
            .iter()
            .filter_map(|version| {
                let series = version.plan.task.series()?;
                // A register that was never stored has no row yet: nothing of it can be settled.
                let registers = distinct(version.plan.task.registers());
                let registers: Vec<_> = registers.into_iter().map(|r| (r, names.id(&r).unwrap_or(0))).collect();
                let low: Vec<_> = (0..self.members.len()).map(|place| self.low(version, place)).collect();
                let calendar = &self.store.inner.calendar;
                let horizon =
                    self.depths.iter().map(|d| d.horizon(&version.plan.task, self.query.now, calendar)).collect();
                let newest = newest_due(&version.plan.task, self.query, calendar);
                let asks = self.in_window(version) && self.goes_on(version);
                low.iter().any(Option::is_some).then_some(Walk {
                    version,
                    series,
                    registers,
                    newest,
                    low,
                    horizon,
                    asks,
                })
            })
            .collect()
    }

    /// From which slot on a meter has to be looked at for a plan; `None` when nothing of the plan concerns it.
    ///
    /// Without a watermark that is what the meter held when both plan and meter were known: what lay further back was
    /// never to be had, and is not even given up one by one.
    fn low(&self, version: &Version, place: usize) -> Option<UtcMicros> {
        let (member, depth) = (self.members.get(place)?, self.depths.get(place)?);
        let calendar = &self.store.inner.calendar;
        let first_stay = member.stays.iter().map(|s| s.from).min()?;
        let from = calendar.day_start(version.plan.effective.from.max(day_from_number(version.from_day)));
        let low = match self.watermark(member, version) {
            Some(seconds) => UtcMicros(seconds.saturating_mul(1_000_000)),
            None => {
                let made = version.created.max(member.created).min(self.query.now);
                let held = depth.horizon(&version.plan.task, made, calendar);
                // A model that keeps no such values: what the plan has expected since it was made is given up.
                if held.0 == i64::MAX { calendar.day_start(calendar.day_of(made)) } else { held }
            }
        };
        let low = match self.query.age {
            Age::Counts => low,
            // What seems too old is left as it is, so it need not be looked at: by a clock that is years ahead that would be
            // all of those years.
            Age::Doubted => low.max(depth.horizon(&version.plan.task, self.query.now, calendar)),
        };
        let low = low.max(from).max(first_stay);
        let until = match version.until_day {
            STILL => UtcMicros(i64::MAX),
            day => calendar.day_start(day_from_number(day)),
        };
        (low < until && low <= self.query.now).then_some(low)
    }

    /// A watermark that lies ahead was set by a clock that was wrong then, and says nothing.
    fn watermark(&self, member: &Member, version: &Version) -> Option<i64> {
        let mark = self.progress.get(&(member.id.0, version.id)).copied()?;
        (mark <= self.query.now.0.div_euclid(1_000_000)).then_some(mark)
    }

    /// Looks up what a plan expects in some days and sorts what is open.
    async fn look_at(&self, walk: &Walk<'_>, first: i64, last: i64, findings: &mut Findings) -> Result<(), StoreError> {
        let calendar = &self.store.inner.calendar;
        let version = walk.version;
        let mut slots = BTreeMap::new();
        for day in (first..=last).map(day_from_number).filter(|day| version.on(*day)) {
            let made = |at: &UtcMicros| walk.series != Series::Instant || *at >= version.created;
            let settle = if walk.series == Series::Instant { Duration::ZERO } else { self.query.settle };
            let complete = |at: &UtcMicros| complete_at(walk.series, *at).plus(settle) <= self.query.now;
            for at in times_on(&version.plan.task, day, calendar).into_iter().filter(complete).filter(made) {
                slots.insert(at, day);
            }
        }
        let Some(newest_slot) = slots.keys().next_back().copied() else { return Ok(()) };
        let concerned: Vec<usize> = (0..self.members.len())
            .filter(|place| walk.low.get(*place).copied().flatten().is_some_and(|low| low <= newest_slot))
            .collect();
        if concerned.is_empty() {
            return Ok(());
        }
        let settled =
            Settled::load(self.store, walk.series, &slots, &self.ids_of(&concerned)?, &walk.registers, self.query.now)
                .await?;
        let mut looked_at = None;
        for (at, day) in slots.iter().rev() {
            if looked_at.replace(*day).is_some_and(|before| before != *day)
                && findings.work.slots.len() >= self.query.limit
            {
                findings.work.complete = false;
                return Ok(());
            }
            for place in &concerned {
                let (Some(member), Some(Some(low))) = (self.members.get(*place), walk.low.get(*place)) else {
                    continue;
                };
                if at < low || !member.is_expected(version, *day, *at) {
                    continue;
                }
                for (register, row) in &walk.registers {
                    if !settled.is_settled(*at, member.id.0, *row) {
                        let slot = Slot { series: walk.series, time: *at, register: *register };
                        self.sort_open(walk, *place, slot, *row, findings);
                    }
                }
            }
        }
        Ok(())
    }

    /// Offers an open slot, lets it wait, or gives it up.
    fn sort_open(&self, walk: &Walk<'_>, place: usize, slot: Slot, row: i64, findings: &mut Findings) {
        let (Some(member), Some(&horizon)) = (self.members.get(place), walk.horizon.get(place)) else { return };
        let version = walk.version;
        let attempt = self.attempt(member.id.0, slot, row);
        if let Some(reason) = self.lost(member, slot, row, horizon, attempt, walk) {
            if self.query.age == Age::Counts {
                findings.lost.push((member.id, slot, reason.kind, reason.detail));
            }
            return;
        }
        let lowest = findings.lowest_open.entry((member.id.0, version.id)).or_insert(slot.time);
        *lowest = (*lowest).min(slot.time);
        let asks = member.state == MeterState::Active && !self.query.leave_out.contains(&member.id);
        if !asks || slot.time < horizon || !walk.asks {
            return;
        }
        // An attempt that lies ahead was noted by a clock that was wrong then: nobody need wait for what it says.
        let waits = |a: &&Attempt| a.last_at <= self.query.now.0 && a.next_at > self.query.now.0;
        if let Some(attempt) = attempt.filter(waits) {
            let next = UtcMicros(attempt.next_at);
            let earliest = findings.work.next_retry.get_or_insert(next);
            *earliest = (*earliest).min(next);
            return;
        }
        if !findings.offered.insert((member.id, slot)) {
            return;
        }
        let due = due_at(slot.series, slot.time, version.plan.schedule.deadline_minutes);
        let newest = walk.newest == Some(slot.time);
        findings.work.slots.push(OpenSlot {
            meter: member.id,
            slot,
            plan: version.plan.name.clone(),
            priority: version.plan.schedule.priority,
            class: if newest || self.query.now <= due { Class::Scheduled } else { Class::Backfill },
            due,
            tries: attempt.map_or(0, |a| a.tries),
            last_failure: attempt.map(|a| a.kind),
        });
    }

    /// What an edited plan expected before its edit is still fetched; a plan that was ended asks nothing more.
    fn goes_on(&self, version: &Version) -> bool {
        self.versions.iter().any(|v| v.id == version.id && v.until_day == STILL)
    }

    fn in_window(&self, version: &Version) -> bool {
        version.plan.schedule.window.contains(self.store.inner.calendar.civil(self.query.now).time())
    }

    fn attempt(&self, meter: i64, slot: Slot, row: i64) -> Option<&Attempt> {
        if self.attempts.is_empty() {
            // As on most nights and lines: the day of each slot need not be looked up.
            return None;
        }
        let key = (series_code(slot.series), slot_seconds(slot.time)?, meter, row);
        self.attempts.get(&commit::attempt_key(&self.store.inner.calendar, key).ok()?)
    }

    /// Why a slot can't be had any more, if so.
    fn lost(
        &self,
        member: &Member,
        slot: Slot,
        row: i64,
        horizon: UtcMicros,
        attempt: Option<&Attempt>,
        walk: &Walk<'_>,
    ) -> Option<Failure> {
        let unsupported = self.unsupported.get(&(member.id.0, series_code(slot.series), row));
        let until_probe = |at: i64| at.saturating_sub(self.query.now.0);
        if let Some((_, detail)) = unsupported.filter(|(at, _)| (1..=LONGEST_UNTIL_PROBE).contains(&until_probe(*at))) {
            return Some(Failure::new(FailureKind::NotSupported, detail.clone()));
        }
        if horizon.0 == i64::MAX {
            return Some(Failure::new(FailureKind::NotSupported, "meters of this model keep no such values"));
        }
        let gone = !member.hangs() || member.state == MeterState::Retired;
        if !gone && slot.time >= horizon {
            return None;
        }
        Some(match attempt {
            Some(a) => Failure::new(a.kind, a.detail.clone()),
            None if gone => Failure::new(FailureKind::NotHeld, "the meter was taken down before it was read"),
            None if walk.series == Series::Instant => Failure::new(FailureKind::NotHeld, "not read in its time"),
            None => Failure::new(FailureKind::NotHeld, "left the meter's memory before it was read"),
        })
    }

    async fn clocks(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let calendar = &self.store.inner.calendar;
        let today = calendar.day_of(self.query.now);
        let of_clock = |v: &&Version| match v.plan.task {
            Task::Clock { sync } => Some(sync),
            _ => None,
        };
        let is_active = |m: &&Member| m.state == MeterState::Active;
        let wants = |v: &Version| {
            self.members.iter().filter(is_active).any(|member| member.is_expected(v, today, self.query.now))
        };
        let setting = |v: &&Version| v.on(today) && of_clock(v) == Some(ClockSync::Broadcast);
        if self.versions.iter().filter(setting).any(wants) {
            findings.work.sync = ClockSync::Broadcast;
        }
        let plans = self.versions.iter().filter(|v| v.on(today) && self.in_window(v));
        let plans: Vec<_> = plans.filter(|v| of_clock(v).is_some()).collect();
        if plans.is_empty() {
            return Ok(());
        }
        let start = calendar.day_start(today);
        let rows = sqlx::query(
            "SELECT m.value FROM json_each(?1) AS m
             WHERE NOT EXISTS (SELECT 1 FROM clock_offset AS c WHERE c.meter = m.value AND c.at >= ?2)",
        )
        .bind(self.ids.as_str())
        .bind(start.0)
        .fetch_all(&self.store.inner.pool)
        .await?;
        let due: BTreeSet<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let mut asked = BTreeSet::new();
        for version in plans {
            for member in self.members.iter().filter(|m| due.contains(&m.id.0)) {
                let asks = member.state == MeterState::Active && !self.query.leave_out.contains(&member.id);
                if asks && member.is_expected(version, today, self.query.now) && asked.insert(member.id) {
                    findings.work.clocks.push(ClockDue {
                        meter: member.id,
                        plan: version.plan.name.clone(),
                        priority: version.plan.schedule.priority,
                    });
                }
            }
        }
        Ok(())
    }

    fn ids_of(&self, places: &[usize]) -> Result<String, StoreError> {
        json(&places.iter().filter_map(|p| self.members.get(*p)).map(|m| m.id.0).collect::<Vec<_>>())
    }

    /// Writes give-ups and watermarks, in one transaction, if there is anything to write.
    async fn settle(&self, mut findings: Findings) -> Result<Work, StoreError> {
        self.explain_lost(&mut findings).await?;
        let marks = self.watermarks(&findings);
        if findings.lost.is_empty() && marks.is_empty() {
            return Ok(findings.work);
        }
        let registers: BTreeSet<Obis> = findings.lost.iter().map(|(_, slot, ..)| slot.register).collect();
        let names = &self.store.inner.names;
        let unknown = names.unknown(&registers, [], []);
        let gate = &self.store.inner.gate;
        if !unknown.is_empty() {
            names.create(gate.begin(Urgency::Normal, Durability::Process).await?, unknown).await?;
        }
        let mut turn = gate.begin(Urgency::Normal, Durability::Process).await?;
        self.give_up(&mut turn, &findings).await?;
        sqlx::query(
            "INSERT INTO progress (meter, plan, settled_until) SELECT value ->> 0, value ->> 1, value ->> 2
             FROM json_each(?) WHERE true
             ON CONFLICT (meter, plan) DO UPDATE SET settled_until = excluded.settled_until",
        )
        .bind(json(&marks)?)
        .execute(turn.connection())
        .await?;
        turn.commit().await?;
        for (_, _, kind, _) in &findings.lost {
            self.store.inner.metrics.give_ups.with_label_values(&[kind.code()]).inc();
        }
        Ok(findings.work)
    }

    /// A slot that was never tried itself ends with what kept its meter from being read, if that is known.
    async fn explain_lost(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let hangs = |meter: &MeterId| self.members.iter().any(|m| m.id == *meter && m.hangs());
        let mut unexplained: Vec<_> = findings
            .lost
            .iter_mut()
            .filter(|(meter, _, kind, _)| *kind == FailureKind::NotHeld && hangs(meter))
            .collect();
        let Some(earliest) = unexplained.iter().map(|(_, slot, ..)| slot.time).min() else { return Ok(()) };
        let outages = self.store.outages(&self.query.channel, earliest, self.query.now).await?;
        let meters: BTreeSet<i64> = unexplained.iter().map(|(meter, ..)| meter.0).collect();
        let last = self.last_failures(&meters).await?;
        for (meter, slot, kind, detail) in &mut unexplained {
            let failure = last.get(&meter.0).filter(|(at, ..)| *at >= slot.time.0);
            let outage = outages.iter().rev().find(|o| o.until.is_none_or(|until| until > slot.time));
            if let Some((_, cause, seen)) = failure {
                (*kind, *detail) = (*cause, seen.clone());
            } else if let Some(outage) = outage {
                (*kind, *detail) = (FailureKind::ChannelDown, outage.cause.clone());
            }
        }
        Ok(())
    }

    /// The last failure of each meter, with its time.
    async fn last_failures(
        &self,
        meters: &BTreeSet<i64>,
    ) -> Result<HashMap<i64, (i64, FailureKind, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.value, f.at, f.kind, f.detail FROM json_each(?) AS m CROSS JOIN failure AS f
             ON f.id = (SELECT l.id FROM failure AS l WHERE l.meter = m.value ORDER BY l.at DESC, l.id DESC LIMIT 1)",
        )
        .bind(json(meters)?)
        .fetch_all(&self.store.inner.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, parse_kind(row.try_get(2)?)?, row.try_get(3)?))))
            .collect()
    }

    async fn give_up(&self, turn: &mut Turn, findings: &Findings) -> Result<(), StoreError> {
        let calendar = &self.store.inner.calendar;
        let names = &self.store.inner.names.registers;
        let mut singles = Vec::new();
        let mut intervals: BTreeMap<BlockKey, Vec<(u32, i64)>> = BTreeMap::new();
        let mut reasons: HashMap<(FailureKind, &str), i64> = HashMap::new();
        for (meter, slot, kind, detail) in &findings.lost {
            let reason = match reasons.get(&(*kind, detail.as_str())) {
                Some(reason) => *reason,
                None => {
                    let reason = commit::reason(turn.connection(), *kind, detail).await?;
                    reasons.insert((*kind, detail.as_str()), reason);
                    reason
                }
            };
            let register = names.id(&slot.register).ok_or_else(|| StoreError::corrupt("a register just stored"))?;
            match slot.series {
                Series::Interval(minutes) => {
                    let (day, index) = Grid::new(calendar, minutes).place(slot.time)?;
                    intervals.entry((day, meter.0, register, i64::from(minutes))).or_default().push((index, reason));
                }
                series => {
                    let seconds = slot_seconds(slot.time).ok_or(StoreError::NotASlot { at: slot.time })?;
                    singles.push((series_code(series), seconds, meter.0, register, self.query.now.0, reason));
                }
            }
        }
        commit::insert_give_up_rows(turn.connection(), &singles).await?;
        if intervals.is_empty() {
            return Ok(());
        }
        let mut blocks = commit::load_blocks(turn.connection(), &intervals.keys().copied().collect()).await?;
        for (key, mut slots) in intervals {
            slots.sort_unstable();
            let block = blocks.entry(key).or_default();
            slots.into_iter().for_each(|(index, reason)| block.give_up(index, self.query.now.0, reason));
        }
        commit::save_blocks(turn.connection(), &blocks).await
    }

    /// Where each watermark may move to: the lowest open slot, or now. Only after a walk that saw everything.
    fn watermarks(&self, findings: &Findings) -> Vec<(i64, i64, i64)> {
        if !findings.work.complete || self.query.age == Age::Doubted {
            return Vec::new();
        }
        let calendar = &self.store.inner.calendar;
        let mut marks = BTreeMap::new();
        for version in self.versions.iter().filter(|v| v.plan.task.series().is_some()) {
            for (place, member) in self.members.iter().enumerate() {
                if self.low(version, place).is_none() {
                    continue;
                }
                let lag = WATERMARK_LAG + self.query.settle;
                let settled = UtcMicros(self.query.now.0 - i64::try_from(lag.as_micros()).unwrap_or(0));
                let day = calendar.day_start(calendar.day_of(settled));
                let open = findings.lowest_open.get(&(member.id.0, version.id)).copied();
                let mark = open.map_or(day, |open| open.min(day)).0.div_euclid(1_000_000);
                let before = self.watermark(member, version);
                if before.is_none_or(|before| mark - before >= WATERMARK_STEP_SECONDS) {
                    marks.insert((member.id.0, version.id), mark);
                }
            }
        }
        marks.into_iter().map(|((meter, plan), mark)| (meter, plan, mark)).collect()
    }
}

/// The newest slot of a task that is due to be asked.
fn newest_due(task: &Task, query: &WorkQuery, calendar: &crate::Calendar) -> Option<UtcMicros> {
    let series = task.series()?;
    let today = calendar.day_of(query.now);
    let complete = |at: &UtcMicros| complete_at(series, *at).plus(query.settle) <= query.now;
    let back = |days: i64| day_from_number(day_number(today) - days);
    (0..32).find_map(|days| times_on(task, back(days), calendar).into_iter().rev().find(complete))
}
