//! OBIS codes, IEC 62056-61: the logical names of COSEM objects.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

/// Why text is not an OBIS code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an OBIS code is six numbers 0 to 255, as 1.0.1.8.0.255 or 1-0:1.8.0*255; found {found:?}")]
pub struct ObisError {
    found: String,
}

/// A logical name: medium, channel, quantity, processing, tariff, history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Obis(pub [u8; 6]);

impl Obis {
    /// From the groups in order.
    pub const fn new(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) -> Self {
        Self([a, b, c, d, e, f])
    }
    /// The code in exactly six octets.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }
    /// The six octets.
    pub const fn octets(&self) -> &[u8; 6] {
        &self.0
    }
}

impl Display for Obis {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a}.{b}.{c}.{d}.{e}.{g}")
    }
}
impl Debug for Obis {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Reads both common spellings; a missing group F is 255, the value of now.
impl FromStr for Obis {
    type Err = ObisError;
    fn from_str(text: &str) -> Result<Self, ObisError> {
        let wrong = || ObisError { found: text.chars().take(40).collect() };
        let mut groups = [0, 0, 0, 0, 0, u8::MAX];
        let mut parts = text.split(['.', '-', ':', '*']);
        for (at, group) in groups.iter_mut().enumerate() {
            match parts.next() {
                Some(part) => *group = part.parse().map_err(|_| wrong())?,
                None if at == 5 => {}
                None => return Err(wrong()),
            }
        }
        parts.next().is_none().then_some(Self(groups)).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_the_dotted_one_is_printed() {
        for text in ["1.0.1.8.0.255", "1-0:1.8.0*255", "1-0:1.8.0", "1.0.1.8.0"] {
            assert_eq!(text.parse::<Obis>().unwrap().to_string(), "1.0.1.8.0.255");
        }
        for text in ["", "1.0.1.8", "1.0.1.8.0.256", "1.0.1.8.0.255.0", "a.b.c.d.e.f", "1..1.8.0.255"] {
            assert!(text.parse::<Obis>().is_err(), "{text}");
        }
    }
}
