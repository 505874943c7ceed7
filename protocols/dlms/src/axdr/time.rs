//! Dates and times, Blue Book clause 4.1.6.1: civil time of the meter, each part of which may be left open.
//!
//! The octets are kept as they came, because meters send February 30 and hour 24: whoever needs a true moment asks for it
//! and is told what is wrong.

use std::fmt::{self, Debug, Display, Formatter};

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::map_res;

use crate::error::{DecodeError, Parsed};

/// An octet that is left open.
const OPEN: u8 = 0xFF;
/// A year that is left open.
const OPEN_YEAR: u16 = 0xFFFF;
/// A deviation that is left open.
const OPEN_DEVIATION: i16 = i16::MIN;

/// Why parts of a date or a time are no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Impossible {
    /// A part is left open, or stands for many days.
    #[error("a part of the moment is left open")]
    Open,
    /// There is no such date.
    #[error("there is no such date")]
    Date,
    /// There is no such time of day.
    #[error("there is no such time of day")]
    Time,
}

fn given(octet: u8) -> Option<u8> {
    (octet != OPEN).then_some(octet)
}

fn fixed<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    map_res(take(N), |octets: &[u8]| octets.try_into().map_err(|_| DecodeError::Truncated)).parse(input)
}

/// A date: year, month, day, weekday.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Date([u8; 5]);

impl Date {
    /// In month, the day daylight saving begins.
    pub const DAYLIGHT_BEGINS: u8 = 0xFD;
    /// In month, the day daylight saving ends.
    pub const DAYLIGHT_ENDS: u8 = 0xFE;
    /// In day, the last of the month.
    pub const LAST_DAY: u8 = 0xFE;
    /// In day, the last but one of the month.
    pub const LAST_BUT_ONE: u8 = 0xFD;

    /// Of a calendar day; the weekday is found.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, Impossible> {
        if month == 0 || month > 12 || day == 0 || day > days_in_month(year, month) {
            return Err(Impossible::Date);
        }
        let [high, low] = year.to_be_bytes();
        Ok(Self([high, low, month, day, weekday(days_from_epoch(year, month, day))]))
    }
    /// From the octets as sent.
    pub const fn from_wire(octets: [u8; 5]) -> Self {
        Self(octets)
    }
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        fixed(input).map(|(rest, octets)| (rest, Self(octets)))
    }
    /// The octets as sent.
    pub const fn octets(&self) -> &[u8; 5] {
        &self.0
    }
    /// The year, unless open.
    pub fn year(&self) -> Option<u16> {
        let [high, low, ..] = self.0;
        Some(u16::from_be_bytes([high, low])).filter(|&year| year != OPEN_YEAR)
    }
    /// The month as sent, unless open; beside 1 to 12 the beginning and the end of daylight saving.
    pub fn month(&self) -> Option<u8> {
        given(self.0[2])
    }
    /// The day as sent, unless open; beside 1 to 31 the last two of the month.
    pub fn day(&self) -> Option<u8> {
        given(self.0[3])
    }
    /// 1 for Monday to 7 for Sunday, unless open.
    pub fn weekday(&self) -> Option<u8> {
        given(self.0[4])
    }
    /// Year, month and day of a calendar day. A weekday that does not fit is the meter's affair: it is not looked at.
    pub fn civil(&self) -> Result<(u16, u8, u8), Impossible> {
        let (Some(year), Some(month), Some(day)) = (self.year(), self.month(), self.day()) else {
            return Err(Impossible::Open);
        };
        if month >= Self::DAYLIGHT_BEGINS || day >= Self::LAST_BUT_ONE {
            return Err(Impossible::Open);
        }
        Date::new(year, month, day).map(|_| (year, month, day))
    }
}

/// A time of day: hour, minute, second, hundredths.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Time([u8; 4]);

impl Time {
    /// Midnight.
    pub const MIDNIGHT: Self = Self([0; 4]);

