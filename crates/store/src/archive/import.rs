//! Import of meters with their places: set-wise, idempotent, good rows whatever the bad ones are like.
//!
//! Rows are taken in transactions of some thousand: what stands in the archive about them is read at once, each row is
//! judged against it in memory, and what is to be written is written at once.

use std::collections::{BTreeSet, HashMap};

use hes_model::{
    AreaCode, ChannelName, CommAddress, CustomerNo, GroupName, MeterNo, MeterState, ModelName, Protocol, Secret,
    ServicePointNo, UtcMicros,
};
use jiff::civil::Date;
use sqlx::{Row, SqliteConnection};

use super::{BEGINNING, ImportReport, Refusal, Remark, STILL, each};
use crate::calendar::day_number;
use crate::gate::{Durability, Urgency};
use crate::rows::json;
use crate::secrets::Vault;
use crate::{Calendar, Store, StoreError};

/// Rows of one transaction.
const CHUNK: usize = 5_000;

/// A meter and its place, as a file gives it. `None` leaves what is known as it is, or takes the default for a new one.
#[derive(Debug, Clone)]
pub struct MeterRow {
    /// Line in the file.
    pub line: u64,
    /// Meter number.
    pub no: MeterNo,
    /// Protocol.
    pub protocol: Protocol,
    /// Address on the wire.
    pub address: CommAddress,
    /// Model profile; by default the generic one of the protocol.
    pub model: Option<ModelName>,
    /// Channel; must be known.
    pub channel: ChannelName,
    /// Area; made under its code if it is not known.
    pub area: AreaCode,
    /// Service point.
    pub service_point: ServicePointNo,
    /// Customer.
    pub customer: Option<CustomerNo>,
    /// The customer's name.
    pub customer_name: Option<String>,
    /// Current transformer factor; by default 1.
    pub ct: Option<u32>,
    /// Voltage transformer factor; by default 1.
    pub pt: Option<u32>,
    /// First day at the service point; by default the day of the import.
    pub installed_from: Option<Date>,
    /// Groups; by default none.
    pub groups: Option<Vec<GroupName>>,
    /// Password, sealed at once.
    pub password: Option<Secret>,
    /// State; by default active.
    pub state: Option<MeterState>,
}

impl Store {
    /// Adds meters, or changes them from the day of `now` on. Giving the same rows again changes nothing.
    ///
    /// A new meter at a service point where another hangs since before takes its place from its `installed_from` on.
    pub async fn import_meters(&self, rows: Vec<MeterRow>, now: UtcMicros) -> Result<ImportReport, StoreError> {
        let mut report = ImportReport::default();
        let mut lines: HashMap<MeterNo, u64> = HashMap::with_capacity(rows.len());
        let mut rows = rows;
        rows.retain(|row| {
            let Some(line) = lines.insert(row.no.clone(), row.line) else { return true };
            report.refuse(row.line, "meter_no", Refusal::MeterTwice { meter: row.no.clone(), line });
            lines.insert(row.no.clone(), line);
            false
        });
        for chunk in rows.chunks(CHUNK) {
            let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Power).await?;
            let mut import = Import::load(turn.connection(), &self.inner.calendar, chunk, now, None).await?;
            let mut judged = ImportReport::default();
            for row in chunk {
                import.take_row(row, &self.inner.vault, &mut judged)?;
            }
            import.write(turn.connection()).await?;
            turn.commit().await?;
            report.created += judged.created;
            report.updated += judged.updated;
            report.unchanged += judged.unchanged;
            report.bad.append(&mut judged.bad);
            report.notes.append(&mut judged.notes);
        }
        report.bad.sort_by_key(|bad| bad.line);
        self.changed();
        Ok(report)
    }
}

/// What a meter is, since when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Config {
    protocol: Protocol,
    address: CommAddress,
    model: String,
    channel: i64,
    state: MeterState,
}

#[derive(Debug, Clone)]
struct Known {
    id: i64,
    config: Config,
    config_from: i64,
    groups: BTreeSet<String>,
    password: Option<Vec<u8>>,
    installed: Option<Installed>,
    /// When its last stay before that ended.
    free_from: i64,
}

#[derive(Debug, Clone)]
struct Installed {
    id: i64,
    service_point: i64,
    from_at: i64,
    /// Start of the unbroken stay of the meter there, over changes of transformers.
    since: i64,
    ct: u32,
    pt: u32,
}

#[derive(Debug, Clone)]
struct Place {
    id: i64,
    area: Option<(i64, i64)>,
    customer: Option<(Option<i64>, i64)>,
    /// The meter that hangs there.
    meter: Option<MeterNo>,
    /// When the last meter that hung there went.
    free_from: i64,
}

