//! How a meter is reached: protocol, channel, end point, line.

use std::num::NonZeroU16;

use crate::ChannelName;

/// A protocol a meter speaks, with its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Protocol {
    /// DL/T 645-2007.
    #[serde(rename = "dlt645-2007")]
    Dlt645v2007,
    /// DL/T 645-1997.
    #[serde(rename = "dlt645-1997")]
    Dlt645v1997,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Protocol; 2] = [Protocol::Dlt645v2007, Protocol::Dlt645v1997];
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Protocol::Dlt645v2007 => "dlt645-2007",
            Protocol::Dlt645v1997 => "dlt645-1997",
        }
    }
    /// The protocol named `code`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.code() == code)
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.code())
    }
}

/// Parity of a serial character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    /// No parity bit.
    None,
    /// Even, the rule in DL/T 645.
    Even,
    /// Odd.
    Odd,
}

/// Why line settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineSettingsError {
    /// A speed no meter bus uses.
    #[error("baud {found} is not one of 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200")]
    Baud {
        /// What was given.
        found: u32,
    },
    /// Not 7 or 8.
    #[error("data bits must be 7 or 8, found {found}")]
    DataBits {
        /// What was given.
        found: u8,
    },
}

/// Speed and character format of a serial line, ours or the one behind a serial server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "RawLine", into = "RawLine")]
pub struct LineSettings {
    baud: u32,
    data_bits: u8,
    parity: Parity,
}

impl LineSettings {
    /// Speeds found on meter buses.
    pub const BAUDS: [u32; 10] = [300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200];
    /// 2400 8E1, the default of DL/T 645-2007 on RS-485.
    pub const DLT645: LineSettings = LineSettings { baud: 2400, data_bits: 8, parity: Parity::Even };

    /// Checked settings; one stop bit always.
    pub fn new(baud: u32, data_bits: u8, parity: Parity) -> Result<Self, LineSettingsError> {
        if !Self::BAUDS.contains(&baud) {
            return Err(LineSettingsError::Baud { found: baud });
        }
        if !(7..=8).contains(&data_bits) {
            return Err(LineSettingsError::DataBits { found: data_bits });
        }
        Ok(Self { baud, data_bits, parity })
    }
    /// Bits a second.
    pub fn baud(self) -> u32 {
        self.baud
    }
    /// 7 or 8.
    pub fn data_bits(self) -> u8 {
        self.data_bits
    }
    /// Parity.
    pub fn parity(self) -> Parity {
        self.parity
    }
    /// Bits of one character on the line: start, data, parity, stop.
    pub fn bits_per_char(self) -> u32 {
        2 + u32::from(self.data_bits) + u32::from(self.parity != Parity::None)
    }
    /// How long `chars` characters take on the line.
    pub fn duration_of(self, chars: usize) -> std::time::Duration {
        let bits = u64::try_from(chars).unwrap_or(u64::MAX).saturating_mul(u64::from(self.bits_per_char()));
        std::time::Duration::from_nanos(bits.saturating_mul(1_000_000_000 / u64::from(self.baud)))
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine {
    baud: u32,
    #[serde(default = "eight")]
    data_bits: u8,
    #[serde(default = "even")]
    parity: Parity,
}
fn eight() -> u8 {
    8
}
fn even() -> Parity {
    Parity::Even
}
impl TryFrom<RawLine> for LineSettings {
    type Error = LineSettingsError;
    fn try_from(r: RawLine) -> Result<Self, LineSettingsError> {
        Self::new(r.baud, r.data_bits, r.parity)
    }
}
impl From<LineSettings> for RawLine {
    fn from(l: LineSettings) -> Self {
        Self { baud: l.baud, data_bits: l.data_bits, parity: l.parity }
    }
}

/// Where a channel's bytes go.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Endpoint {
    /// A serial port of this machine: RS-485 adapter or optical head.
    Serial {
        /// Device path.
        path: String,
    },
    /// A serial server or modem that we call.
    Dial {
        /// Host name or IP address.
        host: String,
        /// TCP port.
        port: NonZeroU16,
    },
    /// A module that calls us.
    DialIn(DialIn),
}

/// How a module that dials in is recognised.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialIn {
    /// What it announces itself by.
    pub registration: Registration,
}

/// What the first bytes of a dialled-in module must be for it to be this channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// A fixed packet, as text (many 4G modules send their IMEI or a configured string).
    Packet(String),
    /// Its first frame comes from this meter address: either unasked, or as the answer to our "read address".
    FirstFrame(crate::CommAddress),
}

/// One shared medium with one owner (通道).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Its name.
    pub name: ChannelName,
    /// Where the bytes go.
    pub endpoint: Endpoint,
    /// The line the meters are on; behind a serial server too, as time-outs are computed from it.
    pub line: LineSettings,
    /// What the path adds to a meter's own reply time at the most (radio, power line, serial server), in milliseconds.
    #[serde(default)]
    pub extra_delay_ms: u32,
    /// Wake-up bytes FE sent before each frame.
    #[serde(default = "four")]
    pub wake_up: u8,
}

fn four() -> u8 {
    4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_at_2400_8e1_takes_eleven_bits() {
        assert_eq!(LineSettings::DLT645.bits_per_char(), 11);
        let ms = LineSettings::DLT645.duration_of(24).as_millis();
        assert_eq!(ms, 109);
    }

    #[test]
    fn a_speed_no_bus_uses_is_refused() {
        assert!(matches!(LineSettings::new(1234, 8, Parity::Even), Err(LineSettingsError::Baud { found: 1234 })));
    }
}