    /// To the second.
    pub const fn new(hour: u8, minute: u8, second: u8) -> Result<Self, Impossible> {
        if hour > 23 || minute > 59 || second > 59 {
            Err(Impossible::Time)
        } else {
            Ok(Self([hour, minute, second, 0]))
        }
    }
    /// From the octets as sent.
    pub const fn from_wire(octets: [u8; 4]) -> Self {
        Self(octets)
    }
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        fixed(input).map(|(rest, octets)| (rest, Self(octets)))
    }
    /// The octets as sent.
    pub const fn octets(&self) -> &[u8; 4] {
        &self.0
    }
    /// The hour, unless open.
    pub fn hour(&self) -> Option<u8> {
        given(self.0[0])
    }
    /// The minute, unless open.
    pub fn minute(&self) -> Option<u8> {
        given(self.0[1])
    }
    /// The second, unless open.
    pub fn second(&self) -> Option<u8> {
        given(self.0[2])
    }
    /// Hundredths of a second, unless open.
    pub fn hundredths(&self) -> Option<u8> {
        given(self.0[3])
    }
    /// Hour, minute and second; an open second is 0, as meters that count in minutes leave it.
    pub fn civil(&self) -> Result<(u8, u8, u8), Impossible> {
        let (Some(hour), Some(minute)) = (self.hour(), self.minute()) else { return Err(Impossible::Open) };
        let second = self.second().unwrap_or(0);
        Time::new(hour, minute, second).map(|_| (hour, minute, second))
    }
}

/// The clock's own judgement of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClockStatus(pub u8);

impl ClockStatus {
    /// Left open.
    pub const OPEN: Self = Self(OPEN);
    /// Daylight saving is active.
    pub const DAYLIGHT: Self = Self(0x80);

    const fn bit(self, bit: u8) -> bool {
        self.0 != OPEN && self.0 & bit != 0
    }
    /// The clock has stopped or never been set.
    pub const fn is_invalid(self) -> bool {
        self.bit(0x01)
    }
    /// It went on over a failure, and cannot say how well.
    pub const fn is_doubtful(self) -> bool {
        self.bit(0x02)
    }
    /// It ran on another base than configured.
    pub const fn is_different_base(self) -> bool {
        self.bit(0x04)
    }
    /// The status itself is not to be relied on.
    pub const fn is_invalid_status(self) -> bool {
        self.bit(0x08)
    }
    /// Daylight saving is active; `None` where the status is left open.
    pub const fn daylight_saving(self) -> Option<bool> {
        if self.0 == OPEN { None } else { Some(self.0 & 0x80 != 0) }
    }
}

/// How a meter means its deviation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DeviationSign {
    /// UTC = local time + deviation, as the Blue Book says: -60 in UTC+1.
    #[default]
    BlueBook,
    /// Local time = UTC + deviation, as many meters do: 60 in UTC+1. A named quirk of the model.
    Inverted,
}

/// Date and time with deviation from UTC and clock status.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime([u8; 12]);

impl DateTime {
    /// Everything left open: "now", in some objects.
    pub const OPEN: Self = Self([OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, 0x80, 0, OPEN]);