/// The rows to be written, by table.
#[derive(Default)]
struct Changes {
    meters: Vec<(i64, String, i64)>,
    /// Meters that may be expected to hold slots from before what was settled.
    unsettled: Vec<i64>,
    configs_closed: Vec<(i64, i64)>,
    configs: Vec<ConfigRow>,
    /// Row of the first meter that these changes make.
    first_new: i64,
    groups_closed: Vec<(i64, String)>,
    groups: Vec<(i64, String, i64)>,
    passwords: Vec<(i64, Vec<u8>)>,
    places: Vec<(i64, String)>,
    areas: Vec<(i64, String)>,
    place_areas_closed: Vec<i64>,
    place_areas: Vec<(i64, i64, i64)>,
    customers: Vec<(i64, String, String)>,
    place_customers_closed: Vec<i64>,
    place_customers: Vec<(i64, i64, i64)>,
    installations_closed: Vec<(i64, i64)>,
    installations_moved: Vec<(i64, i64)>,
    installations: Vec<(i64, i64, i64, i64, u32, u32)>,
}

/// A row of `meter_version`, in the order of its columns.
#[derive(serde::Serialize)]
struct ConfigRow(i64, i64, i64, &'static str, u64, String, i64, &'static str);

impl Changes {
    fn close_config(&mut self, meter: i64, until: i64) {
        if meter < self.first_new {
            self.configs_closed.push((meter, until));
            return;
        }
        // Made by these very changes, so its row is not in the table yet.
        self.configs.iter_mut().filter(|row| row.0 == meter && row.2 == STILL).for_each(|row| row.2 = until);
        self.configs.retain(|row| row.1 < row.2);
    }
    fn open_config(&mut self, meter: i64, from: i64, config: &Config) {
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

/// A chunk of rows, with everything the archive says about them.
pub(super) struct Import<'a> {
    calendar: &'a Calendar,
    now: UtcMicros,
    /// The instant from which the rows' meters hang where they hang, instead of their `installed_from`.
    exchanged_at: Option<i64>,
    today: i64,
    today_start: i64,
    channels: HashMap<String, i64>,
    meters: HashMap<MeterNo, Known>,
    places: HashMap<ServicePointNo, Place>,
    areas: HashMap<AreaCode, i64>,
    customers: HashMap<CustomerNo, (i64, String)>,
    /// Who answers under an address on a channel.
    addresses: HashMap<(i64, CommAddress), MeterNo>,
    next_place: i64,
    next_area: i64,
    next_customer: i64,
    next_installation: i64,
    next_meter: i64,
    changes: Changes,
}

impl<'a> Import<'a> {
    pub(super) async fn load(
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
    pub(super) fn installation_at(&self, place: &ServicePointNo) -> Option<i64> {
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
                    protocol: super::meters::parse_protocol(row.try_get(2)?)?,
                    address: super::meters::parse_address(row.try_get(3)?)?,
                    model: row.try_get(4)?,
                    channel: row.try_get(5)?,
                    state: super::meters::parse_state(row.try_get(6)?)?,
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
            let key = (row.try_get(0)?, super::meters::parse_address(row.try_get(1)?)?);
            self.addresses.insert(key, crate::names::parse_name(row.try_get(2)?)?);
        }
        Ok(())
    }

