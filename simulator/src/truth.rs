//! What was really sent: the ledger a test holds a head-end's books against.

use std::collections::{BTreeMap, VecDeque};

use crate::civil::Civil;
use crate::fault::Fault;

/// Counts of one channel since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Whole frames heard from the head-end.
    pub questions: u64,
    /// Frames from the head-end that no meter answered, because it is dead, or nobody, or need not.
    pub unanswered: u64,
    /// Answers sent as they should be.
    pub good: u64,
    /// Answers a fault struck, by fault.
    pub faults: BTreeMap<Fault, u64>,
    /// Answers several meters sent at once.
    pub collisions: u64,
    /// Times the head-end talked while a meter did.
    pub talked_over: u64,
    /// Bytes from the head-end that belonged to no frame.
    pub stray_bytes: u64,
}

impl Counts {
    /// Adds another channel's.
    pub fn add(&mut self, other: &Counts) {
        self.questions += other.questions;
        self.unanswered += other.unanswered;
        self.good += other.good;
        self.collisions += other.collisions;
        self.talked_over += other.talked_over;
        self.stray_bytes += other.stray_bytes;
        for (fault, n) in &other.faults {
            *self.faults.entry(*fault).or_default() += n;
        }
    }
}

/// One answer, as it should have been and as it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Sent {
    /// Counts up from 1 on each channel.
    pub number: u64,
    /// True time.
    pub at: Civil,
    /// The meter asked.
    pub meter: String,
    /// Control code of the question.
    pub control: u8,
    /// Data of the question, 33H taken off.
    pub asked: Hex,
    /// What went wrong, if anything.
    pub fault: Option<Fault>,
    /// The frame as it should be.
    pub right: Hex,
    /// The bytes as they were sent in answer to this question; empty when held back or silent.
    pub sent: Hex,
}

/// Bytes shown as hexadecimal text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hex(pub Vec<u8>);

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl serde::Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl std::str::FromStr for Hex {
    type Err = NotHex;
    fn from_str(text: &str) -> Result<Self, NotHex> {
        let nibbles: Option<Vec<u8>> =
            text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
        let nibbles = nibbles.filter(|n| n.len() % 2 == 0).ok_or(NotHex)?;
        Ok(Self(nibbles.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, n| byte << 4 | n)).collect()))
    }
}

impl<'de> serde::Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Text that is not pairs of hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not pairs of hexadecimal digits")]
pub struct NotHex;

/// The ledger of a channel: counts always, the last answers if wanted.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) counts: Counts,
    sent: VecDeque<Sent>,
    kept: usize,
    number: u64,
}

impl Ledger {
    pub(crate) fn keeping(kept: usize) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Writes down an answer; `make` is only called if somebody will look.
    pub(crate) fn sent(&mut self, fault: Option<Fault>, make: impl FnOnce(u64) -> Sent) {
        match fault {
            Some(fault) => *self.counts.faults.entry(fault).or_default() += 1,
            None => self.counts.good += 1,
        }
        self.number += 1;
        if self.kept > 0 {
            if self.sent.len() == self.kept {
                self.sent.pop_front();
            }
            self.sent.push_back(make(self.number));
        }
    }

    pub(crate) fn after(&self, number: u64) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(move |sent| sent.number > number)
    }
}