    /// From its parts; an open deviation is `None`.
    pub fn new(date: Date, time: Time, deviation: Option<i16>, status: ClockStatus) -> Self {
        let [year_high, year_low, month, day, weekday] = date.0;
        let [hour, minute, second, hundredths] = time.0;
        let [high, low] = deviation.unwrap_or(OPEN_DEVIATION).to_be_bytes();
        Self([year_high, year_low, month, day, weekday, hour, minute, second, hundredths, high, low, status.0])
    }
    /// From the octets as sent.
    pub const fn from_wire(octets: [u8; 12]) -> Self {
        Self(octets)
    }
    /// From exactly twelve octets.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }
    pub(crate) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        fixed(input).map(|(rest, octets)| (rest, Self(octets)))
    }
    /// The octets as sent.
    pub const fn octets(&self) -> &[u8; 12] {
        &self.0
    }
    /// Its date.
    pub const fn date(&self) -> Date {
        let [a, b, c, d, e, ..] = self.0;
        Date([a, b, c, d, e])
    }
    /// Its time of day.
    pub const fn time(&self) -> Time {
        let [_, _, _, _, _, a, b, c, d, ..] = self.0;
        Time([a, b, c, d])
    }
    /// Minutes between local time and UTC, in the meter's own sense; `None` where left open.
    pub fn deviation(&self) -> Option<i16> {
        let [.., high, low, _] = self.0;
        Some(i16::from_be_bytes([high, low])).filter(|&minutes| minutes != OPEN_DEVIATION)
    }
    /// The clock's judgement.
    pub const fn status(&self) -> ClockStatus {
        let [.., status] = self.0;
        ClockStatus(status)
    }
    /// Seconds of local time since 1970-01-01 00:00 local.
    pub fn local_seconds(&self) -> Result<i64, Impossible> {
        let (year, month, day) = self.date().civil()?;
        let (hour, minute, second) = self.time().civil()?;
        let of_day = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        Ok(days_from_epoch(year, month, day) * 86_400 + of_day)
    }
    /// Seconds since 1970-01-01 00:00 UTC; `None` where the deviation is left open, and the meter's zone has to be known.
    pub fn unix_seconds(&self, sign: DeviationSign) -> Result<Option<i64>, Impossible> {
        let local = self.local_seconds()?;
        Ok(self.deviation().map(|minutes| match sign {
            DeviationSign::BlueBook => local + i64::from(minutes) * 60,
            DeviationSign::Inverted => local - i64::from(minutes) * 60,
        }))
    }
    /// The local time `seconds` after 1970-01-01 00:00 local; years outside of 0 to 9999 are impossible.
    pub fn from_local_seconds(seconds: i64, deviation: Option<i16>, status: ClockStatus) -> Result<Self, Impossible> {
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400)).ok_or(Impossible::Date)?;
        let of_day = u32::try_from(seconds.rem_euclid(86_400)).map_err(|_| Impossible::Time)?;
        let part = |n: u32| u8::try_from(n).map_err(|_| Impossible::Time);
        let time = Time::new(part(of_day / 3_600)?, part(of_day / 60 % 60)?, part(of_day % 60)?)?;
        Ok(Self::new(Date::new(year, month, day)?, time, deviation, status))
    }
    /// The moment `seconds` later by the same clock, where this one is a moment.
    pub fn plus_seconds(&self, seconds: i64) -> Result<Self, Impossible> {
        let local = self.local_seconds()?.checked_add(seconds).ok_or(Impossible::Date)?;
        let mut later = Self::from_local_seconds(local, self.deviation(), self.status())?;
        later.0[8] = self.0[8];
        // A clock that leaves the weekday open goes on leaving it open.
        if self.date().weekday().is_none() {
            later.0[4] = OPEN;
        }
        Ok(later)
    }
}

/// An octet in decimal, or question marks where it is left open.
struct Part(Option<u16>, usize);

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(part, width) = *self;
        match part {
            Some(number) => write!(f, "{number:0width$}"),
            None => write!(f, "{:?<width$}", ""),
        }
    }
}

