//! Whole frames, and frames in a dirty stream.
//!
//! `[FE …] 68 A0 … A5 68 C L DATA(L) CS 16`, DL/T 645-2007 clause 5.2. 16H also stands inside frames and as check sum,
//! 68H inside addresses and data, so only position and length tell where a frame ends.

use hes_wire::{Framing, Scan, Why, sum8};
use nom::bytes::streaming::take;
use nom::combinator::{consumed, map, map_res};
use nom::error::{ErrorKind, FromExternalError, ParseError};
use nom::multi::length_data;
use nom::number::streaming::u8 as byte;
use nom::{Err as Outcome, IResult, Parser};

use crate::{Address, Control, Data, Dialect, Direction, Effect, Service};

/// Sent before a frame to wake the receiver up.
pub(crate) const WAKE_UP: u8 = 0xFE;
/// The two start bytes.
pub(crate) const START: u8 = 0x68;
/// The last byte.
pub(crate) const END: u8 = 0x16;
/// Bytes of a frame that are not data.
pub const OVERHEAD: usize = 12;
/// Where the length byte stands, behind starts, address and control byte.
const LENGTH_AT: usize = 9;
/// The longest frame a length byte allows, without wake-up bytes.
pub const MAX_FRAME: usize = OVERHEAD + u8::MAX as usize;
/// Longest run of wake-up bytes that is kept before a frame; the standard's four with room for slow receivers.
const MAX_WAKE_UP: usize = 16;

/// A frame, borrowed from the bytes it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// How many wake-up bytes stood before it. They are outside length and check sum and mean nothing.
    pub wake_bytes: usize,
    /// Whom it is for, or from whom it comes.
    pub address: Address,
    /// What it is.
    pub control: Control,
    /// Its data.
    pub data: Data<'a>,
}

/// Why bytes are not one whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FrameError {
    /// The first byte that is not FE is not 68 either.
    #[error("the first byte is not 68")]
    StartMismatch,
    /// No second 68 after the address.
    #[error("no second 68 after the address")]
    SecondStartMismatch,
    /// Fewer bytes than the length byte, or the shortest frame, asks for.
    #[error("bytes are missing at the end")]
    Truncated,
    /// More bytes than the length byte asks for.
    #[error("bytes are left after the end")]
    TrailingBytes,
    /// The last byte is not 16.
    #[error("the last byte is not 16")]
    EndMismatch,
    /// The check sum is wrong.
    #[error("the check sum is wrong")]
    Checksum,
}

impl FrameError {
    /// The stable name, as it stands in test vectors and in the output of `hes decode`.
    pub const fn code(self) -> &'static str {
        match self {
            FrameError::StartMismatch => "start_mismatch",
            FrameError::SecondStartMismatch => "second_start_mismatch",
            FrameError::Truncated => "truncated",
            FrameError::TrailingBytes => "trailing_bytes",
            FrameError::EndMismatch => "end_mismatch",
            FrameError::Checksum => "checksum",
        }
    }
}

impl ParseError<&[u8]> for FrameError {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        FrameError::Truncated
    }
    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}
impl FromExternalError<&[u8], FrameError> for FrameError {
    fn from_external_error(_: &[u8], _: ErrorKind, own: FrameError) -> Self {
        own
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, FrameError>;

#[inline]
fn must_be(expected: u8, otherwise: FrameError) -> impl Fn(&[u8]) -> Parsed<'_, u8> {
    move |input| map_res(byte, |found| if found == expected { Ok(found) } else { Err(otherwise) }).parse(input)
}

/// From the first start byte to the control byte.
#[inline]
fn head(input: &[u8]) -> Parsed<'_, (Address, Control)> {
    let (rest, _) = must_be(START, FrameError::StartMismatch)(input)?;
    let (rest, address) =
        map_res(take(6_usize), |a: &[u8]| a.try_into().map(Address).map_err(|_| FrameError::Truncated)).parse(rest)?;
    let (rest, _) = must_be(START, FrameError::SecondStartMismatch)(rest)?;
    let (rest, control) = map(byte, Control).parse(rest)?;
    Ok((rest, (address, control)))
}

