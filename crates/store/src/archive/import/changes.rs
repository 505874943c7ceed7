//! What the rows change in the archive, collected, and written at once.

use sqlx::SqliteConnection;

use super::Import;
use super::standing::Config;
use crate::StoreError;
use crate::archive::{STILL, each};

/// The rows to be written, by table.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) meters: Vec<(i64, String, i64)>,
    /// Meters that may be expected to hold slots from before what was settled.
    pub(super) unsettled: Vec<i64>,
    pub(super) configs_closed: Vec<(i64, i64)>,
    pub(super) configs: Vec<ConfigRow>,
    /// Row of the first meter that these changes make.
    pub(super) first_new: i64,
    pub(super) groups_closed: Vec<(i64, String)>,
    pub(super) groups: Vec<(i64, String, i64)>,
    pub(super) passwords: Vec<(i64, Vec<u8>)>,
    pub(super) places: Vec<(i64, String)>,
    pub(super) areas: Vec<(i64, String)>,
    pub(super) place_areas_closed: Vec<i64>,
    pub(super) place_areas: Vec<(i64, i64, i64)>,
    pub(super) customers: Vec<(i64, String, String)>,
    pub(super) place_customers_closed: Vec<i64>,
    pub(super) place_customers: Vec<(i64, i64, i64)>,
    pub(super) installations_closed: Vec<(i64, i64)>,
    pub(super) installations_moved: Vec<(i64, i64)>,
    pub(super) installations: Vec<(i64, i64, i64, i64, u32, u32)>,
}

/// A row of `meter_version`, in the order of its columns.
#[derive(serde::Serialize)]
pub(super) struct ConfigRow(i64, i64, i64, &'static str, u64, String, i64, &'static str);

impl Changes {
    pub(super) fn close_config(&mut self, meter: i64, until: i64) {
        if meter < self.first_new {
            self.configs_closed.push((meter, until));
            return;
        }
        // Made by these very changes, so its row is not in the table yet.
        self.configs.iter_mut().filter(|row| row.0 == meter && row.2 == STILL).for_each(|row| row.2 = until);
        self.configs.retain(|row| row.1 < row.2);
    }
    pub(super) fn open_config(&mut self, meter: i64, from: i64, config: &Config) {
        self.configs.push(ConfigRow(
            meter,
            from,
            STILL,
            config.protocol.code(),
            config.address.number(),
            config.model.clone(),
            config.channel,
            config.state.code(),
        ));
    }
}

impl Import<'_> {
    /// Writes what the rows taken so far change.
    pub(in crate::archive) async fn write(self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let Self { today, changes, .. } = self;
        each(
            db,
            "INSERT INTO meter (id, no, created_at) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
            &changes.meters,
        )
        .await?;
        each(db, "DELETE FROM progress WHERE meter IN (SELECT value FROM json_each(?))", &changes.unsettled).await?;
        each(
            db,
            "UPDATE meter_version SET until_day = j.value ->> 1 FROM json_each(?) AS j
             WHERE meter = j.value ->> 0 AND until_day = 9007199254740991",
            &changes.configs_closed,
        )
        .await?;
        each(
            db,
            "INSERT INTO meter_version (meter, from_day, until_day, protocol, address, model, channel, state)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
             FROM json_each(?) WHERE true
             ON CONFLICT (meter, from_day) DO UPDATE SET until_day = excluded.until_day, protocol = excluded.protocol,
             address = excluded.address, model = excluded.model, channel = excluded.channel, state = excluded.state",
            &changes.configs,
        )
        .await?;
        let closed: Vec<_> = changes.groups_closed.iter().map(|(meter, name)| (meter, name, today)).collect();
        each(
            db,
            "UPDATE meter_group SET until_day = max(from_day, j.value ->> 2) FROM json_each(?) AS j
             WHERE meter = j.value ->> 0 AND name = j.value ->> 1 AND until_day = 9007199254740991",
            &closed,
        )
        .await?;
        each(
            db,
            "INSERT INTO meter_group (meter, name, from_day, until_day)
             SELECT value ->> 0, value ->> 1, value ->> 2, 9007199254740991 FROM json_each(?) WHERE true
             ON CONFLICT (meter, name, from_day) DO UPDATE SET until_day = excluded.until_day",
            &changes.groups,
        )
        .await?;
        for (meter, sealed) in &changes.passwords {
            sqlx::query(
                "INSERT INTO meter_secret (meter, kind, sealed) VALUES (?, 'password', ?)
                 ON CONFLICT (meter, kind) DO UPDATE SET sealed = excluded.sealed",
            )
            .bind(meter)
            .bind(sealed.as_slice())
            .execute(&mut *db)
            .await?;
        }
        write_places(db, &changes, today).await?;
        write_installations(db, &changes).await
    }
}

