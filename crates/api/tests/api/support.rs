//! A running API over a real store, a small archive and one day of readings, spoken to over a real socket.

use std::sync::Arc;
use std::time::Duration;

use hes_api::live::{ChannelLive, Collector, HostClock, LinkState, Snapshot};
use hes_api::{ApiConfig, Parts, Token, TokenHash};
use hes_model::{
    CapturedAt, Class, DecodeLevel, DecodeLevels, ExchangeProof, Failure, FailureKind, MeterClock, MeterId, MeterNo,
    ModelName, Observed, PlanName, Quality, Quantity, Reading, ReceivedAt, Series, Unit, UtcMicros,
};
use hes_store::{ClockReading, DialogueRecord, FailedAttempt, MasterKey, Slot, Store, StoreConfig};
use jiff::civil::Date;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const AREAS: &str = "code,name,reader,reader_name\nA1,城东台区,R1,张三\nA2,城西台区,R2,李四\n";
pub(crate) const CHANNELS: &str = "name,kind,path,host,port,registration\n\
    bus-1,serial,/dev/ttyUSB0,,,\n\
    tcp-1,dial,,192.0.2.5,4001,\n\
    gprs-1,dial_in,,,,packet:861234567890123\n";
pub(crate) const METERS: &str = "meter_no,protocol,address,channel,area,service_point,customer,customer_name,ct,installed_from,groups,state,password\n\
    M1,dlt645-2007,1,bus-1,A1,P1,C1,王小明,,2026-01-01,big;new,active,00000002\n\
    M2,dlt645-2007,2,bus-1,A1,P2,C2,\"Chan, Tai Man\",30,2026-01-01,,active,\n\
    M3,dlt645-1997,3,tcp-1,A2,P3,C3,陈四,,2026-01-01,,active,\n\
    M4,dlt645-2007,4,tcp-1,A2,P4,C4,何五,,2026-01-01,,suspended,\n";
pub(crate) const PLAN: &str = r#"{"name":"daily","task":{"kind":"daily","registers":["1.0.1.8.0.255"]},"scope":"all",
    "schedule":{"window":{"from":"00:00:00","to":"00:00:00"},"deadline_minutes":1440,"priority":3},
    "effective":{"from":"2026-06-01","until":null}}"#;
/// The civil day all golden answers are about.
pub(crate) const DAY: &str = "2026-07-01";

/// A collector whose picture stands still.
#[derive(Debug)]
pub(crate) struct StillCollector {
    pub(crate) health: Result<(), String>,
}

impl Collector for StillCollector {
    fn snapshot(&self) -> Snapshot {
        let channel = |name: &str, link, why: Option<&str>| ChannelLive {
            name: name.parse().unwrap(),
            link,
            waiting: 0,
            silent_meters: 1,
            answered: 120,
            failed: 3,
            why: why.map(ToOwned::to_owned),
        };
        Snapshot {
            health: self.health.clone(),
            collecting: true,
            dial_in: Some(([127, 0, 0, 1], 7645).into()),
            started_at: UtcMicros(1_782_835_200_000_000),
            readings_total: 4_321,
            readings_last_ten_seconds: 1_234,
            channels: vec![
                channel("bus-1", LinkState::Up, None),
                channel("tcp-1", LinkState::Down, Some("connection refused")),
            ],
            reads_waiting: 2,
            clock: HostClock { proven: false, reason: "no time synchronisation reported".to_owned() },
        }
    }
}

/// A server on a free port, gone with this value.
pub(crate) struct Server {
    pub(crate) store: Store,
    pub(crate) base: String,
    pub(crate) token: Token,
    pub(crate) http: reqwest::Client,
    pub(crate) levels: DecodeLevels,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
    /// Removed with this value.
    _dir: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start(config: ApiConfig) -> Self {
        Self::start_with(config, StillCollector { health: Ok(()) }).await
    }

    pub(crate) async fn start_with(config: ApiConfig, collector: StillCollector) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = prometheus::Registry::new();
        // One connection for queries has one page cache, so that what memory does is the same in every run.
        let data_dir = dir.path().join("data");
        let store_config = StoreConfig { data_dir, read_connections: 1, ..StoreConfig::default() };
        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
        let store = Store::open(store_config, zone, &MasterKey::generate(), &registry).await.unwrap();
        let token = Token::read_or_make(&dir.path().join("api-token")).unwrap();
        let config = ApiConfig { listen: ([127, 0, 0, 1], 0).into(), ..config };
        let listener = hes_api::bind(&config).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let levels = DecodeLevels::new(DecodeLevel::Off);
        let parts = Parts {
            store: store.clone(),
            collector: Arc::new(collector),
            levels: levels.clone(),
            token: TokenHash::of(&token),
            registry,
            models: vec!["generic-2007".parse::<ModelName>().unwrap(), "generic-1997".parse().unwrap()],
            config,
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving = tokio::spawn(async move { hes_api::serve(listener, parts, stopped).await.unwrap() });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { store, base, token, http, levels, stop, serving: Some(serving), _dir: dir }
    }

