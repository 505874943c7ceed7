//! Scalers and units: Blue Book clause 4.3.2, table 4.

use std::fmt::{self, Display, Formatter};

use super::value::structure;
use super::{Value, WrongType};
use crate::axdr::{Data, Element};

/// A physical unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unit(pub u8);

impl Unit {
    /// No unit: a count.
    pub const NONE: Self = Self(255);
    /// Active power.
    pub const WATT: Self = Self(27);
    /// Active energy.
    pub const WATT_HOUR: Self = Self(30);
    /// Reactive energy.
    pub const VAR_HOUR: Self = Self(32);
    /// Current.
    pub const AMPERE: Self = Self(33);
    /// Voltage.
    pub const VOLT: Self = Self(35);
    /// Frequency.
    pub const HERTZ: Self = Self(44);

    /// As the industry prints it; empty for a count.
    pub const fn symbol(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "a",
            2 => "mo",
            3 => "wk",
            4 => "d",
            5 => "h",
            6 => "min",
            7 => "s",
            8 => "°",
            9 => "°C",
            10 => "currency",
            11 => "m",
            12 => "m/s",
            13 | 14 => "m³",
            15 | 16 => "m³/h",
            17 | 18 => "m³/d",
            19 => "l",
            20 => "kg",
            21 => "N",
            22 => "Nm",
            23 => "Pa",
            24 => "bar",
            25 => "J",
            26 => "J/h",
            27 => "W",
            28 => "VA",
            29 => "var",
            30 => "Wh",
            31 => "VAh",
            32 => "varh",
            33 => "A",
            34 => "C",
            35 => "V",
            36 => "V/m",
            37 => "F",
            38 => "Ω",
            39 => "Ωm²/m",
            40 => "Wb",
            41 => "T",
            42 => "A/m",
            43 => "H",
            44 => "Hz",
            45 => "1/(Wh)",
            46 => "1/(varh)",
            47 => "1/(VAh)",
            48 => "V²h",
            49 => "A²h",
            50 => "kg/s",
            51 => "S",
            52 => "K",
            53 => "1/(V²h)",
            54 => "1/(A²h)",
            55 => "1/m³",
            56 => "%",
            57 => "Ah",
            60 => "Wh/m³",
            61 => "J/m³",
            62 => "mol%",
            63 => "g/m³",
            64 => "Pa s",
            65 => "J/kg",
            66 => "g/cm²",
            67 => "atm",
            70 => "dBm",
            71 => "dBµV",
            72 => "dB",
            255 => "",
            _ => return None,
        })
    }
}

impl Display for Unit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.symbol() {
            Some(symbol) => f.write_str(symbol),
            None => write!(f, "unit {}", self.0),
        }
    }
}

impl<'a> Value<'a> for Unit {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        data.number().map(Self).ok_or_else(|| WrongType::new("enum", &data))
    }
    fn append(&self, out: &mut Vec<u8>) {
        Data::Enum(self.0).write(out);
    }
}

structure! {
    /// How a number is meant: value × 10^scaler, in a unit.
    ScalerUnit {
        /// The exponent of ten.
        scaler: i8,
        /// The unit.
        unit: Unit,
    }
}
