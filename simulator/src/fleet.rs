//! A fleet from its file to running transports.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::civil::{Civil, MINUTE};
use crate::clock::SimClock;
use crate::config::{
    AreaConfig, ChannelConfig, ConfigError, FleetConfig, LAST_ADDRESS, MeterException, MeterGroup, RegistrationConfig,
    TransportConfig, group_at, parse_address,
};
use crate::control::{self, ControlError};
use crate::meter::{Meter, MeterSpec};
use crate::protocol::{Device, Protocol};
use crate::pty::{PortName, Pty};
use crate::seed::{about, around, draw, mix};
use crate::socket::{self, Announcement};
use crate::truth::Counts;

/// Where the first group without an address of its own begins.
const FIRST_ADDRESS: u64 = 645_000_000_001;

/// A clock that is off is so by at least six minutes, more than a broadcast mends, and at most an hour.
const LEAST_OFF_MS: i64 = 6 * MINUTE;
const MOST_OFF_MS: i64 = 60 * MINUTE;

/// All buses of a fleet, their clock, and how they are to be reached; nothing is open yet.
#[derive(Debug)]
pub struct Fleet {
    clock: Arc<SimClock>,
    buses: Vec<Arc<Bus>>,
    transports: Vec<TransportConfig>,
    areas: Vec<AreaConfig>,
    started: Civil,
}

/// What is decided when a fleet is started rather than in its file.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Folder for the names of pseudo-terminals; without it they only have the system's.
    pub port_names: Option<PathBuf>,
    /// Where the head-end listens for modems, whatever the file says.
    pub dial_target: Option<SocketAddr>,
}

/// Where a head-end reaches a channel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Endpoint {
    /// A serial port.
    Serial {
        /// Its path.
        path: PathBuf,
    },
    /// A serial server.
    Dial {
        /// Its address and port.
        at: SocketAddr,
    },
    /// It calls.
    DialIn {
        /// Where it calls.
        target: SocketAddr,
        /// What it says, as `channels.csv` writes it.
        registration: String,
    },
}

/// A channel as it runs.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunningChannel {
    /// Its name.
    pub name: String,
    /// Code of its area.
    pub area: String,
    /// Where it is reached.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// Meters on it.
    pub meters: usize,
    /// Bits a second.
    pub baud: u32,
}

/// A fleet that answers, until it is stopped or dropped.
#[derive(Debug)]
pub struct RunningFleet {
    fleet: Arc<Fleet>,
    channels: Vec<RunningChannel>,
    stop: CancellationToken,
    _stopping: DropGuard,
    tasks: TaskTracker,
    _port_names: Vec<PortName>,
}