/// What ends the open period of a service point in a table, and what opens the next.
macro_rules! periods {
    ($table:literal, $of:literal) => {
        [
            concat!(
                "UPDATE ",
                $table,
                " SET until_day = max(from_day, j.value ->> 1) FROM json_each(?) AS j
                 WHERE service_point = j.value ->> 0 AND until_day = 9007199254740991"
            ),
            concat!(
                "INSERT INTO ",
                $table,
                " (",
                $of,
                ", service_point, from_day, until_day)
                 SELECT value ->> 2, value ->> 0, value ->> 1, 9007199254740991 FROM json_each(?) WHERE true
                 ON CONFLICT (service_point, from_day) DO UPDATE SET until_day = excluded.until_day, ",
                $of,
                " = excluded.",
                $of
            ),
        ]
    };
}
async fn write_places(db: &mut SqliteConnection, changes: &Changes, today: i64) -> Result<(), StoreError> {
    each(
        db,
        "INSERT INTO area (id, code, name) SELECT value ->> 0, value ->> 1, value ->> 1 FROM json_each(?)",
        &changes.areas,
    )
    .await?;
    each(db, "INSERT INTO service_point (id, no) SELECT value ->> 0, value ->> 1 FROM json_each(?)", &changes.places)
        .await?;
    each(
        db,
        "INSERT INTO customer (id, no, name) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
         ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        &changes.customers,
    )
    .await?;
    let periods = periods!("service_point_area", "area");
    write_periods(db, periods, &changes.place_areas_closed, &changes.place_areas, today).await?;
    let periods = periods!("service_point_customer", "customer");
    write_periods(db, periods, &changes.place_customers_closed, &changes.place_customers, today).await
}

async fn write_periods(
    db: &mut SqliteConnection,
    [close, open]: [&'static str; 2],
    closed: &[i64],
    opened: &[(i64, i64, i64)],
    today: i64,
) -> Result<(), StoreError> {
    let closed: Vec<_> = closed.iter().map(|place| (place, today)).collect();
    each(db, close, &closed).await?;
    each(db, open, opened).await
}

async fn write_installations(db: &mut SqliteConnection, changes: &Changes) -> Result<(), StoreError> {
    each(
        db,
        "UPDATE installation SET from_at = j.value ->> 1 FROM json_each(?) AS j WHERE installation.id = j.value ->> 0",
        &changes.installations_moved,
    )
    .await?;
    each(
        db,
        "UPDATE installation SET until_at = j.value ->> 1 FROM json_each(?) AS j WHERE installation.id = j.value ->> 0",
        &changes.installations_closed,
    )
    .await?;
    // One that was closed at its own start never was: readings name meters, nothing names it.
    each(
        db,
        "DELETE FROM installation WHERE until_at <= from_at AND id IN (SELECT value ->> 0 FROM json_each(?))",
        &changes.installations_closed,
    )
    .await?;
    each(
        db,
        "INSERT INTO installation (id, meter, service_point, from_at, until_at, ct, pt)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, 9007199254740991, value ->> 4, value ->> 5 FROM json_each(?)",
        &changes.installations,
    )
    .await
}
