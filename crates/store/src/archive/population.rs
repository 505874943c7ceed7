//! The meters of a civil day as the archive stood then: the ground of planning and of every report.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use hes_model::{
    AreaCode, ChannelName, CustomerNo, MeterId, MeterNo, MeterState, ModelName, Protocol, ReaderCode, Scope,
    ServicePointNo, Transformers, UtcMicros,
};
use jiff::civil::Date;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, Sqlite};

use super::STILL;
use super::meters::{parse_meter_no, parse_protocol, parse_state};
use crate::calendar::day_number;
use crate::names::parse_name;
use crate::{Calendar, StoreError};

/// A meter with its place, as of a civil day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MeterOnDay {
    /// Its row.
    pub meter: MeterId,
    /// Its number.
    pub no: MeterNo,
    /// Protocol.
    pub protocol: Protocol,
    /// Model.
    pub model: ModelName,
    /// Channel.
    pub channel: Option<ChannelName>,
    /// State.
    pub state: MeterState,
    /// Its places that day, in order: none when it hung nowhere, two when it was moved or its transformers were changed.
    pub places: Vec<PlaceOnDay>,
}

/// Where a meter hung, for a part of a day or all of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlaceOnDay {
    /// From when, maybe long before the day.
    pub from: UtcMicros,
    /// Until when; `None` while it hangs there.
    pub until: Option<UtcMicros>,
    /// The service point.
    pub service_point: ServicePointNo,
    /// Transformers.
    pub transformers: Transformers,
    /// The area that fed it that day.
    pub area: Option<AreaCode>,
    /// The area's name.
    pub area_name: Option<String>,
    /// The reader responsible that day.
    pub reader: Option<ReaderCode>,
    /// The reader's name.
    pub reader_name: Option<String>,
    /// Whose supply it was that day.
    pub customer: Option<CustomerNo>,
    /// That customer's name.
    pub customer_name: Option<String>,
}

impl MeterOnDay {
    /// Where it hung at an instant.
    pub fn place_at(&self, at: UtcMicros) -> Option<&PlaceOnDay> {
        self.places.iter().find(|p| p.from <= at && p.until.is_none_or(|until| at < until))
    }
}

macro_rules! population {
    ($where:literal) => {
        concat!(
            "SELECT m.id, m.no, v.protocol, v.model, c.name, v.state,
                    i.from_at, i.until_at, p.no, i.ct, i.pt, a.code, a.name, r.code, r.name, k.no, k.name
             FROM meter_version AS v
             JOIN meter AS m ON m.id = v.meter
             LEFT JOIN channel AS c ON c.id = v.channel
             LEFT JOIN installation AS i ON i.meter = v.meter AND i.from_at < ?3 AND i.until_at > ?2
             LEFT JOIN service_point AS p ON p.id = i.service_point
             LEFT JOIN service_point_area AS pa ON pa.service_point = p.id AND pa.from_day <= ?1 AND pa.until_day > ?1
             LEFT JOIN area AS a ON a.id = pa.area
             LEFT JOIN area_reader AS ar ON ar.area = a.id AND ar.from_day <= ?1 AND ar.until_day > ?1
             LEFT JOIN reader AS r ON r.id = ar.reader
             LEFT JOIN service_point_customer AS pc ON pc.service_point = p.id
               AND pc.from_day <= ?1 AND pc.until_day > ?1
             LEFT JOIN customer AS k ON k.id = pc.customer
             WHERE v.from_day <= ?1 AND v.until_day > ?1 AND (i.id IS NOT NULL OR m.created_at < ?3) ",
            $where
        )
    };
}

/// The meters of a day whose rows are in a range, in order. One that came into the archive after the day is of it only
/// where it turned out to have hung somewhere then.
pub(crate) async fn of_rows(
    pool: &SqlitePool,
    calendar: &Calendar,
    day: Date,
    rows: RangeInclusive<i64>,
) -> Result<Vec<MeterOnDay>, StoreError> {
    let sql = population!("AND v.meter BETWEEN ?4 AND ?5 ORDER BY v.meter, i.from_at");
    let found = bind(sqlx::query(sql), calendar, day).bind(*rows.start()).bind(*rows.end()).fetch_all(pool).await?;
    collect(&found)
}

