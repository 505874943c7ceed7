//! One frame: `7E | format | destination | source | control | HCS | information | FCS | 7E`, Green Book clause 8.4.1.

use super::fcs::fcs;
use super::{Address, AddressError, Control};

/// Stands before and behind a frame, and may fill the time between frames.
pub const FLAG: u8 = 0x7E;
/// The longest frame the length field allows, with both flags.
pub const MAX_FRAME: usize = MAX_LENGTH + 2;
/// Most octets between the flags.
const MAX_LENGTH: usize = 0x07FF;
/// Fewest octets between the flags: format, two addresses of one octet, control, FCS.
pub(super) const MIN_LENGTH: usize = 7;
/// High nibble of the format field: type 3.
const FORMAT_TYPE: u16 = 0xA000;
/// More segments of the same APDU follow.
const SEGMENTED: u16 = 0x0800;

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FrameError {
    /// The first byte is no flag.
    #[error("no flag at the start")]
    Start,
    /// Another frame format.
    #[error("the frame format is not of type 3")]
    Format,
    /// A length too small for addresses, control and check sequence.
    #[error("the length is too small for addresses, control and check sequence")]
    Short,
    /// Fewer bytes than the length asks for.
    #[error("bytes are missing at the end")]
    Truncated,
    /// No flag where the length says the frame ends.
    #[error("no flag where the length says the frame ends")]
    Flag,
    /// Bytes that are neither frame nor flag behind the frame.
    #[error("bytes are left after the end")]
    Trailing,
    /// An address without form.
    #[error("an address has no valid form: {0}")]
    Address(AddressError),
    /// The header check sequence is wrong.
    #[error("the header check sequence is wrong")]
    Hcs,
    /// The frame check sequence is wrong.
    #[error("the frame check sequence is wrong")]
    Fcs,
}

impl FrameError {
    /// The stable name, as in the output of `hes decode`.
    pub const fn code(self) -> &'static str {
        match self {
            FrameError::Start => "start",
            FrameError::Format => "format",
            FrameError::Short => "short",
            FrameError::Truncated => "truncated",
            FrameError::Flag => "flag",
            FrameError::Trailing => "trailing",
            FrameError::Address(_) => "address",
            FrameError::Hcs => "hcs",
            FrameError::Fcs => "fcs",
        }
    }
}

/// More information than a frame can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{length} octets do not fit into a frame, which has at most {MAX_LENGTH}")]
pub struct FrameTooLong {
    /// Octets the frame would have.
    pub length: usize,
}

/// A frame, borrowed from the bytes it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// More frames of the same APDU follow.
    pub segmented: bool,
    /// Whom it is for.
    pub destination: Address,
    /// From whom it comes.
    pub source: Address,
    /// What it is.
    pub control: Control,
    /// What it carries; empty for most kinds.
    pub information: &'a [u8],
}

/// What stands before the information.
pub(super) struct Header {
    /// Octets between the flags.
    pub(super) length: usize,
    pub(super) destination: Address,
    pub(super) source: Address,
    pub(super) control: Control,
    /// Octets up to and with control.
    pub(super) octets: usize,
}

impl Header {
    /// Whether information, and so a header check sequence, follows.
    pub(super) fn has_information(&self) -> bool {
        self.length > self.octets + 2
    }
}

/// The segmentation bit and the length of the two octets of the format field.
pub(super) fn format(octets: [u8; 2]) -> Result<(bool, usize), FrameError> {
    let format = u16::from_be_bytes(octets);
    if format & 0xF000 != FORMAT_TYPE {
        return Err(FrameError::Format);
    }
    let length = usize::from(format) & MAX_LENGTH;
    if length < MIN_LENGTH {
        return Err(FrameError::Short);
    }
    Ok((format & SEGMENTED != 0, length))
}

