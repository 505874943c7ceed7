//! What runs now: channels, queues, progress of the day.

use std::collections::BTreeMap;

use hes_model::{ChannelName, DecodeLevel, UtcMicros};
use hes_reports::SuccessGroup;
use jiff::civil::Date;

/// How a channel's link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Nothing to do, or not called in yet.
    Idle,
    /// Being opened.
    Connecting,
    /// Open.
    Up,
    /// Not to be had; tried again with growing pauses.
    Down,
}

/// One channel now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChannelLive {
    /// Its name.
    pub name: ChannelName,
    /// Its link.
    pub link: LinkState,
    /// Dialogues waiting for a turn.
    pub waiting: u64,
    /// Meters on it that answer nothing at present and are probed with growing pauses.
    pub silent_meters: u64,
    /// Exchanges that brought an answer since the server's start.
    pub answered: u64,
    /// Exchanges that did not.
    pub failed: u64,
    /// Why the link is down, where it is.
    pub why: Option<String>,
}

/// What is known about the host's clock.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HostClock {
    /// Whether it may set meters' clocks.
    pub proven: bool,
    /// Why not, or by what it is proven.
    pub reason: String,
}

/// The live summary.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Status {
    /// When this was put together.
    pub at: UtcMicros,
    /// The server's version.
    pub version: String,
    /// When the server started.
    pub started_at: UtcMicros,
    /// Whether planned collection runs.
    pub collecting: bool,
    /// Where modules dial in; `null` where no listener runs.
    pub dial_in: Option<std::net::SocketAddr>,
    /// The host's clock.
    pub clock: HostClock,
    /// Readings committed since the start.
    pub readings_total: u64,
    /// Readings committed a second, over the last ten seconds, as text with one decimal.
    pub readings_per_second: String,
    /// Channels by link state.
    pub links: BTreeMap<LinkState, u64>,
    /// Every channel, by name.
    pub channels: Vec<ChannelLive>,
    /// On-demand reads not finished.
    pub reads_waiting: u64,
    /// Collection of the day, all plans.
    pub today: DayFigures,
}

/// How far the collection of a day is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DayFigures {
    /// The civil day.
    pub day: Date,
    /// When these figures were counted; they may be some seconds old.
    pub counted_at: UtcMicros,
    /// All areas.
    pub total: SuccessGroup,
    /// The areas, worst first; the first fifty.
    pub areas: Vec<SuccessGroup>,
    /// Meters excluded.
    pub excluded_meters: u64,
}

/// A device that called in and is on no allow-list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UnknownDevice {
    /// What it announced itself by, printable.
    pub announced: String,
    /// Its address, without the port.
    pub peer: String,
    /// Attempts.
    pub attempts: u64,
    /// First attempt.
    pub first_at: UtcMicros,
    /// Last attempt.
    pub last_at: UtcMicros,
}

/// How much of the channels' traffic is logged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogLevels {
    /// Of the channels not listed.
    pub others: DecodeLevel,
    /// The exceptions.
    pub channels: BTreeMap<ChannelName, DecodeLevel>,
}

/// A change of log levels.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLogLevel {
    /// The channel; without one, all channels, and the exceptions are forgotten.
    #[serde(default)]
    pub channel: Option<ChannelName>,
    /// The new level.
    pub level: DecodeLevel,
}
