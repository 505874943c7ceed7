//! Daily readings for billing: every version with the archive as of its day, by day or by ingest sequence.
//!
//! Pages go by key, so memory stays flat however many there are. Sequence numbers become visible in their order: a page
//! that begins behind a number that was seen misses nothing that is committed later.

use std::collections::HashMap;

use hes_model::{
    AreaCode, CustomerNo, MeterNo, Obis, ReadingSeq, Scope, Series, ServicePointNo, Transformers, UtcMicros,
};
use jiff::civil::Date;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::archive::population;
use crate::calendar::{day_number, slot_from_seconds};
use crate::names::parse_name;
use crate::plans::Version;
use crate::readings::{ReadingVersion, reading_columns, version};
use crate::rows::json;
use crate::slots::due_at;
use crate::{Store, StoreError};

/// One version of a daily reading with its place as of that day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyRow {
    /// The version; its sequence number is the cursor.
    pub version: ReadingVersion,
    /// The version before it, which it corrects if it is the current one.
    pub supersedes: Option<ReadingSeq>,
    /// The meter's number.
    pub meter_no: MeterNo,
    /// Where the meter hung when the value was latched.
    pub service_point: Option<ServicePointNo>,
    /// Transformers then.
    pub transformers: Option<Transformers>,
    /// Whose supply it was.
    pub customer: Option<CustomerNo>,
    /// That customer's name.
    pub customer_name: Option<String>,
    /// The area.
    pub area: Option<AreaCode>,
    /// Until when a value was on time, by the most urgent plan that expected it; `None` when none did.
    pub due: Option<UtcMicros>,
}

/// Where a page of a day ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyKey {
    meter: i64,
    register: i64,
    version: i64,
}

/// Rows of [`DailyRow`]. The first parameter is a list of the slots that occur, each with its civil day.
///
/// A value belongs to where its meter hung at that moment. The freeze of the very moment at which a meter was taken down is its
/// last word on where it hung until then: it closes what was consumed there, beside the freeze of the meter that took over.
macro_rules! daily {
    ($from:literal, $rest:literal) => {
        concat!(
            "WITH day (slot, n) AS MATERIALIZED (SELECT value ->> 0, value ->> 1 FROM json_each(?1)) SELECT ",
            reading_columns!(),
            ", m.no, p.no, i.ct, i.pt, k.no, k.name, a.code,
             CASE WHEN r.version > 1 THEN (SELECT b.seq FROM reading AS b WHERE b.series = r.series AND b.slot = r.slot
                AND b.meter = r.meter AND b.register = r.register AND b.version = r.version - 1) END
             FROM ",
            $from,
            " CROSS JOIN day ON day.slot = r.slot
             JOIN meter AS m ON m.id = r.meter
             LEFT JOIN installation AS i ON i.meter = r.meter AND i.from_at <= r.slot * 1000000 AND i.until_at >= r.slot * 1000000
                AND (i.until_at > r.slot * 1000000 OR i.from_at < i.until_at AND NOT EXISTS
                (SELECT 1 FROM installation AS n WHERE n.meter = r.meter AND n.from_at = i.until_at AND n.until_at > n.from_at))
             LEFT JOIN service_point AS p ON p.id = i.service_point
             LEFT JOIN service_point_area AS pa ON pa.service_point = p.id AND pa.from_day <= day.n AND pa.until_day > day.n
             LEFT JOIN area AS a ON a.id = pa.area
             LEFT JOIN service_point_customer AS pc ON pc.service_point = p.id AND pc.from_day <= day.n AND pc.until_day > day.n
             LEFT JOIN customer AS k ON k.id = pc.customer ",
            $rest
        )
    };
}

impl Store {
    /// Versions of a day's daily readings, by meter, register and version, from behind `after`.
    pub async fn daily_of_day(
        &self,
        day: Date,
        after: Option<DailyKey>,
        limit: u32,
    ) -> Result<Vec<(DailyKey, DailyRow)>, StoreError> {
        let slot = self.inner.calendar.day_start(day).0.div_euclid(1_000_000);
        let after = after.unwrap_or(DailyKey { meter: 0, register: 0, version: 0 });
        let rows = sqlx::query(daily!(
            "reading AS r",
            "WHERE r.series = 1 AND r.slot = ?2 AND (r.meter, r.register, r.version) > (?3, ?4, ?5)
             ORDER BY r.meter, r.register, r.version LIMIT ?6"
        ))
        .bind(json(&[(slot, day_number(day))])?)
        .bind(slot)
        .bind(after.meter)
        .bind(after.register)
        .bind(after.version)
        .bind(i64::from(limit))
        .fetch_all(&self.inner.pool)
        .await?;
        let deadlines = Deadlines::load(self).await?;
        rows.iter()
            .map(|row| {
                let key = DailyKey { meter: row.try_get(2)?, register: row.try_get(3)?, version: row.try_get(4)? };
                Ok((key, self.daily_row(row, &deadlines)?))
            })
            .collect()
    }