/// A frame without wake-up bytes at the start of `input`, which may go on after it.
#[inline]
fn frame(input: &[u8]) -> Parsed<'_, Frame<'_>> {
    let (rest, (summed, ((address, control), data))) = consumed((head, length_data(byte))).parse(input)?;
    let (rest, (sum, _)) = (byte, must_be(END, FrameError::EndMismatch)).parse(rest)?;
    if sum != sum8(summed) {
        return Err(Outcome::Error(FrameError::Checksum));
    }
    Ok((rest, Frame { wake_bytes: 0, address, control, data: Data::masked(data) }))
}

#[inline]
fn wake_up(input: &[u8]) -> usize {
    input.iter().take_while(|&&b| b == WAKE_UP).count()
}

impl<'a> Frame<'a> {
    /// Reads bytes that are supposed to be one whole frame, wake-up bytes before it allowed.
    ///
    /// Of several things wrong, the first in wire order is named, and the length counts before the end and the check sum.
    #[inline]
    pub fn parse(input: &'a [u8]) -> Result<Self, FrameError> {
        let wake_bytes = wake_up(input);
        let bytes = input.split_at(wake_bytes).1;
        match frame(bytes) {
            Ok((&[], found)) => Ok(Self { wake_bytes, ..found }),
            Ok(_) => Err(FrameError::TrailingBytes),
            Err(Outcome::Incomplete(_)) => Err(FrameError::Truncated),
            Err(Outcome::Error(error) | Outcome::Failure(error)) => Err(match error {
                FrameError::EndMismatch | FrameError::Checksum
                    if bytes.get(9).is_some_and(|&l| bytes.len() > usize::from(l) + OVERHEAD) =>
                {
                    FrameError::TrailingBytes
                }
                other => other,
            }),
        }
    }

    /// The dialect this frame must belong to, or most likely does.
    ///
    /// The function codes of the two meet in two places only. 08, the broadcast time, is the same in both: 2007 is said.
    /// 03 is security authentication in 2007, where the data begins with an item 07…… and an error has two bytes; in 1997
    /// it reads again, asks without data, and an error has one byte.
    #[inline]
    pub fn likely_dialect(&self) -> Dialect {
        let function = self.control.function();
        let is_2007 = match (Dialect::V2007.service(function), Dialect::V1997.service(function)) {
            (Some(Service::Security), _) => match self.control.direction() {
                Direction::Request => !self.data.is_empty(),
                Direction::Answer if self.control.is_abnormal() => self.data.len() == 2,
                Direction::Answer => self.data.get(3) == Some(0x07),
            },
            (here, other) => here.is_some() || other.is_none(),
        };
        if is_2007 { Dialect::V2007 } else { Dialect::V1997 }
    }

    /// What sending this frame to a meter may do to it. An answer does nothing.
    ///
    /// Told from the outside only, and in doubt for the worse: a code that reads in one dialect must have the form it has
    /// there, so that nothing longer hides behind it.
    pub fn effect(&self, dialect: Dialect) -> Effect {
        if self.control.direction() == Direction::Answer {
            return Effect::Reads;
        }
        match dialect.service(self.control.0) {
            Some(Service::ReadAgain) if !self.data.is_empty() => Effect::MayActuate,
            Some(service) => service.effect(),
            None => Effect::MayActuate,
        }
    }
}

/// How DL/T 645 frames stand in a stream.
///
/// A start is believed when 68 stands seven bytes after it; then the length byte says how much is needed, and sum and end
/// decide. Whatever fails gives up *one* byte, so a doubled 68, or a 68 in garbage, costs nothing of the frame behind it.
///
/// A false start waits for at most [`MAX_FRAME`] bytes: then it is decided. If the line falls silent before that, the
/// caller goes on with [`Framing::settle`], which gives up the false start and finds what stands behind it. Wake-up
/// bytes before a frame are padding; of a longer run only the last few are kept waiting.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dlt645;

/// What stands at the start of a stream: a [`Scan`] whose frame is already read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// As [`Scan::NeedMore`].
    NeedMore,
    /// As [`Scan::Skip`].
    Skip(usize, Why),
    /// A whole frame, and how many bytes it takes with everything before it.
    Frame(Frame<'a>, usize),
}

