//! The opening of IEC 62056-21 in mode E, as optical heads and some RS-485 lines want it before HDLC: Green Book annex C.
//!
//! At 300 baud, seven bits, even parity, both sides agree on a speed; then the line is switched to it, eight bits without
//! parity, and SNRM follows. [`Opening`] is the rule of the side that asks; [`SignOn`], [`Identification`] and
//! [`Acknowledgement`] are read and written in both directions.

use std::time::Duration;

use nom::Parser;
use nom::bytes::complete::{tag, take_until};
use nom::number::complete::be_u8;
use nom::sequence::{delimited, terminated};

use crate::error::{DecodeError, Parsed, fail, whole};

/// The speed everything begins with, in bits a second.
pub const OPENING_BAUD: u32 = 300;
/// From the acknowledgement to the new speed, IEC 62056-21 clause 6.4.3.4: at least 200 ms, some meters want more.
pub const SWITCH_PAUSE: Duration = Duration::from_millis(300);
/// Longest identification of a meter.
const MAX_IDENTIFICATION: usize = 64;
const ACK: u8 = 0x06;
const END: &[u8] = b"\r\n";
/// Precedes the character of an extended mode.
const ESCAPE: u8 = b'\\';
/// The extended mode that offers HDLC, and the protocol character that takes it.
const HDLC: u8 = b'2';

/// A speed both sides can go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Baud(u8);

const BAUDS: [u32; 7] = [300, 600, 1_200, 2_400, 4_800, 9_600, 19_200];

impl Baud {
    /// From the character of the identification, 0 to 6.
    pub const fn from_character(character: u8) -> Option<Self> {
        match character {
            b'0'..=b'6' => Some(Self(character)),
            _ => None,
        }
    }
    /// From bits a second.
    pub fn from_bits(bits: u32) -> Option<Self> {
        let at = BAUDS.iter().position(|&baud| baud == bits)?;
        u8::try_from(at).ok().map(|at| Self(b'0' + at))
    }
    /// The character.
    pub const fn character(self) -> u8 {
        self.0
    }
    /// Bits a second.
    pub fn bits(self) -> u32 {
        BAUDS.get(usize::from(self.0 - b'0')).copied().unwrap_or(OPENING_BAUD)
    }
}

fn baud(input: &[u8]) -> Parsed<'_, Baud> {
    let (rest, character) = be_u8(input)?;
    Baud::from_character(character).map(|baud| (rest, baud)).ok_or(nom::Err::Error(DecodeError::Value))
}

/// `/?ADDRESS!`: who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignOn<'a> {
    /// Of the meter; empty for whoever is alone on the line.
    pub address: &'a [u8],
}

impl<'a> SignOn<'a> {
    /// Reads exactly one message.
    pub fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        let address = delimited(tag(&b"/?"[..]), take_until(&b"!"[..]), tag(&b"!\r\n"[..]));
        whole(input, |input| address.map(|address| Self { address }).parse(input))
    }
    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend(b"/?");
        out.extend_from_slice(self.address);
        out.extend(b"!\r\n");
    }
}

/// `/XXXZ\2IDENT`: the maker, the highest speed, what else it speaks, and what it calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identification<'a> {
    /// Three letters.
    pub maker: [u8; 3],
    /// The speed it offers.
    pub baud: Baud,
    /// Whether it offers HDLC.
    pub offers_hdlc: bool,
    /// What it calls itself.
    pub name: &'a [u8],
}

fn identification(input: &[u8]) -> Parsed<'_, Identification<'_>> {
    let (rest, _) = tag(&b"/"[..])(input)?;
    let (rest, (a, b, c, baud)) = (be_u8, be_u8, be_u8, baud).parse(rest)?;
    // Else the echo of a sign-on would pass for one.
    if ![a, b, c].iter().all(u8::is_ascii_alphabetic) {
        return fail(DecodeError::Value);
    }
    let (end, mut name) = terminated(take_until(END), tag(END)).parse(rest)?;
    let mut offers_hdlc = false;
    while let [ESCAPE, mode, rest @ ..] = name {
        offers_hdlc |= *mode == HDLC;
        name = rest;
    }
    Ok((end, Identification { maker: [a, b, c], baud, offers_hdlc, name }))
}

impl<'a> Identification<'a> {
    /// Reads exactly one message.
    pub fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        whole(input, identification)
    }
    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'/');
        out.extend(self.maker);
        out.push(self.baud.character());
        if self.offers_hdlc {
            out.extend([ESCAPE, HDLC]);
        }
        out.extend_from_slice(self.name);
        out.extend(END);
    }
}

/// `ACK 2 Z 2`: HDLC, at this speed. The meter may say the same before it switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The speed both go to.
    pub baud: Baud,
}

