//! A stream as a caller of a [`Framing`] meets it, replayed in one go: for the tests of framings.

use crate::{Framing, Scan};

/// What a stream held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// The frames in order.
    pub frames: Vec<Vec<u8>>,
    /// Bytes that were not part of any.
    pub dropped: usize,
}

/// Hands `chunks` to `framing` one after the other, and lets the line fall silent after the last.
///
/// Panics where a framing breaks its word: skips nothing, names bytes that it was not given, keeps anything across the
/// silence, or holds back more than `longest` bytes, so that a false start stalls the stream.
pub fn replay(framing: &impl Framing, longest: usize, chunks: &[&[u8]]) -> Replay {
    let (mut held, mut found) = (Vec::new(), Replay::default());
    for chunk in chunks {
        held.extend_from_slice(chunk);
        found.drain(&mut held, |bytes| framing.scan(bytes));
        assert!(held.len() <= longest, "{} bytes held back", held.len());
    }
    found.drain(&mut held, |bytes| framing.settle(bytes));
    assert!(held.is_empty(), "{} bytes kept across a silence", held.len());
    found
}

impl Replay {
    fn drain(&mut self, held: &mut Vec<u8>, look: impl Fn(&[u8]) -> Scan) {
        loop {
            let end = match look(held) {
                Scan::NeedMore => return,
                Scan::Skip(bytes, _) => {
                    assert!(bytes > 0, "a skip of nothing");
                    self.dropped += bytes;
                    bytes
                }
                Scan::Frame(range) => {
                    self.dropped += range.start;
                    let frame = held.get(range.clone());
                    self.frames.push(frame.map(<[u8]>::to_vec).unwrap_or_else(|| panic!("a frame at {range:?}")));
                    range.end
                }
            };
            held.drain(..end);
        }
    }
}