impl Display for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let part = |octet: Option<u8>| Part(octet.map(u16::from), 2);
        write!(f, "{}-", Part(self.year(), 4))?;
        match self.month() {
            Some(Self::DAYLIGHT_BEGINS) => f.write_str("dst-begin")?,
            Some(Self::DAYLIGHT_ENDS) => f.write_str("dst-end")?,
            month => Display::fmt(&part(month), f)?,
        }
        match self.day() {
            Some(Self::LAST_DAY) => f.write_str("-last"),
            Some(Self::LAST_BUT_ONE) => f.write_str("-last-but-one"),
            day => write!(f, "-{}", part(day)),
        }
    }
}
impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let part = |octet: Option<u8>| Part(octet.map(u16::from), 2);
        write!(f, "{}:{}:{}", part(self.hour()), part(self.minute()), part(self.second()))?;
        match self.hundredths() {
            None | Some(0) => Ok(()),
            hundredths => write!(f, ".{}", part(hundredths)),
        }
    }
}
/// The deviation as sent, in minutes: its sense is the meter's.
impl Display for DateTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.date(), self.time())?;
        if let Some(minutes) = self.deviation() {
            write!(f, " deviation {minutes}")?;
        }
        match self.status().daylight_saving() {
            Some(true) => f.write_str(" DST"),
            _ => Ok(()),
        }
    }
}
macro_rules! debug_as_display {
    ($($name:ident),*) => {$(
        impl Debug for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Display::fmt(self, f)
            }
        }
    )*};
}
debug_as_display!(Date, Time, DateTime);

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 of a day of the Gregorian calendar, counting from March so that the leap day is the last.
fn days_from_epoch(year: u16, month: u8, day: u8) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_epoch`].
fn civil_from_days(days: i64) -> Option<(u16, u8, u8)> {
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let year = u16::try_from(year).ok().filter(|&year| year <= 9_999)?;
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

/// 1 for Monday to 7 for Sunday; 1970-01-01 was a Thursday.
fn weekday(days: i64) -> u8 {
    u8::try_from((days + 3).rem_euclid(7) + 1).unwrap_or(OPEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_deviation_counts_as_the_blue_book_says_or_the_other_way_round() {
        // 2021-12-10 05:16:57, UTC+1.
        let at = DateTime::from_wire([7, 0xE5, 12, 10, 5, 5, 16, 57, 0, 0xFF, 0xC4, 0]);
        assert_eq!(at.unix_seconds(DeviationSign::BlueBook), Ok(Some(1_639_109_817)));
        assert_eq!(at.unix_seconds(DeviationSign::Inverted), Ok(Some(1_639_109_817 + 2 * 3_600)));
        assert_eq!(at.to_string(), "2021-12-10 05:16:57 deviation -60");
    }

    #[test]
    fn open_and_impossible_parts_are_told_apart_and_never_panic() {
        assert_eq!(DateTime::OPEN.local_seconds(), Err(Impossible::Open));
        assert_eq!(DateTime::OPEN.deviation(), None);
        assert_eq!(DateTime::OPEN.to_string(), "????-??-?? ??:??:??");
        let with = |at: usize, octet: u8| {
            let mut octets = [7, 0xE5, 2, 28, 7, 1, 2, 3, 0, 0x80, 0, 0];
            octets[at] = octet;
            DateTime::from_wire(octets).local_seconds()
        };
        assert!(with(7, OPEN).is_ok(), "an open second is none");
        assert_eq!(with(3, 30), Err(Impossible::Date));
        assert_eq!(with(2, 13), Err(Impossible::Date));
        assert_eq!(with(5, 24), Err(Impossible::Time));
        assert_eq!(with(3, Date::LAST_DAY), Err(Impossible::Open));
        assert_eq!(with(2, Date::DAYLIGHT_BEGINS), Err(Impossible::Open));
    }

    #[test]
    fn a_year_of_quarters_of_an_hour_is_counted_over_every_boundary() {
        let start =
            DateTime::new(Date::new(2023, 12, 31).unwrap(), Time::new(23, 45, 0).unwrap(), Some(0), ClockStatus(0));
        let next = start.plus_seconds(900).unwrap();
        assert_eq!(next.to_string(), "2024-01-01 00:00:00 deviation 0");
        assert_eq!(next.date().weekday(), Some(1));
        assert_eq!(next.plus_seconds(59 * 86_400).unwrap().date().civil(), Ok((2024, 2, 29)));
    }

    #[test]
    fn the_status_says_nothing_where_it_is_open() {
        assert_eq!(ClockStatus::OPEN.daylight_saving(), None);
        assert!(!ClockStatus::OPEN.is_invalid());
        assert_eq!(ClockStatus(0x81).daylight_saving(), Some(true));
        assert!(ClockStatus(0x81).is_invalid());
    }

    proptest! {
        #[test]
        fn local_time_and_seconds_are_inverse(seconds in -62_167_219_200_i64..253_402_300_800) {
            let at = DateTime::from_local_seconds(seconds, None, ClockStatus(0)).unwrap();
            prop_assert_eq!(at.local_seconds(), Ok(seconds));
        }

        #[test]
        fn no_octets_panic(octets: [u8; 12], seconds: i64) {
            let at = DateTime::from_wire(octets);
            let _shown = at.to_string();
            if let Ok(local) = at.local_seconds() {
                prop_assert_eq!(at.plus_seconds(0).unwrap().local_seconds(), Ok(local));
            }
            let _later = at.plus_seconds(seconds);
        }
    }
}
