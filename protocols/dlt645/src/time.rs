//! Dates and times as meters send them: packed decimals, lowest part first, two digits of the year.

use std::fmt::{self, Debug, Display, Formatter};

use hes_wire::bcd;

/// A civil date of this century. Valid by construction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u8,
    month: u8,
    day: u8,
}

/// A time of day. Valid by construction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    hour: u8,
    minute: u8,
    second: u8,
}

/// A date with a time of day, in the meter's own civil time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// The date.
    pub date: Date,
    /// The time of day.
    pub time: Time,
}

impl Date {
    /// A date of the years 2000 to 2099, or `None` where the calendar has none.
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        if year < 2000 || year > 2099 || day == 0 {
            return None;
        }
        let days = match month {
            2 if year.is_multiple_of(4) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        // 2000 to 2099: the remainder is below 100.
        if day > days { None } else { Some(Self { year: (year % 100) as u8, month, day }) }
    }
    /// The date of `DD MM YY`.
    pub fn from_wire([day, month, year]: [u8; 3]) -> Option<Self> {
        Self::new(2000 + u16::from(bcd::from_byte(year)?), bcd::from_byte(month)?, bcd::from_byte(day)?)
    }
    /// `DD MM YY`, the inverse of [`Date::from_wire`].
    pub fn to_wire(self) -> [u8; 3] {
        [self.day, self.month, self.year].map(two_digits)
    }
    /// The year, 2000 to 2099.
    pub const fn year(self) -> u16 {
        2000 + self.year as u16
    }
    /// The month, 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }
    /// The day of the month, 1 to 31.
    pub const fn day(self) -> u8 {
        self.day
    }
}

impl Time {
    /// A time of day, or `None` where no clock shows it.
    pub const fn new(hour: u8, minute: u8, second: u8) -> Option<Self> {
        if hour > 23 || minute > 59 || second > 59 { None } else { Some(Self { hour, minute, second }) }
    }
    /// The time of `ss mm hh`.
    pub fn from_wire([second, minute, hour]: [u8; 3]) -> Option<Self> {
        Self::new(bcd::from_byte(hour)?, bcd::from_byte(minute)?, bcd::from_byte(second)?)
    }
    /// `ss mm hh`, the inverse of [`Time::from_wire`].
    pub fn to_wire(self) -> [u8; 3] {
        [self.second, self.minute, self.hour].map(two_digits)
    }
    /// The hour, 0 to 23.
    pub const fn hour(self) -> u8 {
        self.hour
    }
    /// The minute, 0 to 59.
    pub const fn minute(self) -> u8 {
        self.minute
    }
    /// The second, 0 to 59.
    pub const fn second(self) -> u8 {
        self.second
    }
}

impl DateTime {
    /// The moment of `ss mm hh DD MM YY`.
    pub fn from_wire([s, m, h, day, month, year]: [u8; 6]) -> Option<Self> {
        Some(Self { date: Date::from_wire([day, month, year])?, time: Time::from_wire([s, m, h])? })
    }
    /// The moment of `mm hh DD MM YY`.
    pub fn from_wire_minute([m, h, day, month, year]: [u8; 5]) -> Option<Self> {
        Self::from_wire([0, m, h, day, month, year])
    }
    /// `ss mm hh DD MM YY`, the inverse of [`DateTime::from_wire`].
    pub fn to_wire(self) -> [u8; 6] {
        let ([s, m, h], [day, month, year]) = (self.time.to_wire(), self.date.to_wire());
        [s, m, h, day, month, year]
    }
    /// `mm hh DD MM YY`; the second is lost.
    pub fn to_wire_minute(self) -> [u8; 5] {
        let [_, minute @ ..] = self.to_wire();
        minute
    }
}

/// Only for numbers that a constructor has checked to be below 100.
fn two_digits(number: u8) -> u8 {
    bcd::to_byte(number).unwrap_or_default()
}

impl Display for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}-{:02}", self.year(), self.month, self.day)
    }
}
impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }
}
impl Display for DateTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date, self.time)
    }
}
impl Debug for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
impl Debug for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
impl Debug for DateTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_that_no_calendar_has_are_refused() {
        assert!(Date::new(2024, 2, 29).is_some());
        for (year, month, day) in
            [(2023, 2, 29), (2024, 4, 31), (2024, 0, 1), (2024, 13, 1), (2024, 1, 0), (1999, 1, 1)]
        {
            assert_eq!(Date::new(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!(Time::new(24, 0, 0), None);
        assert_eq!(Time::from_wire([0x59, 0x5A, 0x23]), None);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_back(wire: [u8; 6]) {
            if let Some(moment) = DateTime::from_wire(wire) {
                prop_assert_eq!(moment.to_wire(), wire);
            }
        }
    }
}