    /// Judges a row; takes it over or names what is wrong with it. A bad row leaves no trace.
    pub(super) fn take_row(
        &mut self,
        row: &MeterRow,
        vault: &Vault,
        report: &mut ImportReport,
    ) -> Result<(), StoreError> {
        let Some(&channel) = self.channels.get(row.channel.as_str()) else {
            report.refuse(row.line, "channel", Refusal::UnknownChannel { channel: row.channel.clone() });
            return Ok(());
        };
        for (column, factor) in [("ct", row.ct), ("pt", row.pt)] {
            if factor == Some(0) {
                report.refuse(row.line, column, Refusal::NoFactor);
                return Ok(());
            }
        }
        let known = self.meters.get(&row.no).cloned();
        let config = self.config(row, channel, known.as_ref());
        if config.state != MeterState::Retired
            && let Some(other) = self.addresses.get(&(channel, config.address))
            && *other != row.no
            && self.stays(other, row)
        {
            let (address, channel, meter) = (row.address, row.channel.clone(), other.clone());
            report.refuse(row.line, "address", Refusal::AddressTaken { address, channel, meter });
            return Ok(());
        }
        let step = match self.installation(row, known.as_ref(), &config) {
            Ok(step) => step,
            Err((column, reason)) => {
                report.refuse(row.line, column, reason);
                return Ok(());
            }
        };
        let mut changed = false;
        let id = known.as_ref().map_or_else(
            || {
                self.next_meter += 1;
                self.next_meter - 1
            },
            |k| k.id,
        );
        if known.is_none() {
            self.changes.meters.push((id, row.no.to_string(), self.now.0));
        }
        let place = self.place(row, report, &mut changed);
        self.store_config(id, known.as_ref(), &config, &mut changed);
        let groups = self.store_groups(id, row, known.as_ref(), &mut changed);
        let password = self.store_password(id, row, known.as_ref(), vault, &mut changed);
        let installed = self.store_installation(id, row, place, step, known.as_ref(), report, &mut changed);
        if let Some(before) = &known {
            self.addresses.remove(&(before.config.channel, before.config.address));
        }
        if installed.is_some() && config.state != MeterState::Retired {
            self.addresses.insert((channel, config.address), row.no.clone());
        }
        let config_from =
            known.as_ref().map_or(BEGINNING, |k| if k.config == config { k.config_from } else { self.today });
        match (&known, changed) {
            (None, _) => report.created += 1,
            (Some(_), true) => report.updated += 1,
            (Some(_), false) => report.unchanged += 1,
        }
        let free_from = known.as_ref().map_or(i64::MIN, |k| k.free_from);
        self.meters.insert(row.no.clone(), Known { id, config, config_from, groups, password, installed, free_from });
        Ok(())
    }

    /// Whether another meter with the row's address goes on answering: not so if the row takes its place.
    fn stays(&self, other: &MeterNo, row: &MeterRow) -> bool {
        self.places.get(&row.service_point).is_none_or(|place| place.meter.as_ref() != Some(other))
    }

    fn config(&self, row: &MeterRow, channel: i64, known: Option<&Known>) -> Config {
        let model = match (&row.model, known) {
            (Some(model), _) => model.to_string(),
            (None, Some(k)) if k.config.protocol == row.protocol => k.config.model.clone(),
            (None, _) => generic_model(row.protocol).to_owned(),
        };
        Config {
            protocol: row.protocol,
            address: row.address,
            model,
            channel,
            state: row.state.or(known.map(|k| k.config.state)).unwrap_or(MeterState::Active),
        }
    }

    /// What has to happen to the meter's installation.
    fn installation(
        &self,
        row: &MeterRow,
        known: Option<&Known>,
        config: &Config,
    ) -> Result<Step, (&'static str, Refusal)> {
        let was_taken = || Refusal::PlaceWasTaken { service_point: row.service_point.clone() };
        let place = self.places.get(&row.service_point);
        let asked_from = self.exchanged_at.or_else(|| row.installed_from.map(|day| self.calendar.day_start(day).0));
        let installed = known.and_then(|k| k.installed.as_ref());
        let free_from = known.map_or(i64::MIN, |k| k.free_from);
        let hung_until = || Refusal::HungUntil { until: self.calendar.day_of(UtcMicros(free_from)) };
        if config.state == MeterState::Retired {
            return Ok(installed.map_or(Step::Nothing, |_| Step::TakeDown));
        }
        if let (Some(installed), Some(place)) = (installed, place)
            && installed.service_point == place.id
        {
            let (ct, pt) = (row.ct.unwrap_or(installed.ct), row.pt.unwrap_or(installed.pt));
            let moved = asked_from.filter(|from| *from != installed.since && *from != installed.from_at);
            return match moved {
                Some(_) if installed.from_at != installed.since => Err(("installed_from", Refusal::StartFixed)),
                Some(from) if from < place.free_from => Err(("installed_from", was_taken())),
                Some(from) if from < free_from => Err(("installed_from", hung_until())),
                Some(from) => Ok(Step::MoveStart { from, ct, pt }),
                None if (ct, pt) != (installed.ct, installed.pt) => Ok(Step::ChangeFactors { ct, pt }),
                None => Ok(Step::Nothing),
            };
        }
        let from = asked_from.unwrap_or(self.today_start);
        if let Some(installed) = installed
            && from <= installed.from_at
        {
            return Err(("installed_from", Refusal::HangsElsewhere));
        }
        if from < free_from {
            return Err(("installed_from", hung_until()));
        }
        let hanging =
            place.and_then(|p| p.meter.as_ref()).and_then(|no| Some((no, self.meters.get(no)?.installed.as_ref()?)));
        if let Some((no, there)) = hanging
            && from <= there.from_at
        {
            let since = self.calendar.day_of(UtcMicros(there.from_at));
            let service_point = row.service_point.clone();
            return Err(("service_point", Refusal::PlaceTaken { meter: no.clone(), service_point, since }));
        }
        if place.is_some_and(|p| from < p.free_from) {
            return Err(("installed_from", was_taken()));
        }
        Ok(Step::Install { from, ct: row.ct.unwrap_or(1), pt: row.pt.unwrap_or(1) })
    }

