//! What stands in the archive about the rows of a chunk.

use std::collections::{BTreeSet, HashMap};

use hes_model::{CommAddress, MeterNo, MeterState, Protocol, ServicePointNo, UtcMicros};
use sqlx::{Row, SqliteConnection};

use super::changes::Changes;
use super::{Import, MeterRow};
use crate::archive::STILL;
use crate::calendar::day_number;
use crate::rows::json;
use crate::{Calendar, StoreError};

/// What a meter is, since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) protocol: Protocol,
    pub(super) address: CommAddress,
    pub(super) model: String,
    pub(super) channel: i64,
    pub(super) state: MeterState,
}

/// A meter as it stands.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) config: Config,
    pub(super) config_from: i64,
    pub(super) groups: BTreeSet<String>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) installed: Option<Installed>,
    /// When its last stay before that ended.
    pub(super) free_from: i64,
}

/// Where it hangs.
#[derive(Debug, Clone)]
pub(super) struct Installed {
    pub(super) id: i64,
    pub(super) service_point: i64,
    pub(super) from_at: i64,
    /// Start of the unbroken stay of the meter there, over changes of transformers.
    pub(super) since: i64,
    pub(super) ct: u32,
    pub(super) pt: u32,
}

/// A service point as it stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) area: Option<(i64, i64)>,
    pub(super) customer: Option<(Option<i64>, i64)>,
    /// The meter that hangs there.
    pub(super) meter: Option<MeterNo>,
    /// When the last meter that hung there went.
    pub(super) free_from: i64,
}

impl<'a> Import<'a> {
    pub(in crate::archive) async fn load(
        db: &mut SqliteConnection,
        calendar: &'a Calendar,
        rows: &[MeterRow],
        now: UtcMicros,
        exchanged_at: Option<i64>,
    ) -> Result<Self, StoreError> {
        let today = calendar.day_of(now);
        let mut import = Self {
            calendar,
            now,
            exchanged_at,
            today: day_number(today),
            today_start: calendar.day_start(today).0,
            channels: HashMap::new(),
            meters: HashMap::new(),
            places: HashMap::new(),
            areas: HashMap::new(),
            customers: HashMap::new(),
            addresses: HashMap::new(),
            next_place: next(db, "SELECT coalesce(max(id), 0) + 1 FROM service_point").await?,
            next_area: next(db, "SELECT coalesce(max(id), 0) + 1 FROM area").await?,
            next_customer: next(db, "SELECT coalesce(max(id), 0) + 1 FROM customer").await?,
            next_installation: next(db, "SELECT coalesce(max(id), 0) + 1 FROM installation").await?,
            // Numbers of rows that turn out to be known or bad are skipped, not given again.
            next_meter: numbers_of_meters(db, rows.len()).await?,
            changes: Changes::default(),
        };
        import.changes.first_new = import.next_meter;
        for row in sqlx::query("SELECT name, id FROM channel WHERE config IS NOT NULL").fetch_all(&mut *db).await? {
            import.channels.insert(row.try_get(0)?, row.try_get(1)?);
        }
        for row in sqlx::query("SELECT code, id FROM area").fetch_all(&mut *db).await? {
            import.areas.insert(crate::names::parse_name(row.try_get(0)?)?, row.try_get(1)?);
        }
        import.load_places(db, rows).await?;
        import.load_meters(db, rows).await?;
        import.load_customers(db, rows).await?;
        import.load_addresses(db, rows).await?;
        Ok(import)
    }

    /// The installation of a service point's meter, as it stands after the rows taken so far.
    pub(in crate::archive) fn installation_at(&self, place: &ServicePointNo) -> Option<i64> {
        let meter = self.places.get(place)?.meter.as_ref()?;
        Some(self.meters.get(meter)?.installed.as_ref()?.id)
    }

    async fn load_meters(&mut self, db: &mut SqliteConnection, rows: &[MeterRow]) -> Result<(), StoreError> {
        let mut nos: BTreeSet<&str> = rows.iter().map(|r| r.no.as_str()).collect();
        let hanging: Vec<MeterNo> = self.places.values().filter_map(|p| p.meter.clone()).collect();
        nos.extend(hanging.iter().map(MeterNo::as_str));
        let found = sqlx::query(
            "SELECT m.no, m.id, v.protocol, v.address, v.model, coalesce(v.channel, 0), v.state, v.from_day,
                    (SELECT json_group_array(g.name) FROM meter_group AS g WHERE g.meter = m.id AND g.until_day = ?2),
                    (SELECT s.sealed FROM meter_secret AS s WHERE s.meter = m.id AND s.kind = 'password'),
                    i.id, i.service_point, i.from_at, i.ct, i.pt,
                    (SELECT min(e.from_at) FROM installation AS e
                     WHERE e.meter = m.id AND e.service_point = i.service_point),
                    (SELECT max(e.until_at) FROM installation AS e WHERE e.meter = m.id AND e.until_at < ?2)
             FROM json_each(?1) AS j
             JOIN meter AS m ON m.no = j.value
             JOIN meter_version AS v ON v.meter = m.id AND v.until_day = ?2
             LEFT JOIN installation AS i ON i.meter = m.id AND i.until_at = ?2",
        )
        .bind(json(&nos)?)
        .bind(STILL)
        .fetch_all(db)
        .await?;
        for row in found {
            let no: MeterNo = crate::names::parse_name(row.try_get(0)?)?;
            let factor = |n: i64| u32::try_from(n).map_err(|_| StoreError::corrupt("transformer factor"));
            let groups: String = row.try_get(8)?;
            let installed = match row.try_get::<Option<i64>, _>(10)? {
                Some(id) => Some(Installed {
                    id,
                    service_point: row.try_get(11)?,
                    from_at: row.try_get(12)?,
                    ct: factor(row.try_get(13)?)?,
                    pt: factor(row.try_get(14)?)?,
                    since: row.try_get(15)?,
                }),
                None => None,
            };
            let known = Known {
                id: row.try_get(1)?,
                config: Config {
                    protocol: crate::archive::meters::parse_protocol(row.try_get(2)?)?,
                    address: crate::archive::meters::parse_address(row.try_get(3)?)?,
                    model: row.try_get(4)?,
                    channel: row.try_get(5)?,
                    state: crate::archive::meters::parse_state(row.try_get(6)?)?,
                },
                config_from: row.try_get(7)?,
                groups: serde_json::from_str(&groups).map_err(|_| StoreError::corrupt("groups"))?,
                password: row.try_get(9)?,
                installed,
                free_from: row.try_get::<Option<i64>, _>(16)?.unwrap_or(i64::MIN),
            };
            self.meters.insert(no, known);
        }
        Ok(())
    }

