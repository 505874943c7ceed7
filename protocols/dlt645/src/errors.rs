//! What a meter says when it refuses.

use std::fmt::{self, Debug, Display, Formatter};

use crate::Dialect;

/// Names of the bits of ERR, DL/T 645-2007 clause 5.2.6 and its table; several may be set.
const NAMES_2007: Names = [
    "other",
    "no_requested_data",
    "password_or_authorisation",
    "baud_cannot_change",
    "too_many_year_zones",
    "too_many_day_periods",
    "too_many_tariffs",
    "reserved",
];
/// Names of the bits of ERR in DL/T 645-1997: from memory, and the same in one public reader. `no_requested_data` is its
/// "wrong data identification", under the name of 2007 because it asks for the same consequence.
const NAMES_1997: Names = [
    "illegal_data",
    "no_requested_data",
    "password_or_authorisation",
    "reserved",
    "too_many_year_zones",
    "too_many_day_periods",
    "too_many_tariffs",
    "reserved",
];
/// Bits of the low byte of SERR, the error word of security authentication. `address_abnormal` is of a later supplement, and
/// from memory; public tables that agree on the others have it as reserved.
const NAMES_SECURITY: Names = [
    "other",
    "repeated_recharge",
    "esam_check_failed",
    "identity_failed",
    "customer_number_mismatch",
    "recharge_count_wrong",
    "over_hoarding_limit",
    "address_abnormal",
];

type Names = [&'static str; 8];

/// The reasons of a refusal, bit by bit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errors {
    bits: u16,
    names: &'static Names,
}

impl Errors {
    /// The bits of an error byte.
    pub const fn new(dialect: Dialect, byte: u8) -> Self {
        let names = match dialect {
            Dialect::V2007 => &NAMES_2007,
            Dialect::V1997 => &NAMES_1997,
        };
        Self { bits: byte as u16, names }
    }
    /// The bits of the error word of security authentication.
    pub const fn security(word: u16) -> Self {
        Self { bits: word, names: &NAMES_SECURITY }
    }
    /// The bits as sent.
    pub const fn bits(self) -> u16 {
        self.bits
    }
    /// The names of the bits that are set, lowest first. Bits above the eighth have none and say `reserved`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0..u16::BITS as usize)
            .filter(move |bit| self.bits >> bit & 1 == 1)
            .map(move |bit| self.names.get(bit).copied().unwrap_or("reserved"))
    }
    /// Whether the meter says that it has no such data.
    pub fn no_such_data(self) -> bool {
        self.names().any(|name| name == "no_requested_data")
    }
    /// Whether the meter says that password or authorisation is wrong.
    pub fn not_authorised(self) -> bool {
        self.names().any(|name| name == "password_or_authorisation")
    }
}

impl Display for Errors {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.bits == 0 {
            return f.write_str("no reason given");
        }
        let mut gap = "";
        self.names().try_for_each(|name| {
            f.write_str(gap)?;
            gap = ", ";
            f.write_str(name)
        })
    }
}
impl Debug for Errors {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X} ({self})", self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_bit_is_named_and_the_editions_differ() {
        let names = |errors: Errors| errors.names().collect::<Vec<_>>();
        assert_eq!(names(Errors::new(Dialect::V2007, 0x0A)), ["no_requested_data", "baud_cannot_change"]);
        assert_eq!(
            names(Errors::new(Dialect::V1997, 0x15)),
            ["illegal_data", "password_or_authorisation", "too_many_year_zones"]
        );
        assert_eq!(names(Errors::security(0x0102)), ["repeated_recharge", "reserved"]);
        assert!(Errors::new(Dialect::V1997, 0x02).no_such_data());
        assert!(Errors::new(Dialect::V2007, 0x04).not_authorised());
        assert_eq!(Errors::new(Dialect::V2007, 0).to_string(), "no reason given");
    }
}
