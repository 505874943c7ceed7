//! Looking readings up: versions of a slot, series over time, and what validation compares a new value with.

use std::collections::BTreeMap;

use hes_model::{
    CapturedAt, ExchangeId, MeterClock, MeterId, Obis, Observed, Quantity, Reading, ReadingSeq, ReceivedAt, Series,
    UtcMicros,
};
use jiff::civil::Date;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::block::{Block, Point};
use crate::calendar::{clock_from_seconds, day_number, slot_from_seconds};
use crate::codes::{quality_from_rules, series_code, series_from_code, value_from_code};
use crate::names::Names;
use crate::rows::json;
use crate::slots::{Grid, distinct};
use crate::{Store, StoreError};

/// Days looked at for the nearest good value: first these many, then up to the second number.
const NEAREST_DAYS: [i64; 2] = [3, 70];

/// Longest span of one query of daily, monthly or interval values, in days.
const QUERY_DAYS: i64 = 3_700;

/// A stored version of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingVersion {
    /// Ingest sequence.
    pub seq: ReadingSeq,
    /// From 1, without holes.
    pub version: u32,
    /// Whether it is the one that counts.
    pub current: bool,
    /// The reading.
    pub reading: Reading,
}

/// Which versions are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// The one of each slot that counts.
    Current,
    /// All, superseded ones and suspects too.
    All,
}

/// Readings of one meter over time, `from <= slot <= to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingQuery {
    /// Whose.
    pub meter: MeterId,
    /// Which register; `None` is all.
    pub register: Option<Obis>,
    /// Which series.
    pub series: Series,
    /// First slot.
    pub from: UtcMicros,
    /// Last slot.
    pub to: UtcMicros,
    /// Which versions.
    pub versions: Versions,
}

/// A good value that a new one is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownValue {
    /// Which register.
    pub register: Obis,
    /// Which series.
    pub series: Series,
    /// Its slot.
    pub slot: UtcMicros,
    /// When it was captured.
    pub captured: CapturedAt,
    /// The value.
    pub value: Quantity,
}

/// Columns of `reading` in the order in which [`version`] reads them.
macro_rules! reading_columns {
    () => {
        "r.series, r.slot, r.meter, r.register, r.version, r.current, r.seq, r.mantissa, r.form, r.rules, r.captured,
         r.received_at, r.occurred, r.meter_clock, r.exchange "
    };
}
pub(crate) use reading_columns;

impl Store {
    /// Readings in the order of slot, register and version. Spans of more than ten years are cut at their end.
    pub async fn readings(&self, query: &ReadingQuery) -> Result<Vec<ReadingVersion>, StoreError> {
        let all = match query.series {
            Series::Instant => self.instant_values(query).await?,
            Series::Daily | Series::Monthly => self.latched_values(query).await?,
            Series::Interval(minutes) => self.interval_points(query, minutes).await?,
        };
        Ok(all.into_iter().filter(|v| v.current || query.versions == Versions::All).collect())
    }

    /// Every version of one slot, oldest first.
    pub async fn reading_versions(
        &self,
        meter: MeterId,
        register: Obis,
        series: Series,
        slot: UtcMicros,
    ) -> Result<Vec<ReadingVersion>, StoreError> {
        let query =
            ReadingQuery { meter, register: Some(register), series, from: slot, to: slot, versions: Versions::All };
        self.readings(&query).await
    }