    /// Versions of daily readings with a sequence number above `since`, corrections included, in order.
    pub async fn daily_since(&self, since: ReadingSeq, limit: u32) -> Result<Vec<DailyRow>, StoreError> {
        let page = sqlx::query(
            "SELECT max(seq), json_group_array(DISTINCT slot) FROM
             (SELECT seq, slot FROM reading INDEXED BY reading_by_seq WHERE seq > ? AND series = 1 ORDER BY seq LIMIT ?)",
        )
        .bind(since.0)
        .bind(i64::from(limit))
        .fetch_one(&self.inner.pool)
        .await?;
        let Some(last) = page.try_get::<Option<i64>, _>(0)? else { return Ok(Vec::new()) };
        let slots: Vec<i64> =
            serde_json::from_str(page.try_get(1)?).map_err(|e| StoreError::corrupt(format!("slots ({e})")))?;
        let day_of = |slot: &i64| day_number(self.inner.calendar.day_of(slot_from_seconds(*slot)));
        let days: Vec<_> = slots.iter().map(|slot| (slot, day_of(slot))).collect();
        // Up to what was seen just now: a slot that came since has no day in the list.
        let rows = sqlx::query(daily!(
            "reading AS r INDEXED BY reading_by_seq",
            "WHERE r.seq > ?2 AND r.seq <= ?3 AND r.series = 1 ORDER BY r.seq"
        ))
        .bind(json(&days)?)
        .bind(since.0)
        .bind(last)
        .fetch_all(&self.inner.pool)
        .await?;
        let deadlines = Deadlines::load(self).await?;
        rows.iter().map(|row| self.daily_row(row, &deadlines)).collect()
    }

    fn daily_row(&self, row: &SqliteRow, deadlines: &Deadlines) -> Result<DailyRow, StoreError> {
        let version = version(&self.inner.names, row)?;
        let factor = |n: i64| u32::try_from(n).map_err(|_| StoreError::corrupt("transformer factor"));
        let transformers = match (row.try_get::<Option<i64>, _>(17)?, row.try_get::<Option<i64>, _>(18)?) {
            (Some(ct), Some(pt)) => Some(Transformers { ct: factor(ct)?, pt: factor(pt)? }),
            _ => None,
        };
        let meter_no: MeterNo = parse_name(row.try_get(15)?)?;
        let area = row.try_get::<Option<String>, _>(21)?.map(parse_name).transpose()?;
        let due = deadlines.due(&self.inner.calendar, &version, &meter_no, area.as_ref());
        Ok(DailyRow {
            due,
            version,
            meter_no,
            service_point: row.try_get::<Option<String>, _>(16)?.map(parse_name).transpose()?,
            transformers,
            customer: row.try_get::<Option<String>, _>(19)?.map(parse_name).transpose()?,
            customer_name: row.try_get(20)?,
            area,
            supersedes: row.try_get::<Option<i64>, _>(22)?.map(ReadingSeq),
        })
    }
}

/// The plans that expect daily values, to tell late from in time.
struct Deadlines {
    versions: Vec<Version>,
    /// Group, meter → periods of membership.
    groups: HashMap<(String, i64), Vec<(i64, i64)>>,
}

impl Deadlines {
    async fn load(store: &Store) -> Result<Self, StoreError> {
        let mut versions = store.plan_versions(0).await?;
        versions.retain(|v| v.plan.task.series() == Some(Series::Daily));
        versions.sort_by_key(|v| (v.plan.schedule.priority, v.id));
        let by_group = versions.iter().any(|v| matches!(v.plan.scope, Scope::Groups(_)));
        let groups = if by_group { population::memberships(&store.inner.pool).await? } else { HashMap::new() };
        Ok(Self { versions, groups })
    }

    fn due(
        &self,
        calendar: &crate::Calendar,
        version: &ReadingVersion,
        no: &MeterNo,
        area: Option<&AreaCode>,
    ) -> Option<UtcMicros> {
        let reading = &version.reading;
        let day = calendar.day_of(reading.slot);
        let n = day_number(day);
        let member = |group: &hes_model::GroupName| {
            let periods = self.groups.get(&(group.as_str().to_owned(), reading.meter.0));
            periods.is_some_and(|periods| periods.iter().any(|(from, until)| *from <= n && n < *until))
        };
        let expects = |v: &&Version| {
            let wanted: &[Obis] = v.plan.task.registers();
            let in_scope = match &v.plan.scope {
                Scope::All => true,
                Scope::Areas(areas) => area.is_some_and(|area| areas.contains(area)),
                Scope::Groups(groups) => groups.iter().any(member),
                Scope::Meters(nos) => nos.contains(no),
            };
            in_scope
                && wanted.contains(&reading.register)
                && v.on(day)
                && crate::slots::times_on(&v.plan.task, day, calendar).contains(&reading.slot)
        };
        let plan = self.versions.iter().find(expects)?;
        Some(due_at(Series::Daily, reading.slot, plan.plan.schedule.deadline_minutes))
    }
}
