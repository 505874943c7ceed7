//! What can go wrong on a line, and when.
//!
//! A fault strikes one answer. Which answers it strikes is drawn from the fleet's seed, the meter and the number of the
//! answer, so that a run can be repeated; or a test has put it on a meter's list.

use std::time::Duration;

use crate::protocol::Reply;
use crate::seed::{about, draw};

/// One thing that goes wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No answer.
    Silent,
    /// The answer comes late, by [`FaultConfig::late_ms`].
    Late,
    /// One byte is damaged.
    DamagedByte,
    /// Everything is right but the check sum.
    DamagedSum,
    /// Two bytes are damaged such that the check sum is still right.
    Compensated,
    /// The answer carries another address.
    WrongAddress,
    /// The answer is to another question: a different item of the same meter.
    WrongItem,
    /// Another meter on the bus answers the question.
    OtherMeter,
    /// The answer is held back, and comes when the next question was asked.
    ToNextQuestion,
    /// The question comes back before the answer.
    Echo,
    /// The start byte is sent twice.
    #[serde(rename = "doubled_68")]
    Doubled68,
    /// The answer arrives in two pieces with a pause.
    Split,
    /// The answer arrives twice, in one piece.
    Merged,
    /// Stray bytes before and after the answer.
    Noise,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 14] = [
        Fault::Silent,
        Fault::Late,
        Fault::DamagedByte,
        Fault::DamagedSum,
        Fault::Compensated,
        Fault::WrongAddress,
        Fault::WrongItem,
        Fault::OtherMeter,
        Fault::ToNextQuestion,
        Fault::Echo,
        Fault::Doubled68,
        Fault::Split,
        Fault::Merged,
        Fault::Noise,
    ];
}

/// What is done to one answer: a fault, or nothing (`"good"`, or `null` at the back door).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike(pub Option<Fault>);

impl<'de> serde::Deserialize<'de> for Strike {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::{IntoDeserializer, value::StringDeserializer};
        let name: Option<String> = serde::Deserialize::deserialize(d)?;
        let Some(name) = name.filter(|name| name != "good") else { return Ok(Self(None)) };
        let name: StringDeserializer<D::Error> = name.into_deserializer();
        Fault::deserialize(name).map(|fault| Self(Some(fault)))
    }
}

impl From<Strike> for Option<Fault> {
    fn from(strike: Strike) -> Self {
        strike.0
    }
}

/// How often which fault strikes, in answers out of a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the rate of the fault of its name")]
pub struct FaultConfig {
    pub silent: u16,
    pub late: u16,
    pub damaged_byte: u16,
    pub damaged_sum: u16,
    pub compensated: u16,
    pub wrong_address: u16,
    pub wrong_item: u16,
    pub other_meter: u16,
    pub to_next_question: u16,
    pub echo: u16,
    pub doubled_68: u16,
    pub split: u16,
    pub merged: u16,
    pub noise: u16,
    /// How late a late answer is, in milliseconds.
    pub late_ms: u64,
    /// The pause in a split answer, in milliseconds.
    pub split_ms: u64,
}

impl Default for FaultConfig {
    fn default() -> Self {
        Self {
            silent: 0,
            late: 0,
            damaged_byte: 0,
            damaged_sum: 0,
            compensated: 0,
            wrong_address: 0,
            wrong_item: 0,
            other_meter: 0,
            to_next_question: 0,
            echo: 0,
            doubled_68: 0,
            split: 0,
            merged: 0,
            noise: 0,
            // Longer than a meter may take (500 ms), shorter than a patient master waits.
            late_ms: 700,
            // Shorter than the pause that ends a frame (500 ms).
            split_ms: 120,
        }
    }
}

impl FaultConfig {
    /// The rate of one fault.
    pub fn rate(&self, fault: Fault) -> u16 {
        match fault {
            Fault::Silent => self.silent,
            Fault::Late => self.late,
            Fault::DamagedByte => self.damaged_byte,
            Fault::DamagedSum => self.damaged_sum,
            Fault::Compensated => self.compensated,
            Fault::WrongAddress => self.wrong_address,
            Fault::WrongItem => self.wrong_item,
            Fault::OtherMeter => self.other_meter,
            Fault::ToNextQuestion => self.to_next_question,
            Fault::Echo => self.echo,
            Fault::Doubled68 => self.doubled_68,
            Fault::Split => self.split,
            Fault::Merged => self.merged,
            Fault::Noise => self.noise,
        }
    }

    /// Whether the rates leave room for good answers at all.
    pub fn total(&self) -> u32 {
        Fault::ALL.iter().map(|fault| u32::from(self.rate(*fault))).sum()
    }

