//! P5: readings through the store's writer, committed, against a raw bulk insert of the very same rows.
//!
//! The peer is the least that could be done: prepared statements of many rows, in transactions as large as the writer's,
//! into the same tables with the same indexes and settings. It resolves no name, looks at no version and answers nobody.
#![expect(clippy::print_stdout, reason = "benches print their results")]

use std::num::NonZeroU16;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use hes_benches::{SHORT, Times, print_machine, print_verdict};
use hes_model::{
    CapturedAt, ChannelConfig, ChannelName, Class, CommAddress, Endpoint, ExchangeProof, LineSettings, MeterId,
    MeterNo, Obis, Observed, Protocol, Quality, Quantity, Reading, ReceivedAt, Series, Unit, UtcMicros,
};
use hes_store::{Calendar, DialogueRecord, MasterKey, MeterRow, Store, StoreConfig};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use prometheus::Registry;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection, TypeInfo, ValueRef};
use tokio::task::JoinSet;

const METERS: usize = 1_000;
/// Nights at once; growth doubles it twice.
const NIGHTS: usize = if SHORT { 2 } else { 20 };
const FIRST_NIGHT: Date = date(2026, 8, 1);
/// Total and four tariffs, in one answer.
const REGISTERS: u8 = 5;
/// Dialogues under way at once: as many as a head-end of sixteen hundred lines has.
const DIALOGUES: usize = 1_600;
const ROUNDS: usize = 3;
/// Rows of one statement of the peer; more gains nothing.
const ROWS_A_STATEMENT: usize = 500;
/// Rows of one transaction of the peer: the writer's own limit.
const ROWS_A_TRANSACTION: usize = 10_000;

#[tokio::main]
async fn main() {
    print_machine();
    println!(
        "data: {METERS} meters, daily freeze of {REGISTERS} registers, one exchange of 16 and 40 bytes for each five readings"
    );
    for growth in [1, 2, 4] {
        let nights = NIGHTS * growth;
        let (mut ours, mut bare, mut proved) = (Times::default(), Times::default(), Times::default());
        let mut bytes = 0.0;
        for _ in 0..ROUNDS {
            let folder = tempfile::tempdir().expect("a folder");
            let filled = Filled::by_the_writer(folder.path(), nights).await;
            ours.add(filled.took);
            bytes = filled.bytes_a_reading;
            let rows = Rows::of(folder.path()).await;
            bare.add(rows.insert(false).await);
            proved.add(rows.insert(true).await);
        }
        let readings = METERS * nights * usize::from(REGISTERS);
        let rate = |times: &Times| readings as f64 / times.best().as_secs_f64();
        println!("{growth}x: {readings} readings, best of {ROUNDS} rounds in turns");
        println!("  writer: {:.0} readings/s, spread {:.0} %", rate(&ours), ours.spread_percent());
        println!("  raw insert of the readings: {:.0}/s, spread {:.0} %", rate(&bare), bare.spread_percent());
        println!("  raw insert with their evidence: {:.0}/s, spread {:.0} %", rate(&proved), proved.spread_percent());
        print_verdict("  against readings alone", 100.0 * rate(&ours) / rate(&bare), " %", 70.0);
        print_verdict("  against readings with evidence", 100.0 * rate(&ours) / rate(&proved), " %", 70.0);
        println!("  {bytes:.1} bytes a reading in the closed file, evidence and indexes included");
    }
}

/// A database that the writer has filled.
struct Filled {
    took: Duration,
    bytes_a_reading: f64,
}

