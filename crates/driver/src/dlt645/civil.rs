//! Dates, times and addresses: from the standard's terms to the utility's, and back.

use hes_dlt645::{Address, Date, DateTime, Time};
use hes_model::{CommAddress, UtcMicros};
use jiff::civil;
use jiff::tz::TimeZone;

pub(super) fn date(date: Date) -> Option<civil::Date> {
    let part = |n: u8| i8::try_from(n).ok();
    civil::Date::new(i16::try_from(date.year()).ok()?, part(date.month())?, part(date.day())?).ok()
}

pub(super) fn time(time: Time) -> Option<civil::Time> {
    let part = |n: u8| i8::try_from(n).ok();
    civil::Time::new(part(time.hour())?, part(time.minute())?, part(time.second())?, 0).ok()
}

pub(super) fn moment(moment: DateTime) -> Option<civil::DateTime> {
    Some(date(moment.date)?.to_datetime(time(moment.time)?))
}

/// `None` outside the years 2000 to 2099, which is all that two digits can say.
pub(super) fn to_meter(moment: civil::DateTime) -> Option<DateTime> {
    let part = |n: i8| u8::try_from(n).ok();
    let year = u16::try_from(moment.year()).ok()?;
    Some(DateTime {
        date: Date::new(year, part(moment.month())?, part(moment.day())?)?,
        time: Time::new(part(moment.hour())?, part(moment.minute())?, part(moment.second())?)?,
    })
}

/// The civil time of an instant in the zone the meters are set to.
pub(super) fn in_zone(at: UtcMicros, zone: &TimeZone) -> civil::DateTime {
    zone.to_datetime(at.timestamp())
}

/// The address in a frame, if it names one meter.
pub(crate) fn comm_address(address: Address) -> Option<CommAddress> {
    CommAddress::from_number(address.number()?).ok()
}

/// A meter's address as it stands in frames.
pub(super) fn wire_address(address: CommAddress) -> Address {
    Address::from_number(address.number()).expect("twelve digits are what an address holds")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as day;

    #[test]
    fn moments_go_to_the_meters_terms_and_back() {
        let at = day(2026, 11, 24).at(23, 59, 58, 0);
        assert_eq!(to_meter(at).and_then(moment), Some(at));
        assert_eq!(to_meter(day(1999, 12, 31).at(0, 0, 0, 0)), None);
    }

    #[test]
    fn only_an_address_that_names_one_meter_is_one() {
        assert_eq!(comm_address(Address::WILDCARD), None);
        assert_eq!(comm_address(Address::BROADCAST), None);
        let own: CommAddress = "161".parse().unwrap();
        assert_eq!(comm_address(wire_address(own)), Some(own));
    }
}
