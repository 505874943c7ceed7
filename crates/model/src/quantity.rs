//! Exact quantities: mantissa, decimal places, unit. No floating point anywhere.

/// A physical (or billing) unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Unit {
    /// Active energy.
    #[serde(rename = "kWh")]
    Kwh,
    /// Reactive energy.
    #[serde(rename = "kvarh")]
    Kvarh,
    /// Apparent energy.
    #[serde(rename = "kVAh")]
    Kvah,
    /// Active power.
    #[serde(rename = "kW")]
    Kw,
    /// Reactive power.
    #[serde(rename = "kvar")]
    Kvar,
    /// Apparent power.
    #[serde(rename = "kVA")]
    Kva,
    /// Voltage.
    #[serde(rename = "V")]
    Volt,
    /// Current.
    #[serde(rename = "A")]
    Ampere,
    /// Frequency.
    #[serde(rename = "Hz")]
    Hertz,
    /// Angle.
    #[serde(rename = "deg")]
    Degree,
    /// Temperature.
    #[serde(rename = "degC")]
    Celsius,
    /// Ratio in hundredths.
    #[serde(rename = "%")]
    Percent,
    /// Money, the currency of the tariff (元 in DL/T 645).
    #[serde(rename = "yuan")]
    Yuan,
    /// Duration.
    #[serde(rename = "min")]
    Minute,
    /// A count of events.
    #[serde(rename = "times")]
    Times,
    /// No unit: power factor, words, codes.
    #[serde(rename = "")]
    None,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Unit; 16] = [
        Unit::Kwh,
        Unit::Kvarh,
        Unit::Kvah,
        Unit::Kw,
        Unit::Kvar,
        Unit::Kva,
        Unit::Volt,
        Unit::Ampere,
        Unit::Hertz,
        Unit::Degree,
        Unit::Celsius,
        Unit::Percent,
        Unit::Yuan,
        Unit::Minute,
        Unit::Times,
        Unit::None,
    ];
    /// As the industry prints it; empty for no unit.
    pub const fn symbol(self) -> &'static str {
        match self {
            Unit::Kwh => "kWh",
            Unit::Kvarh => "kvarh",
            Unit::Kvah => "kVAh",
            Unit::Kw => "kW",
            Unit::Kvar => "kvar",
            Unit::Kva => "kVA",
            Unit::Volt => "V",
            Unit::Ampere => "A",
            Unit::Hertz => "Hz",
            Unit::Degree => "deg",
            Unit::Celsius => "degC",
            Unit::Percent => "%",
            Unit::Yuan => "yuan",
            Unit::Minute => "min",
            Unit::Times => "times",
            Unit::None => "",
        }
    }
    /// The unit printed as `symbol`.
    pub fn from_symbol(symbol: &str) -> Option<Unit> {
        Unit::ALL.into_iter().find(|u| u.symbol() == symbol)
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.symbol())
    }
}

/// An exact value: `mantissa × 10^-scale` in `unit`.
///
/// Two quantities are equal when mantissa, scale and unit are: `1.0` is not `1.00`, because the number of decimals
/// is what the meter sent and evidence must show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// The digits, with sign.
    pub mantissa: i64,
    /// Decimal places, 0 to 18.
    pub scale: u8,
    /// What is measured.
    pub unit: Unit,
}

impl Quantity {
    /// Most decimal places.
    pub const MAX_SCALE: u8 = 18;

