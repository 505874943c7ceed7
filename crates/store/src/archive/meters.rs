//! Looking meters up.

use hes_model::{
    AreaCode, ChannelName, CommAddress, CustomerNo, Effective, GroupName, InstallationId, Meter, MeterId, MeterNo,
    MeterSpec, MeterState, Protocol, ReaderCode, ServicePointNo, Transformers, UtcMicros,
};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

use super::STILL;
use crate::names::parse_name;
use crate::{Calendar, Store, StoreError};

/// A meter with its place in the archive, as of now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MeterView {
    /// The device.
    pub meter: Meter,
    /// Where it is installed, if it is.
    pub installation: Option<InstallationView>,
    /// Whether a password is stored. The password itself is given to dialogues only.
    pub has_password: bool,
}

/// One period of one meter at one service point, with what a person wants to see beside it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstallationView {
    /// Its row.
    pub id: InstallationId,
    /// Which meter.
    pub meter: MeterId,
    /// Its number.
    pub meter_no: MeterNo,
    /// At which service point.
    pub service_point: ServicePointNo,
    /// From when.
    pub from: UtcMicros,
    /// Until when; `None` while it lasts.
    pub until: Option<UtcMicros>,
    /// The same by civil days.
    pub effective: Effective,
    /// Behind which transformers.
    pub transformers: Transformers,
    /// The area that feeds the service point now.
    pub area: Option<AreaCode>,
    /// The area's name.
    pub area_name: Option<String>,
    /// The reader responsible for the area.
    pub reader: Option<ReaderCode>,
    /// Whose supply it is.
    pub customer: Option<CustomerNo>,
    /// That customer's name.
    pub customer_name: Option<String>,
}

/// Which meters to list. Everything that is `None` matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeterFilter {
    /// On this channel.
    pub channel: Option<ChannelName>,
    /// In this area.
    pub area: Option<AreaCode>,
    /// In this group.
    pub group: Option<GroupName>,
    /// In this state.
    pub state: Option<MeterState>,
}

/// A meter as a channel's owner needs it.
#[derive(Debug, Clone)]
pub struct ChannelMeter {
    /// Its row.
    pub id: MeterId,
    /// Its number.
    pub no: MeterNo,
    /// Its state.
    pub state: MeterState,
    /// What the driver needs.
    pub spec: MeterSpec,
}

macro_rules! meter_columns {
    () => {
        "SELECT m.id, m.no, v.protocol, v.address, v.model, c.name, v.state,
                (SELECT json_group_array(g.name) FROM meter_group AS g WHERE g.meter = m.id AND g.until_day = 9007199254740991),
                EXISTS (SELECT 1 FROM meter_secret AS s WHERE s.meter = m.id),
                i.id, i.from_at, i.until_at, i.ct, i.pt, p.no, a.code, a.name, r.code, k.no, k.name
         FROM meter AS m
         JOIN meter_version AS v ON v.meter = m.id AND v.until_day = 9007199254740991
         LEFT JOIN channel AS c ON c.id = v.channel
         LEFT JOIN installation AS i ON i.meter = m.id AND i.until_at = 9007199254740991
         LEFT JOIN service_point AS p ON p.id = i.service_point
         LEFT JOIN service_point_area AS pa ON pa.service_point = p.id AND pa.until_day = 9007199254740991
         LEFT JOIN area AS a ON a.id = pa.area
         LEFT JOIN area_reader AS ar ON ar.area = a.id AND ar.until_day = 9007199254740991
         LEFT JOIN reader AS r ON r.id = ar.reader
         LEFT JOIN service_point_customer AS pc ON pc.service_point = p.id AND pc.until_day = 9007199254740991
         LEFT JOIN customer AS k ON k.id = pc.customer "
    };
}

macro_rules! stays {
    ($whose:literal) => {
        concat!(
            "SELECT m.id, m.no, i.id, i.from_at, i.until_at, i.ct, i.pt, p.no, a.code, a.name, r.code, k.no, k.name
             FROM installation AS i
             JOIN meter AS m ON m.id = i.meter
             JOIN service_point AS p ON p.id = i.service_point
             LEFT JOIN service_point_area AS pa ON pa.service_point = p.id AND pa.until_day = ?1
             LEFT JOIN area AS a ON a.id = pa.area
             LEFT JOIN area_reader AS ar ON ar.area = a.id AND ar.until_day = ?1
             LEFT JOIN reader AS r ON r.id = ar.reader
             LEFT JOIN service_point_customer AS pc ON pc.service_point = p.id AND pc.until_day = ?1
             LEFT JOIN customer AS k ON k.id = pc.customer
             WHERE ",
            $whose,
            " = ?2 AND i.until_at > i.from_at ORDER BY i.from_at, i.id"
        )
    };
}
pub(crate) const STAYS_OF_METER: &str = stays!("i.meter");
pub(crate) const STAYS_AT_SERVICE_POINT: &str = stays!("p.no");

