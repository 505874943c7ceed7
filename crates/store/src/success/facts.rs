//! What the store holds of a window of meters for a civil day.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use hes_model::{Failure, Series, UtcMicros};
use jiff::civil::Date;
use sqlx::Row;

use super::SlotsOfDay;
use super::expectation::{Asked, Expectation};
use crate::block::Block;
use crate::calendar::{day_number, slot_seconds};
use crate::codes::series_code;
use crate::failures::parse_kind;
use crate::rows::json;
use crate::slots::Grid;
use crate::{Store, StoreError};

/// What the store holds of a window of meters for a day.
#[derive(Default)]
pub(super) struct Facts {
    /// Series, slot, meter, register → when a good value first came; `None` when there are suspects only.
    pub(super) values: HashMap<(i64, i64, i64, i64), Option<i64>>,
    pub(super) given_up: HashMap<(i64, i64, i64, i64), Failure>,
    pub(super) tried: HashMap<(i64, i64, i64, i64), Tried>,
    /// Meter, plan → watermark.
    pub(super) progress: HashMap<(i64, i64), i64>,
    /// Meter → its failures since the day began.
    pub(super) failures: HashMap<i64, Tried>,
}

/// What was tried for a slot, or for its meter.
#[derive(Clone)]
pub(super) struct Tried {
    pub(super) tries: u32,
    pub(super) last_at: i64,
    pub(super) next_at: i64,
    pub(super) cause: Failure,
}

impl Store {
    pub(super) async fn facts(
        &self,
        expectation: &Expectation<'_>,
        slots: &SlotsOfDay<'_>,
        window: RangeInclusive<i64>,
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
        window: &RangeInclusive<i64>,
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
        window: &RangeInclusive<i64>,
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
        window: &RangeInclusive<i64>,
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