    async fn load_places(&mut self, db: &mut SqliteConnection, rows: &[MeterRow]) -> Result<(), StoreError> {
        let nos: BTreeSet<&str> = rows.iter().map(|r| r.service_point.as_str()).collect();
        let found = sqlx::query(
            "SELECT p.no, p.id, a.area, a.from_day, c.customer, c.from_day, m.no,
                    (SELECT max(e.until_at) FROM installation AS e WHERE e.service_point = p.id AND e.until_at < ?2)
             FROM json_each(?1) AS j
             JOIN service_point AS p ON p.no = j.value
             LEFT JOIN service_point_area AS a ON a.service_point = p.id AND a.until_day = ?2
             LEFT JOIN service_point_customer AS c ON c.service_point = p.id AND c.until_day = ?2
             LEFT JOIN installation AS i ON i.service_point = p.id AND i.until_at = ?2
             LEFT JOIN meter AS m ON m.id = i.meter",
        )
        .bind(json(&nos)?)
        .bind(STILL)
        .fetch_all(db)
        .await?;
        for row in found {
            let area = row.try_get::<Option<i64>, _>(2)?.zip(row.try_get::<Option<i64>, _>(3)?);
            let customer = row.try_get::<Option<i64>, _>(5)?.map(|from| Ok::<_, StoreError>((row.try_get(4)?, from)));
            let place = Place {
                id: row.try_get(1)?,
                area,
                customer: customer.transpose()?,
                meter: row.try_get::<Option<String>, _>(6)?.map(crate::names::parse_name).transpose()?,
                free_from: row.try_get::<Option<i64>, _>(7)?.unwrap_or(i64::MIN),
            };
            self.places.insert(crate::names::parse_name(row.try_get(0)?)?, place);
        }
        Ok(())
    }

    async fn load_customers(&mut self, db: &mut SqliteConnection, rows: &[MeterRow]) -> Result<(), StoreError> {
        let nos: BTreeSet<&str> = rows.iter().filter_map(|r| r.customer.as_ref()).map(|c| c.as_str()).collect();
        let found =
            sqlx::query("SELECT c.no, c.id, c.name FROM json_each(?) AS j JOIN customer AS c ON c.no = j.value")
                .bind(json(&nos)?)
                .fetch_all(db)
                .await?;
        for row in found {
            self.customers.insert(crate::names::parse_name(row.try_get(0)?)?, (row.try_get(1)?, row.try_get(2)?));
        }
        Ok(())
    }

    async fn load_addresses(&mut self, db: &mut SqliteConnection, rows: &[MeterRow]) -> Result<(), StoreError> {
        let wanted: BTreeSet<(i64, u64)> =
            rows.iter().filter_map(|r| Some((*self.channels.get(r.channel.as_str())?, r.address.number()))).collect();
        let found = sqlx::query(
            "SELECT v.channel, v.address, m.no FROM json_each(?1) AS j
             CROSS JOIN meter_version AS v ON v.channel = j.value ->> 0 AND v.address = j.value ->> 1
             JOIN meter AS m ON m.id = v.meter
             JOIN installation AS i ON i.meter = v.meter AND i.until_at = ?2
             WHERE v.until_day = ?2 AND v.state <> 'retired'",
        )
        .bind(json(&wanted)?)
        .bind(STILL)
        .fetch_all(db)
        .await?;
        for row in found {
            let key = (row.try_get(0)?, crate::archive::meters::parse_address(row.try_get(1)?)?);
            self.addresses.insert(key, crate::names::parse_name(row.try_get(2)?)?);
        }
        Ok(())
    }
}

/// The first of `count` rows of meters, which are given once and for all: readings name them.
async fn numbers_of_meters(db: &mut SqliteConnection, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let row = sqlx::query("UPDATE counter SET next = next + ?1 WHERE name = 'meter' RETURNING next - ?1")
        .bind(count)
        .fetch_one(db)
        .await?;
    Ok(row.try_get(0)?)
}

async fn next(db: &mut SqliteConnection, sql: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query(sql).fetch_one(db).await?.try_get(0)?)
}
