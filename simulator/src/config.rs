//! The fleet file: which meters hang where, what goes wrong, what time it is.

mod check;

use std::net::SocketAddr;

use crate::civil::Civil;
use crate::fault::{FaultConfig, Strike};
use crate::load::LoadKind;
use crate::meter::{Dialect, Measures, Quirk};

pub use check::ConfigError;
pub(crate) use check::{check_baud, check_counter, check_drift, check_faults, check_rate, group_at};

/// A whole fleet.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetConfig {
    /// Same seed, same fleet: addresses apart, every figure follows from it.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// What time it is in the simulated world.
    #[serde(default)]
    pub clock: ClockConfig,
    /// How many answers each channel remembers for tests to look at; 0 remembers none.
    #[serde(default)]
    pub truth_log: usize,
    /// Transformer areas, for the archive; a channel's area that is not listed here is added by its code.
    #[serde(default)]
    pub area: Vec<AreaConfig>,
    /// Buses and modems.
    #[serde(default)]
    pub channel: Vec<ChannelConfig>,
    /// Single meters that are not like the others of their group.
    #[serde(default)]
    pub meter: Vec<MeterException>,
}

fn default_seed() -> u64 {
    645
}

/// The fleet's clock.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClockConfig {
    /// Civil time at the start; the wall's time when absent.
    pub start: Option<Civil>,
    /// How many times as fast as the wall; 0 stands until it is stepped.
    pub rate: f64,
    /// Where the meters stand, in minutes east of Greenwich; used to follow the wall.
    pub utc_offset_minutes: i32,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self { start: None, rate: 1.0, utc_offset_minutes: 8 * 60 }
    }
}

/// A transformer area.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AreaConfig {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Code of the reader who looks after it.
    #[serde(default)]
    pub reader: String,
    /// The reader's name.
    #[serde(default)]
    pub reader_name: String,
}

/// One bus or modem, or several alike.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Its name; `{n}` becomes the number of the repetition, from 1.
    pub name: String,
    /// How many of these.
    #[serde(default = "one")]
    pub repeat: u32,
    /// Code of the area its meters are in; `{n}` as in the name.
    pub area: String,
    /// How a head-end reaches it.
    pub transport: TransportConfig,
    /// The line the meters are on.
    #[serde(default)]
    pub line: LineConfig,
    /// Rates of faults.
    #[serde(default)]
    pub faults: FaultConfig,
    /// Nothing on it answers, and a modem does not dial.
    #[serde(default)]
    pub dead: bool,
    /// The meters on it.
    pub meters: Vec<MeterGroup>,
}

fn one() -> u32 {
    1
}

/// How a head-end reaches a channel.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TransportConfig {
    /// A pseudo-terminal: a serial port of this machine.
    Pty,
    /// A serial server: listens, and the head-end calls.
    Tcp {
        /// Where it listens; port 0 takes a free one.
        #[serde(default = "any_port")]
        listen: SocketAddr,
    },
    /// A modem that calls the head-end.
    DialIn {
        /// Where the head-end listens.
        target: SocketAddr,
        /// How it says who it is.
        registration: RegistrationConfig,
        /// Longest wait between two calls, in seconds.
        #[serde(default = "thirty")]
        redial_max_s: u64,
    },
}

impl std::fmt::Display for TransportConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TransportConfig::Pty => f.write_str("a pseudo-terminal"),
            TransportConfig::Tcp { listen } => write!(f, "a serial server at {listen}"),
            TransportConfig::DialIn { target, .. } => write!(f, "a modem that calls {target}"),
        }
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
fn thirty() -> u64 {
    30
}

/// How a modem that calls says who it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationConfig {
    /// By a fixed text, sent when the call is up; `{n}` as in the name.
    Packet(String),
    /// By a frame of its first meter, sent unasked as if its address had been read.
    FirstFrame,
    /// Not at all: it waits to be asked for its address.
    Silent,
}

/// The line the meters are on.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineConfig {
    /// Bits a second.
    pub baud: u32,
    /// Whether bytes take the time they take.
    pub timing: Timing,
    /// From the last byte of a question to the first of its answer, in milliseconds; counts with exact timing only.
    pub turnaround_ms: Turnaround,
    /// Whether meters hear nothing at another speed of the port than theirs (pseudo-terminals only).
    pub honour_speed: bool,
    /// Wake-up bytes before an answer, 16 at most; drawn per meter from 0 to 4 when absent.
    pub answer_wake_bytes: Option<u8>,
    /// Whether the adapter gives back what it is sent, at once, whoever answers.
    pub echo: bool,
    /// Whether the times on the wire are kept, for benchmarks.
    pub wire_log: bool,
}

