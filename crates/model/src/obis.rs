//! OBIS codes, IEC 62056-61 clause 4: `A.B.C.D.E.F`.

/// Why a code was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an OBIS code is six numbers 0 to 255 parted by dots, as 1.0.1.8.0.255; found {found:?}")]
pub struct ObisError {
    found: String,
}

/// The name of a register: medium, channel, quantity, processing, tariff, history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Obis(pub [u8; 6]);

impl Obis {
    /// The code with another value of group E (the tariff).
    pub fn with_tariff(self, e: u8) -> Self {
        let [a, b, c, d, _, f] = self.0;
        Self([a, b, c, d, e, f])
    }
    /// Group E, the tariff; 0 is the total.
    pub fn tariff(self) -> u8 {
        self.0[4]
    }
    /// The code as one number, most significant group first; the store's compact key.
    pub fn to_number(self) -> i64 {
        self.0.iter().fold(0, |n, &b| n << 8 | i64::from(b))
    }
    /// The inverse of [`Obis::to_number`]; bits above 48 are ignored.
    pub fn from_number(n: i64) -> Self {
        let [_, _, groups @ ..] = n.to_be_bytes();
        Self(groups)
    }
}

impl std::fmt::Display for Obis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a}.{b}.{c}.{d}.{e}.{g}")
    }
}
impl std::str::FromStr for Obis {
    type Err = ObisError;
    fn from_str(s: &str) -> Result<Self, ObisError> {
        let wrong = || ObisError { found: s.chars().take(40).collect() };
        let mut groups = [0; 6];
        let mut parts = s.split('.');
        for group in &mut groups {
            *group = parts.next().and_then(|p| p.parse().ok()).ok_or_else(wrong)?;
        }
        parts.next().is_none().then_some(Self(groups)).ok_or_else(wrong)
    }
}
impl TryFrom<String> for Obis {
    type Error = ObisError;
    fn try_from(s: String) -> Result<Self, ObisError> {
        s.parse()
    }
}
impl From<Obis> for String {
    fn from(o: Obis) -> String {
        o.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_are_inverse() {
        let code: Obis = "1.0.1.8.0.255".parse().unwrap();
        assert_eq!(code.to_string(), "1.0.1.8.0.255");
        assert_eq!(Obis::from_number(code.to_number()), code);
        assert_eq!(code.with_tariff(4).to_string(), "1.0.1.8.4.255");
        for bad in ["", "1.0.1.8.0", "1.0.1.8.0.255.1", "1.0.1.8.0.256", "a.b.c.d.e.f"] {
            assert!(bad.parse::<Obis>().is_err(), "{bad}");
        }
    }
}
