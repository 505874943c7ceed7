//! A master of our own: makes request frames by hand, so that relay commands can be made too, and reads answers.

use hes_dlt645::Frame;
use hes_sim::civil::Civil;
use hes_sim::meter::{Addressed, Answer, Meter, MeterSpec, Question};

pub(crate) const SEED: u64 = 645;
/// Far later than any test's clock.
pub(crate) const VALID: [u8; 6] = [0, 0, 0, 0x30, 0x12, 0x99];

pub(crate) fn at(text: &str) -> Civil {
    text.parse().unwrap()
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    hex.parse::<hes_sim::Hex>().unwrap().0
}

/// A request frame, wake-up bytes included.
pub(crate) fn request(address: &str, control: u8, data: &[u8]) -> Vec<u8> {
    let mut address = bytes(address);
    address.reverse();
    let mut frame = vec![0x68];
    frame.extend(address);
    frame.extend([0x68, control, u8::try_from(data.len()).unwrap()]);
    frame.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    let sum = frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    frame.extend([sum, 0x16]);
    [&[0xFE; 4][..], &frame].concat()
}

/// An item in wire order.
pub(crate) fn item(di: u32) -> Vec<u8> {
    di.to_le_bytes().to_vec()
}

/// A read request for an item.
pub(crate) fn read(address: &str, di: u32) -> Vec<u8> {
    request(address, 0x11, &item(di))
}

/// Control code and data of an answer.
pub(crate) fn parse(frame: &[u8]) -> (u8, Vec<u8>) {
    let frame = Frame::parse(frame).unwrap_or_else(|e| panic!("{e}: {frame:02X?}"));
    (frame.control.0, frame.data.iter().collect())
}

pub(crate) fn household() -> Meter {
    Meter::new(&MeterSpec::household(123_456_789_012), SEED, at("2026-11-20T10:00:00"))
}

/// Asks a meter by its full address.
pub(crate) fn ask(meter: &mut Meter, control: u8, data: &[u8], now: Civil) -> Option<Answer> {
    meter.answer(Question { control, data, addressed: Addressed::Exactly }, now)
}

/// A whole value, fetched with as many follow-up reads as it takes.
pub(crate) fn fetch(meter: &mut Meter, di: u32, more: &[u8], now: Civil) -> Option<Vec<u8>> {
    let answer = ask(meter, 0x11, &[item(di), more.to_vec()].concat(), now)?;
    let mut value = answer.data.get(4..)?.to_vec();
    if answer.control & 0x40 != 0 {
        return None;
    }
    let (mut control, mut sequence) = (answer.control, 1);
    while control & 0x20 != 0 {
        let next = ask(meter, 0x12, &[item(di), vec![sequence]].concat(), now)?;
        assert_eq!(next.control & 0x9F, 0x92);
        assert_eq!(next.data.last(), Some(&sequence));
        value.extend_from_slice(next.data.get(4..next.data.len() - 1)?);
        (control, sequence) = (next.control, sequence + 1);
    }
    Some(value)
}

/// Packed BCD, low byte first.
pub(crate) fn number(bcd: &[u8]) -> u64 {
    bcd.iter().rev().fold(0, |sum, byte| sum * 100 + u64::from(byte >> 4) * 10 + u64::from(byte & 0x0F))
}

/// Numbers of four bytes, one after the other.
pub(crate) fn numbers(value: &[u8]) -> Vec<u64> {
    value.chunks_exact(4).map(number).collect()
}

/// Credentials as delivered: level, password 000000, operator 00000001.
pub(crate) fn credentials(level: u8) -> [u8; 8] {
    [level, 0, 0, 0, 1, 0, 0, 0]
}

/// Data of control code 1C.
pub(crate) fn relay(action: u8, valid_until: [u8; 6]) -> Vec<u8> {
    [&credentials(2)[..], &[action, 0], &valid_until].concat()
}