/// Why a fleet did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A transport could not be opened.
    #[error("channel {channel:?}: cannot open {transport}")]
    Open {
        /// Which channel.
        channel: String,
        /// What was to be opened.
        transport: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl Fleet {
    /// Builds all meters. Takes about 200 bytes and a microsecond each.
    pub fn build(config: &FleetConfig) -> Result<Self, ConfigError> {
        let clock = Arc::new(match config.clock.start {
            Some(start) => SimClock::new(start, config.clock.rate),
            None => SimClock::wall(config.clock.utc_offset_minutes),
        });
        let mut builder = Builder {
            config,
            started: clock.now(),
            clock: Arc::clone(&clock),
            next_address: FIRST_ADDRESS,
            exceptions: exceptions(&config.meter)?,
            seats: HashMap::new(),
        };
        let mut names = HashSet::new();
        let mut buses = Vec::new();
        let mut transports = Vec::new();
        for (index, channel) in config.channel.iter().enumerate() {
            for bus in builder.channel(index, channel)? {
                if !names.insert(bus.name.clone()) {
                    return Err(ConfigError::TwoChannels { name: bus.name });
                }
                buses.push(Arc::new(bus));
                transports.push(channel.transport.clone());
            }
        }
        let missing = |exception: &&MeterException| {
            parse_address("meter.address", &exception.address).is_ok_and(|a| !builder.seats.contains_key(&a))
        };
        if let Some(exception) = config.meter.iter().find(missing) {
            return Err(ConfigError::NoSuchMeter { address: exception.address.clone() });
        }
        // Repetitions of one channel are numbered in their transports as well.
        number_registrations(config, &mut transports);
        let mut areas = config.area.clone();
        for bus in &buses {
            if !areas.iter().any(|area| area.code == bus.area) {
                let code = bus.area.clone();
                areas.push(AreaConfig { name: code.clone(), code, reader: String::new(), reader_name: String::new() });
            }
        }
        Ok(Self { clock, buses, transports, areas, started: builder.started })
    }

    /// Opens all transports and answers from now on.
    pub async fn start(config: &FleetConfig, options: &StartOptions) -> Result<RunningFleet, StartError> {
        let fleet = Arc::new(Self::build(config)?);
        // What was opened is closed again when a later transport cannot be.
        let stop = CancellationToken::new();
        let stopping = stop.clone().drop_guard();
        let tasks = TaskTracker::new();
        let mut channels = Vec::new();
        let mut port_names = Vec::new();
        for (bus, transport) in fleet.buses.iter().zip(&fleet.transports) {
            let opened = Opening { bus, options, stop: &stop, tasks: &tasks, port_names: &mut port_names };
            let endpoint = opened.open(transport).await.map_err(|cause| StartError::Open {
                channel: bus.name.clone(),
                transport: transport.to_string(),
                cause,
            })?;
            let (name, area, baud) = (bus.name.clone(), bus.area.clone(), bus.line.baud);
            channels.push(RunningChannel { name, area, endpoint, meters: bus.meter_count(), baud });
        }
        tasks.close();
        Ok(RunningFleet { fleet, channels, stop, _stopping: stopping, tasks, _port_names: port_names })
    }

    /// The fleet's clock.
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// True time at the start.
    pub fn started(&self) -> Civil {
        self.started
    }

    /// All buses.
    pub fn buses(&self) -> &[Arc<Bus>] {
        &self.buses
    }

    /// Whether a head-end reaches this bus by calls, which can be cut.
    pub(crate) fn takes_calls(&self, bus: &Arc<Bus>) -> bool {
        let at = self.buses.iter().position(|other| Arc::ptr_eq(other, bus));
        at.and_then(|n| self.transports.get(n)).is_some_and(|transport| !matches!(transport, TransportConfig::Pty))
    }

    /// Devices on all of them.
    pub fn meter_count(&self) -> usize {
        self.buses.iter().map(|bus| bus.meter_count()).sum()
    }

    /// All areas.
    pub fn areas(&self) -> &[AreaConfig] {
        &self.areas
    }

    /// The bus of this name.
    pub fn bus(&self, name: &str) -> Option<&Arc<Bus>> {
        self.buses.iter().find(|bus| bus.name == name)
    }

    /// Does something with the meter of this address, wherever it hangs.
    pub fn with_meter<R>(&self, address: u64, mut act: impl FnMut(&mut Meter, Civil) -> R) -> Option<R> {
        self.buses.iter().find_map(|bus| bus.with_meter(address, &mut act))
    }

    /// The bus on which the meter of this address hangs.
    pub fn bus_of(&self, address: u64) -> Option<&Arc<Bus>> {
        self.buses.iter().find(|bus| bus.with_meter(address, |_, _| ()).is_some())
    }

    /// Counts of all channels together.
    pub fn counts(&self) -> Counts {
        self.buses.iter().fold(Counts::default(), |mut sum, bus| {
            sum.add(&bus.counts());
            sum
        })
    }
}

impl RunningFleet {
    /// The fleet itself: clock, meters, ledgers.
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// Where each channel is reached.
    pub fn channels(&self) -> &[RunningChannel] {
        &self.channels
    }

    /// The channel of this name.
    pub fn channel(&self, name: &str) -> Option<&RunningChannel> {
        self.channels.iter().find(|channel| channel.name == name)
    }

    /// Opens the back door and says where. Loopback only; port 0 takes a free one.
    pub async fn open_control(&self, at: SocketAddr) -> Result<SocketAddr, ControlError> {
        let listener = control::open(at).await?;
        let opened = listener.local_addr().map_err(|cause| ControlError::Listen { at, cause })?;
        self.tasks.spawn(control::serve(Arc::clone(&self.fleet), listener, self.stop.clone()));
        Ok(opened)
    }

    /// Ends everything: ports are closed, names removed.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

struct Builder<'a> {
    config: &'a FleetConfig,
    started: Civil,
    clock: Arc<SimClock>,
    next_address: u64,
    exceptions: HashMap<u64, &'a MeterException>,
    /// Where each address stands: its channel and group in the file.
    seats: HashMap<u64, (u32, u32)>,
}

/// Single meters by address.
fn exceptions(meters: &[MeterException]) -> Result<HashMap<u64, &MeterException>, ConfigError> {
    let mut exceptions = HashMap::new();
    for (n, meter) in meters.iter().enumerate() {
        let address = parse_address(&format!("meter[{n}].address"), &meter.address)?;
        if exceptions.insert(address, meter).is_some() {
            return Err(ConfigError::TwoExceptions { address: meter.address.clone() });
        }
    }
    Ok(exceptions)
}

impl Builder<'_> {
    fn channel(&mut self, index: usize, channel: &ChannelConfig) -> Result<Vec<Bus>, ConfigError> {
        let first = |(n, group): (usize, &MeterGroup)| {
            let key = || format!("{}.first_address", group_at(&channel.name, n));
            group.first_address.as_deref().map(|a| parse_address(&key(), a)).transpose()
        };
        let mut next: Vec<Option<u64>> = channel.meters.iter().enumerate().map(first).collect::<Result<_, _>>()?;
        let mut buses = Vec::new();
        for n in 1..=channel.repeat {
            let name = numbered(&channel.name, n);
            let area = numbered(&channel.area, n);
            let line = channel.line;
            let bus =
                Bus::new(name, area, line, channel.faults, self.config.seed, Arc::clone(&self.clock), Protocol::Dlt645);
            bus.set_dead(channel.dead);
            bus.keep_log(self.config.truth_log);
            for (place, (group, own_next)) in channel.meters.iter().zip(&mut next).enumerate() {
                let counter = own_next.as_mut().unwrap_or(&mut self.next_address);
                let first = *counter;
                *counter = first.saturating_add(u64::from(group.count));
                let room = (LAST_ADDRESS + 1).saturating_sub(first);
                if u64::from(group.count) > room {
                    let at = group_at(&bus.name, place);
                    return Err(ConfigError::PastLast { at, room, count: group.count });
                }
                for address in first..*counter {
                    self.take_address(address, index, place)?;
                    let spec = MeterSpec {
                        address,
                        dialect: group.protocol,
                        phases: group.phases,
                        kind: group.load,
                        measures: group.measures,
                        quirk: group.quirk,
                        prepaid: group.prepaid,
                        max_data: group.max_data_bytes,
                        ..MeterSpec::household(address)
                    };
                    self.meter(&bus, spec, group);
                }
            }
            buses.push(bus);
        }
        Ok(buses)
    }

    /// An address names one meter of the whole fleet, as the back door and the archive take it.
    fn take_address(&mut self, address: u64, channel: usize, group: usize) -> Result<(), ConfigError> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let Some((channel_before, group_before)) = self.seats.insert(address, (number(channel), number(group))) else {
            return Ok(());
        };
        let at = |channel: u32, group: u32| {
            let name = self.config.channel.get(channel as usize).map_or("", |channel| channel.name.as_str());
            group_at(name, group as usize)
        };
        Err(ConfigError::Twice {
            address: format!("{address:012}"),
            first: at(channel_before, group_before),
            second: at(number(channel), number(group)),
        })
    }

    fn meter(&mut self, bus: &Bus, mut spec: MeterSpec, group: &MeterGroup) {
        let seed = self.config.seed;
        let struck = |what: u64, permille: u16| draw(seed, what ^ spec.address, 1000) < u64::from(permille);
        let dead = struck(about::DEAD, group.dead_permille);
        if struck(about::CLOCK_OFF, group.clock_off_permille) {
            let far = around(mix(seed, spec.address), about::CLOCK_OFF, MOST_OFF_MS - LEAST_OFF_MS);
            spec.clock_offset_ms = Some(far + far.signum() * LEAST_OFF_MS);
        }
        // Nothing is kept between two runs. A fleet that follows the wall must still have latched the same yesterday,
        // so its clocks are off by as much as ever, unless a drift is asked for.
        spec.drift_ppm = self.config.clock.start.is_none().then_some(0.0);
        let Some(exception) = self.exceptions.get(&spec.address) else {
            bus.add(Device::Dlt645(Meter::new(&spec, seed, self.started)), dead);
            return;
        };
        spec.start_digits = exception.start_kwh.saturating_mul(100);
        spec.clock_offset_ms = exception.clock_offset_s.map(millis).or(spec.clock_offset_ms);
        spec.drift_ppm = exception.drift_ppm.or(spec.drift_ppm);
        spec.born = exception.installed;
        let mut meter = Meter::new(&spec, seed, self.started);
        meter.set_relay_delay(exception.relay_delay_ms);
        bus.add(Device::Dlt645(meter), dead || exception.dead);
        bus.script(spec.address, exception.script.iter().copied());
        if let Some(at) = exception.replaced {
            bus.replace_at(spec.address, at);
        }
        if exception.shared {
            let other = Meter::new(&spec, mix(seed, about::METER), self.started);
            bus.add(Device::Dlt645(other), exception.dead);
        }
    }
}

