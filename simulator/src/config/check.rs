//! What a fleet file may say: each value that would be bent, or do nothing, is refused with where it stands.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{ChannelConfig, ClockConfig, FleetConfig, LineConfig, MeterException, MeterGroup, TransportConfig};
use crate::fault::FaultConfig;
use crate::meter::MAX_DATA;

/// Why a fleet file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or not these keys.
    #[error("the fleet file is not understood")]
    Syntax(#[source] Box<toml::de::Error>),
    /// An address that is none.
    #[error("{key}: {found:?} is not an address of up to twelve digits below 999999999999")]
    Address {
        /// Where it stands.
        key: String,
        /// What stands there.
        found: String,
    },
    /// Rates that leave no answer whole.
    #[error("{at}: the rates of faults add up to {total} of a thousand answers, expected at most 1000")]
    Faults {
        /// Where they stand.
        at: String,
        /// Their sum.
        total: u32,
    },
    /// A value that cannot be.
    #[error("{at}: expected {expected}, found {found}")]
    Value {
        /// Where it stands.
        at: String,
        /// What can stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// An exception for a meter that is not in the fleet.
    #[error("meter {address}: no group contains this address")]
    NoSuchMeter {
        /// Its address.
        address: String,
    },
    /// Two exceptions for one meter.
    #[error("meter {address}: two [[meter]] are about it; put all about one meter into one")]
    TwoExceptions {
        /// Its address.
        address: String,
    },
    /// One address for two meters.
    #[error(
        "meter {address} is in {first} and in {second}: each needs an address of its own; two that share one on the same \
         line are a [[meter]] with shared = true"
    )]
    Twice {
        /// The address.
        address: String,
        /// Where it stands first.
        first: String,
        /// Where it stands again.
        second: String,
    },
    /// Two channels of one name.
    #[error("channel {name:?} is there twice: each needs a name of its own, with {{n}} in it where repeated")]
    TwoChannels {
        /// The name.
        name: String,
    },
    /// More meters than there are addresses.
    #[error("{at}: expected at most {room} meters from its first address to the last, 999999999998, found {count}")]
    PastLast {
        /// Where they stand.
        at: String,
        /// How many would go.
        room: u64,
        /// How many are wanted.
        count: u32,
    },
    /// Nothing to read.
    #[error("{at} has no meters: expected at least one group in `meters` with a count of 1 or more")]
    NoMeters {
        /// The channel, or the fleet.
        at: String,
    },
}

/// Where meters of a group stand, for people.
pub(crate) fn group_at(channel: &str, group: usize) -> String {
    format!("channel {channel:?}, meters[{group}]")
}

/// `found`, unless it is outside what is expected.
fn within<T: PartialOrd + Display>(at: impl Display, found: T, expected: RangeInclusive<T>) -> Result<(), ConfigError> {
    if expected.contains(&found) {
        return Ok(());
    }
    let (least, most) = expected.into_inner();
    Err(ConfigError::Value { at: at.to_string(), expected: format!("{least} to {most}"), found: found.to_string() })
}

impl FleetConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.clock.check()?;
        if self.channel.is_empty() {
            return Err(ConfigError::NoMeters { at: "the fleet".to_owned() });
        }
        self.channel.iter().try_for_each(ChannelConfig::check)?;
        self.meter.iter().enumerate().try_for_each(|(n, meter)| meter.check(n))
    }
}

/// Fastest clock: a year in half a minute.
const FASTEST: f64 = 1_000_000.0;

/// How many times as fast as the wall a fleet's clock may run.
pub(crate) fn check_rate(at: &str, rate: f64) -> Result<(), ConfigError> {
    within(at, rate, 0.0..=FASTEST)
}

/// Bits a second of a line.
pub(crate) fn check_baud(at: &str, baud: u32) -> Result<(), ConfigError> {
    within(at, baud, 1..=10_000_000)
}

/// The rates of a line: no more than all answers can be struck.
pub(crate) fn check_faults(at: &str, faults: &FaultConfig) -> Result<(), ConfigError> {
    match faults.total() {
        0..=1000 => Ok(()),
        total => Err(ConfigError::Faults { at: at.to_owned(), total }),
    }
}