    /// With the archive, the plan and the readings all golden answers are about.
    pub(crate) async fn with_a_day(config: ApiConfig) -> Self {
        let server = Self::start(config).await;
        for (what, csv) in [("areas", AREAS), ("channels", CHANNELS), ("meters", METERS)] {
            let answer = server.post_csv(what, csv.as_bytes().to_vec()).await;
            assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        }
        let plan = server.request("PUT", "/api/v1/plans/daily").header("content-type", "application/json").body(PLAN);
        assert_eq!(plan.send().await.unwrap().status(), 201);
        server.read_the_day().await;
        server
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse::<reqwest::Method>().unwrap();
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.token.expose())
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.request("GET", path).send().await.unwrap()
    }

    pub(crate) async fn post_csv(&self, what: &str, body: Vec<u8>) -> reqwest::Response {
        let request = self.request("POST", &format!("/api/v1/{what}"));
        request.header("content-type", "text/csv").body(body).send().await.unwrap()
    }

    pub(crate) async fn meter(&self, no: &str) -> MeterId {
        self.store.meter(&no.parse::<MeterNo>().unwrap()).await.unwrap().unwrap().meter.id
    }

    /// The 00:00 of a civil day.
    pub(crate) fn latch(&self, day: &str) -> UtcMicros {
        self.store.calendar().day_start(day.parse::<Date>().unwrap())
    }

    /// M1 in time, M2 late and corrected, M3 only a suspect value; M4 is suspended.
    async fn read_the_day(&self) {
        let slot = self.latch(DAY);
        let minutes = |n: u64| slot.plus(Duration::from_secs(60 * n));
        self.record(self.dialogue("M1", "bus-1", minutes(5), vec![(12_345, Quality::Good)]).await).await;
        self.record(self.dialogue("M2", "bus-1", minutes(2_000), vec![(50_000, Quality::Good)]).await).await;
        self.record(self.dialogue("M2", "bus-1", minutes(2_100), vec![(50_100, Quality::Good)]).await).await;
        let suspect = Quality::Suspect(vec!["V04".into()]);
        let mut record = self.dialogue("M3", "tcp-1", minutes(6), vec![(1, suspect)]).await;
        let failed = Failure::new(FailureKind::NoReply, "no answer in 500 ms");
        record.failures.push(FailedAttempt { at: minutes(7), failure: failed, slots: vec![self.slot(DAY)] });
        record.clock = Some(ClockReading {
            meter_clock: MeterClock("2026-07-01T00:06:42".parse().unwrap()),
            at: minutes(6),
            offset_ms: 42_000,
            uncertainty_ms: 150,
            proof: 0,
        });
        self.record(record).await;
    }

    pub(crate) fn slot(&self, day: &str) -> Slot {
        Slot { series: Series::Daily, time: self.latch(day), register: "1.0.1.8.0.255".parse().unwrap() }
    }

    pub(crate) async fn dialogue(
        &self,
        meter: &str,
        channel: &str,
        at: UtcMicros,
        values: Vec<(i64, Quality)>,
    ) -> DialogueRecord {
        let id = self.meter(meter).await;
        let plan: PlanName = "daily".parse().unwrap();
        let mut record = DialogueRecord::new(id, channel.parse().unwrap(), Some(plan), Class::Scheduled);
        record.exchanges.push(ExchangeProof {
            // Forward active energy, total: 00010000, and 123.45 kWh.
            request: [&[0xFE; 4][..], &frame(0x11, &[0x00, 0x00, 0x01, 0x00])].concat(),
            answer: frame(0x91, &[0x00, 0x00, 0x01, 0x00, 0x45, 0x23, 0x01, 0x00]),
            sent_at: at,
            received_at: ReceivedAt(at.plus(Duration::from_millis(180))),
        });
        for (mantissa, quality) in values {
            let reading = Reading {
                meter: id,
                register: "1.0.1.8.0.255".parse().unwrap(),
                series: Series::Daily,
                slot: self.latch(DAY),
                value: Observed::Number(Quantity::new(mantissa, 2, Unit::Kwh)),
                occurred: None,
                meter_clock: Some(MeterClock(DAY.parse::<Date>().unwrap().at(0, 0, 0, 0))),
                captured: CapturedAt(self.latch(DAY)),
                received: ReceivedAt(at.plus(Duration::from_millis(180))),
                quality,
                exchange: None,
            };
            record.readings.push((reading, 0));
        }
        record
    }

    pub(crate) async fn record(&self, record: DialogueRecord) {
        let permit = self.store.writer().reserve(u32::try_from(record.readings.len()).unwrap()).await.unwrap();
        self.store.writer().record(permit, record).await.unwrap();
    }

    /// Stops the server and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            serving.await.unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A DL/T 645 frame to or from meter 1: data in wire order, masked here, the check sum over all before it.
pub(crate) fn frame(control: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x68, 1, 0, 0, 0, 0, 0, 0x68, control, u8::try_from(data.len()).unwrap()];
    frame.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    frame.push(frame.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
    frame.push(0x16);
    frame
}