impl Acknowledgement {
    /// Reads exactly one message that takes HDLC.
    pub fn decode(input: &[u8]) -> Result<Self, DecodeError> {
        whole(input, |input| {
            let (rest, (protocol, baud, mode)) =
                delimited(tag(&[ACK][..]), (be_u8, baud, be_u8), tag(END)).parse(input)?;
            if (protocol, mode) != (HDLC, HDLC) {
                return fail(DecodeError::Value);
            }
            Ok((rest, Self { baud }))
        })
    }
    /// The message.
    pub const fn encode(self) -> [u8; 6] {
        [ACK, HDLC, self.baud.character(), HDLC, b'\r', b'\n']
    }
}

/// What to do next in an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Wait for more of the identification.
    Wait,
    /// Send the acknowledgement at the old speed; [`SWITCH_PAUSE`] later go to the new one, eight bits without parity, and
    /// open HDLC. An echo of the acknowledgement before that means nothing.
    Switch(Acknowledgement),
}

/// Why there is no opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OpeningError {
    /// What came is too long for an identification.
    #[error("what was answered is no identification")]
    NoIdentification,
    /// The meter speaks, but no HDLC.
    #[error("the meter does not offer HDLC")]
    NoHdlc,
}

/// The side that asks: after its [`SignOn`] it waits for the identification.
#[derive(Debug)]
pub struct Opening {
    heard: Vec<u8>,
    fastest: Baud,
}

impl Opening {
    /// Goes to the speed of the meter, but to none above `fastest`.
    pub const fn new(fastest: Baud) -> Self {
        Self { heard: Vec::new(), fastest }
    }
    /// Takes bytes as they come; parity, where the line kept it, and our own sign-on, where it echoes, are dropped.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Step, OpeningError> {
        self.heard.extend(bytes.iter().map(|octet| octet & 0x7F));
        loop {
            let start = self.heard.iter().position(|&octet| octet == b'/').unwrap_or(self.heard.len());
            self.heard.drain(..start);
            let Some(end) = self.heard.windows(END.len()).position(|two| two == END) else {
                let too_long = self.heard.len() > MAX_IDENTIFICATION;
                return if too_long { Err(OpeningError::NoIdentification) } else { Ok(Step::Wait) };
            };
            let line: Vec<u8> = self.heard.drain(..end + END.len()).collect();
            if let Ok(identification) = Identification::decode(&line) {
                if !identification.offers_hdlc {
                    return Err(OpeningError::NoHdlc);
                }
                return Ok(Step::Switch(Acknowledgement { baud: identification.baud.min(self.fastest) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fastest(bits: u32) -> Baud {
        Baud::from_bits(bits).unwrap()
    }

    #[test]
    fn the_slower_of_both_speeds_is_taken_and_the_echo_of_the_sign_on_ignored() {
        let mut sign_on = Vec::new();
        SignOn { address: b"12345678" }.encode(&mut sign_on);
        let heard = [&sign_on[..], b"/LGZ5\\2ZMD310\r\n"].concat();
        for (bits, character) in [(19_200, b'5'), (2_400, b'3')] {
            let step = Opening::new(fastest(bits)).receive(&heard).unwrap();
            let Step::Switch(acknowledgement) = step else { panic!("{step:?}") };
            assert_eq!(acknowledgement.encode(), [0x06, b'2', character, b'2', 0x0D, 0x0A]);
            assert_eq!(Acknowledgement::decode(&acknowledgement.encode()), Ok(acknowledgement));
        }
    }

    #[test]
    fn a_meter_without_hdlc_and_noise_are_told_apart() {
        assert_eq!(Opening::new(fastest(9_600)).receive(b"/LGZ5ZMD\r\n"), Err(OpeningError::NoHdlc));
        let noise = Opening::new(fastest(9_600)).receive(&[b'/'; 100]);
        assert_eq!(noise, Err(OpeningError::NoIdentification));
        assert_eq!(Opening::new(fastest(9_600)).receive(&[0; 100]), Ok(Step::Wait));
    }

    proptest! {
        #[test]
        fn an_identification_is_found_octet_by_octet_with_parity_or_without(name in "[A-Z0-9 ]{0,16}", character in b'0'..=b'6', parity: bool) {
            let baud = Baud::from_character(character).unwrap();
            let sent = Identification { maker: *b"HES", baud, offers_hdlc: true, name: name.as_bytes() };
            let mut wire = Vec::new();
            sent.encode(&mut wire);
            prop_assert_eq!(Identification::decode(&wire), Ok(sent));
            let mut opening = Opening::new(fastest(19_200));
            let mut step = Step::Wait;
            for octet in wire {
                let marked = if parity && octet.count_ones() % 2 == 1 { octet | 0x80 } else { octet };
                step = opening.receive(&[marked]).unwrap();
            }
            prop_assert_eq!(step, Step::Switch(Acknowledgement { baud }));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _step = Opening::new(fastest(9_600)).receive(&bytes);
            let _read = (SignOn::decode(&bytes), Identification::decode(&bytes), Acknowledgement::decode(&bytes));
        }
    }
}