impl Filled {
    async fn by_the_writer(folder: &Path, nights: usize) -> Self {
        let store = open(folder).await;
        let channel = ChannelConfig {
            name: channel(),
            endpoint: Endpoint::Dial { host: "127.0.0.1".to_owned(), port: NonZeroU16::MIN },
            line: LineSettings::DLT645,
            extra_delay_ms: 0,
            wake_up: 4,
        };
        assert!(store.import_channels(vec![(1, channel)]).await.expect("channels are taken").bad.is_empty());
        let rows = (1..=METERS as u64).map(meter_row).collect();
        let received = store.calendar().instant(FIRST_NIGHT.at(1, 0, 0, 0));
        assert!(store.import_meters(rows, received).await.expect("meters are taken").bad.is_empty());
        store.close().await.expect("it closes");
        let empty = file_bytes(folder);

        let store = open(folder).await;
        let mut records = Vec::with_capacity(nights * METERS);
        for night in 0..nights {
            let day = FIRST_NIGHT.saturating_add(jiff::Span::new().days(night as i64));
            records.extend((1..=METERS as i64).map(|meter| dialogue(store.calendar(), MeterId(meter), day)));
        }
        let begun = Instant::now();
        let mut under_way = JoinSet::new();
        for record in records {
            if under_way.len() == DIALOGUES {
                stored(under_way.join_next().await);
            }
            let writer = store.writer().clone();
            let permit = writer.reserve(u32::from(REGISTERS)).await.expect("room");
            under_way.spawn(async move { writer.record(permit, record).await.expect("committed").stored() });
        }
        while !under_way.is_empty() {
            stored(under_way.join_next().await);
        }
        let took = begun.elapsed();
        store.close().await.expect("it closes");
        let readings = nights * METERS * usize::from(REGISTERS);
        Self { took, bytes_a_reading: (file_bytes(folder) - empty) as f64 / readings as f64 }
    }
}

fn stored(joined: Option<Result<usize, tokio::task::JoinError>>) {
    assert_eq!(joined.expect("one is under way").expect("no panic"), usize::from(REGISTERS), "every value is new");
}

async fn open(folder: &Path) -> Store {
    let config = StoreConfig { data_dir: folder.to_owned(), ..StoreConfig::default() };
    let zone = TimeZone::get("Asia/Shanghai").expect("bundled");
    Store::open(config, zone, key(), &Registry::new()).await.expect("it opens")
}

/// A store is opened twice in a round, by the same key.
fn key() -> &'static MasterKey {
    static KEY: LazyLock<MasterKey> = LazyLock::new(MasterKey::generate);
    &KEY
}

fn channel() -> ChannelName {
    ChannelName::new("bus1").expect("a name")
}

fn meter_row(n: u64) -> MeterRow {
    MeterRow {
        line: n + 1,
        no: MeterNo::new(&format!("{n:012}")).expect("a number"),
        protocol: Protocol::Dlt645v2007,
        address: CommAddress::from_number(n).expect("an address"),
        model: None,
        channel: channel(),
        area: "A1".parse().expect("a code"),
        service_point: format!("SP{n}").parse().expect("a number"),
        customer: None,
        customer_name: None,
        ct: None,
        pt: None,
        installed_from: Some(FIRST_NIGHT),
        groups: None,
        password: None,
        state: None,
    }
}

/// One meter's block of a night, as the driver hands it over.
fn dialogue(calendar: &Calendar, meter: MeterId, day: Date) -> DialogueRecord {
    let midnight = calendar.day_start(day);
    let received = UtcMicros(midnight.0 + 600_000_000 + meter.0 * 250_000);
    let mut record = DialogueRecord::new(meter, channel(), Some("night".parse().expect("a name")), Class::Scheduled);
    record.exchanges.push(ExchangeProof {
        request: vec![0x68; 16],
        answer: vec![0x91; 40],
        sent_at: UtcMicros(received.0 - 230_000),
        received_at: ReceivedAt(received),
    });
    record.readings = (0..REGISTERS)
        .map(|tariff| {
            let mantissa = meter.0 * 7_919 + i64::from(tariff) * 1_000 + midnight.0 / 3_600_000_000;
            let reading = Reading {
                meter,
                register: Obis([1, 0, 1, 8, tariff, 255]),
                series: Series::Daily,
                slot: midnight,
                value: Observed::Number(Quantity::new(mantissa, 2, Unit::Kwh)),
                occurred: None,
                meter_clock: None,
                captured: CapturedAt(midnight),
                received: ReceivedAt(received),
                quality: Quality::Good,
                exchange: None,
            };
            (reading, 0)
        })
        .collect();
    record
}

