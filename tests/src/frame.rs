//! DL/T 645-2007 frames by hand, from the text of the standard and with nothing of the codec under test.

use std::io::{Read, Write};
use std::net::TcpStream;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Twelve digits.
    pub address: String,
    /// The control code.
    pub control: u8,
    /// The data, 33H taken off.
    pub data: Vec<u8>,
}

impl Frame {
    /// A frame with `data` as it means, not as it is sent.
    pub fn new(address: &str, control: u8, data: &[u8]) -> Self {
        Self { address: address.to_owned(), control, data: data.to_vec() }
    }

    /// Asks for a data item, written as people do: `00010000`.
    pub fn read(address: &str, item: &str) -> Self {
        Self::new(address, 0x11, &low_first(item))
    }

    /// Its bytes: 68H, address, 68H, control code, length, data, sum, 16H.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x68];
        bytes.extend(low_first(&self.address));
        bytes.extend([0x68, self.control, u8::try_from(self.data.len()).unwrap()]);
        bytes.extend(self.data.iter().map(|byte| byte.wrapping_add(0x33)));
        bytes.push(bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
        bytes.push(0x16);
        bytes
    }

    /// The frame that these bytes are, wake-up bytes before it left away.
    ///
    /// # Panics
    /// If they are anything else.
    pub fn of(bytes: &[u8]) -> Self {
        let start = bytes.iter().position(|byte| *byte != 0xFE).unwrap_or(0);
        let whole = &bytes[start..];
        let (head, data) = whole.split_at(10);
        let frame = Self {
            address: head[1..7].iter().rev().map(|byte| format!("{byte:02X}")).collect(),
            control: head[8],
            data: data[..usize::from(head[9])].iter().map(|byte| byte.wrapping_sub(0x33)).collect(),
        };
        assert_eq!(frame.bytes(), whole, "{bytes:02X?} is no frame");
        frame
    }

    /// Sends it, and hears the one frame that answers.
    pub fn ask(&self, line: &mut TcpStream) -> Self {
        line.set_read_timeout(Some(crate::process::PATIENCE)).unwrap();
        line.write_all(&self.bytes()).unwrap();
        let mut heard = Vec::new();
        loop {
            let start = heard.iter().position(|byte| *byte != 0xFE).unwrap_or(heard.len());
            if let Some(length) = heard.get(start + 9)
                && heard.len() >= start + 12 + usize::from(*length)
            {
                return Self::of(&heard);
            }
            let mut some = [0; 256];
            let got = line.read(&mut some).unwrap();
            assert!(got > 0, "no answer to {self:02X?}, only {heard:02X?}");
            heard.extend(&some[..got]);
        }
    }
}

/// Bytes written as hexadecimal digits, with or without blanks between them.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

/// The bytes of what people write high byte first, low byte first.
fn low_first(text: &str) -> Vec<u8> {
    hex(text).into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_frame_is_what_it_says() {
        let published = hex("FE FE FE FE 68 60 07 92 04 00 91 68 91 08 33 33 33 33 97 35 A8 33 6A 16");
        let frame = Frame::of(&published);
        assert_eq!(frame, Frame::new("910004920760", 0x91, &hex("00 00 00 00 64 02 75 00")));
    }
}