impl Store {
    /// One meter by its number.
    pub async fn meter(&self, no: &MeterNo) -> Result<Option<MeterView>, StoreError> {
        let row = sqlx::query(concat!(meter_columns!(), "WHERE m.no = ?"))
            .bind(no.as_str())
            .fetch_optional(&self.inner.pool)
            .await?;
        row.map(|row| view(&self.inner.calendar, &row)).transpose()
    }

    /// One meter by its row.
    pub async fn meter_by_id(&self, id: MeterId) -> Result<Option<MeterView>, StoreError> {
        let row = sqlx::query(concat!(meter_columns!(), "WHERE m.id = ?"))
            .bind(id.0)
            .fetch_optional(&self.inner.pool)
            .await?;
        row.map(|row| view(&self.inner.calendar, &row)).transpose()
    }

    /// A page of meters in the order of their rows, from behind `after`.
    pub async fn meters(
        &self,
        filter: &MeterFilter,
        after: Option<MeterId>,
        limit: u32,
    ) -> Result<Vec<MeterView>, StoreError> {
        let rows = sqlx::query(concat!(
            meter_columns!(),
            "WHERE m.id > ?1 AND (?2 IS NULL OR c.name = ?2) AND (?3 IS NULL OR a.code = ?3) AND (?4 IS NULL OR v.state = ?4)
             AND (?5 IS NULL OR EXISTS (SELECT 1 FROM meter_group AS g WHERE g.meter = m.id AND g.name = ?5
                                        AND g.until_day = 9007199254740991))
             ORDER BY m.id LIMIT ?6"
        ))
        .bind(after.map_or(0, |id| id.0))
        .bind(filter.channel.as_ref().map(|c| c.as_str()))
        .bind(filter.area.as_ref().map(|a| a.as_str()))
        .bind(filter.state.map(MeterState::code))
        .bind(filter.group.as_ref().map(|g| g.as_str()))
        .bind(i64::from(limit))
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter().map(|row| view(&self.inner.calendar, row)).collect()
    }