impl Default for LineConfig {
    fn default() -> Self {
        Self {
            baud: 2400,
            timing: Timing::Instant,
            turnaround_ms: Turnaround::Always(20),
            honour_speed: true,
            answer_wake_bytes: None,
            echo: false,
            wire_log: false,
        }
    }
}

/// How long meters think before they answer, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged, expecting = "expected milliseconds, or [least, most]")]
pub enum Turnaround {
    /// The same time always.
    Always(u64),
    /// From least to most: each meter has its own usual time, and each answer strays from it.
    Between([u64; 2]),
}

impl Turnaround {
    /// Least and most.
    pub(crate) fn bounds(self) -> [u64; 2] {
        match self {
            Turnaround::Always(ms) => [ms, ms],
            Turnaround::Between(bounds) => bounds,
        }
    }
}

/// Whether bytes take the time they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Answers are there at once.
    Instant,
    /// Eleven bits a character at the line's speed, and the turnaround.
    Exact,
}

/// Some meters alike.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterGroup {
    /// How many.
    pub count: u32,
    /// Address of the first; the next ones count up, over repeated channels too. Goes on from the last group when absent.
    #[serde(default)]
    pub first_address: Option<String>,
    /// Edition of the standard.
    #[serde(default = "edition_2007")]
    pub protocol: Dialect,
    /// Who is behind them.
    #[serde(default = "household")]
    pub load: LoadKind,
    /// 1 or 3.
    #[serde(default = "one_phase")]
    pub phases: u8,
    /// What they have registers for: `active` or `everything`.
    #[serde(default = "everything")]
    pub measures: Measures,
    /// How they depart from the standard: `no_blocks`, `answers_from_wildcard` or `forgets_follow_up`.
    #[serde(default)]
    pub quirk: Option<Quirk>,
    /// Whether they hold credit.
    #[serde(default)]
    pub prepaid: bool,
    /// Most data bytes in one frame of an answer.
    #[serde(default = "two_hundred")]
    pub max_data_bytes: u8,
    /// How many of a thousand answer nothing; which ones the seed decides.
    #[serde(default)]
    pub dead_permille: u16,
    /// How many of a thousand have a clock that is minutes to an hour off; which ones the seed decides.
    #[serde(default)]
    pub clock_off_permille: u16,
}

fn edition_2007() -> Dialect {
    Dialect::Edition2007
}
fn household() -> LoadKind {
    LoadKind::Household
}
fn one_phase() -> u8 {
    1
}
fn everything() -> Measures {
    Measures::Everything
}
fn two_hundred() -> u8 {
    200
}

/// A meter that is not like the others of its group.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeterException {
    /// Which.
    pub address: String,
    /// It answers nothing.
    pub dead: bool,
    /// What its forward register showed when it was installed, in kWh; near 999999 it rolls over soon.
    pub start_kwh: u32,
    /// How far its clock is off at the start, in seconds.
    pub clock_offset_s: Option<f64>,
    /// How fast its clock runs, in parts per million.
    pub drift_ppm: Option<f64>,
    /// When it was installed.
    pub installed: Option<Civil>,
    /// When another meter was put in its place, under the same address.
    pub replaced: Option<Civil>,
    /// Another meter on the same channel answers to its address as well.
    pub shared: bool,
    /// From a command to the relay's movement, in milliseconds.
    pub relay_delay_ms: i64,
    /// What is done to its first answers, one each, before any rate is drawn: faults, or `good`.
    pub script: Vec<Strike>,
}

impl FleetConfig {
    /// Reads and checks a fleet file.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|e| ConfigError::Syntax(Box::new(e)))?;
        config.check()?;
        Ok(config)
    }
}

/// The highest address a meter can have: all nines name everybody.
pub(crate) const LAST_ADDRESS: u64 = 999_999_999_998;

/// Reads an address of up to twelve digits.
pub(crate) fn parse_address(key: &str, text: &str) -> Result<u64, ConfigError> {
    let is_address = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_address
        .then(|| text.parse().ok())
        .flatten()
        .filter(|n| *n <= LAST_ADDRESS)
        .ok_or_else(|| ConfigError::Address { key: key.to_owned(), found: text.to_owned() })
}
