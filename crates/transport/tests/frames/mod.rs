//! Frames of DL/T 645 made by hand, and an `Expect` that wants one of them.
#![expect(dead_code, reason = "each test binary uses a part")]

use std::time::Duration;

use hes_dlt645::Dlt645;
use hes_driver::{Expect, Patience, Verdict};
use hes_model::{ChannelConfig, ChannelName, CommAddress, DialIn, Endpoint, LineSettings, Parity, Registration};
use hes_transport::Identify;
use hes_wire::Framing;

pub(crate) const ENERGY: [u8; 4] = [0x00, 0x01, 0x00, 0x00];
pub(crate) const VOLTAGE: [u8; 4] = [0x02, 0x01, 0x01, 0x00];

/// Patience that keeps the tests short; loopback answers in microseconds.
pub(crate) const PATIENCE: Patience =
    Patience { reply: Duration::from_millis(300), gap: Duration::from_millis(100), answer_bytes: 32 };

/// Fast enough that the line's own time does not count in a test.
pub(crate) fn fast() -> LineSettings {
    LineSettings::new(115_200, 8, Parity::Even).unwrap()
}

pub(crate) fn frame(address: u64, control: u8, data: &[u8]) -> Vec<u8> {
    let digits = CommAddress::from_number(address).unwrap().to_string().into_bytes();
    let mut bytes = vec![0x68];
    bytes.extend(digits.chunks(2).rev().map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')));
    bytes.extend([0x68, control, u8::try_from(data.len()).unwrap()]);
    bytes.extend(data.iter().map(|b| b.wrapping_add(0x33)));
    bytes.push(bytes.iter().fold(0, |sum: u8, b| sum.wrapping_add(*b)));
    bytes.push(0x16);
    bytes
}

fn wire_order(item: [u8; 4]) -> Vec<u8> {
    item.into_iter().rev().collect()
}

pub(crate) fn question(address: u64, item: [u8; 4]) -> Vec<u8> {
    [vec![0xFE; 4], frame(address, 0x11, &wire_order(item))].concat()
}

pub(crate) fn answer(address: u64, item: [u8; 4], value: &[u8]) -> Vec<u8> {
    frame(address, 0x91, &[wire_order(item), value.to_vec()].concat())
}

/// Wants the answer of one meter to one item.
pub(crate) struct Want {
    address: Vec<u8>,
    item: Vec<u8>,
    pub(crate) got: Option<Vec<u8>>,
}

impl Want {
    pub(crate) fn new(address: u64, item: [u8; 4]) -> Self {
        let like = answer(address, item, &[]);
        Self { address: like[1..7].to_vec(), item: like[10..14].to_vec(), got: None }
    }
}

impl Expect for Want {
    fn framing(&self) -> &dyn Framing {
        &Dlt645
    }
    fn offer(&mut self, frame: &[u8]) -> Verdict {
        let frame = &frame[frame.iter().position(|b| *b != 0xFE).unwrap()..];
        if frame[8] & 0x80 == 0 {
            Verdict::Echo
        } else if frame[1..7] != self.address {
            Verdict::WrongAddress
        } else if frame.get(10..14) != Some(&self.item[..]) {
            Verdict::WrongItem
        } else {
            self.got = Some(frame.to_vec());
            Verdict::Done
        }
    }
}

/// Recognises meters by the address in their answers.
pub(crate) struct ByAddress;

/// "Read address" to whoever is alone on the bus.
pub(crate) fn who_is_there() -> Vec<u8> {
    let mut bytes = frame(0, 0x13, &[]);
    bytes[1..7].fill(0xAA);
    let sum = bytes[..10].iter().fold(0, |sum: u8, b| sum.wrapping_add(*b));
    bytes[10] = sum;
    bytes
}

impl Identify for ByAddress {
    fn framing(&self) -> &dyn Framing {
        &Dlt645
    }
    fn address_of(&self, frame: &[u8]) -> Option<CommAddress> {
        let frame = &frame[frame.iter().position(|b| *b != 0xFE)?..];
        if frame[8] & 0x80 == 0 {
            return None;
        }
        let digits: String = frame[1..7].iter().rev().map(|b| format!("{b:02X}")).collect();
        digits.parse().ok()
    }
    fn question(&self) -> Vec<u8> {
        who_is_there()
    }
}

pub(crate) fn channel(name: &str, endpoint: Endpoint) -> ChannelConfig {
    ChannelConfig { name: ChannelName::new(name).unwrap(), endpoint, line: fast(), extra_delay_ms: 0, wake_up: 4 }
}

pub(crate) fn by_packet(name: &str, packet: &str) -> ChannelConfig {
    channel(name, Endpoint::DialIn(DialIn { registration: Registration::Packet(packet.into()) }))
}

pub(crate) fn by_frame(name: &str, address: u64) -> ChannelConfig {
    let address = CommAddress::from_number(address).unwrap();
    channel(name, Endpoint::DialIn(DialIn { registration: Registration::FirstFrame(address) }))
}
