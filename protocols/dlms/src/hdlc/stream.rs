//! Frames in a dirty stream.

use hes_wire::{Framing, Scan, Why};

use super::frame::{FLAG, FrameError, format, header, is_checked};

/// How HDLC frames stand in a stream.
///
/// A frame may share its opening flag with the end of the one before, so a start is believed with a flag and without. It is
/// doubted soon: as soon as the header is there, its check sequence decides whether the length may be waited for. So a
/// false start never waits for more than a header, and a 7E inside a frame never ends it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hdlc;

/// Longest run of flags that is kept waiting before a frame.
const MAX_FLAGS: usize = 16;

/// High nibble of the first octet of a frame.
fn may_start(octet: u8) -> bool {
    octet & 0xF0 == 0xA0
}

impl Framing for Hdlc {
    fn scan(&self, input: &[u8]) -> Scan {
        let flags = input.iter().take_while(|&&octet| octet == FLAG).count();
        if let Some(surplus @ 1..) = flags.checked_sub(MAX_FLAGS) {
            return Scan::Skip(surplus, Why::Garbage);
        }
        let body = input.split_at(flags).1;
        let Some(&first) = body.first() else { return Scan::NeedMore };
        if !may_start(first) {
            let garbage = body.iter().take_while(|&&octet| octet != FLAG && !may_start(octet)).count();
            return Scan::Skip(flags + garbage, Why::Garbage);
        }
        let malformed = Scan::Skip(flags + 1, Why::Malformed);
        let &[first, second, ..] = body else { return Scan::NeedMore };
        let Ok((_, length)) = format([first, second]) else { return malformed };
        // Addresses are looked for inside of the frame only.
        let inside = body.split_at(body.len().min(length)).0;
        let header = match header(inside) {
            Ok(Some(header)) if header.octets + 2 <= length => header,
            Ok(None) if inside.len() < length => return Scan::NeedMore,
            Ok(_) | Err(FrameError::Address(_)) | Err(_) => return malformed,
        };
        if header.has_information() {
            let (checked, behind) = inside.split_at(header.octets);
            match behind {
                [_] | [] => return Scan::NeedMore,
                [low, high, ..] if is_checked(checked, &[*low, *high]) => {}
                _ => return Scan::Skip(flags + 1, Why::Checksum),
            }
        }
        match body.get(length) {
            None => return Scan::NeedMore,
            Some(&FLAG) => {}
            Some(_) => return malformed,
        }
        let (checked, sequence) = inside.split_at(length - 2);
        if !is_checked(checked, sequence) {
            // The header and the end are right: what is damaged is this frame, and no other begins inside of it. Its last
            // flag may open the next.
            let damaged = if header.has_information() { length } else { 1 };
            return Scan::Skip(flags + damaged, Why::Checksum);
        }
        Scan::Frame(flags.saturating_sub(1)..flags + length + 1)
    }

    /// As scanned; flags that nothing follows are filler, and given up as such.
    fn settle(&self, input: &[u8]) -> Scan {
        match self.scan(input) {
            Scan::NeedMore if input.is_empty() => Scan::NeedMore,
            Scan::NeedMore if input.iter().all(|&octet| octet == FLAG) => Scan::Skip(input.len(), Why::Garbage),
            Scan::NeedMore => Scan::Skip(1, Why::Malformed),
            scan => scan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::any_frame;
    use super::super::{Frame, MAX_FRAME};
    use super::*;
    use hes_wire::replay::{Replay, replay};
    use proptest::prelude::*;

    /// Everything a stream holds: the frames in order, and how many bytes were not part of any.
    fn frames(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
        let Replay { frames, dropped } = replay(&Hdlc, MAX_FRAME + MAX_FLAGS, chunks);
        (frames, dropped)
    }

    /// The whole of a frame that may have lost its opening flag to the one before.
    fn with_flag(bytes: &[u8]) -> Vec<u8> {
        if bytes[0] == FLAG { bytes.to_vec() } else { [&[FLAG], bytes].concat() }
    }

    proptest! {
        #[test]
        fn frames_are_found_whether_they_share_a_flag_or_not(wires in prop::collection::vec((any_frame(), 0..3_usize), 1..6)) {
            let mut stream = vec![FLAG];
            for (wire, filler) in &wires {
                stream.extend(&wire[1..]);
                stream.extend(vec![FLAG; *filler]);
            }
            let found = frames(&[&stream]).0;
            let found: Vec<_> = found.iter().map(|bytes| with_flag(bytes)).collect();
            let sent: Vec<_> = wires.into_iter().map(|(wire, _)| wire).collect();
            prop_assert_eq!(found, sent);
        }

        #[test]
        fn every_split_of_a_dirty_stream_gives_the_same_frames(
            parts in prop::collection::vec(prop_oneof![
                any_frame(),
                prop::collection::vec(prop_oneof![Just(FLAG), Just(0xA0), any::<u8>()], 0..30),
            ], 0..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let stream = parts.concat();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).chain([0, stream.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            let (found, dropped) = frames(&chunks);
            prop_assert_eq!(found.iter().map(Vec::len).sum::<usize>() + dropped, stream.len());
            for frame in &found {
                prop_assert!(Frame::parse(&with_flag(frame)).is_ok());
            }
            prop_assert_eq!(frames(&[&stream]).0, found);
        }

        #[test]
        fn a_damaged_frame_does_not_take_the_next_one_with_it(first in any_frame(), second in any_frame(), at: prop::sample::Index) {
            let mut damaged = first.clone();
            let at = 1 + at.index(first.len() - 2);
            damaged[at] ^= 0x10;
            let found = frames(&[&[&damaged[..], &second].concat()]).0;
            prop_assert_eq!(found.last().map(|bytes| with_flag(bytes)), Some(second));
        }
    }
}