    /// Draws the fault, if any, of the `n`-th answer under `seed`.
    pub(crate) fn draw(&self, seed: u64, n: u64) -> Option<Fault> {
        let mut left = draw(seed, about::FAULT ^ n, 1000);
        Fault::ALL.into_iter().find(|fault| {
            let rate = u64::from(self.rate(*fault));
            let hit = left < rate;
            left = left.saturating_sub(rate);
            hit
        })
    }
}

/// Bytes that leave the meter, and how long after the moment they were due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Burst {
    pub(crate) after: Duration,
    pub(crate) bytes: Vec<u8>,
    /// They are the question's own, come back while it passed.
    pub(crate) is_echo: bool,
}

impl Burst {
    pub(crate) fn now(bytes: Vec<u8>) -> Self {
        Self::after(Duration::ZERO, bytes)
    }

    pub(crate) fn after(after: Duration, bytes: Vec<u8>) -> Self {
        Self { after, bytes, is_echo: false }
    }

    pub(crate) fn echo(question: Vec<u8>) -> Self {
        Self { is_echo: true, ..Self::now(question) }
    }
}

/// Changes one bit of the frame (not of its wake-up bytes), somewhere before the end byte.
pub(crate) fn damage_byte(reply: &Reply, chance: u64) -> Vec<u8> {
    let mut bytes = reply.bytes.clone();
    let room = bytes.len().saturating_sub(reply.lead + 1);
    let at = reply.lead + usize::try_from(draw(chance, 1, room as u64)).unwrap_or(0);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << draw(chance, 2, 8);
    }
    bytes
}

/// Makes only the check sum, the byte before the last, wrong.
pub(crate) fn damage_sum(reply: &Reply, chance: u64) -> Vec<u8> {
    let mut bytes = reply.bytes.clone();
    if let Some(sum) = bytes.iter_mut().rev().nth(1) {
        let by = u8::try_from(1 + draw(chance, 1, 255)).unwrap_or(1);
        *sum = sum.wrapping_add(by);
    }
    bytes
}

/// Sends the start byte twice.
pub(crate) fn double_start(reply: &Reply) -> Vec<u8> {
    let mut bytes = reply.bytes.clone();
    if let Some(start) = bytes.get(reply.lead).copied() {
        bytes.insert(reply.lead, start);
    }
    bytes
}

/// An answer in two pieces, cut somewhere in its frame.
pub(crate) fn split(reply: &Reply, chance: u64) -> [Vec<u8>; 2] {
    let mut first = reply.bytes.clone();
    let room = first.len().saturating_sub(reply.lead + 2) as u64;
    let at = reply.lead + 1 + usize::try_from(draw(chance, 1, room)).unwrap_or(0);
    let second = first.split_off(at.min(first.len()));
    [first, second]
}

/// Stray bytes, some of which look like the start of an answer.
pub(crate) fn stray(reply: &Reply, chance: u64, label: u64) -> Vec<u8> {
    let start = reply.bytes.get(reply.lead).copied().unwrap_or_default();
    let len = 2 + draw(chance, label, 9);
    (0..len)
        .map(|n| match draw(chance, label ^ (n + 1) << 8, 6) {
            0 => start,
            _ => u8::try_from(draw(chance, label ^ (n + 1) << 16, 256)).unwrap_or(0),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hes_dlt645::{Address, Control, Data, Dialect, Frame, FrameError, MAX_FRAME};

    fn reply() -> Reply {
        let mut out = [0; MAX_FRAME];
        let frame = Frame {
            wake_bytes: 2,
            address: Address([0x12, 0x90, 0x78, 0x56, 0x34, 0x12]),
            control: Control(0x91),
            data: Data::plain(&[0, 0, 1, 0, 0x56, 0x34, 0x12, 0]),
        };
        let bytes = frame.encode(Dialect::V2007, &mut out).unwrap().to_vec();
        Reply { bytes, lead: 2, then_baud: None }
    }

    #[test]
    fn a_damaged_byte_or_sum_never_passes() {
        for chance in 0..500 {
            assert!(Frame::parse(&damage_byte(&reply(), chance)).is_err());
            assert_eq!(Frame::parse(&damage_sum(&reply(), chance)), Err(FrameError::Checksum));
        }
    }

    #[test]
    fn faults_strike_as_often_as_configured() {
        let config = FaultConfig { damaged_byte: 50, silent: 20, ..FaultConfig::default() };
        let drawn: Vec<_> = (0..100_000).filter_map(|n| config.draw(7, n)).collect();
        let count = |fault| drawn.iter().filter(|f| **f == fault).count();
        assert!((4_700..5_300).contains(&count(Fault::DamagedByte)), "{}", count(Fault::DamagedByte));
        assert!((1_800..2_200).contains(&count(Fault::Silent)));
        assert_eq!(drawn.len(), count(Fault::DamagedByte) + count(Fault::Silent));
    }
}