type Query = sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind(query: Query, calendar: &Calendar, day: Date) -> Query {
    let start = calendar.day_start(day).0;
    let end = day.tomorrow().map_or(i64::MAX, |next| calendar.day_start(next).0);
    query.bind(day_number(day)).bind(start).bind(end)
}

fn collect(rows: &[SqliteRow]) -> Result<Vec<MeterOnDay>, StoreError> {
    let mut meters: Vec<MeterOnDay> = Vec::new();
    for row in rows {
        let meter = MeterId(row.try_get(0)?);
        match meters.last_mut() {
            Some(last) if last.meter == meter => last.places.extend(place(row)?),
            _ => meters.push(meter_on_day(meter, row)?),
        }
    }
    Ok(meters)
}

fn meter_on_day(meter: MeterId, row: &SqliteRow) -> Result<MeterOnDay, StoreError> {
    Ok(MeterOnDay {
        meter,
        no: parse_meter_no(row.try_get(1)?)?,
        protocol: parse_protocol(row.try_get(2)?)?,
        model: parse_name(row.try_get(3)?)?,
        channel: row.try_get::<Option<String>, _>(4)?.map(parse_name).transpose()?,
        state: parse_state(row.try_get(5)?)?,
        places: place(row)?.into_iter().collect(),
    })
}

fn place(row: &SqliteRow) -> Result<Option<PlaceOnDay>, StoreError> {
    let Some(from) = row.try_get::<Option<i64>, _>(6)? else { return Ok(None) };
    let until: i64 = row.try_get(7)?;
    let factor = |n: i64| u32::try_from(n).map_err(|_| StoreError::corrupt("transformer factor"));
    Ok(Some(PlaceOnDay {
        from: UtcMicros(from),
        until: (until != STILL).then_some(UtcMicros(until)),
        service_point: parse_name(row.try_get(8)?)?,
        transformers: Transformers { ct: factor(row.try_get(9)?)?, pt: factor(row.try_get(10)?)? },
        area: row.try_get::<Option<String>, _>(11)?.map(parse_name).transpose()?,
        area_name: row.try_get(12)?,
        reader: row.try_get::<Option<String>, _>(13)?.map(parse_name).transpose()?,
        reader_name: row.try_get(14)?,
        customer: row.try_get::<Option<String>, _>(15)?.map(parse_name).transpose()?,
        customer_name: row.try_get(16)?,
    }))
}

/// Who is in which group on a day.
pub(crate) async fn groups_on(pool: &SqlitePool, day: Date) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let rows = sqlx::query("SELECT meter, name FROM meter_group WHERE from_day <= ?1 AND until_day > ?1")
        .bind(day_number(day))
        .fetch_all(pool)
        .await?;
    let mut groups: HashMap<i64, Vec<String>> = HashMap::new();
    for row in rows {
        groups.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
    }
    Ok(groups)
}

/// Who was in which group when: periods of days by group and meter.
pub(crate) async fn memberships(pool: &SqlitePool) -> Result<HashMap<(String, i64), Vec<(i64, i64)>>, StoreError> {
    let rows = sqlx::query("SELECT name, meter, from_day, until_day FROM meter_group").fetch_all(pool).await?;
    let mut periods: HashMap<(String, i64), Vec<(i64, i64)>> = HashMap::new();
    for row in rows {
        periods.entry((row.try_get(0)?, row.try_get(1)?)).or_default().push((row.try_get(2)?, row.try_get(3)?));
    }
    Ok(periods)
}

/// Whether a plan's scope takes in a meter at one of its places.
pub(crate) fn in_scope(
    scope: &Scope,
    meter: &MeterOnDay,
    place: &PlaceOnDay,
    groups: &HashMap<i64, Vec<String>>,
) -> bool {
    match scope {
        Scope::All => true,
        Scope::Areas(areas) => place.area.as_ref().is_some_and(|area| areas.contains(area)),
        Scope::Groups(wanted) => {
            groups.get(&meter.meter.0).is_some_and(|of| of.iter().any(|name| wanted.iter().any(|w| w.as_str() == name)))
        }
        Scope::Meters(nos) => nos.contains(&meter.no),
    }
}