/// What an energy register of eight digits can show.
pub(crate) fn check_counter(at: &str, hundredths: i64) -> Result<(), ConfigError> {
    within(at, hundredths, 0..=99_999_999)
}

/// How fast a meter's clock may run, in parts per million.
pub(crate) fn check_drift(at: &str, ppm: f64) -> Result<(), ConfigError> {
    within(at, ppm, -100_000.0..=100_000.0)
}

impl ClockConfig {
    fn check(&self) -> Result<(), ConfigError> {
        check_rate("clock.rate", self.rate)?;
        within("clock.utc_offset_minutes", self.utc_offset_minutes, -18 * 60..=18 * 60)
    }
}

impl ChannelConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let at = format!("channel {:?}", self.name);
        let value = |key: &str, expected: &str, found: &str| ConfigError::Value {
            at: format!("{at}, {key}"),
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        check_faults(&at, &self.faults)?;
        within(format!("{at}, repeat"), self.repeat, 1..=u32::MAX)?;
        if self.repeat > 1 && !self.name.contains("{n}") {
            return Err(value("name", "{n} in the name of a repeated channel", &format!("{:?}", self.name)));
        }
        // Its port is a file of this name.
        let is_file_name = !matches!(self.name.as_str(), "" | "." | "..") && !self.name.contains(['/', '\0']);
        if matches!(self.transport, TransportConfig::Pty) && !is_file_name {
            return Err(value("name", "the name of a file, without /", &format!("{:?}", self.name)));
        }
        self.line.check(&at)?;
        if self.meters.iter().all(|group| group.count == 0) {
            return Err(ConfigError::NoMeters { at });
        }
        self.meters.iter().enumerate().try_for_each(|(n, group)| group.check(&group_at(&self.name, n)))
    }
}

impl LineConfig {
    fn check(&self, channel: &str) -> Result<(), ConfigError> {
        check_baud(&format!("{channel}, line.baud"), self.baud)?;
        let [least, most] = self.turnaround_ms.bounds();
        let at = format!("{channel}, line.turnaround_ms");
        within(&at, most, 0..=LONGEST_TURNAROUND_MS)?;
        if least > most {
            let expected = "the least first, then the most".to_owned();
            return Err(ConfigError::Value { at, expected, found: format!("[{least}, {most}]") });
        }
        within(format!("{channel}, line.answer_wake_bytes"), self.answer_wake_bytes.unwrap_or(0), 0..=MOST_WAKE_BYTES)
    }
}

/// Longer than any master waits.
const LONGEST_TURNAROUND_MS: u64 = 60_000;
/// Most wake-up bytes before an answer; the standard says 1 to 4.
const MOST_WAKE_BYTES: u8 = 16;

impl MeterGroup {
    fn check(&self, at: &str) -> Result<(), ConfigError> {
        if !matches!(self.phases, 1 | 3) {
            let at = format!("{at}.phases");
            return Err(ConfigError::Value { at, expected: "1 or 3".to_owned(), found: self.phases.to_string() });
        }
        within(format!("{at}.dead_permille"), self.dead_permille, 0..=1000)?;
        within(format!("{at}.clock_off_permille"), self.clock_off_permille, 0..=1000)?;
        within(format!("{at}.max_data_bytes"), self.max_data_bytes, MAX_DATA)
    }
}

/// A century: further off no clock is.
const FURTHEST_OFF_S: f64 = 100.0 * 366.0 * 86_400.0;
/// What a register of six digits before the point can show.
const MOST_KWH: u32 = 999_999;

impl MeterException {
    fn check(&self, n: usize) -> Result<(), ConfigError> {
        let at = |key: &str| format!("meter[{n}].{key} (meter {})", self.address);
        within(at("start_kwh"), self.start_kwh, 0..=MOST_KWH)?;
        within(at("clock_offset_s"), self.clock_offset_s.unwrap_or(0.0), -FURTHEST_OFF_S..=FURTHEST_OFF_S)?;
        check_drift(&at("drift_ppm"), self.drift_ppm.unwrap_or(0.0))?;
        within(at("relay_delay_ms"), self.relay_delay_ms, 0..=i64::from(u32::MAX))
    }
}
