//! The meters of a channel with what decides whether a slot is expected of them, over time.

use std::collections::BTreeMap;

use hes_model::{AreaCode, MeterId, MeterNo, MeterSpec, MeterState, Scope, UtcMicros};
use jiff::civil::Date;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use crate::StoreError;
use crate::archive::STILL;
use crate::archive::meters::{parse_address, parse_meter_no, parse_protocol, parse_state};
use crate::calendar::day_number;
use crate::names::parse_name;
use crate::plans::Version;

/// A meter that hangs on the channel now, with its history.
pub(super) struct Member {
    pub(super) id: MeterId,
    no: MeterNo,
    /// Its state now.
    pub(super) state: MeterState,
    /// Without its password, which planning does not need.
    pub(super) spec: MeterSpec,
    /// When it came into the archive.
    pub(super) created: UtcMicros,
    states: Vec<(i64, i64, MeterState)>,
    pub(super) stays: Vec<Stay>,
    groups: Vec<(i64, i64, String)>,
}

/// Its stay at a service point, with the areas that fed it.
pub(super) struct Stay {
    installation: i64,
    pub(super) from: UtcMicros,
    until: UtcMicros,
    areas: Vec<(i64, i64, AreaCode)>,
}

impl Member {
    /// Whether it is installed anywhere now.
    pub(super) fn hangs(&self) -> bool {
        self.stays.iter().any(|s| s.until.0 == STILL)
    }

    /// Whether a plan, as it stood on a civil day, expects a slot of that day from this meter.
    pub(super) fn is_expected(&self, version: &Version, day: Date, at: UtcMicros) -> bool {
        let n = day_number(day);
        let holds = |(from, until): (i64, i64)| from <= n && n < until;
        let active = self.states.iter().any(|(f, u, state)| holds((*f, *u)) && *state == MeterState::Active);
        let Some(stay) = self.stays.iter().find(|s| s.from <= at && at < s.until) else { return false };
        let in_scope = || match &version.plan.scope {
            Scope::All => true,
            Scope::Areas(areas) => stay.areas.iter().any(|(f, u, area)| holds((*f, *u)) && areas.contains(area)),
            Scope::Groups(groups) => {
                self.groups.iter().any(|(f, u, name)| holds((*f, *u)) && groups.iter().any(|g| g.as_str() == name))
            }
            Scope::Meters(nos) => nos.contains(&self.no),
        };
        active && version.on(day) && in_scope()
    }
}

/// The meters of a channel, in the order of their rows.
pub(super) async fn load(pool: &SqlitePool, channel: i64) -> Result<Vec<Member>, StoreError> {
    let mut members = BTreeMap::new();
    let now = rows(
        pool,
        channel,
        "SELECT m.id, m.no, m.created_at, v.protocol, v.address, v.model, v.state
         FROM meter_version AS v JOIN meter AS m ON m.id = v.meter WHERE v.channel = ? AND v.until_day = ?",
    )
    .await?;
    for row in now {
        let id = MeterId(row.try_get(0)?);
        let spec = MeterSpec {
            protocol: parse_protocol(row.try_get(3)?)?,
            address: parse_address(row.try_get(4)?)?,
            model: parse_name(row.try_get(5)?)?,
            password: None,
        };
        let member = Member {
            id,
            no: parse_meter_no(row.try_get(1)?)?,
            state: parse_state(row.try_get(6)?)?,
            spec,
            created: UtcMicros(row.try_get(2)?),
            states: Vec::new(),
            stays: Vec::new(),
            groups: Vec::new(),
        };
        members.insert(id.0, member);
    }
    let states = rows(
        pool,
        channel,
        "SELECT v.meter, v.from_day, v.until_day, v.state FROM meter_version AS now
         CROSS JOIN meter_version AS v ON v.meter = now.meter WHERE now.channel = ? AND now.until_day = ?",
    )
    .await?;
    for row in states {
        if let Some(member) = members.get_mut(&row.try_get::<i64, _>(0)?) {
            member.states.push((row.try_get(1)?, row.try_get(2)?, parse_state(row.try_get(3)?)?));
        }
    }
    let stays = rows(
        pool,
        channel,
        "SELECT i.meter, i.id, i.from_at, i.until_at, a.from_day, a.until_day, area.code FROM meter_version AS now
         CROSS JOIN installation AS i ON i.meter = now.meter
         LEFT JOIN service_point_area AS a ON a.service_point = i.service_point
         LEFT JOIN area ON area.id = a.area
         WHERE now.channel = ? AND now.until_day = ? ORDER BY i.meter, i.from_at, i.id",
    )
    .await?;
    for row in stays {
        let Some(member) = members.get_mut(&row.try_get::<i64, _>(0)?) else { continue };
        let installation = row.try_get(1)?;
        if member.stays.last().is_none_or(|s| s.installation != installation) {
            let (from, until) = (UtcMicros(row.try_get(2)?), UtcMicros(row.try_get(3)?));
            member.stays.push(Stay { installation, from, until, areas: Vec::new() });
        }
        if let (Some(stay), Some(code)) = (member.stays.last_mut(), row.try_get::<Option<String>, _>(6)?) {
            stay.areas.push((row.try_get(4)?, row.try_get(5)?, parse_name(code)?));
        }
    }
    let groups = rows(
        pool,
        channel,
        "SELECT g.meter, g.from_day, g.until_day, g.name FROM meter_version AS now
         CROSS JOIN meter_group AS g ON g.meter = now.meter WHERE now.channel = ? AND now.until_day = ?",
    )
    .await?;
    for row in groups {
        if let Some(member) = members.get_mut(&row.try_get::<i64, _>(0)?) {
            member.groups.push((row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
        }
    }
    Ok(members.into_values().collect())
}

/// What a query finds of the meters that hang on a channel now.
async fn rows(pool: &SqlitePool, channel: i64, sql: &'static str) -> Result<Vec<SqliteRow>, StoreError> {
    Ok(sqlx::query(sql).bind(channel).bind(STILL).fetch_all(pool).await?)
}
