//! Meter addresses as they stand in a frame.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

use hes_wire::bcd;

/// A meter address, DL/T 645-2007 clause 5.2.2: twelve BCD digits, low byte first.
///
/// The six bytes are kept in wire order whatever they hold, because a frame with an odd address is still a frame;
/// [`Address::number`] tells whether it names one meter. Text is most significant digit first, as on the meter's plate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 6]);

impl Address {
    /// All AA: whoever is alone on the bus.
    pub const WILDCARD: Self = Self([0xAA; 6]);
    /// All 99: everybody; nobody answers.
    pub const BROADCAST: Self = Self([0x99; 6]);
    /// Stands in for two digits that are not known.
    const ANY: u8 = 0xAA;

    /// The address with the twelve digits of `number`, or `None` where it has more.
    pub fn from_number(number: u64) -> Option<Self> {
        let mut bytes = [0; 6];
        bcd::write_le(number, &mut bytes)?;
        Some(Self(bytes))
    }

    /// The twelve digits as a number; `None` where they are not all decimal digits (wildcards, for one).
    pub fn number(self) -> Option<u64> {
        let [a, b, c, d, e, f] = self.0;
        bcd::from_packed(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// A short address: the low digits of `number`, the `unknown` high bytes left open.
    pub fn short(number: u64, unknown: usize) -> Option<Self> {
        let mut bytes = [Self::ANY; 6];
        let known = bytes.len().checked_sub(unknown)?;
        bcd::write_le(number, bytes.get_mut(..known)?)?;
        Some(Self(bytes))
    }

    /// Whether some digits are left open.
    pub fn has_wildcard(self) -> bool {
        self.0.contains(&Self::ANY)
    }

    /// Whether a frame from this address answers a question sent to `asked`.
    ///
    /// Open digits of the question match anything. An answer that itself says AA everywhere is taken only for a question
    /// that did: some meters echo the wildcard. A broadcast has no answer.
    pub fn answers(self, asked: Self) -> bool {
        asked != Self::BROADCAST && self.0.iter().zip(asked.0).all(|(&own, asked)| asked == Self::ANY || own == asked)
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
impl Debug for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Why text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an address has up to twelve decimal digits, or AA for each unknown pair; found {found:?}")]
pub struct AddressError {
    found: String,
}

impl FromStr for Address {
    type Err = AddressError;
    /// Reads up to twelve digits, filled up with leading zeros; a pair of digits may be AA.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError { found: text.chars().take(40).collect() };
        if text.is_empty() || text.len() > 12 || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(wrong());
        }
        let digits = format!("{text:0>12}");
        let mut high_first = [0; 6];
        hes_wire::hex::read(&digits, &mut high_first).map_err(|_| wrong())?;
        if high_first.iter().any(|&b| b != Self::ANY && bcd::from_byte(b).is_none()) {
            return Err(wrong());
        }
        high_first.reverse();
        Ok(Self(high_first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_plate_and_bytes_are_the_wire() {
        let address: Address = "123456789012".parse().unwrap();
        assert_eq!(address.0, [0x12, 0x90, 0x78, 0x56, 0x34, 0x12]);
        assert_eq!(address.to_string(), "123456789012");
        assert_eq!(address.number(), Some(123_456_789_012));
        assert_eq!(Address::from_number(161).unwrap().to_string(), "000000000161");
        assert_eq!(Address::from_number(1_000_000_000_000), None);
        assert_eq!("AAAAAAAAAAAA".parse(), Ok(Address::WILDCARD));
        for bad in ["", "1234567890123", "12345678901B", "FFFFFFFFFFFF", "12 34", "-1", "１２"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_open_digit_of_the_question_matches_any_meter() {
        let meter = Address::from_number(910_004_920_760).unwrap();
        assert!(meter.answers(meter));
        assert!(meter.answers(Address::WILDCARD));
        assert!(meter.answers(Address::short(920_760, 3).unwrap()));
        assert!(!meter.answers(Address::short(920_761, 3).unwrap()));
        assert!(!meter.answers(Address::BROADCAST));
        assert!(Address::WILDCARD.answers(Address::WILDCARD));
        assert!(!Address::WILDCARD.answers(meter));
    }
}