impl Dlt645 {
    /// Looks at the start of `input`, as [`Framing::scan`] does, and hands out the frame without reading it twice.
    #[inline]
    pub fn find<'a>(&self, input: &'a [u8]) -> Found<'a> {
        let wake_bytes = wake_up(input);
        if let Some(surplus @ 1..) = wake_bytes.checked_sub(MAX_WAKE_UP) {
            return Found::Skip(surplus, Why::Garbage);
        }
        let bytes = input.split_at(wake_bytes).1;
        if bytes.is_empty() {
            return Found::NeedMore;
        }
        match frame(bytes) {
            Ok((rest, found)) => Found::Frame(Frame { wake_bytes, ..found }, input.len() - rest.len()),
            Err(Outcome::Incomplete(_)) => Found::NeedMore,
            Err(Outcome::Error(FrameError::StartMismatch)) => {
                let garbage = bytes.iter().take_while(|&&b| b != START && b != WAKE_UP).count();
                Found::Skip(wake_bytes + garbage, Why::Garbage)
            }
            Err(Outcome::Error(FrameError::Checksum)) => Found::Skip(wake_bytes + 1, Why::Checksum),
            Err(_) => Found::Skip(wake_bytes + 1, Why::Malformed),
        }
    }
}

impl Framing for Dlt645 {
    fn scan(&self, input: &[u8]) -> Scan {
        match self.find(input) {
            Found::NeedMore => Scan::NeedMore,
            Found::Skip(bytes, why) => Scan::Skip(bytes, why),
            Found::Frame(frame, end) => Scan::Frame(frame.wake_bytes..end),
        }
    }