struct Opening<'a> {
    bus: &'a Arc<Bus>,
    options: &'a StartOptions,
    stop: &'a CancellationToken,
    tasks: &'a TaskTracker,
    port_names: &'a mut Vec<PortName>,
}

impl Opening<'_> {
    async fn open(self, transport: &TransportConfig) -> std::io::Result<Endpoint> {
        let bus = Arc::clone(self.bus);
        let stop = self.stop.clone();
        match transport {
            TransportConfig::Pty => {
                let (pty, name) = Pty::open(&bus.name, self.options.port_names.as_deref())?;
                let path = name.path().to_owned();
                self.port_names.push(name);
                let far_side = pty.far_side();
                self.tasks.spawn(async move {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = far_side.keep_free() => {}
                        ended = crate::session::serve(&bus, pty) => {
                            tracing::warn!(channel = bus.name(), ?ended, "the pseudo-terminal is gone");
                        }
                    }
                });
                Ok(Endpoint::Serial { path })
            }
            TransportConfig::Tcp { listen } => {
                let listener = TcpListener::bind(listen).await?;
                let at = listener.local_addr()?;
                self.tasks.spawn(socket::listen(bus, listener, stop));
                Ok(Endpoint::Dial { at })
            }
            TransportConfig::DialIn { target, registration, redial_max_s } => {
                let target = self.options.dial_target.unwrap_or(*target);
                let written = match registration {
                    RegistrationConfig::Packet(text) => format!("packet:{text}"),
                    RegistrationConfig::FirstFrame | RegistrationConfig::Silent => {
                        format!("frame:{:012}", bus.first_address().unwrap_or(0))
                    }
                };
                let announcement = match registration {
                    RegistrationConfig::Packet(text) => Announcement::Packet(text.clone().into_bytes()),
                    RegistrationConfig::FirstFrame => Announcement::FirstFrame,
                    RegistrationConfig::Silent => Announcement::Silent,
                };
                let longest = Duration::from_secs(*redial_max_s);
                self.tasks.spawn(socket::dial(bus, target, announcement, longest, stop));
                Ok(Endpoint::DialIn { target, registration: written })
            }
        }
    }
}

fn number_registrations(config: &FleetConfig, transports: &mut [TransportConfig]) {
    let numbers = config.channel.iter().flat_map(|channel| 1..=channel.repeat);
    for (transport, n) in transports.iter_mut().zip(numbers) {
        if let TransportConfig::DialIn { registration: RegistrationConfig::Packet(text), .. } = transport {
            *text = numbered(text, n);
        }
    }
}

fn numbered(name: &str, n: u32) -> String {
    name.replace("{n}", &n.to_string())
}

fn millis(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a saturating cast is fine for an absurd offset")]
    let ms = (seconds * 1000.0) as i64;
    ms
}

/// Reads a fleet file.
pub fn load(path: &Path) -> Result<FleetConfig, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|cause| LoadError::Read { path: path.to_owned(), cause })?;
    FleetConfig::parse(&text).map_err(|cause| LoadError::config(path, cause))
}

impl LoadError {
    /// A file that says something wrong.
    pub fn config(path: &Path, cause: ConfigError) -> Self {
        Self::Config { path: path.to_owned(), cause }
    }
}

/// Why a fleet file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// What it says is wrong.
    #[error("{} is not a usable fleet", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: ConfigError,
    },
}