fn file_bytes(folder: &Path) -> u64 {
    std::fs::metadata(folder.join(hes_store::DATABASE_FILE)).expect("the database").len()
}

/// One field as it lies in the file.
enum Field {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// What the writer left in its two big tables, in the order in which it came.
struct Rows {
    readings: Vec<Vec<Field>>,
    exchanges: Vec<Vec<Field>>,
}

impl Rows {
    async fn of(folder: &Path) -> Self {
        let mut db = connect(folder).await;
        let readings = fields(&mut db, "SELECT * FROM reading ORDER BY seq").await;
        let exchanges = fields(&mut db, "SELECT * FROM exchange ORDER BY id").await;
        db.close().await.expect("it closes");
        Self { readings, exchanges }
    }

    /// Inserts them into a fresh database of the same schema; tells how long that took.
    async fn insert(&self, with_evidence: bool) -> Duration {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path()).await.close().await.expect("it closes");
        let mut db = connect(folder.path()).await;
        let begun = Instant::now();
        let a_transaction = self.readings.chunks(ROWS_A_TRANSACTION);
        let mut exchanges = self.exchanges.chunks(ROWS_A_TRANSACTION / usize::from(REGISTERS));
        for readings in a_transaction {
            let mut transaction = db.begin().await.expect("a transaction");
            insert(&mut transaction, "INSERT INTO reading ", readings).await;
            if with_evidence {
                insert(&mut transaction, "INSERT INTO exchange ", exchanges.next().unwrap_or_default()).await;
            }
            transaction.commit().await.expect("committed");
        }
        let took = begun.elapsed();
        let (stored,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM reading").fetch_one(&mut db).await.expect("a count");
        assert_eq!(usize::try_from(stored).ok(), Some(self.readings.len()));
        db.close().await.expect("it closes");
        took
    }
}

/// A connection with the settings of the store's own.
async fn connect(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(folder.join(hes_store::DATABASE_FILE))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();
    options.connect().await.expect("the database opens")
}

async fn fields(db: &mut SqliteConnection, sql: &'static str) -> Vec<Vec<Field>> {
    let rows = sqlx::query(sql).fetch_all(db).await.expect("rows");
    rows.iter().map(|row| (0..row.len()).map(|at| field(row, at)).collect()).collect()
}

fn field(row: &SqliteRow, at: usize) -> Field {
    let raw = row.try_get_raw(at).expect("a column");
    if raw.is_null() {
        return Field::Null;
    }
    match raw.type_info().name() {
        "INTEGER" => Field::Number(row.get(at)),
        "TEXT" => Field::Text(row.get(at)),
        "BLOB" => Field::Bytes(row.get(at)),
        other => panic!("a column of type {other}"),
    }
}

/// Statements of [`ROWS_A_STATEMENT`] rows, prepared once: the same text is found in the connection's cache.
async fn insert(db: &mut SqliteConnection, into: &str, rows: &[Vec<Field>]) {
    for rows in rows.chunks(ROWS_A_STATEMENT) {
        let mut statement = QueryBuilder::<Sqlite>::new(into);
        statement.push_values(rows, |mut row, fields| {
            for field in fields {
                match field {
                    Field::Null => row.push_bind(None::<i64>),
                    Field::Number(number) => row.push_bind(number),
                    Field::Text(text) => row.push_bind(text),
                    Field::Bytes(bytes) => row.push_bind(bytes.as_slice()),
                };
            }
        });
        statement.build().execute(&mut *db).await.expect("inserted");
    }
}