    /// The version with a sequence number. Interval points are not found this way: they are kept by day, not by number.
    pub async fn reading_by_seq(&self, seq: ReadingSeq) -> Result<Option<ReadingVersion>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", reading_columns!(), "FROM reading AS r WHERE r.seq = ?"))
            .bind(seq.0)
            .fetch_optional(&self.inner.pool)
            .await?;
        row.map(|row| version(&self.inner.names, &row)).transpose()
    }

    /// The highest sequence number of a daily, monthly or instant value, 0 where there is none; every version with this
    /// number or a lower one is visible, and what is stored later has a higher one, after a power cut too.
    pub async fn last_seq(&self) -> Result<ReadingSeq, StoreError> {
        let row = sqlx::query("SELECT coalesce(max(seq), 0) FROM reading").fetch_one(&self.inner.pool).await?;
        Ok(ReadingSeq(row.try_get(0)?))
    }

    /// Whether asking with this number as a cursor brings everything that is stored from now on. Not so with one that this
    /// database never gave: it comes from another, and the readings that will have lower numbers would be passed over.
    ///
    /// One that was given before a power cut or a restore took its reading is good: its successors have higher numbers.
    pub async fn is_cursor(&self, seq: ReadingSeq) -> Result<bool, StoreError> {
        Ok(seq.0 < self.inner.first_seq || seq <= self.last_seq().await?)
    }

    /// Current good numbers of some registers: all from `from` to `to`, and the nearest before and after.
    ///
    /// The nearest daily value is looked for within 70 days, a settlement within 70 days too, an interval within 3.
    pub async fn known_values(
        &self,
        meter: MeterId,
        wanted: &[(Obis, Series)],
        from: UtcMicros,
        to: UtcMicros,
    ) -> Result<Vec<KnownValue>, StoreError> {
        let mut by_series: BTreeMap<Series, Vec<Obis>> = BTreeMap::new();
        for (register, series) in wanted {
            by_series.entry(*series).or_default().push(*register);
        }
        let mut known = Vec::new();
        for (series, registers) in by_series {
            let registers = distinct(&registers);
            match series {
                Series::Instant => known.extend(self.known_instants(meter, &registers, from, to).await?),
                Series::Daily | Series::Monthly => {
                    known.extend(self.known_latched(meter, series, &registers, from, to).await?);
                }
                Series::Interval(_) => {
                    let days = self.days(from, to, NEAREST_DAYS[0]);
                    let found = self.blocks_of(meter, series, &days).await?;
                    let good = found.iter().filter_map(known_value).filter(|v| registers.contains(&v.register));
                    known.extend(nearest(&good.collect::<Vec<_>>(), from, to));
                }
            }
        }
        Ok(known)
    }

    /// The plus before the series keeps the statement prepared; see the tests of [`schema`](crate::schema).
    async fn known_latched(
        &self,
        meter: MeterId,
        series: Series,
        registers: &[Obis],
        from: UtcMicros,
        to: UtcMicros,
    ) -> Result<Vec<KnownValue>, StoreError> {
        let ids: Vec<i64> = registers.iter().filter_map(|r| self.inner.names.registers.id(r)).collect();
        let mut found = Vec::new();
        for reach in NEAREST_DAYS {
            let days = self.days(from, to, reach);
            let slots = self.slots_of_days(series, &days);
            let rows = sqlx::query(concat!(
                "SELECT ",
                reading_columns!(),
                "FROM json_each(?3) AS s CROSS JOIN json_each(?4) AS g CROSS JOIN reading AS r
                 ON r.series = +?1 AND r.slot = s.value AND r.meter = ?2 AND r.register = g.value
                 WHERE r.current = 1 AND r.rules IS NULL"
            ))
            .bind(series_code(series))
            .bind(meter.0)
            .bind(json(&slots)?)
            .bind(json(&ids)?)
            .fetch_all(&self.inner.pool)
            .await?;
            let versions = rows.iter().map(|row| version(&self.inner.names, row)).collect::<Result<Vec<_>, _>>()?;
            found = nearest(&versions.iter().filter_map(known_value).collect::<Vec<_>>(), from, to);
            let before = |register: &Obis| found.iter().any(|v: &KnownValue| v.register == *register && v.slot < from);
            if registers.iter().all(before) {
                break;
            }
        }
        Ok(found)
    }

    async fn known_instants(
        &self,
        meter: MeterId,
        registers: &[Obis],
        from: UtcMicros,
        to: UtcMicros,
    ) -> Result<Vec<KnownValue>, StoreError> {
        let (from_slot, to_slot) = (from.0.div_euclid(1_000_000), to.0.div_euclid(1_000_000));
        let mut found = Vec::new();
        for register in registers.iter().filter_map(|r| self.inner.names.registers.id(r)) {
            let rows = sqlx::query(concat!(
                "SELECT * FROM (SELECT ",
                reading_columns!(),
                "FROM reading AS r INDEXED BY reading_instant WHERE r.series = 0 AND r.meter = ?1 AND r.register = ?2 AND r.slot < ?3
                   AND r.current = 1 AND r.rules IS NULL ORDER BY r.slot DESC LIMIT 1)
                 UNION ALL SELECT ",
                reading_columns!(),
                "FROM reading AS r INDEXED BY reading_instant WHERE r.series = 0 AND r.meter = ?1 AND r.register = ?2 AND r.slot BETWEEN ?3 AND ?4
                   AND r.current = 1 AND r.rules IS NULL
                 UNION ALL SELECT * FROM (SELECT ",
                reading_columns!(),
                "FROM reading AS r INDEXED BY reading_instant WHERE r.series = 0 AND r.meter = ?1 AND r.register = ?2 AND r.slot > ?4
                   AND r.current = 1 AND r.rules IS NULL ORDER BY r.slot LIMIT 1)"
            ))
            .bind(meter.0)
            .bind(register)
            .bind(from_slot)
            .bind(to_slot)
            .fetch_all(&self.inner.pool)
            .await?;
            for row in &rows {
                found.extend(known_value(&version(&self.inner.names, row)?));
            }
        }
        Ok(found)
    }

    async fn instant_values(&self, query: &ReadingQuery) -> Result<Vec<ReadingVersion>, StoreError> {
        let register = match query.register {
            Some(register) => match self.inner.names.registers.id(&register) {
                Some(id) => Some(id),
                None => return Ok(Vec::new()),
            },
            None => None,
        };
        let rows = sqlx::query(concat!(
            "SELECT ",
            reading_columns!(),
            "FROM reading AS r INDEXED BY reading_instant WHERE r.series = 0 AND r.meter = ?1 AND r.slot BETWEEN ?2 AND ?3
             AND (?4 IS NULL OR r.register = ?4) ORDER BY r.slot, r.register, r.version"
        ))
        .bind(query.meter.0)
        .bind(query.from.0.div_euclid(1_000_000) + i64::from(query.from.0.rem_euclid(1_000_000) != 0))
        .bind(query.to.0.div_euclid(1_000_000))
        .bind(register)
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter().map(|row| version(&self.inner.names, row)).collect()
    }

    /// Daily and monthly values: their slots are enumerated, each looked up where it lies.
    async fn latched_values(&self, query: &ReadingQuery) -> Result<Vec<ReadingVersion>, StoreError> {
        let days = self.days(query.from, query.to, 0);
        let mut slots = self.slots_of_days(query.series, &days);
        slots.retain(|s| query.from <= slot_from_seconds(*s) && slot_from_seconds(*s) <= query.to);
        let rows = sqlx::query(concat!(
            "SELECT ",
            reading_columns!(),
            "FROM json_each(?3) AS s CROSS JOIN reading AS r ON r.series = +?1 AND r.slot = s.value AND r.meter = ?2
             ORDER BY r.slot, r.register, r.version"
        ))
        .bind(series_code(query.series))
        .bind(query.meter.0)
        .bind(json(&slots)?)
        .fetch_all(&self.inner.pool)
        .await?;
        let mut versions = rows.iter().map(|row| version(&self.inner.names, row)).collect::<Result<Vec<_>, _>>()?;
        versions.retain(|v| query.register.is_none_or(|register| v.reading.register == register));
        Ok(versions)
    }

    async fn interval_points(&self, query: &ReadingQuery, minutes: u8) -> Result<Vec<ReadingVersion>, StoreError> {
        let days = self.days(query.from, query.to, 0);
        let mut versions = self.blocks_of(query.meter, Series::Interval(minutes), &days).await?;
        versions.retain(|v| {
            let slot = v.reading.slot;
            query.from <= slot && slot <= query.to && query.register.is_none_or(|r| v.reading.register == r)
        });
        versions.sort_by_key(|v| (v.reading.slot, v.reading.register, v.version));
        Ok(versions)
    }

    async fn blocks_of(
        &self,
        meter: MeterId,
        series: Series,
        days: &[Date],
    ) -> Result<Vec<ReadingVersion>, StoreError> {
        let Series::Interval(minutes) = series else { return Ok(Vec::new()) };
        let numbers: Vec<i64> = days.iter().map(|day| day_number(*day)).collect();
        let rows = sqlx::query(
            "SELECT b.day, b.register, b.points FROM json_each(?) AS d
             CROSS JOIN interval_block AS b ON b.day = d.value AND b.meter = ? AND b.minutes = ?",
        )
        .bind(json(&numbers)?)
        .bind(meter.0)
        .bind(i64::from(minutes))
        .fetch_all(&self.inner.pool)
        .await?;
        let grid = Grid::new(&self.inner.calendar, minutes);
        let mut versions = Vec::new();
        for row in rows {
            let day: i64 = row.try_get(0)?;
            let register = self.inner.names.registers.name(row.try_get(1)?)?;
            let block = Block::decode(row.try_get(2)?)
                .map_err(|_| StoreError::corrupt(format!("interval block of meter row {meter}, day {day}")))?;
            for point in &block.points {
                let slot = grid.slot(day, point.index);
                versions.push(point_version(meter, register, series, slot, point)?);
            }
        }
        Ok(versions)
    }

    /// The civil days from `from` to `to`, and `reach` days more on both sides.
    fn days(&self, from: UtcMicros, to: UtcMicros, reach: i64) -> Vec<Date> {
        let calendar = &self.inner.calendar;
        let first = day_number(calendar.day_of(from)) - reach;
        let last = day_number(calendar.day_of(to)) + reach;
        (first..=last.min(first + QUERY_DAYS)).map(crate::calendar::day_from_number).collect()
    }

    fn slots_of_days(&self, series: Series, days: &[Date]) -> Vec<i64> {
        days.iter()
            .filter(|day| series != Series::Monthly || day.day() == 1)
            .map(|day| self.inner.calendar.day_start(*day).0.div_euclid(1_000_000))
            .collect()
    }
}

