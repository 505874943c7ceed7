//! The ground of every test: a store with one service point.

use std::num::NonZeroU16;

use hes_model::{
    CapturedAt, ChannelConfig, ChannelName, Class, CommAddress, Endpoint, ExchangeProof, LineSettings, MeterNo, Obis,
    Observed, Protocol, Quality, Quantity, Reading, ReceivedAt, Series, Unit, UtcMicros,
};
use hes_store::{DialogueRecord, MasterKey, MeterRow, Store, StoreConfig};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use prometheus::Registry;
use tempfile::TempDir;

pub(crate) const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);
pub(crate) const TODAY: Date = date(2026, 11, 24);

pub(crate) struct Bench {
    pub(crate) store: Store,
    _folder: TempDir,
}

impl Bench {
    /// An empty store with the channel `bus`.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig { data_dir: folder.path().to_owned(), ..StoreConfig::default() };
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let store = Store::open(config, zone, &MasterKey::generate(), &Registry::new()).await.unwrap();
        let channel = ChannelConfig {
            name: bus(),
            endpoint: Endpoint::Dial { host: "127.0.0.1".to_owned(), port: NonZeroU16::MIN },
            line: LineSettings::DLT645,
            extra_delay_ms: 0,
            wake_up: 4,
        };
        store.import_channels(vec![(2, channel)]).await.unwrap();
        Self { store, _folder: folder }
    }

    /// 24 November 2026, 10:07.
    pub(crate) fn now(&self) -> UtcMicros {
        self.store.calendar().instant(TODAY.at(10, 7, 0, 0))
    }

    pub(crate) async fn import(&self, row: MeterRow) {
        let report = self.store.import_meters(vec![row], self.now()).await.unwrap();
        assert_eq!(report.bad, []);
    }

    /// Stores what a meter's register showed at the start of a day.
    pub(crate) async fn read(&self, meter: &str, day: Date, kwh_hundredths: i64) {
        let meter = self.store.meter(&MeterNo::new(meter).unwrap()).await.unwrap().expect("imported").meter.id;
        let slot = self.store.calendar().day_start(day);
        let received = ReceivedAt(self.now());
        let reading = Reading {
            meter,
            register: IMPORT,
            series: Series::Daily,
            slot,
            value: Observed::Number(kwh(kwh_hundredths)),
            occurred: None,
            meter_clock: None,
            captured: CapturedAt(slot),
            received,
            quality: Quality::Good,
            exchange: None,
        };
        let mut record = DialogueRecord::new(meter, bus(), None, Class::Scheduled);
        let (request, answer) = (vec![0x68], vec![0x68, 0x16]);
        record.exchanges.push(ExchangeProof { request, answer, sent_at: received.0, received_at: received });
        record.readings.push((reading, 0));
        let permit = self.store.writer().reserve(1).await.unwrap();
        self.store.writer().record(permit, record).await.unwrap();
    }
}

fn bus() -> ChannelName {
    ChannelName::new("bus").unwrap()
}

pub(crate) fn kwh(hundredths: i64) -> Quantity {
    Quantity::new(hundredths, 2, Unit::Kwh)
}

/// Meter `M<n>` at service point `S1` since the first of the month, supplying customer `C1` in area `A1`.
pub(crate) fn row(n: u64) -> MeterRow {
    MeterRow {
        line: 2,
        no: MeterNo::new(&format!("M{n}")).unwrap(),
        protocol: Protocol::Dlt645v2007,
        address: CommAddress::from_number(n).unwrap(),
        model: None,
        channel: bus(),
        area: "A1".parse().unwrap(),
        service_point: "S1".parse().unwrap(),
        customer: Some("C1".parse().unwrap()),
        customer_name: None,
        ct: None,
        pt: None,
        installed_from: Some(date(2026, 11, 1)),
        groups: None,
        password: None,
        state: None,
    }
}