    /// The meters of a channel that are not retired, with what is needed to talk to them.
    pub async fn meters_on_channel(&self, channel: &ChannelName) -> Result<Vec<ChannelMeter>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.id, m.no, v.protocol, v.address, v.model, v.state, s.sealed
             FROM channel AS c
             JOIN meter_version AS v ON v.channel = c.id AND v.until_day = ?2 AND v.state <> 'retired'
             JOIN meter AS m ON m.id = v.meter
             LEFT JOIN meter_secret AS s ON s.meter = m.id AND s.kind = 'password'
             WHERE c.name = ?1 ORDER BY m.id",
        )
        .bind(channel.as_str())
        .bind(STILL)
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter().map(|row| self.channel_meter(row)).collect()
    }

    /// One meter with what is needed to talk to it, and its channel.
    pub async fn meter_spec(&self, id: MeterId) -> Result<Option<(ChannelMeter, Option<ChannelName>)>, StoreError> {
        let row = sqlx::query(
            "SELECT m.id, m.no, v.protocol, v.address, v.model, v.state, s.sealed, c.name
             FROM meter AS m
             JOIN meter_version AS v ON v.meter = m.id AND v.until_day = ?2
             LEFT JOIN channel AS c ON c.id = v.channel
             LEFT JOIN meter_secret AS s ON s.meter = m.id AND s.kind = 'password'
             WHERE m.id = ?1",
        )
        .bind(id.0)
        .bind(STILL)
        .fetch_optional(&self.inner.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let channel = row.try_get::<Option<String>, _>(7)?.map(parse_name).transpose()?;
        Ok(Some((self.channel_meter(&row)?, channel)))
    }

    /// Every period of a meter, oldest first.
    pub async fn installations(&self, meter: MeterId) -> Result<Vec<InstallationView>, StoreError> {
        self.installation_views(sqlx::query(STAYS_OF_METER).bind(STILL).bind(meter.0)).await
    }

    /// Every period at a service point, oldest first.
    pub async fn installations_at(&self, service_point: &ServicePointNo) -> Result<Vec<InstallationView>, StoreError> {
        self.installation_views(sqlx::query(STAYS_AT_SERVICE_POINT).bind(STILL).bind(service_point.as_str())).await
    }

    async fn installation_views(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<Vec<InstallationView>, StoreError> {
        let rows = query.fetch_all(&self.inner.pool).await?;
        rows.iter()
            .map(|row| {
                let no = parse_meter_no(row.try_get(1)?)?;
                installation(&self.inner.calendar, row, MeterId(row.try_get(0)?), no, 2)
            })
            .collect()
    }

    fn channel_meter(&self, row: &SqliteRow) -> Result<ChannelMeter, StoreError> {
        let id = MeterId(row.try_get(0)?);
        let password = match row.try_get::<Option<Vec<u8>>, _>(6)? {
            Some(sealed) => Some(
                self.inner
                    .vault
                    .open_for_meter(id.0, "password", &sealed)
                    .map_err(|_| StoreError::Sealed { meter: id })?,
            ),
            None => None,
        };
        let spec = MeterSpec {
            protocol: parse_protocol(row.try_get(2)?)?,
            address: parse_address(row.try_get(3)?)?,
            model: parse_name(row.try_get(4)?)?,
            password,
        };
        Ok(ChannelMeter { id, no: parse_meter_no(row.try_get(1)?)?, state: parse_state(row.try_get(5)?)?, spec })
    }
}

fn view(calendar: &Calendar, row: &SqliteRow) -> Result<MeterView, StoreError> {
    let id = MeterId(row.try_get(0)?);
    let no = parse_meter_no(row.try_get(1)?)?;
    let groups: String = row.try_get(7)?;
    let installation = match row.try_get::<Option<i64>, _>(9)? {
        Some(_) => Some(installation(calendar, row, id, no.clone(), 9)?),
        None => None,
    };
    let meter = Meter {
        id,
        no,
        protocol: parse_protocol(row.try_get(2)?)?,
        address: parse_address(row.try_get(3)?)?,
        model: parse_name(row.try_get(4)?)?,
        channel: row.try_get::<Option<String>, _>(5)?.map(parse_name).transpose()?,
        state: parse_state(row.try_get(6)?)?,
        groups: serde_json::from_str(&groups).map_err(|_| StoreError::corrupt(format!("groups of meter row {id}")))?,
    };
    Ok(MeterView { meter, installation, has_password: row.try_get::<i64, _>(8)? != 0 })
}

/// Reads the eleven columns of an installation from column `at` on.
fn installation(
    calendar: &Calendar,
    row: &SqliteRow,
    meter: MeterId,
    meter_no: MeterNo,
    at: usize,
) -> Result<InstallationView, StoreError> {
    let from = UtcMicros(row.try_get(at + 1)?);
    let until: i64 = row.try_get(at + 2)?;
    let until = (until != STILL).then_some(UtcMicros(until));
    let factor = |n: i64| u32::try_from(n).map_err(|_| StoreError::corrupt("transformer factor"));
    Ok(InstallationView {
        id: InstallationId(row.try_get(at)?),
        meter,
        meter_no,
        service_point: parse_name(row.try_get(at + 5)?)?,
        from,
        until,
        effective: Effective { from: calendar.day_of(from), until: until.map(|u| calendar.day_of(u)) },
        transformers: Transformers { ct: factor(row.try_get(at + 3)?)?, pt: factor(row.try_get(at + 4)?)? },
        area: row.try_get::<Option<String>, _>(at + 6)?.map(parse_name).transpose()?,
        area_name: row.try_get(at + 7)?,
        reader: row.try_get::<Option<String>, _>(at + 8)?.map(parse_name).transpose()?,
        customer: row.try_get::<Option<String>, _>(at + 9)?.map(parse_name).transpose()?,
        customer_name: row.try_get(at + 10)?,
    })
}

pub(crate) fn parse_meter_no(text: String) -> Result<MeterNo, StoreError> {
    parse_name(text)
}
pub(crate) fn parse_protocol(text: &str) -> Result<Protocol, StoreError> {
    Protocol::from_code(text).ok_or_else(|| StoreError::corrupt(format!("protocol {text:?}")))
}
pub(crate) fn parse_address(number: i64) -> Result<CommAddress, StoreError> {
    let wrong = || StoreError::corrupt(format!("address {number}"));
    CommAddress::from_number(u64::try_from(number).map_err(|_| wrong())?).map_err(|_| wrong())
}
pub(crate) fn parse_state(text: &str) -> Result<MeterState, StoreError> {
    [MeterState::NotCommissioned, MeterState::Active, MeterState::Suspended, MeterState::Retired]
        .into_iter()
        .find(|s| s.code() == text)
        .ok_or_else(|| StoreError::corrupt(format!("meter state {text:?}")))
}
