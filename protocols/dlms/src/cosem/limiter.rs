//! The limiter: class 71, Blue Book clause 4.5.9.

use super::script::ScriptAction;
use super::value::structure;
use crate::Obis;
use crate::axdr::DateTime;

/// The class.
pub const CLASS: u16 = 71;
/// What is watched, a [`MonitoredValue`].
pub const MONITORED_VALUE: i8 = 2;
/// The threshold in force; of the type of what is watched, like the next two.
pub const THRESHOLD_ACTIVE: i8 = 3;
/// The threshold in normal operation.
pub const THRESHOLD_NORMAL: i8 = 4;
/// The threshold in an emergency.
pub const THRESHOLD_EMERGENCY: i8 = 5;
/// Seconds above before something is done.
pub const MIN_OVER_THRESHOLD_DURATION: i8 = 6;
/// Seconds below before something is done.
pub const MIN_UNDER_THRESHOLD_DURATION: i8 = 7;
/// An [`EmergencyProfile`].
pub const EMERGENCY_PROFILE: i8 = 8;
/// Array of the groups of emergencies that count.
pub const EMERGENCY_PROFILE_GROUP_ID_LIST: i8 = 9;
/// Whether there is an emergency.
pub const EMERGENCY_PROFILE_ACTIVE: i8 = 10;
/// What is done, [`Actions`].
pub const ACTIONS: i8 = 11;

structure! {
    /// The attribute that is watched.
    MonitoredValue {
        /// Its class.
        class: u16,
        /// Its object.
        instance: Obis,
        /// Its number.
        attribute: i8,
    }
    /// A lower threshold for a time.
    EmergencyProfile {
        /// The group it is meant for.
        id: u16,
        /// When it begins.
        activation_time: DateTime,
        /// Seconds it lasts.
        duration: u32,
    }
    /// What is done when the value has been beyond for long enough.
    Actions {
        /// Above.
        over: ScriptAction,
        /// Below again.
        under: ScriptAction,
    }
}
