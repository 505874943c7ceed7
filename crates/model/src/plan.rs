//! Reading plans: what is expected of which meters, by when.

use jiff::civil::Time;

use crate::{AreaCode, Effective, GroupName, MeterNo, Obis, PlanName, Series};

/// Why a plan was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No register to read.
    #[error("a plan needs at least one register")]
    NoRegister,
    /// Not an interval that meters keep.
    #[error("interval {found} min is not one of 1, 5, 15, 30, 60")]
    Interval {
        /// What was given.
        found: u8,
    },
    /// Not a day that every month has.
    #[error("day of month {found} is not 1 to 28")]
    DayOfMonth {
        /// What was given.
        found: i8,
    },
    /// Outside 0 to 9.
    #[error("priority {found} is not 0 (first) to 9")]
    Priority {
        /// What was given.
        found: u8,
    },
    /// Zero, or more than 45 days.
    #[error("deadline of {found} minutes is not 1 to 64800 (45 days)")]
    Deadline {
        /// What was given.
        found: u32,
    },
}

/// What a plan collects.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// The daily freeze of every day.
    Daily {
        /// Which registers.
        registers: Vec<Obis>,
    },
    /// The daily freeze of one day of the month only (抄表例日).
    DayOfMonth {
        /// 1 to 28.
        day: i8,
        /// Which registers.
        registers: Vec<Obis>,
    },
    /// The settlement values of every month.
    Monthly {
        /// Which registers.
        registers: Vec<Obis>,
    },
    /// Load-profile points.
    Interval {
        /// 1, 5, 15, 30 or 60.
        minutes: u8,
        /// Which registers.
        registers: Vec<Obis>,
    },
    /// Values of now, every so many minutes.
    Instant {
        /// 1, 5, 15, 30 or 60.
        minutes: u8,
        /// Which registers.
        registers: Vec<Obis>,
    },
    /// Clock check of every meter once a day.
    Clock {
        /// Whether a broadcast synchronisation follows when meters of a channel drift by more than the configured limit.
        sync: ClockSync,
    },
}

/// Whether a clock plan may set clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockSync {
    /// Record drift only.
    #[default]
    CheckOnly,
    /// Broadcast the time where drift is seen.
    Broadcast,
}

impl Task {
    /// The series its slots are in; `None` for clock checks, which expect no reading.
    pub fn series(&self) -> Option<Series> {
        match self {
            Task::Daily { .. } | Task::DayOfMonth { .. } => Some(Series::Daily),
            Task::Monthly { .. } => Some(Series::Monthly),
            Task::Interval { minutes, .. } => Some(Series::Interval(*minutes)),
            Task::Instant { .. } => Some(Series::Instant),
            Task::Clock { .. } => None,
        }
    }
    /// The registers it expects; none for clock checks.
    pub fn registers(&self) -> &[Obis] {
        match self {
            Task::Daily { registers }
            | Task::DayOfMonth { registers, .. }
            | Task::Monthly { registers }
            | Task::Interval { registers, .. }
            | Task::Instant { registers, .. } => registers,
            Task::Clock { .. } => &[],
        }
    }
}

/// Which meters a plan is about.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every meter.
    All,
    /// The meters of these areas.
    Areas(Vec<AreaCode>),
    /// The meters of these groups.
    Groups(Vec<GroupName>),
    /// These meters.
    Meters(Vec<MeterNo>),
}

/// The part of the day in which a plan may use the lines, civil time; `from == to` means all day, `from > to` crosses midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Start.
    pub from: Time,
    /// End, exclusive.
    pub to: Time,
}

impl Window {
    /// All day.
    pub const ALWAYS: Window = Window { from: Time::midnight(), to: Time::midnight() };
    /// Whether `at` is inside.
    pub fn contains(&self, at: Time) -> bool {
        match self.from.cmp(&self.to) {
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Less => self.from <= at && at < self.to,
            std::cmp::Ordering::Greater => self.from <= at || at < self.to,
        }
    }
}

/// 0 goes first, 9 last, among plans of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl TryFrom<u8> for Priority {
    type Error = PlanError;
    fn try_from(found: u8) -> Result<Self, PlanError> {
        if found <= 9 { Ok(Self(found)) } else { Err(PlanError::Priority { found }) }
    }
}
impl From<Priority> for u8 {
    fn from(p: Priority) -> u8 {
        p.0
    }
}

/// When a plan works and by when a slot must be filled to count as on time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When it may use the lines.
    pub window: Window,
    /// Minutes after the slot's end within which a value is on time.
    pub deadline_minutes: u32,
    /// Among plans of one class.
    pub priority: Priority,
}

/// A reading plan (采集任务).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its name.
    pub name: PlanName,
    /// What it collects.
    pub task: Task,
    /// Of which meters.
    pub scope: Scope,
    /// When.
    pub schedule: Schedule,
    /// From which day to which: slots outside are not expected.
    pub effective: Effective,
}

impl Plan {
    /// Checks what the types alone do not.
    pub fn validate(&self) -> Result<(), PlanError> {
        let minutes_allowed = |m: u8| [1, 5, 15, 30, 60].contains(&m);
        match &self.task {
            Task::Interval { minutes, .. } | Task::Instant { minutes, .. } if !minutes_allowed(*minutes) => {
                return Err(PlanError::Interval { found: *minutes });
            }
            Task::DayOfMonth { day, .. } if !(1..=28).contains(day) => {
                return Err(PlanError::DayOfMonth { found: *day });
            }
            _ => {}
        }
        if self.task.series().is_some() && self.task.registers().is_empty() {
            return Err(PlanError::NoRegister);
        }
        let deadline = self.schedule.deadline_minutes;
        if !(1..=64_800).contains(&deadline) {
            return Err(PlanError::Deadline { found: deadline });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_may_cross_midnight() {
        let night = Window { from: Time::constant(22, 0, 0, 0), to: Time::constant(6, 0, 0, 0) };
        assert!(night.contains(Time::constant(23, 0, 0, 0)));
        assert!(night.contains(Time::constant(5, 59, 0, 0)));
        assert!(!night.contains(Time::constant(6, 0, 0, 0)));
        assert!(Window::ALWAYS.contains(Time::constant(12, 0, 0, 0)));
    }
}