/// Reads the header at the start of `input`; `None` where more bytes are needed.
pub(super) fn header(input: &[u8]) -> Result<Option<Header>, FrameError> {
    let [first, second, rest @ ..] = input else { return Ok(None) };
    let (_, length) = format([*first, *second])?;
    let Some((destination, taken)) = Address::find(rest).map_err(FrameError::Address)? else { return Ok(None) };
    let rest = rest.split_at(taken).1;
    let Some((source, taken)) = Address::find(rest).map_err(FrameError::Address)? else { return Ok(None) };
    let [control, rest @ ..] = rest.split_at(taken).1 else { return Ok(None) };
    let octets = input.len() - rest.len();
    let control = Control::from_octet(*control);
    Ok(Some(Header { length, destination, source, control, octets }))
}

/// Whether the two octets behind `checked` are its check sequence.
pub(super) fn is_checked(checked: &[u8], sequence: &[u8]) -> bool {
    sequence.iter().eq(&fcs(checked).to_le_bytes())
}

impl<'a> Frame<'a> {
    /// Reads the frame at the start of `input`, and returns it with the bytes behind its closing flag.
    ///
    /// Flags before it are filler. Behind another frame there may be none: one flag may close a frame and open the next.
    pub fn parse_next(input: &'a [u8]) -> Result<(Self, &'a [u8]), FrameError> {
        let flags = input.iter().take_while(|&&octet| octet == FLAG).count();
        let body = input.split_at(flags).1;
        let &[first, second, ..] = body else { return Err(FrameError::Truncated) };
        let (segmented, length) = format([first, second])?;
        let (frame, behind) = body.split_at_checked(length).ok_or(FrameError::Truncated)?;
        match behind {
            [] => return Err(FrameError::Truncated),
            [FLAG, ..] => {}
            _ => return Err(FrameError::Flag),
        }
        let (checked, sequence) = frame.split_at(length - 2);
        if !is_checked(checked, sequence) {
            return Err(FrameError::Fcs);
        }
        // Inside of the frame nothing more can come: what is missing is missing.
        let header = header(checked)?.ok_or(FrameError::Short)?;
        let information = match checked.split_at(header.octets).1 {
            [] => &[][..],
            behind => {
                let (hcs, information) = behind.split_at_checked(2).ok_or(FrameError::Short)?;
                if !is_checked(checked.split_at(header.octets).0, hcs) {
                    return Err(FrameError::Hcs);
                }
                information
            }
        };
        let Header { destination, source, control, .. } = header;
        let frame = Self { segmented, destination, source, control, information };
        Ok((frame, behind.split_at(1).1))
    }

    /// Reads bytes that are supposed to be one whole frame with its flags.
    pub fn parse(input: &'a [u8]) -> Result<Self, FrameError> {
        match input.first() {
            Some(&FLAG) => {}
            Some(_) => return Err(FrameError::Start),
            None => return Err(FrameError::Truncated),
        }
        match Self::parse_next(input)? {
            (frame, rest) if rest.iter().all(|&octet| octet == FLAG) => Ok(frame),
            _ => Err(FrameError::Trailing),
        }
    }

    /// Reads bytes that are supposed to be frames only: one after the other, flags between them.
    pub fn parse_all(input: &'a [u8]) -> impl Iterator<Item = Result<Self, FrameError>> {
        let mut rest = Some(input);
        let mut first = true;
        std::iter::from_fn(move || {
            let here = rest.take()?;
            match here.first() {
                Some(&FLAG) => {}
                Some(_) if first => return Some(Err(FrameError::Start)),
                None if first => return Some(Err(FrameError::Truncated)),
                _ => {}
            }
            if !first && here.iter().all(|&octet| octet == FLAG) {
                return None;
            }
            first = false;
            Some(Self::parse_next(here).map(|(frame, behind)| {
                rest = Some(behind);
                frame
            }))
        })
    }

    /// Octets between the flags.
    pub fn length(&self) -> usize {
        let checks = if self.information.is_empty() { 2 } else { 4 };
        3 + self.destination.octets().len() + self.source.octets().len() + checks + self.information.len()
    }

