//! Which services both sides know: the conformance block, Green Book clause 9.4.6.1.

use std::fmt::{self, Display, Formatter};
use std::ops::{BitAnd, BitOr};

/// A set of services. Bit 0 of the standard is the highest of 24.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Conformance(u32);

const BITS: u32 = 24;

macro_rules! services {
    ($($bit:literal $name:ident $text:literal;)*) => {
        #[expect(missing_docs, reason = "the names are those of the standard")]
        impl Conformance {
            $(pub const $name: Self = Self(1 << (BITS - 1 - $bit));)*
        }
        const NAMES: [(Conformance, &str); BITS as usize] = [$((Conformance::$name, $text),)*];
    };
}

services! {
    0 RESERVED_ZERO "reserved-zero";
    1 GENERAL_PROTECTION "general-protection";
    2 GENERAL_BLOCK_TRANSFER "general-block-transfer";
    3 READ "read";
    4 WRITE "write";
    5 UNCONFIRMED_WRITE "unconfirmed-write";
    6 DELTA_VALUE_ENCODING "delta-value-encoding";
    7 RESERVED_SEVEN "reserved-seven";
    8 ATTRIBUTE_0_WITH_SET "attribute0-supported-with-set";
    9 PRIORITY_MANAGEMENT "priority-mgmt-supported";
    10 ATTRIBUTE_0_WITH_GET "attribute0-supported-with-get";
    11 BLOCK_TRANSFER_WITH_GET "block-transfer-with-get-or-read";
    12 BLOCK_TRANSFER_WITH_SET "block-transfer-with-set-or-write";
    13 BLOCK_TRANSFER_WITH_ACTION "block-transfer-with-action";
    14 MULTIPLE_REFERENCES "multiple-references";
    15 INFORMATION_REPORT "information-report";
    16 DATA_NOTIFICATION "data-notification";
    17 ACCESS "access";
    18 PARAMETERIZED_ACCESS "parameterized-access";
    19 GET "get";
    20 SET "set";
    21 SELECTIVE_ACCESS "selective-access";
    22 EVENT_NOTIFICATION "event-notification";
    23 ACTION "action";
}

impl Conformance {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// From the three octets as sent.
    pub const fn from_octets([a, b, c]: [u8; 3]) -> Self {
        Self(u32::from_be_bytes([0, a, b, c]))
    }
    /// The three octets to send.
    pub const fn octets(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }
    /// Whether all of `services` are in it.
    pub const fn contains(self, services: Self) -> bool {
        self.0 & services.0 == services.0
    }
    /// The standard's names of what is in it, in the standard's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(service, _)| self.contains(*service)).map(|(_, name)| *name)
    }
}

impl BitOr for Conformance {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
/// What both have, as an association negotiates it.
impl BitAnd for Conformance {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
impl Display for Conformance {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        self.names().try_for_each(|name| {
            write!(f, "{gap}{name}")?;
            gap = ", ";
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_where_the_standard_puts_them() {
        let named = Conformance::from_octets([0x00, 0x50, 0x1F]);
        let all = Conformance::PRIORITY_MANAGEMENT
            | Conformance::BLOCK_TRANSFER_WITH_GET
            | Conformance::GET
            | Conformance::SET
            | Conformance::SELECTIVE_ACCESS
            | Conformance::EVENT_NOTIFICATION
            | Conformance::ACTION;
        assert_eq!(named, all);
        assert_eq!(named.octets(), [0x00, 0x50, 0x1F]);
        assert_eq!(Conformance::from_octets([0xFF; 3]).names().count(), 24);
        assert!(!named.contains(Conformance::GET | Conformance::ACCESS));
    }
}
