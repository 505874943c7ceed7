//! The clock: class 8, Blue Book clause 4.5.1.

use super::value::enumeration;

/// The class.
pub const CLASS: u16 = 8;
/// Local date and time.
pub const TIME: i8 = 2;
/// Minutes between local normal time and UTC.
pub const TIME_ZONE: i8 = 3;
/// The clock's judgement of itself.
pub const STATUS: i8 = 4;
/// When daylight saving begins.
pub const DAYLIGHT_BEGIN: i8 = 5;
/// When it ends.
pub const DAYLIGHT_END: i8 = 6;
/// Minutes it moves the clock.
pub const DAYLIGHT_DEVIATION: i8 = 7;
/// Whether it is used.
pub const DAYLIGHT_ENABLED: i8 = 8;
/// Where the time comes from.
pub const CLOCK_BASE: i8 = 9;

/// Sets the clock to the nearest quarter of an hour.
pub const ADJUST_TO_QUARTER: i8 = 1;
/// Sets the clock to the nearest minute.
pub const ADJUST_TO_MINUTE: i8 = 3;
/// Moves the clock by -900 to 900 seconds.
pub const SHIFT_TIME: i8 = 6;

enumeration! {
    /// Where a clock's time comes from.
    ClockBase {
        /// Not said.
        NotDefined = 0,
        /// A crystal of its own.
        Crystal = 1,
        /// Mains of 50 Hz.
        Mains50 = 2,
        /// Mains of 60 Hz.
        Mains60 = 3,
        /// Satellites.
        Gps = 4,
        /// A radio transmitter.
        Radio = 5,
    }
}