    /// Appends the frame with both flags.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), FrameTooLong> {
        let length = self.length();
        let format = match u16::try_from(length) {
            Ok(short) if length <= MAX_LENGTH => FORMAT_TYPE | short | if self.segmented { SEGMENTED } else { 0 },
            _ => return Err(FrameTooLong { length }),
        };
        out.push(FLAG);
        let start = out.len();
        let check = |out: &mut Vec<u8>| {
            let sequence = fcs(out.split_at(start).1);
            out.extend(sequence.to_le_bytes());
        };
        out.extend(format.to_be_bytes());
        out.extend(self.destination.octets());
        out.extend(self.source.octets());
        out.push(self.control.octet());
        if !self.information.is_empty() {
            check(out);
            out.extend(self.information);
        }
        check(out);
        out.push(FLAG);
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::hdlc::Kind;
    use proptest::prelude::*;

    pub(crate) fn any_address() -> impl Strategy<Value = Address> {
        prop_oneof![
            (0..0x80_u8).prop_map(|sap| Address::client(sap).unwrap()),
            (0..0x80_u16, 0..0x80_u16).prop_map(|(upper, lower)| Address::two(upper, lower).unwrap()),
            (0..0x4000_u16, 0..0x4000_u16).prop_map(|(upper, lower)| Address::four(upper, lower).unwrap()),
        ]
    }

    prop_compose! {
        pub(crate) fn any_frame()(
            segmented: bool,
            destination in any_address(),
            source in any_address(),
            control: u8,
            information in prop::collection::vec(prop_oneof![Just(FLAG), Just(0xA0), any::<u8>()], 0..200),
        ) -> Vec<u8> {
            let control = Control::from_octet(control);
            let frame = Frame { segmented, destination, source, control, information: &information };
            let mut out = Vec::new();
            frame.encode(&mut out).unwrap();
            out
        }
    }

    #[test]
    fn what_is_too_long_for_a_frame_is_refused() {
        let client = Address::client(1).unwrap();
        let control = Control::polling(Kind::UnnumberedInformation);
        let information = vec![0; MAX_LENGTH - 9];
        let frame = |information| Frame { segmented: false, destination: client, source: client, control, information };
        let mut out = Vec::new();
        frame(&information).encode(&mut out).unwrap();
        assert_eq!((out.len(), Frame::parse(&out)), (MAX_FRAME, Ok(frame(&information))));
        let longer = [&information[..], &[0]].concat();
        assert_eq!(frame(&longer).encode(&mut Vec::new()), Err(FrameTooLong { length: MAX_LENGTH + 1 }));
    }

    #[test]
    fn a_wrong_header_check_is_named_even_if_the_frame_check_fits() {
        let mut out = Vec::new();
        let client = Address::client(1).unwrap();
        let control = Control::polling(Kind::UnnumberedInformation);
        let frame = Frame { segmented: false, destination: client, source: client, control, information: &[1, 2] };
        frame.encode(&mut out).unwrap();
        out[6] ^= 1;
        let checked = fcs(&out[1..out.len() - 3]).to_le_bytes();
        let at = out.len() - 3;
        out[at..at + 2].copy_from_slice(&checked);
        assert_eq!(Frame::parse(&out), Err(FrameError::Hcs));
    }

    proptest! {
        #[test]
        fn every_frame_is_written_as_it_was_read(wire in any_frame()) {
            let frame = Frame::parse(&wire).unwrap();
            let mut out = Vec::new();
            frame.encode(&mut out).unwrap();
            prop_assert_eq!(out, wire);
        }

        #[test]
        fn a_flipped_bit_never_passes(wire in any_frame(), at: prop::sample::Index, bit in 0..8) {
            let mut damaged = wire.clone();
            damaged[at.index(wire.len())] ^= 1_u8 << bit;
            prop_assert!(Frame::parse(&damaged).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![Just(FLAG), 0xA0_u8..0xB0, any::<u8>()], 0..100)) {
            let _one = Frame::parse(&bytes);
            prop_assert!(Frame::parse_all(&bytes).count() <= bytes.len() + 1);
        }
    }
}