    /// The service point's row, with its area and its customer as the file says.
    fn place(&mut self, row: &MeterRow, report: &mut ImportReport, changed: &mut bool) -> i64 {
        let area = match self.areas.get(&row.area) {
            Some(&id) => id,
            None => {
                let id = self.next_area;
                self.next_area += 1;
                self.areas.insert(row.area.clone(), id);
                self.changes.areas.push((id, row.area.to_string()));
                report.remark(row.line, Remark::AreaMade { area: row.area.clone() });
                id
            }
        };
        let customer = row.customer.as_ref().map(|no| self.customer(no, row.customer_name.as_deref(), changed));
        let next = self.next_place;
        let place = self.places.entry(row.service_point.clone()).or_insert_with(|| Place {
            id: next,
            area: None,
            customer: None,
            meter: None,
            free_from: i64::MIN,
        });
        if place.id == next {
            self.next_place += 1;
            self.changes.places.push((next, row.service_point.to_string()));
        }
        if place.area.is_none_or(|(now, _)| now != area) {
            if place.area.is_some() {
                self.changes.place_areas_closed.push(place.id);
            }
            let from = place.area.map_or(BEGINNING, |_| self.today);
            self.changes.place_areas.push((place.id, from, area));
            place.area = Some((area, from));
            *changed = true;
        }
        if let Some(customer) = customer
            && place.customer.is_none_or(|(now, _)| now != Some(customer))
        {
            if place.customer.is_some() {
                self.changes.place_customers_closed.push(place.id);
            }
            let from = place.customer.map_or(BEGINNING, |_| self.today);
            self.changes.place_customers.push((place.id, from, customer));
            place.customer = Some((Some(customer), from));
            *changed = true;
        }
        place.id
    }

    fn customer(&mut self, no: &CustomerNo, name: Option<&str>, changed: &mut bool) -> i64 {
        let known = self.customers.get(no);
        let name = name.map_or_else(|| known.map_or_else(|| no.to_string(), |(_, n)| n.clone()), str::to_owned);
        let id = match known {
            Some((id, before)) if *before == name => return *id,
            Some((id, _)) => *id,
            None => {
                self.next_customer += 1;
                self.next_customer - 1
            }
        };
        *changed = true;
        self.changes.customers.push((id, no.to_string(), name.clone()));
        self.customers.insert(no.clone(), (id, name));
        id
    }

    fn store_config(&mut self, id: i64, known: Option<&Known>, config: &Config, changed: &mut bool) {
        if known.is_some_and(|k| k.config == *config) {
            return;
        }
        *changed = true;
        if known.is_some() {
            self.changes.close_config(id, self.today);
        }
        self.changes.open_config(id, known.map_or(BEGINNING, |_| self.today), config);
    }

    fn store_groups(&mut self, id: i64, row: &MeterRow, known: Option<&Known>, changed: &mut bool) -> BTreeSet<String> {
        let before = known.map(|k| k.groups.clone()).unwrap_or_default();
        let Some(groups) = &row.groups else { return before };
        let groups: BTreeSet<String> = groups.iter().map(ToString::to_string).collect();
        for left in before.difference(&groups) {
            self.changes.groups_closed.push((id, left.clone()));
            *changed = true;
        }
        let from = known.map_or(BEGINNING, |_| self.today);
        for joined in groups.difference(&before) {
            self.changes.groups.push((id, joined.clone(), from));
            *changed = true;
        }
        groups
    }

