//! A small framing for the tests of this crate: `68 LEN FROM DATA… SUM`. `FROM` 0 is ourselves.

use hes_driver::{Expect, Verdict};
use hes_model::{ChannelConfig, ChannelName, CommAddress, Endpoint, LineSettings};
use hes_wire::{Framing, Scan, Why};

use crate::Identify;

pub(crate) fn frame(from: u8, data: &[u8]) -> Vec<u8> {
    let mut f = vec![0x68, u8::try_from(data.len()).expect("a short frame"), from];
    f.extend_from_slice(data);
    f.push(f.iter().fold(0u8, |sum, b| sum.wrapping_add(*b)));
    f
}

pub(crate) struct Toy;

impl Framing for Toy {
    fn scan(&self, input: &[u8]) -> Scan {
        let Some(at) = input.iter().position(|b| *b == 0x68) else { return Scan::Skip(input.len(), Why::Garbage) };
        if at > 0 {
            return Scan::Skip(at, Why::Garbage);
        }
        let Some(len) = input.get(1) else { return Scan::NeedMore };
        let end = usize::from(*len) + 4;
        let Some(frame) = input.get(..end) else { return Scan::NeedMore };
        let (sum, body) = frame.split_last().expect("four bytes at least");
        if body.iter().fold(0u8, |s, b| s.wrapping_add(*b)) == *sum {
            Scan::Frame(0..end)
        } else {
            Scan::Skip(1, Why::Checksum)
        }
    }
    fn missing(&self, input: &[u8]) -> usize {
        input.get(1).map_or(1, |len| (usize::from(*len) + 4).saturating_sub(input.len()).max(1))
    }
}

/// Wants frames of one sender.
pub(crate) struct Want {
    from: u8,
    pub(crate) frames_wanted: usize,
    pub(crate) taken: Vec<Vec<u8>>,
}

impl Want {
    pub(crate) fn answer(from: u8) -> Self {
        Self { from, frames_wanted: 1, taken: Vec::new() }
    }
}

impl Expect for Want {
    fn framing(&self) -> &dyn Framing {
        &Toy
    }
    fn offer(&mut self, frame: &[u8]) -> Verdict {
        match frame[2] {
            0 => Verdict::Echo,
            from if from == self.from => {
                self.taken.push(frame.to_vec());
                if self.taken.len() == self.frames_wanted { Verdict::Done } else { Verdict::More }
            }
            _ => Verdict::WrongAddress,
        }
    }
}

pub(crate) struct ByToy;

impl Identify for ByToy {
    fn framing(&self) -> &dyn Framing {
        &Toy
    }
    fn address_of(&self, frame: &[u8]) -> Option<CommAddress> {
        let from = frame.get(2).copied().filter(|from| *from != 0)?;
        CommAddress::from_number(from.into()).ok()
    }
    fn question(&self) -> Vec<u8> {
        frame(0, b"who?")
    }
}

pub(crate) fn channel(name: &str, endpoint: Endpoint) -> ChannelConfig {
    ChannelConfig {
        name: ChannelName::new(name).expect("a name without white space"),
        endpoint,
        line: LineSettings::DLT645,
        extra_delay_ms: 0,
        wake_up: 4,
    }
}