    /// Up to the end of the frame that the length byte tells, or of the shortest frame while there is none.
    fn missing(&self, input: &[u8]) -> usize {
        let bytes = input.split_at(wake_up(input)).1;
        let data = bytes.get(LENGTH_AT).map_or(0, |length| usize::from(*length));
        (OVERHEAD + data).saturating_sub(bytes.len()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Envelope;
    use hes_wire::replay::{Replay, replay};
    use proptest::prelude::*;

    /// Everything a stream holds: the frames in order, and how many bytes were not part of any.
    fn frames(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
        let Replay { frames, dropped } = replay(&Dlt645, MAX_FRAME + MAX_WAKE_UP, chunks);
        (frames, dropped)
    }

    fn any_frame() -> impl Strategy<Value = Vec<u8>> {
        (any::<[u8; 6]>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..=255)).prop_map(
            |(address, control, data)| {
                let mut out = [0; MAX_FRAME];
                let envelope = Envelope { dialect: Dialect::V2007, address: Address(address), wake_bytes: 0 };
                crate::encode::write_frame(&mut out, &envelope, Control(control), &[], Data::plain(&data))
                    .unwrap()
                    .to_vec()
            },
        )
    }

    const READ: &[u8] = &[0x68, 0x61, 0x01, 0, 0, 0, 0, 0x68, 0x11, 4, 0x33, 0x34, 0x34, 0x35, 0x17, 0x16];

    #[test]
    fn what_is_wrong_is_named() {
        let damaged = |at: usize, by: u8| {
            let mut frame = READ.to_vec();
            frame[at] = frame[at].wrapping_add(by);
            Frame::parse(&frame).unwrap_err().code()
        };
        assert_eq!(damaged(0, 1), "start_mismatch");
        assert_eq!(damaged(7, 1), "second_start_mismatch");
        assert_eq!(damaged(9, 1), "truncated");
        assert_eq!(damaged(9, 0xFF), "trailing_bytes");
        assert_eq!(damaged(12, 1), "checksum");
        assert_eq!(damaged(14, 1), "checksum");
        assert_eq!(damaged(15, 1), "end_mismatch");
        assert_eq!(Frame::parse(&[READ, &[0xFE]].concat()).unwrap_err().code(), "trailing_bytes");
        assert_eq!(Frame::parse(&[]).unwrap_err().code(), "truncated");
        for len in 0..READ.len() {
            assert_eq!(Frame::parse(&READ[..len]).unwrap_err().code(), "truncated");
        }
    }

    #[test]
    fn sixteen_as_check_sum_ends_nothing_early() {
        let mut out = [0; MAX_FRAME];
        let envelope = Envelope { dialect: Dialect::V2007, address: Address([0x60, 1, 0, 0, 0, 0]), wake_bytes: 0 };
        let frame = (0..=255).find_map(|n| {
            let data = [0, 1, 1, n];
            let written =
                crate::encode::write_frame(&mut out, &envelope, Control(0x11), &[], Data::plain(&data)).unwrap();
            (written[14] == 0x16).then(|| written.to_vec())
        });
        let frame = frame.unwrap();
        assert_eq!(frames(&[&frame]), (vec![frame.clone()], 0));
    }

    #[test]
    fn a_long_false_start_does_not_hide_the_frame_behind_it() {
        let false_start = [0x68, 1, 2, 3, 4, 5, 6, 0x68, 0x91, 0xFF];
        let stream = [&false_start[..], READ, &[0xFE; 40], READ].concat();
        assert_eq!(frames(&[&stream]), (vec![READ.to_vec(); 2], false_start.len() + 40));
    }

    #[test]
    fn a_long_run_of_wake_up_bytes_is_not_kept_while_the_frame_behind_it_comes() {
        let (begun, rest) = READ.split_at(11);
        assert_eq!(frames(&[&[&[0xFE; 400], begun].concat(), rest]), (vec![READ.to_vec()], 400));
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(frame) = Frame::parse(&bytes) {
                prop_assert_eq!(frame.encoded_len(), bytes.len());
            }
            frames(&[&bytes]);
        }

        #[test]
        fn every_split_of_a_dirty_stream_gives_the_same_frames(
            parts in prop::collection::vec(prop_oneof![
                any_frame(),
                prop::collection::vec(prop_oneof![Just(0x68), Just(0xFE), Just(0x16), any::<u8>()], 0..30),
            ], 0..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let stream = parts.concat();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).chain([0, stream.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            let (found, dropped) = frames(&chunks);
            prop_assert_eq!(&frames(&[&stream]), &(found.clone(), dropped));
            prop_assert_eq!(found.iter().map(Vec::len).sum::<usize>() + dropped, stream.len());
        }

        #[test]
        fn a_doubled_start_costs_nothing(frame in any_frame()) {
            prop_assume!(frame[6] != 0x68);
            let stream = [&[0x68][..], &frame].concat();
            prop_assert_eq!(frames(&[&stream]), (vec![frame], 1));
        }

        #[test]
        fn what_is_missing_of_a_frame_is_known_from_its_length_on_and_never_overstated(
            frame in any_frame(),
            wake_bytes in 0..4_usize,
            cut: prop::sample::Index,
        ) {
            let wire = [&vec![WAKE_UP; wake_bytes], &frame[..]].concat();
            let (begun, rest) = wire.split_at(cut.index(wire.len()));
            prop_assert_eq!(Dlt645.scan(begun), Scan::NeedMore);
            let missing = Dlt645.missing(begun);
            prop_assert!((1..=rest.len()).contains(&missing));
            prop_assert!(missing == rest.len() || begun.len() <= wake_bytes + LENGTH_AT);
        }

        #[test]
        fn a_flipped_bit_never_passes_for_the_same_frame(frame in any_frame(), at: prop::sample::Index, bit in 0..8) {
            let mut damaged = frame.clone();
            damaged[at.index(frame.len())] ^= 1_u8 << bit;
            prop_assert!(Frame::parse(&damaged).is_err());
            prop_assert!(!frames(&[&damaged]).0.contains(&frame));
        }

        #[test]
        fn what_is_parsed_is_written_back_or_needs_a_permit(frame in any_frame(), wake_bytes in 0..8_usize) {
            let wire = [&vec![WAKE_UP; wake_bytes], &frame[..]].concat();
            let parsed = Frame::parse(&wire).unwrap();
            prop_assert_eq!(parsed.wake_bytes, wake_bytes);
            prop_assert_eq!(parsed.encoded_len(), wire.len());
            let mut out = [0; MAX_FRAME + 8];
            match parsed.encode(Dialect::V2007, &mut out) {
                Ok(written) => prop_assert_eq!(written, &wire[..]),
                Err(error) => {
                    prop_assert_eq!(error, crate::EncodeError::NeedsPermit);
                    prop_assert_eq!(parsed.effect(Dialect::V2007), Effect::MayActuate);
                }
            }
        }
    }
}
