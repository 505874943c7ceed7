//! Names of data items.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

use crate::{Data, Dialect};

/// A data item's identification: `DI3 DI2 DI1 DI0` in 2007, `DI1 DI0` in 1997. Sent lowest byte first, written highest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataId {
    /// Four bytes, DL/T 645-2007 annex A.
    V2007(u32),
    /// Two bytes, DL/T 645-1997 annex A.
    V1997(u16),
}

impl DataId {
    /// The dialect it belongs to.
    pub const fn dialect(self) -> Dialect {
        match self {
            DataId::V2007(_) => Dialect::V2007,
            DataId::V1997(_) => Dialect::V1997,
        }
    }
    /// Splits it off the front of a data field.
    #[inline]
    pub fn split(dialect: Dialect, data: Data<'_>) -> Option<(Self, Data<'_>)> {
        match dialect {
            Dialect::V2007 => data.take().map(|(di, rest)| (DataId::V2007(u32::from_le_bytes(di)), rest)),
            Dialect::V1997 => data.take().map(|(di, rest)| (DataId::V1997(u16::from_le_bytes(di)), rest)),
        }
    }
    /// The bytes as they are sent, before the mask.
    pub const fn wire(self) -> WireId {
        match self {
            DataId::V2007(di) => WireId { bytes: di.to_le_bytes(), len: 4 },
            DataId::V1997(di) => {
                let [low, high] = di.to_le_bytes();
                WireId { bytes: [low, high, 0, 0], len: 2 }
            }
        }
    }
}

/// The two or four bytes of an item's name in wire order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireId {
    bytes: [u8; 4],
    len: usize,
}

impl AsRef<[u8]> for WireId {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Display for DataId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            DataId::V2007(di) => write!(f, "{di:08X}"),
            DataId::V1997(di) => write!(f, "{di:04X}"),
        }
    }
}
impl Debug for DataId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Why text names no data item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a data item has eight hexadecimal digits (2007), as 00010000, or four (1997), as 9010; found {found:?}")]
pub struct DataIdError {
    found: String,
}

impl FromStr for DataId {
    type Err = DataIdError;
    fn from_str(text: &str) -> Result<Self, DataIdError> {
        let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = match text.len() {
            8 if digits => u32::from_str_radix(text, 16).ok().map(DataId::V2007),
            4 if digits => u16::from_str_radix(text, 16).ok().map(DataId::V1997),
            _ => None,
        };
        id.ok_or_else(|| DataIdError { found: text.chars().take(40).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_highest_byte_first_and_the_wire_lowest() {
        let item: DataId = "04000503".parse().unwrap();
        assert_eq!(item.wire().as_ref(), [0x03, 0x05, 0x00, 0x04]);
        assert_eq!(item.to_string(), "04000503");
        assert_eq!("9010".parse::<DataId>().unwrap().wire().as_ref(), [0x10, 0x90]);
        for bad in ["", "901", "+901", "0x9010", "0001000g", "000100000"] {
            assert!(bad.parse::<DataId>().is_err(), "{bad}");
        }
    }
}
