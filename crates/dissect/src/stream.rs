//! Stored evidence: what was sent or heard may be several frames back to back, with loose bytes between them.

use std::ops::Range;

use hes_dlt645::Dlt645;
use hes_wire::{Framing, Scan};

/// A part of a byte string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A good frame, with the wake-up bytes before it.
    Frame(Range<usize>),
    /// Bytes that are part of no frame.
    Loose(Range<usize>),
}

impl Piece {
    /// Where it stands.
    pub fn range(&self) -> Range<usize> {
        match self {
            Piece::Frame(range) | Piece::Loose(range) => range.clone(),
        }
    }
}

/// Cuts bytes into frames and what is between them; together the pieces are all of it.
pub fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut at, mut loose) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match Dlt645.settle(rest) {
            Scan::NeedMore => break,
            Scan::Skip(n, _) => at += n.max(1),
            Scan::Frame(range) => {
                let wake_up =
                    rest.get(..range.start).unwrap_or_default().iter().rev().take_while(|b| **b == 0xFE).count();
                let start = at + range.start - wake_up;
                if loose < start {
                    pieces.push(Piece::Loose(loose..start));
                }
                at += range.end;
                pieces.push(Piece::Frame(start..at));
                loose = at;
            }
        }
    }
    if loose < bytes.len() {
        pieces.push(Piece::Loose(loose..bytes.len()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn frames_and_loose_bytes_are_told_apart() {
        let frame = hex("FEFE68AAAAAAAAAAAA681300DF16");
        let bytes = [&[0x00, 0x68][..], &frame, &frame, &[0x68]].concat();
        let end = 2 + 2 * frame.len();
        let expected = [Piece::Loose(0..2), Piece::Frame(2..16), Piece::Frame(16..end), Piece::Loose(end..end + 1)];
        assert_eq!(pieces(&bytes), expected);
    }

    proptest! {
        #[test]
        fn pieces_are_all_of_the_bytes(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x68), Just(0xFE), Just(0x16)], 0..80)) {
            let mut at = 0;
            for piece in pieces(&bytes) {
                prop_assert_eq!(piece.range().start, at);
                prop_assert!(piece.range().end > at);
                at = piece.range().end;
            }
            prop_assert_eq!(at, bytes.len());
        }
    }
}
