//! Tariffs by the calendar: classes 20 and 11, Blue Book clauses 4.5.5 and 4.5.4.

use super::value::structure;
use crate::Obis;
use crate::axdr::{Date, DateTime, Time};

/// Activity calendars.
pub const ACTIVITY_CALENDAR: u16 = 20;
/// Name of the calendar in force.
pub const CALENDAR_NAME_ACTIVE: i8 = 2;
/// Array of [`Season`], in force.
pub const SEASON_PROFILE_ACTIVE: i8 = 3;
/// Array of [`Week`], in force.
pub const WEEK_PROFILE_TABLE_ACTIVE: i8 = 4;
/// Array of [`Day`], in force.
pub const DAY_PROFILE_TABLE_ACTIVE: i8 = 5;
/// Name of the calendar to come.
pub const CALENDAR_NAME_PASSIVE: i8 = 6;
/// Array of [`Season`], to come.
pub const SEASON_PROFILE_PASSIVE: i8 = 7;
/// Array of [`Week`], to come.
pub const WEEK_PROFILE_TABLE_PASSIVE: i8 = 8;
/// Array of [`Day`], to come.
pub const DAY_PROFILE_TABLE_PASSIVE: i8 = 9;
/// When the one to come comes into force.
pub const ACTIVATE_PASSIVE_CALENDAR_TIME: i8 = 10;
/// Brings it into force now.
pub const ACTIVATE_PASSIVE_CALENDAR: i8 = 1;

/// Special days tables.
pub const SPECIAL_DAYS_TABLE: u16 = 11;
/// Array of [`SpecialDay`].
pub const ENTRIES: i8 = 2;
/// Adds or replaces one; the parameter is a [`SpecialDay`].
pub const INSERT: i8 = 1;
/// Removes one; the parameter is its index.
pub const DELETE: i8 = 2;

structure! {
    /// From a date on, every week is like this.
    Season<'a> {
        /// Its name.
        name: &'a [u8],
        /// When it begins; the year may be left open.
        start: DateTime,
        /// Name of the week.
        week_name: &'a [u8],
    }
    /// Which day is like what.
    Week<'a> {
        /// Its name.
        name: &'a [u8],
        /// Number of the day for Monday.
        monday: u8,
        /// For Tuesday.
        tuesday: u8,
        /// For Wednesday.
        wednesday: u8,
        /// For Thursday.
        thursday: u8,
        /// For Friday.
        friday: u8,
        /// For Saturday.
        saturday: u8,
        /// For Sunday.
        sunday: u8,
    }
    /// What is done in the course of a day.
    Day {
        /// Its number.
        day_id: u8,
        /// What is done when.
        schedule: Vec<DayAction>,
    }
    /// A script at a time of day.
    DayAction {
        /// When.
        start_time: Time,
        /// The script's table.
        script_table: Obis,
        /// The script's number.
        script_selector: u16,
    }
    /// A day that is not like its weekday.
    SpecialDay {
        /// Its number in the table.
        index: u16,
        /// Which; parts may be left open.
        date: Date,
        /// Number of the day it is like.
        day_id: u8,
    }
}
