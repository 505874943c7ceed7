//! A small town for the tests: simulated meters on real lines, a store in a folder, a collector between them.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use hes_collector::{
    Collector, CollectorConfig, CollectorParts, CollectorStatus, DialInParts, NoFrameLog, StatusBoard, SystemSync,
};
use hes_driver::identify;
use hes_model::{
    ChannelConfig, ChannelName, CommAddress, DecodeLevels, DialIn, Effective, Endpoint, LineSettings, MeterId, MeterNo,
    MeterState, Obis, Parity, Plan, PlanName, Protocol, Registration, Schedule, Scope, Task, UtcMicros, Window,
    registers,
};
use hes_sim::{Endpoint as SimEndpoint, Fleet, FleetConfig, RunningFleet, StartOptions};
use hes_store::{MasterKey, MeterRow, Store, StoreConfig};
use hes_transport::{Allowed, Identify, Listener, Transport, TransportConfig, TransportMetrics};
use hes_validation::Limits;
use jiff::tz::TimeZone;
use prometheus::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest time anything may take; reached only when something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Town {
    pub(crate) fleet: RunningFleet,
    pub(crate) store: Store,
    pub(crate) zone: TimeZone,
    folder: tempfile::TempDir,
    listen: Option<SocketAddr>,
}

/// A collector at work.
pub(crate) struct Running {
    pub(crate) board: StatusBoard,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), hes_store::StoreError>>,
    listener: Option<JoinHandle<()>>,
}

struct Modules;

impl Identify for Modules {
    fn framing(&self) -> &dyn hes_wire::Framing {
        identify::framing()
    }
    fn address_of(&self, frame: &[u8]) -> Option<CommAddress> {
        identify::address_of(frame)
    }
    fn question(&self) -> Vec<u8> {
        identify::question()
    }
}

/// Settings for tests: what waits for minutes in the field waits for a second.
pub(crate) fn quick() -> CollectorConfig {
    let mut config = CollectorConfig { look_again_seconds: 1, after_latch_seconds: 0, ..CollectorConfig::default() };
    config.retry.slot_seconds = vec![1];
    config.retry.second_chance_seconds = 1;
    config.retry.jitter_percent = 0;
    config
}

pub(crate) fn obis(alias: &str) -> Obis {
    registers().by_name(alias).expect("a register of the shipped table").obis
}

/// Total and the four tariffs of forward active energy.
pub(crate) fn block() -> Vec<Obis> {
    (0..=4).map(|tariff| obis("import_active_total").with_tariff(tariff)).collect()
}

/// Hours east of Greenwich where it is around noon now: no test then meets midnight.
fn hours_to_noon() -> i64 {
    let hour = i64::from(TimeZone::UTC.to_datetime(jiff::Timestamp::now()).hour());
    let east = 12 - hour;
    if east < -11 { east + 24 } else { east }
}

impl Town {
    /// A town by a fleet file without its clock; meters are in the archive for `days` days.
    pub(crate) async fn found(fleet: &str, days: i64) -> Self {
        let hours = hours_to_noon();
        // POSIX signs: Etc/GMT-8 is eight hours east.
        let name = if hours >= 0 { format!("Etc/GMT-{hours}") } else { format!("Etc/GMT+{}", -hours) };
        let zone = TimeZone::get(&name).expect("a zone of whole hours");
        let listen = fleet.contains("dial_in").then(free_address);
        let config = FleetConfig::parse(&format!("{fleet}\n[clock]\nutc_offset_minutes = {}\n", hours * 60));
        let options = StartOptions { dial_target: listen, ..StartOptions::default() };
        let fleet = Fleet::start(&config.expect("a fleet file"), &options).await.expect("the fleet starts");
        let folder = tempfile::tempdir().expect("a folder");
        let store_config = StoreConfig { data_dir: folder.path().to_owned(), ..StoreConfig::default() };
        let (key, registry) = (MasterKey::generate(), Registry::new());
        let store = Store::open(store_config, zone.clone(), &key, &registry).await.expect("the store opens");
        let town = Self { fleet, store, zone, folder, listen };
        town.fill_archive(days).await;
        town
    }

    async fn fill_archive(&self, days: i64) {
        let channels = self.fleet.channels().iter().map(|channel| {
            let endpoint = match &channel.endpoint {
                SimEndpoint::Serial { path } => Endpoint::Serial { path: path.display().to_string() },
                SimEndpoint::Dial { at } => {
                    Endpoint::Dial { host: at.ip().to_string(), port: NonZeroU16::new(at.port()).expect("a port") }
                }
                SimEndpoint::DialIn { registration, .. } => {
                    let text = registration.strip_prefix("packet:").expect("the tests announce by packet");
                    Endpoint::DialIn(DialIn { registration: Registration::Packet(text.to_owned()) })
                }
            };
            let name = ChannelName::new(&channel.name).expect("a name");
            let line = LineSettings::new(channel.baud, 8, Parity::Even).expect("a usual speed");
            ChannelConfig { name, endpoint, line, extra_delay_ms: 0, wake_up: 4 }
        });
        let channels = (1..).zip(channels).collect();
        assert!(self.store.import_channels(channels).await.expect("channels are taken").bad.is_empty());
        let today = self.zone.to_datetime(jiff::Timestamp::now()).date();
        let from = today.checked_sub(jiff::Span::new().days(days)).expect("a day");
        let mut rows = Vec::new();
        for bus in self.fleet.fleet().buses() {
            bus.for_each_meter(|meter| {
                let no = format!("{:012}", meter.address());
                rows.push(MeterRow {
                    line: 1 + rows.len() as u64,
                    no: MeterNo::new(&no).expect("a number"),
                    protocol: match meter.dialect() {
                        hes_sim::meter::Dialect::Edition2007 => Protocol::Dlt645v2007,
                        hes_sim::meter::Dialect::Edition1997 => Protocol::Dlt645v1997,
                    },
                    address: CommAddress::from_number(meter.address()).expect("an address"),
                    model: None,
                    channel: ChannelName::new(bus.name()).expect("a name"),
                    area: bus.area().parse().expect("a code"),
                    service_point: format!("SP{no}").parse().expect("a number"),
                    customer: None,
                    customer_name: None,
                    ct: None,
                    pt: None,
                    installed_from: Some(from),
                    groups: None,
                    password: None,
                    state: None,
                });
            });
        }
        let report = self.store.import_meters(rows, now()).await.expect("meters are taken");
        assert!(report.bad.is_empty(), "{:?}", report.bad);
    }