    /// A quantity; a `scale` above [`Self::MAX_SCALE`] is taken as that.
    pub const fn new(mantissa: i64, scale: u8, unit: Unit) -> Self {
        let scale = if scale > Self::MAX_SCALE { Self::MAX_SCALE } else { scale };
        Self { mantissa, scale, unit }
    }
    /// The exact decimal number, without its unit: `1234.56`, `-0.05`.
    pub fn decimal(&self) -> impl std::fmt::Display + use<> {
        Decimal(self.mantissa, self.scale)
    }
    /// The number rescaled to `scale` decimals, when that loses nothing and fits.
    pub fn rescaled(&self, scale: u8) -> Option<i64> {
        let power = |n: u8| 10_i64.checked_pow(u32::from(n));
        if scale >= self.scale {
            self.mantissa.checked_mul(power(scale - self.scale)?)
        } else {
            let by = power(self.scale - scale)?;
            (self.mantissa % by == 0).then_some(self.mantissa / by)
        }
    }
    /// Compares two numbers of the same unit by value; `None` for different units.
    pub fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let wide = |q: &Self, scale: u8| {
            10_i128.checked_pow(u32::from(scale - q.scale)).and_then(|p| i128::from(q.mantissa).checked_mul(p))
        };
        let scale = self.scale.max(other.scale);
        (self.unit == other.unit).then_some(())?;
        Some(wide(self, scale)?.cmp(&wide(other, scale)?))
    }
    /// Reads a decimal number as [`Quantity::decimal`] prints it.
    pub fn parse_decimal(text: &str, unit: Unit) -> Result<Self, ParseQuantityError> {
        let wrong = || ParseQuantityError { found: text.chars().take(40).collect() };
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let dotted = digits.contains('.');
        let only_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !only_digits(whole) || !only_digits(fraction) || dotted == fraction.is_empty() {
            return Err(wrong());
        }
        let scale = u8::try_from(fraction.len()).ok().filter(|s| *s <= Self::MAX_SCALE).ok_or_else(wrong)?;
        let mantissa: i64 =
            format!("{}{whole}{fraction}", if negative { "-" } else { "" }).parse().map_err(|_| wrong())?;
        Ok(Self { mantissa, scale, unit })
    }
}

/// Why a decimal number was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a decimal number as 1234.56, found {found:?}")]
pub struct ParseQuantityError {
    found: String,
}

struct Decimal(i64, u8);

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(mantissa, scale) = *self;
        let power = 10_u64.pow(u32::from(scale));
        let magnitude = mantissa.unsigned_abs();
        let sign = if mantissa < 0 { "-" } else { "" };
        match scale {
            0 => write!(f, "{sign}{magnitude}"),
            _ => write!(f, "{sign}{}.{:0width$}", magnitude / power, magnitude % power, width = usize::from(scale)),
        }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.unit {
            Unit::None => write!(f, "{}", self.decimal()),
            unit => write!(f, "{} {unit}", self.decimal()),
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Repr {
    value: String,
    unit: Unit,
}

impl serde::Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Repr { value: self.decimal().to_string(), unit: self.unit }.serialize(s)
    }
}

impl<'de> serde::Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let repr = Repr::deserialize(d)?;
        Quantity::parse_decimal(&repr.value, repr.unit).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(mantissa: i64, scale in 0..=Quantity::MAX_SCALE) {
            let q = Quantity::new(mantissa, scale, Unit::Kwh);
            prop_assert_eq!(Quantity::parse_decimal(&q.decimal().to_string(), Unit::Kwh), Ok(q));
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _parsed = Quantity::parse_decimal(&text, Unit::None);
        }
    }

    #[test]
    fn small_negative_numbers_keep_their_sign() {
        assert_eq!(Quantity::new(-5, 2, Unit::Kw).to_string(), "-0.05 kW");
    }

    #[test]
    fn comparing_needs_the_same_unit_and_looks_through_the_scale() {
        let a = Quantity::new(10, 1, Unit::Kwh);
        assert_eq!(a.compare(&Quantity::new(100, 2, Unit::Kwh)), Some(std::cmp::Ordering::Equal));
        assert_eq!(a.compare(&Quantity::new(100, 2, Unit::Kw)), None);
    }

    #[test]
    fn every_unit_is_found_by_its_symbol() {
        for unit in Unit::ALL {
            assert_eq!(Unit::from_symbol(unit.symbol()), Some(unit));
        }
    }
}
