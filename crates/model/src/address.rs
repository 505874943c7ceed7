//! How a meter is called: by people (its number) and on the wire (its communication address).

use crate::ids::check_name;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("the name is empty")]
    Empty,
    /// Longer than a name may be.
    #[error("the name is longer than {max} characters")]
    TooLong {
        /// Characters allowed.
        max: usize,
    },
    /// White space or a control character.
    #[error("the name contains {bad:?}; white space and control characters are not allowed")]
    Character {
        /// The first such character.
        bad: char,
    },
}

/// The number by which people know a meter (资产编号), unique in the utility.
///
/// 1 to 64 characters, none of them white space or a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MeterNo(std::sync::Arc<str>);

impl MeterNo {
    /// Checks and takes over a number.
    pub fn new(no: &str) -> Result<Self, NameError> {
        check_name(no)?;
        Ok(Self(no.into()))
    }
    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for MeterNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
impl std::str::FromStr for MeterNo {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        Self::new(s)
    }
}
impl TryFrom<String> for MeterNo {
    type Error = NameError;
    fn try_from(s: String) -> Result<Self, NameError> {
        Self::new(&s)
    }
}
impl From<MeterNo> for String {
    fn from(n: MeterNo) -> String {
        n.0.as_ref().to_owned()
    }
}

/// Why a communication address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not 1 to 12 digits.
    #[error("a DL/T 645 address has 1 to 12 decimal digits, found {found:?}")]
    Digits {
        /// What was given.
        found: String,
    },
    /// 999999999999: everybody, so nobody can be stored under it.
    #[error("999999999999 is the broadcast address and names no meter")]
    Broadcast,
}

/// A meter's communication address in DL/T 645: exactly 12 decimal digits, most significant first.
///
/// Shorter input is padded with leading zeros, as meters print it. Wildcards and broadcast are not addresses of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommAddress(u64);

impl CommAddress {
    /// Digits of an address.
    pub const DIGITS: usize = 12;
    /// The highest value; it is the broadcast address and refused by the constructors.
    const BROADCAST: u64 = 999_999_999_999;

    /// The address whose twelve digits are those of `n`.
    pub fn from_number(n: u64) -> Result<Self, AddressError> {
        match n {
            Self::BROADCAST => Err(AddressError::Broadcast),
            n if n > Self::BROADCAST => Err(AddressError::Digits { found: n.to_string() }),
            n => Ok(Self(n)),
        }
    }
    /// The address as a number below 10^12.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for CommAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:012}", self.0)
    }
}
impl std::str::FromStr for CommAddress {
    type Err = AddressError;
    fn from_str(s: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::Digits { found: s.chars().take(40).collect() };
        if s.is_empty() || s.len() > Self::DIGITS || !s.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        Self::from_number(s.parse().map_err(|_| wrong())?)
    }
}
impl TryFrom<String> for CommAddress {
    type Error = AddressError;
    fn try_from(s: String) -> Result<Self, AddressError> {
        s.parse()
    }
}
impl From<CommAddress> for String {
    fn from(a: CommAddress) -> String {
        a.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_address_is_padded_and_broadcast_is_refused() {
        assert_eq!("161".parse::<CommAddress>().unwrap().to_string(), "000000000161");
        assert_eq!("999999999999".parse::<CommAddress>(), Err(AddressError::Broadcast));
        for bad in ["", "1234567890123", "12A4", "AAAAAAAAAAAA", "-1"] {
            assert!(bad.parse::<CommAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_meter_number_takes_no_white_space() {
        assert!(MeterNo::new("M 1").is_err());
        assert!(MeterNo::new("").is_err());
        assert!(MeterNo::new("粤A-0001").is_ok());
    }
}