    /// Takes a meter out of service.
    pub(crate) async fn retire(&self, address: u64) {
        let no = MeterNo::new(&format!("{address:012}")).expect("a number");
        let view = self.store.meter(&no).await.expect("the store answers").expect("the meter is there");
        let row = MeterRow {
            line: 2,
            no,
            protocol: view.meter.protocol,
            address: view.meter.address,
            model: None,
            channel: view.meter.channel.expect("a channel"),
            area: self.fleet.fleet().buses().first().expect("a bus").area().parse().expect("a code"),
            service_point: format!("SP{address:012}").parse().expect("a number"),
            customer: None,
            customer_name: None,
            ct: None,
            pt: None,
            installed_from: None,
            groups: None,
            password: None,
            state: Some(MeterState::Retired),
        };
        let report = self.store.import_meters(vec![row], now()).await.expect("the meter is taken");
        assert!(report.bad.is_empty(), "{:?}", report.bad);
    }

    /// Makes a plan for every meter.
    pub(crate) async fn plan(&self, name: &str, task: Task, window: Window) {
        self.store.put_plan(&self.plan_of(name, task, window), now()).await.expect("the plan is taken");
    }

    /// A plan for every meter, not yet made.
    pub(crate) fn plan_of(&self, name: &str, task: Task, window: Window) -> Plan {
        Plan {
            name: PlanName::new(name).expect("a name"),
            task,
            scope: Scope::All,
            schedule: Schedule { window, deadline_minutes: 1440, priority: 5.try_into().expect("0 to 9") },
            effective: Effective { from: jiff::civil::date(2026, 1, 1), until: None },
        }
    }

    pub(crate) async fn meter(&self, address: u64) -> MeterId {
        let no = MeterNo::new(&format!("{address:012}")).expect("a number");
        self.store.meter(&no).await.expect("the store answers").expect("the meter is there").meter.id
    }

    /// Starts a collector on the town's store and lines.
    pub(crate) async fn collect(&self, config: CollectorConfig) -> Running {
        let registry = Registry::new();
        let cancel = CancellationToken::new();
        let mut transport_config = TransportConfig::default();
        transport_config.backoff.first_ms = 50;
        transport_config.listener.listen = self.listen.into_iter().collect();
        let metrics = TransportMetrics::new(&registry).expect("metrics");
        let mut listener_task = None;
        let mut dial_in = None;
        if self.listen.is_some() {
            let (allowed, changes) = watch::channel(Arc::new(Allowed::default()));
            let bound = Listener::bind(&transport_config, Modules, changes, metrics.clone()).await;
            let (listener, port, notices) = bound.expect("the listener is bound");
            listener_task = Some(tokio::spawn(listener.run(cancel.clone())));
            dial_in = Some(DialInParts { dial_in: port, notices, allowed });
        }
        let parts = CollectorParts {
            store: self.store.clone(),
            transport: Transport::new(transport_config, metrics),
            dial_in,
            limits: Limits::default(),
            frames: Arc::new(NoFrameLog),
            levels: DecodeLevels::default(),
            time_service: Arc::new(|| {
                Box::pin(async { SystemSync::NotSynchronised { why: "the test has no time service".into() } })
            }),
        };
        let collector = Collector::new(config, parts, &registry).expect("a collector");
        let board = collector.status();
        let task = tokio::spawn(collector.run(cancel.clone()));
        Running { board, cancel, task, listener: listener_task }
    }

    /// The folder of the store.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Running {
    /// Waits until the board shows it.
    pub(crate) async fn until(&self, what: &str, shows: impl FnMut(&CollectorStatus) -> bool) {
        let mut changes = self.board.changes();
        let waited = tokio::time::timeout(PATIENCE, changes.wait_for(shows)).await;
        let missed = waited.is_err();
        drop(waited);
        assert!(!missed, "waited in vain until {what}; the board shows {:#?}", self.board.snapshot());
    }

    /// Stops it as the server does.
    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends").expect("no panic").expect("no store error");
        if let Some(listener) = self.listener {
            listener.await.expect("no panic");
        }
    }
}

pub(crate) fn now() -> UtcMicros {
    jiff::Timestamp::now().into()
}

/// An address of this machine that nobody listens on: the listener takes it next.
fn free_address() -> SocketAddr {
    let socket = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.local_addr().expect("its address")
}
