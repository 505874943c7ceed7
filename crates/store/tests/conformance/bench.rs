//! The ground of every test: a fresh store with a small fleet, in a zone of its own.

use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use hes_model::{
    CapturedAt, ChannelConfig, ChannelName, Class, Effective, Endpoint, ExchangeProof, LineSettings, MeterId, MeterNo,
    Obis, Observed, Plan, Priority, Protocol, Quality, Quantity, Reading, ReceivedAt, Schedule, Scope, Series, Task,
    Unit, UtcMicros, Window,
};
use hes_store::{
    Age, Calendar, DialogueRecord, MasterKey, MemoryDepth, MeterRow, OpenError, Slot, SlotsOfDay, Store, StoreConfig,
    Work, WorkQuery,
};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use prometheus::Registry;
use tempfile::TempDir;

pub(crate) const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);
pub(crate) const EXPORT: Obis = Obis([1, 0, 2, 8, 0, 255]);
pub(crate) const DEPTH: MemoryDepth = MemoryDepth { daily_days: 62, monthly_months: 12, interval_days: 40 };
pub(crate) const TODAY: Date = date(2026, 11, 24);

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) key: MasterKey,
    pub(crate) dir: TempDir,
}

pub(crate) fn config(dir: &Path) -> StoreConfig {
    StoreConfig { data_dir: dir.to_owned(), ..StoreConfig::default() }
}

pub(crate) fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").expect("bundled")
}

pub(crate) async fn open(dir: &Path, key: &MasterKey) -> Result<Store, OpenError> {
    Store::open(config(dir), zone(), key, &Registry::new()).await
}

impl Bench {
    /// An empty store.
    pub(crate) async fn empty() -> Self {
        Self::in_zone(zone()).await
    }

    /// An empty store of a utility in another zone.
    pub(crate) async fn in_zone(zone: TimeZone) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = MasterKey::generate();
        let store = Store::open(config(dir.path()), zone, &key, &Registry::new()).await.unwrap();
        Self { store, key, dir }
    }

    /// A store with channel `bus1` and meters `M1`, `M2`, … in area `A1`, installed since 1 November 2026.
    pub(crate) async fn with_meters(count: u64) -> Self {
        let bench = Self::empty().await;
        bench.channel("bus1").await;
        let report = bench.import((1..=count).map(row).collect()).await;
        assert_eq!((report.created, report.bad.len()), (count, 0), "{report:?}");
        bench
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        self.store.close().await.unwrap();
        let store = open(self.dir.path(), &self.key).await.unwrap();
        Self { store, ..self }
    }

    pub(crate) fn calendar(&self) -> &Calendar {
        self.store.calendar()
    }

    pub(crate) async fn channel(&self, name: &str) {
        let port = 4000 + u16::from(name.as_bytes().last().copied().unwrap_or(0));
        let config = ChannelConfig {
            name: channel(name),
            endpoint: Endpoint::Dial { host: "127.0.0.1".to_owned(), port: NonZeroU16::new(port).unwrap() },
            line: LineSettings::DLT645,
            extra_delay_ms: 0,
            wake_up: 4,
        };
        let report = self.store.import_channels(vec![(1, config)]).await.unwrap();
        assert_eq!(report.bad, []);
    }

    pub(crate) async fn import(&self, rows: Vec<MeterRow>) -> hes_store::ImportReport {
        self.store.import_meters(rows, self.now()).await.unwrap()
    }

    pub(crate) async fn meter(&self, no: &str) -> MeterId {
        self.store.meter(&MeterNo::new(no).unwrap()).await.unwrap().expect("imported").meter.id
    }

    /// 24 November 2026, 10:07.
    pub(crate) fn now(&self) -> UtcMicros {
        self.calendar().instant(TODAY.at(10, 7, 0, 0))
    }

    /// Those of a day, as of now.
    pub(crate) fn slots(&self, day: Date) -> SlotsOfDay<'static> {
        SlotsOfDay { day, now: self.now(), plan: None }
    }

    pub(crate) fn midnight(&self, day: Date) -> UtcMicros {
        self.calendar().day_start(day)
    }

    pub(crate) async fn plan(&self, name: &str, task: Task, from: Date) {
        self.store.put_plan(&plan(name, task, from), self.now()).await.unwrap();
    }

    pub(crate) async fn missing_at(&self, now: UtcMicros) -> Work {
        self.missing_by(now, Age::Counts).await
    }

    /// What is missing by a clock that shows `now` and is good for so much.
    pub(crate) async fn missing_by(&self, now: UtcMicros, age: Age) -> Work {
        let query = WorkQuery {
            channel: channel("bus1"),
            now,
            age,
            settle: Duration::from_secs(60),
            limit: usize::MAX,
            leave_out: Default::default(),
        };
        self.store.missing(&query, |_| DEPTH).await.unwrap()
    }

    /// Stores one value of a meter, received now.
    pub(crate) async fn read(&self, reading: Reading) -> hes_store::Stored {
        let record = record(vec![reading]);
        self.record(record).await.readings[0]
    }

    pub(crate) async fn record(&self, record: DialogueRecord) -> hes_store::Committed {
        let readings = u32::try_from(record.readings.len()).unwrap();
        let permit = self.store.writer().reserve(readings).await.unwrap();
        self.store.writer().record(permit, record).await.unwrap()
    }

    pub(crate) fn daily(&self, meter: MeterId, day: Date, kwh_hundredths: i64) -> Reading {
        self.reading(meter, Series::Daily, self.midnight(day), kwh_hundredths)
    }

    pub(crate) fn reading(&self, meter: MeterId, series: Series, slot: UtcMicros, kwh_hundredths: i64) -> Reading {
        Reading {
            meter,
            register: IMPORT,
            series,
            slot,
            value: Observed::Number(Quantity::new(kwh_hundredths, 2, Unit::Kwh)),
            occurred: None,
            meter_clock: Some(self.calendar().meter_clock(slot)),
            captured: CapturedAt(slot),
            received: ReceivedAt(self.now()),
            quality: Quality::Good,
            exchange: None,
        }
    }
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

