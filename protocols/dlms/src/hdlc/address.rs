//! Addresses: Green Book clause 8.4.2. Seven bits an octet, the lowest bit marks the last.

use std::fmt::{self, Debug, Display, Formatter};

/// Most octets of an address.
const MAX_OCTETS: usize = 4;

/// Why octets or numbers are not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AddressError {
    /// No octet is marked as the last.
    #[error("no octet of the address is marked as the last")]
    Endless,
    /// Three octets: the standard knows one, two and four.
    #[error("an address has one, two or four octets")]
    Octets,
    /// A number too large for the form.
    #[error("{0} does not fit into an address of this form")]
    TooLarge(u16),
}

/// Whom a frame is for or from: a client's SAP, or a server's logical and physical device.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    octets: [u8; MAX_OCTETS],
    len: u8,
}

impl Address {
    /// A client's service access point, one octet.
    pub const fn client(sap: u8) -> Result<Self, AddressError> {
        if sap > 0x7F {
            return Err(AddressError::TooLarge(sap as u16));
        }
        Ok(Self { octets: [sap << 1 | 1, 0, 0, 0], len: 1 })
    }
    /// A server's logical device alone, one octet: a meter alone on its line.
    pub fn logical(upper: u16) -> Result<Self, AddressError> {
        let sap = u8::try_from(upper).map_err(|_| AddressError::TooLarge(upper))?;
        Self::client(sap)
    }
    /// A server's logical and physical device in the shortest form: two octets, or four.
    pub fn server(upper: u16, lower: u16) -> Result<Self, AddressError> {
        if upper <= 0x7F && lower <= 0x7F { Self::two(upper, lower) } else { Self::four(upper, lower) }
    }
    /// A server's logical and physical device in two octets.
    pub fn two(upper: u16, lower: u16) -> Result<Self, AddressError> {
        let seven = |number: u16| match u8::try_from(number) {
            Ok(octet @ 0..=0x7F) => Ok(octet << 1),
            _ => Err(AddressError::TooLarge(number)),
        };
        Ok(Self { octets: [seven(upper)?, seven(lower)? | 1, 0, 0], len: 2 })
    }
    /// A server's logical and physical device in four octets.
    pub fn four(upper: u16, lower: u16) -> Result<Self, AddressError> {
        let fourteen = |number: u16| {
            if number > 0x3FFF {
                return Err(AddressError::TooLarge(number));
            }
            let [_, high] = (number >> 7 << 1).to_be_bytes();
            let [_, low] = (number << 1).to_be_bytes();
            Ok([high, low])
        };
        let ([a, b], [c, d]) = (fourteen(upper)?, fourteen(lower)?);
        Ok(Self { octets: [a, b, c, d | 1], len: 4 })
    }

    /// Reads an address at the start of `input`, and how many octets it takes; `None` where more are needed.
    pub(crate) fn find(input: &[u8]) -> Result<Option<(Self, usize)>, AddressError> {
        match input.iter().take(MAX_OCTETS).position(|octet| octet & 1 == 1) {
            Some(2) => Err(AddressError::Octets),
            Some(last) => {
                let len = last + 1;
                let mut octets = [0; MAX_OCTETS];
                for (to, from) in octets.iter_mut().zip(input.iter().take(len)) {
                    *to = *from;
                }
                Ok(Some((Self { octets, len: len.to_le_bytes()[0] }, len)))
            }
            None if input.len() >= MAX_OCTETS => Err(AddressError::Endless),
            None => Ok(None),
        }
    }

    /// The octets as sent.
    pub fn octets(&self) -> &[u8] {
        self.octets.split_at(self.len.into()).0
    }
    /// The client's SAP, or the server's logical device.
    pub const fn upper(&self) -> u16 {
        let [a, b, ..] = self.octets;
        if self.len == 4 { (a as u16 >> 1) << 7 | b as u16 >> 1 } else { a as u16 >> 1 }
    }
    /// The server's physical device, where the address has one.
    pub const fn lower(&self) -> Option<u16> {
        let [_, b, c, d] = self.octets;
        match self.len {
            2 => Some(b as u16 >> 1),
            4 => Some((c as u16 >> 1) << 7 | d as u16 >> 1),
            _ => None,
        }
    }
    /// Whether every station is meant, which none answers: Green Book clause 8.4.2.3.
    pub const fn is_broadcast(&self) -> bool {
        let all = if self.len == 4 { 0x3FFF } else { 0x7F };
        self.upper() == all || matches!(self.lower(), Some(lower) if lower == all)
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.upper())?;
        self.lower().map_or(Ok(()), |lower| write!(f, "/{lower}"))
    }
}
impl Debug for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", hes_wire::Hex(self.octets()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_of_the_standard_are_told_apart() {
        assert_eq!(Address::client(16).unwrap().octets(), [0x21]);
        assert_eq!(Address::server(1, 17).unwrap().octets(), [0x02, 0x23]);
        assert_eq!(Address::four(1, 17).unwrap().octets(), [0x00, 0x02, 0x00, 0x23]);
        assert_eq!(Address::server(1, 1_234).unwrap().octets().len(), 4);
        assert_eq!(Address::find(&[2, 4, 7]), Err(AddressError::Octets));
        assert_eq!(Address::find(&[2, 4, 6, 8, 9]), Err(AddressError::Endless));
        assert_eq!(Address::find(&[2, 4]), Ok(None));
        assert!(Address::two(128, 0).is_err() && Address::four(0, 0x4000).is_err() && Address::client(128).is_err());
        assert!(Address::server(1, 0x7F).unwrap().is_broadcast());
        assert!(Address::four(0x3FFF, 1).unwrap().is_broadcast());
        assert!(!Address::four(1, 0x7F).unwrap().is_broadcast());
    }

    proptest! {
        #[test]
        fn every_device_is_found_again(upper in 0..0x4000_u16, lower in 0..0x4000_u16) {
            let address = Address::server(upper, lower).unwrap();
            prop_assert_eq!((address.upper(), address.lower()), (upper, Some(lower)));
            let (found, len) = Address::find(address.octets()).unwrap().unwrap();
            prop_assert_eq!((found, len), (address, address.octets().len()));
        }
    }
}
