//! The wrapper over TCP and UDP: Green Book clause 7.3, IEC 62056-47.
//!
//! Four words of sixteen bits, then the APDU. Over TCP its length is the only mark: after a wrong header nothing can be
//! found again, and the connection is closed.

use hes_wire::{Framing, Scan, Why};
use nom::Parser;
use nom::multi::length_data;
use nom::number::complete::be_u16;

use crate::error::{DecodeError, Parsed, fail, whole};

/// Octets before the APDU.
pub const HEADER: usize = 8;
/// The one version there is.
pub const VERSION: u16 = 1;

/// An APDU between two wrapper ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapper<'a> {
    /// The wrapper port, which is the SAP, of the sender.
    pub source: u16,
    /// Of the receiver.
    pub destination: u16,
    /// What it carries.
    pub apdu: &'a [u8],
}

/// An APDU longer than a wrapper can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an APDU of {length} octets does not fit into a wrapper, which carries at most 65535")]
pub struct WrapperTooLong {
    /// Octets of the APDU.
    pub length: usize,
}

fn wrapper(input: &[u8]) -> Parsed<'_, Wrapper<'_>> {
    let (rest, version) = be_u16(input)?;
    if version != VERSION {
        return fail(DecodeError::Version(version));
    }
    let (rest, (source, destination, apdu)) = (be_u16, be_u16, length_data(be_u16)).parse(rest)?;
    Ok((rest, Wrapper { source, destination, apdu }))
}

impl<'a> Wrapper<'a> {
    /// Reads bytes that are exactly one wrapped APDU, as a datagram is.
    pub fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        whole(input, wrapper)
    }
    /// Appends header and APDU.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WrapperTooLong> {
        let length = u16::try_from(self.apdu.len()).map_err(|_| WrapperTooLong { length: self.apdu.len() })?;
        for word in [VERSION, self.source, self.destination, length] {
            out.extend(word.to_be_bytes());
        }
        out.extend_from_slice(self.apdu);
        Ok(())
    }
}

/// How wrapped APDUs stand in a stream, none longer than the bound.
///
/// A header of another version, or one that claims more, is malformed, and what follows cannot be trusted either: whoever
/// sees [`Why::Malformed`] closes the connection. Scanning on is for captures.
#[derive(Debug, Clone, Copy)]
pub struct WrapperStream {
    /// Longest APDU taken.
    pub max_apdu: u16,
}

impl Default for WrapperStream {
    fn default() -> Self {
        Self { max_apdu: u16::MAX }
    }
}

impl Framing for WrapperStream {
    fn scan(&self, input: &[u8]) -> Scan {
        let version = VERSION.to_be_bytes();
        let seen = input.len().min(version.len());
        if version.split_at(seen).0 != input.split_at(seen).0 {
            return Scan::Skip(1, Why::Malformed);
        }
        let &[_, _, _, _, _, _, high, low, ..] = input else { return Scan::NeedMore };
        let length = u16::from_be_bytes([high, low]);
        if length > self.max_apdu {
            return Scan::Skip(1, Why::Malformed);
        }
        let end = HEADER + usize::from(length);
        if input.len() < end { Scan::NeedMore } else { Scan::Frame(0..end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hes_wire::replay::{Replay, replay};
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_carried_or_taken_is_refused() {
        let apdu = vec![0; 65_536];
        let too_long = Wrapper { source: 16, destination: 1, apdu: &apdu };
        assert_eq!(too_long.encode(&mut Vec::new()), Err(WrapperTooLong { length: 65_536 }));
        let stream = WrapperStream { max_apdu: 8 };
        assert_eq!(stream.scan(&[0, 1, 0, 16, 0, 1, 0, 9]), Scan::Skip(1, Why::Malformed));
        assert_eq!(stream.scan(&[0, 2]), Scan::Skip(1, Why::Malformed));
        assert_eq!(stream.scan(&[0]), Scan::NeedMore);
    }

    proptest! {
        #[test]
        fn every_split_of_a_stream_gives_the_same_apdus(
            apdus in prop::collection::vec((any::<u16>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..50)), 0..6),
            at: prop::sample::Index,
        ) {
            let mut stream = Vec::new();
            for (source, destination, apdu) in &apdus {
                Wrapper { source: *source, destination: *destination, apdu }.encode(&mut stream).unwrap();
            }
            let (first, second) = stream.split_at(at.index(stream.len() + 1));
            let Replay { frames, dropped } = replay(&WrapperStream::default(), stream.len(), &[first, second]);
            let decoded = frames.iter().map(|frame| Wrapper::decode(frame).unwrap());
            let found: Vec<_> = decoded.map(|one| (one.source, one.destination, one.apdu.to_vec())).collect();
            prop_assert_eq!(dropped, 0);
            prop_assert_eq!(found, apdus);
        }
    }
}
