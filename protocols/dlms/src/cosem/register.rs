//! Data, registers, extended and demand registers: classes 1, 3, 4 and 5, Blue Book clauses 4.3.1 to 4.3.4.

use std::fmt::{self, Display, Formatter};

use super::ScalerUnit;
use crate::axdr::Data;

/// Data.
pub const DATA: u16 = 1;
/// Register.
pub const REGISTER: u16 = 3;
/// Extended register: with the time its value was captured.
pub const EXTENDED_REGISTER: u16 = 4;
/// Demand register: averages over a period.
pub const DEMAND_REGISTER: u16 = 5;

/// The value: attribute 2 of all but the demand register, whose last average is attribute 3.
pub const VALUE: i8 = 2;
/// The scaler and unit of registers and extended registers.
pub const SCALER_UNIT: i8 = 3;
/// The last average of a demand register.
pub const DEMAND_LAST_AVERAGE: i8 = 3;
/// The scaler and unit of a demand register.
pub const DEMAND_SCALER_UNIT: i8 = 4;

/// The attribute that holds the scaler and unit of a class with values.
pub const fn scaler_unit_of(class: u16) -> Option<i8> {
    match class {
        REGISTER | EXTENDED_REGISTER => Some(SCALER_UNIT),
        DEMAND_REGISTER => Some(DEMAND_SCALER_UNIT),
        _ => None,
    }
}

/// A whole number, the power of ten it counts in, and its unit. Exact: no floating point.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled {
    /// The number as the meter has it.
    pub mantissa: i128,
    /// How it is meant.
    pub scaler_unit: ScalerUnit,
}

impl Scaled {
    /// A value of a register, if it is a whole number.
    pub fn new(value: &Data<'_>, scaler_unit: ScalerUnit) -> Option<Self> {
        value.integer().map(|mantissa| Self { mantissa, scaler_unit })
    }
}

/// The number in decimal, without a unit.
impl Display for Scaled {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let scaler = self.scaler_unit.scaler;
        let digits = usize::from(scaler.unsigned_abs());
        if scaler >= 0 {
            return match self.mantissa {
                0 => f.write_str("0"),
                mantissa => write!(f, "{mantissa}{:0<digits$}", ""),
            };
        }
        let sign = if self.mantissa < 0 { "-" } else { "" };
        // A digit before the point, however small the number is.
        let number = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = digits + 1);
        let (whole, part) = number.split_at(number.len() - digits);
        write!(f, "{sign}{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosem::{Unit, Value};

    fn scaled(value: Data<'_>, scaler: i8) -> String {
        Scaled::new(&value, ScalerUnit { scaler, unit: Unit::WATT_HOUR }).unwrap().to_string()
    }

    #[test]
    fn numbers_are_exact_whatever_the_scaler() {
        assert_eq!(scaled(Data::DoubleLongUnsigned(12_345), -2), "123.45");
        assert_eq!(scaled(Data::Integer(-5), -3), "-0.005");
        assert_eq!(scaled(Data::Unsigned(7), 2), "700");
        assert_eq!(scaled(Data::Unsigned(0), 3), "0");
        assert_eq!(scaled(Data::Long64Unsigned(u64::MAX), 0), "18446744073709551615");
        assert_eq!(scaled(Data::Integer(-128), -128).len(), 131);
    }

    #[test]
    fn scaler_and_unit_are_read_from_any_width_and_written_by_the_book() {
        let wire = [2, 2, 0x0F, 0xFE, 0x16, 30];
        let read = ScalerUnit::read(Data::decode(&wire).unwrap()).unwrap();
        assert_eq!(read, ScalerUnit { scaler: -2, unit: Unit::WATT_HOUR });
        assert_eq!(read.encode(), wire);
        let odd = [2, 2, 0x10, 0, 1, 0x11, 35];
        assert_eq!(ScalerUnit::read(Data::decode(&odd).unwrap()).unwrap().unit, Unit::VOLT);
    }
}