/// Meter `M<n>` at service point `S<n>` of area `A1`.
pub(crate) fn row(n: u64) -> MeterRow {
    MeterRow {
        line: n + 1,
        no: MeterNo::new(&format!("M{n}")).unwrap(),
        protocol: Protocol::Dlt645v2007,
        address: hes_model::CommAddress::from_number(n).unwrap(),
        model: None,
        channel: channel("bus1"),
        area: "A1".parse().unwrap(),
        service_point: format!("S{n}").parse().unwrap(),
        customer: Some(format!("C{n}").parse().unwrap()),
        customer_name: Some(format!("Customer {n}")),
        ct: None,
        pt: None,
        installed_from: Some(date(2026, 11, 1)),
        groups: None,
        password: None,
        state: None,
    }
}

pub(crate) fn plan(name: &str, task: Task, from: Date) -> Plan {
    Plan {
        name: name.parse().unwrap(),
        task,
        scope: Scope::All,
        schedule: Schedule {
            window: Window::ALWAYS,
            deadline_minutes: 8 * 60,
            priority: Priority::try_from(5).unwrap(),
        },
        effective: Effective { from, until: None },
    }
}

/// A dialogue of one exchange that proves all of its readings.
pub(crate) fn record(readings: Vec<Reading>) -> DialogueRecord {
    let first = readings.first().expect("a dialogue with readings");
    let mut record =
        DialogueRecord::new(first.meter, channel("bus1"), Some("night".parse().unwrap()), Class::Scheduled);
    record.exchanges.push(ExchangeProof {
        request: vec![0x68, 0x11],
        answer: vec![0x68, 0x91, 0x16],
        sent_at: UtcMicros(first.received.0.0 - 200_000),
        received_at: first.received,
    });
    record.readings = readings.into_iter().map(|reading| (reading, 0)).collect();
    record
}

pub(crate) fn slot(series: Series, time: UtcMicros) -> Slot {
    Slot { series, time, register: IMPORT }
}