    fn store_password(
        &mut self,
        id: i64,
        row: &MeterRow,
        known: Option<&Known>,
        vault: &Vault,
        changed: &mut bool,
    ) -> Option<Vec<u8>> {
        let before = known.and_then(|k| k.password.clone());
        let Some(password) = &row.password else { return before };
        let same = before
            .as_ref()
            .is_some_and(|sealed| vault.open_for_meter(id, "password", sealed).is_ok_and(|known| known == *password));
        if same {
            return before;
        }
        let sealed = vault.seal_for_meter(id, "password", password);
        self.changes.passwords.push((id, sealed.clone()));
        *changed = true;
        Some(sealed)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a row; a struct for it would be read nowhere else")]
    fn store_installation(
        &mut self,
        id: i64,
        row: &MeterRow,
        place: i64,
        step: Step,
        known: Option<&Known>,
        report: &mut ImportReport,
        changed: &mut bool,
    ) -> Option<Installed> {
        let before = known.and_then(|k| k.installed.clone());
        *changed |= step != Step::Nothing;
        if let (Some(known), Step::MoveStart { .. } | Step::Install { .. }) = (known, step) {
            self.changes.unsettled.push(known.id);
        }
        match step {
            Step::Nothing => before,
            Step::TakeDown => {
                if let Some(installed) = before {
                    self.close(installed.id, self.now.0);
                    self.vacate(&row.no, self.now.0);
                }
                None
            }
            Step::MoveStart { from, ct, pt } => {
                let mut installed = before?;
                self.changes.installations_moved.push((installed.id, from));
                installed.from_at = from;
                installed.since = from;
                if (ct, pt) == (installed.ct, installed.pt) {
                    return Some(installed);
                }
                Some(self.change_factors(id, installed, ct, pt))
            }
            Step::ChangeFactors { ct, pt } => Some(self.change_factors(id, before?, ct, pt)),
            Step::Install { from, ct, pt } => {
                if let Some(left) = before {
                    self.close(left.id, from);
                    self.vacate(&row.no, from);
                }
                self.replace(row, from, report);
                let installed = self.open(id, place, from, ct, pt);
                if let Some(place) = self.places.get_mut(&row.service_point) {
                    place.meter = Some(row.no.clone());
                }
                Some(installed)
            }
        }
    }

    /// Ends the stay of whatever hangs where the row's meter is put up.
    fn replace(&mut self, row: &MeterRow, from: i64, report: &mut ImportReport) {
        let Some(old) = self.places.get(&row.service_point).and_then(|p| p.meter.clone()) else { return };
        let Some(known) = self.meters.get_mut(&old) else { return };
        let Some(installed) = known.installed.take() else { return };
        known.free_from = from;
        let key = (known.config.channel, known.config.address);
        if self.addresses.get(&key) == Some(&old) {
            self.addresses.remove(&key);
        }
        self.close(installed.id, from);
        self.retire(&old, from);
        report.remark(row.line, Remark::Replaces { meter: old, service_point: row.service_point.clone() });
    }

    /// A meter that another took the place of is retired from the first day on none of whose slots it still holds.
    fn retire(&mut self, no: &MeterNo, at: i64) {
        let Some(known) = self.meters.get_mut(no) else { return };
        let last = day_number(self.calendar.day_of(UtcMicros(at - 1)));
        let from = (last + 1).max(known.config_from);
        known.config.state = MeterState::Retired;
        known.config_from = from;
        self.changes.close_config(known.id, from);
        self.changes.open_config(known.id, from, &known.config);
    }

    fn vacate(&mut self, no: &MeterNo, at: i64) {
        if let Some(place) = self.places.values_mut().find(|p| p.meter.as_ref() == Some(no)) {
            place.meter = None;
            place.free_from = at;
        }
    }

    fn change_factors(&mut self, meter: i64, installed: Installed, ct: u32, pt: u32) -> Installed {
        let from = installed.from_at.max(self.today_start);
        self.close(installed.id, from);
        let opened = self.open(meter, installed.service_point, from, ct, pt);
        Installed { since: installed.since, ..opened }
    }

    fn close(&mut self, installation: i64, at: i64) {
        match self.changes.installations.iter().position(|(id, ..)| *id == installation) {
            // Opened by this very chunk: it never was.
            Some(place) => {
                self.changes.installations.remove(place);
            }
            None => self.changes.installations_closed.push((installation, at)),
        }
    }

    fn open(&mut self, meter: i64, service_point: i64, from_at: i64, ct: u32, pt: u32) -> Installed {
        let id = self.next_installation;
        self.next_installation += 1;
        self.changes.installations.push((id, meter, service_point, from_at, ct, pt));
        Installed { id, service_point, from_at, since: from_at, ct, pt }
    }

    pub(super) async fn write(self, db: &mut SqliteConnection) -> Result<(), StoreError> {
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

/// What happens to a meter's installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    TakeDown,
    MoveStart { from: i64, ct: u32, pt: u32 },
    ChangeFactors { ct: u32, pt: u32 },
    Install { from: i64, ct: u32, pt: u32 },
}

/// The profile of a meter whose model nobody named.
fn generic_model(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Dlt645v2007 => "generic-2007",
        Protocol::Dlt645v1997 => "generic-1997",
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
