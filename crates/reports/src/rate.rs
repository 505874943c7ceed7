//! Shares of a whole, exact: compared by cross-multiplication, printed with two decimals, never a float.

use std::cmp::Ordering;

/// `part` of `whole`. A share of nothing has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    part: u64,
    whole: u64,
}

impl Rate {
    /// The share; a `part` above `whole` is taken as the whole, since no rate here can exceed 100 %.
    pub fn new(part: u64, whole: u64) -> Self {
        Self { part: part.min(whole), whole }
    }
    /// What was counted.
    pub fn part(self) -> u64 {
        self.part
    }
    /// Out of how many.
    pub fn whole(self) -> u64 {
        self.whole
    }
    /// Whether there is anything to take a share of.
    pub fn is_defined(self) -> bool {
        self.whole > 0
    }
    /// Whether nothing is missing.
    pub fn is_full(self) -> bool {
        self.is_defined() && self.part == self.whole
    }
    /// The share as printed: rounded *down*, so that `100.00` appears only when nothing is missing, and 99.996 % does not
    /// look like a target of 100 % reached.
    pub fn percent(self) -> Percent {
        let scaled = (u128::from(self.part) * 10_000).checked_div(u128::from(self.whole));
        Percent(scaled.map(|points| u16::try_from(points).expect("a share is at most 10,000 hundredths of a percent")))
    }
    /// Compares two rates by value; `None` when one of them is not defined.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        if !self.is_defined() || !other.is_defined() {
            return None;
        }
        let left = u128::from(self.part) * u128::from(other.whole);
        Some(left.cmp(&(u128::from(other.part) * u128::from(self.whole))))
    }
}

/// A percentage with two decimals, as reports print it; exact comparisons use [`Rate`] or the counts beside it.
///
/// `-` for people and `null` in JSON where there is nothing to take a share of; else text, as `"99.60"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Percent(Option<u16>);

impl Percent {
    /// Hundredths of a percent, 0 to 10,000.
    pub fn hundredths(self) -> Option<u16> {
        self.0
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(points) => f.pad(&format!("{}.{:02}", points / 100, points % 100)),
            None => f.pad("-"),
        }
    }
}

impl serde::Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.map(|_| self.to_string()).serialize(s)
    }
}

impl<'de> serde::Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else { return Ok(Self(None)) };
        let hundredths = text.split_once('.').filter(|(_, cents)| cents.len() == 2).and_then(|(whole, cents)| {
            let points: u16 = whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(cents.parse().ok()?)?;
            (points <= 10_000).then_some(points)
        });
        hundredths.map(|p| Self(Some(p))).ok_or_else(|| serde::de::Error::custom("expected a percentage as \"99.60\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_percent_is_printed_only_when_nothing_is_missing() {
        let printed = |part, whole| Rate::new(part, whole).percent().to_string();
        assert_eq!(printed(999_999, 1_000_000), "99.99");
        assert_eq!(printed(1_000_000, 1_000_000), "100.00");
        assert_eq!(printed(1, 3), "33.33");
        assert_eq!(printed(0, 3), "0.00");
        assert_eq!(printed(u64::MAX - 1, u64::MAX), "99.99");
    }

    #[test]
    fn a_share_of_nothing_is_not_zero_percent() {
        assert_eq!(Rate::new(0, 0).percent().to_string(), "-");
        for (percent, json) in [(Rate::new(0, 0).percent(), "null"), (Rate::new(249, 250).percent(), r#""99.60""#)] {
            assert_eq!(serde_json::to_string(&percent).unwrap(), json);
            assert_eq!(serde_json::from_str::<Percent>(json).unwrap(), percent);
        }
        assert!(serde_json::from_str::<Percent>(r#""100.01""#).is_err());
        assert_eq!(Rate::new(0, 0).compare(Rate::new(1, 2)), None);
    }

    #[test]
    fn rates_compare_by_value_where_a_float_could_not_tell_them_apart() {
        let n = 1 << 60;
        assert_eq!(Rate::new(n - 1, n).compare(Rate::new(n, n)), Some(Ordering::Less));
        assert_eq!(Rate::new(1, 2).compare(Rate::new(n / 2, n)), Some(Ordering::Equal));
    }
}