/// Of good values: all from `from` to `to`, and of each register the nearest before and after.
fn nearest(good: &[KnownValue], from: UtcMicros, to: UtcMicros) -> Vec<KnownValue> {
    let mut before: BTreeMap<Obis, KnownValue> = BTreeMap::new();
    let mut after: BTreeMap<Obis, KnownValue> = BTreeMap::new();
    let mut found = Vec::new();
    for value in good {
        if value.slot < from {
            let kept = before.entry(value.register).or_insert(*value);
            if kept.slot < value.slot {
                *kept = *value;
            }
        } else if value.slot > to {
            let kept = after.entry(value.register).or_insert(*value);
            if value.slot < kept.slot {
                *kept = *value;
            }
        } else {
            found.push(*value);
        }
    }
    found.extend(before.into_values().chain(after.into_values()));
    found.sort_by_key(|v| (v.register, v.slot));
    found
}

fn known_value(version: &ReadingVersion) -> Option<KnownValue> {
    let reading = &version.reading;
    let Observed::Number(value) = reading.value else { return None };
    (version.current && reading.quality.is_good()).then_some(KnownValue {
        register: reading.register,
        series: reading.series,
        slot: reading.slot,
        captured: reading.captured,
        value,
    })
}

/// Reads a row of [`reading_columns`].
pub(crate) fn version(names: &Names, row: &SqliteRow) -> Result<ReadingVersion, StoreError> {
    let slot = slot_from_seconds(row.try_get(1)?);
    let captured: i64 = row.try_get(10)?;
    let reading = Reading {
        meter: MeterId(row.try_get(2)?),
        register: names.registers.name(row.try_get(3)?)?,
        series: series_from_code(row.try_get(0)?)?,
        slot,
        value: value_from_code(row.try_get(7)?, row.try_get(8)?)?,
        occurred: row.try_get::<Option<i64>, _>(12)?.map(clock_from_seconds),
        meter_clock: row.try_get::<Option<i64>, _>(13)?.map(clock_from_seconds),
        captured: CapturedAt(UtcMicros(slot.0.saturating_add(captured))),
        received: ReceivedAt(UtcMicros(row.try_get(11)?)),
        quality: quality_from_rules(row.try_get(9)?),
        exchange: row.try_get::<Option<i64>, _>(14)?.map(ExchangeId),
    };
    let version: i64 = row.try_get(4)?;
    Ok(ReadingVersion {
        seq: ReadingSeq(row.try_get(6)?),
        version: u32::try_from(version).map_err(|_| StoreError::corrupt("version number"))?,
        current: row.try_get::<i64, _>(5)? != 0,
        reading,
    })
}

pub(crate) fn point_version(
    meter: MeterId,
    register: Obis,
    series: Series,
    slot: UtcMicros,
    point: &Point,
) -> Result<ReadingVersion, StoreError> {
    let slot_seconds = slot.0.div_euclid(1_000_000);
    let clock = |seconds: i64| -> MeterClock { clock_from_seconds(slot_seconds.saturating_add(seconds)) };
    let reading = Reading {
        meter,
        register,
        series,
        slot,
        value: value_from_code(point.content.mantissa, point.content.form)?,
        occurred: point.content.occurred.map(clock_from_seconds),
        meter_clock: point.meter_clock.map(clock),
        captured: CapturedAt(UtcMicros(slot.0.saturating_add(point.captured))),
        received: ReceivedAt(UtcMicros(point.received_at)),
        quality: quality_from_rules(point.content.rules.clone()),
        exchange: point.exchange.map(ExchangeId),
    };
    Ok(ReadingVersion {
        seq: ReadingSeq(point.seq),
        version: u32::try_from(point.version).map_err(|_| StoreError::corrupt("version number"))?,
        current: point.current,
        reading,
    })
}
