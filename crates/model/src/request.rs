//! What is asked of a meter, by whom in what haste.

use jiff::civil::{Date, DateTime};

use crate::{CommAddress, ModelName, Obis, Protocol, Secret, UtcMicros};

/// Urgency of a turn on a channel. Strict order: the first goes first; classes below `OnDemand` age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A relay order.
    Order,
    /// A person waits.
    OnDemand,
    /// Clock check or synchronisation.
    Clock,
    /// The newest slots of a plan.
    Scheduled,
    /// Older missing slots.
    Backfill,
}

impl Class {
    /// Every class, most urgent first.
    pub const ALL: [Class; 5] = [Class::Order, Class::OnDemand, Class::Clock, Class::Scheduled, Class::Backfill];
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Class::Order => "order",
            Class::OnDemand => "on_demand",
            Class::Clock => "clock",
            Class::Scheduled => "scheduled",
            Class::Backfill => "backfill",
        }
    }
}

/// Which series of values of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// The value of now.
    Instant,
    /// Load profile of this interval, in minutes: 1, 5, 15, 30 or 60. The slot is the start of the interval.
    Interval(u8),
    /// Daily freeze (日冻结): latched at 00:00 civil time; the slot is that instant, and belongs to the day it begins.
    Daily,
    /// Monthly settlement (结算日/月冻结): latched on the meter's settlement day; the slot is 00:00 of the month's first day.
    Monthly,
}

impl Series {
    /// The stable name used in the store, JSON and metrics: `instant`, `interval_15`, `daily`, `monthly`.
    pub fn code(self) -> String {
        match self {
            Series::Instant => "instant".to_owned(),
            Series::Interval(minutes) => format!("interval_{minutes}"),
            Series::Daily => "daily".to_owned(),
            Series::Monthly => "monthly".to_owned(),
        }
    }
    /// The series named `code`.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "instant" => Some(Series::Instant),
            "daily" => Some(Series::Daily),
            "monthly" => Some(Series::Monthly),
            other => {
                let minutes = other.strip_prefix("interval_")?.parse().ok()?;
                [1, 5, 15, 30, 60].contains(&minutes).then_some(Series::Interval(minutes))
            }
        }
    }
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.code())
    }
}

/// A slot's instant in UTC.
pub type SlotTime = UtcMicros;

/// What the driver must know of a meter to talk to it.
#[derive(Debug, Clone)]
pub struct MeterSpec {
    /// Protocol and dialect.
    pub protocol: Protocol,
    /// The address on the wire.
    pub address: CommAddress,
    /// Name of the meter model's profile in `config/meters/`: depths, blocks, quirks.
    pub model: ModelName,
    /// The meter's password, for what needs one. Reading does not.
    pub password: Option<Secret>,
}

/// One dialogue's task. Times are the meter's civil time; the caller knows the zone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The values of now.
    Instant {
        /// Which registers.
        registers: Vec<Obis>,
    },
    /// Daily freezes latched at 00:00 of these days.
    Daily {
        /// Which registers.
        registers: Vec<Obis>,
        /// Which days; any order, no repeats.
        days: Vec<Date>,
    },
    /// Settlement values of these months, each named by its first day.
    Monthly {
        /// Which registers.
        registers: Vec<Obis>,
        /// First days of months; any order, no repeats.
        months: Vec<Date>,
    },
    /// Load-profile points: `from <= start < to`.
    Interval {
        /// Which registers.
        registers: Vec<Obis>,
        /// Interval length in minutes.
        minutes: u8,
        /// First interval's start.
        from: DateTime,
        /// End, exclusive.
        to: DateTime,
    },
    /// The meter's date and time.
    Clock,
    /// Broadcast time synchronisation to everything on the channel; no answer is expected.
    BroadcastTime,
}
