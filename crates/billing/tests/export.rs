//! Exports over a real store.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::num::NonZeroU16;
use std::path::Path;

use hes_billing::{DailyExport, Format, Gaps, Selection};
use hes_model::{
    ChannelConfig, ChannelName, CommAddress, Effective, Endpoint, LineSettings, Obis, Plan, Priority, Protocol,
    Schedule, Scope, Task, UtcMicros, Window,
};
use hes_store::{MasterKey, MeterRow, Store, StoreConfig};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use prometheus::Registry;

const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);
const YESTERDAY: Date = date(2026, 11, 23);
const TODAY: Date = date(2026, 11, 24);

async fn open(folder: &Path) -> Store {
    let config = StoreConfig { data_dir: folder.to_owned(), ..StoreConfig::default() };
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    Store::open(config, zone, &MasterKey::generate(), &Registry::new()).await.unwrap()
}

/// One meter that hangs since the first of the month, supplying `customer` in `area` from the day of `now` on.
async fn supply(store: &Store, customer: &str, area: &str, now: UtcMicros) {
    let row = MeterRow {
        line: 2,
        no: "M1".parse().unwrap(),
        protocol: Protocol::Dlt645v2007,
        address: CommAddress::from_number(1).unwrap(),
        model: None,
        channel: ChannelName::new("bus").unwrap(),
        area: area.parse().unwrap(),
        service_point: "S1".parse().unwrap(),
        customer: Some(customer.parse().unwrap()),
        customer_name: None,
        ct: Some(40),
        pt: None,
        installed_from: Some(date(2026, 11, 1)),
        groups: None,
        password: None,
        state: None,
    };
    let report = store.import_meters(vec![row], now).await.unwrap();
    assert_eq!(report.bad, []);
}

async fn text(store: &Store, selection: Selection, now: UtcMicros) -> String {
    let mut export = DailyExport::begin(store, selection, Format::Csv).await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = export.next(now).await.unwrap() {
        text.extend(piece);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_missing_value_is_told_with_the_customer_and_area_of_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let now = store.calendar().instant(TODAY.at(10, 0, 0, 0));
    let channel = ChannelConfig {
        name: ChannelName::new("bus").unwrap(),
        endpoint: Endpoint::Dial { host: "127.0.0.1".to_owned(), port: NonZeroU16::MIN },
        line: LineSettings::DLT645,
        extra_delay_ms: 0,
        wake_up: 4,
    };
    store.import_channels(vec![(2, channel)]).await.unwrap();
    supply(&store, "C1", "A1", now).await;
    let plan = Plan {
        name: "night".parse().unwrap(),
        task: Task::Daily { registers: vec![IMPORT] },
        scope: Scope::All,
        schedule: Schedule { window: Window::ALWAYS, deadline_minutes: 480, priority: Priority::try_from(5).unwrap() },
        effective: Effective { from: YESTERDAY, until: None },
    };
    store.put_plan(&plan, now).await.unwrap();
    // Who is supplied there changes today, and so does the area that feeds the place.
    supply(&store, "C2", "A2", now).await;

    for (day, place) in [(YESTERDAY, "S1,C1,C1,A1"), (TODAY, "S1,C2,C2,A2")] {
        let csv = text(&store, Selection::Day { day, gaps: Gaps::Included }, now).await;
        let row = csv.lines().nth(1).unwrap_or_default();
        assert!(row.starts_with(&format!("missing,,M1,{place},{day},")), "{row}");
        assert!(row.contains(",40,1,not_asked,"), "{row}");
    }
}
