//! Finding frames in a dirty stream.

use std::ops::Range;

/// What stands at the start of the bytes looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// May become a frame: more bytes are needed to tell. Given up by the caller when the line falls silent.
    NeedMore,
    /// This many bytes, at least one, are not part of a frame.
    Skip(usize, Why),
    /// A whole frame with a right check sum stands here; everything before its start is wake-up or padding.
    Frame(Range<usize>),
}

/// Why bytes are not part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// No start byte.
    Garbage,
    /// A start, and what follows can't be a frame (second start, length, end).
    Malformed,
    /// Everything in place but the check sum.
    Checksum,
}

/// What a protocol says about a byte stream. Any split of the input gives the same frames.
///
/// Implementations are total (no input panics) and look only at what they are given: `NeedMore` on the same bytes
/// plus later ones continues. After `Skip(n, _)` the caller drops `n` bytes and scans again; after `Frame(r)` it uses
/// `input[r]` and drops `r.end` bytes.
pub trait Framing: Sync {
    /// Looks at the start of `input`.
    fn scan(&self, input: &[u8]) -> Scan;

    /// How many bytes must come at least before an `input` that needs more can hold a whole frame. A framing that does not
    /// know says one. It never says too many, as whoever reads may not look before so many have come.
    fn missing(&self, _input: &[u8]) -> usize {
        1
    }

    /// Looks at the start of `input` when nothing more will come: the line has fallen silent, or was closed.
    ///
    /// What would have needed more is not a frame, so one byte of it is given up and the rest looked at again: a true
    /// frame may stand behind a false start that claimed to be long. `NeedMore` only for no input at all. Callers settle
    /// until then, and keep nothing across a silence.
    fn settle(&self, input: &[u8]) -> Scan {
        match self.scan(input) {
            Scan::NeedMore if !input.is_empty() => Scan::Skip(1, Why::Malformed),
            scan => scan,
        }
    }
}
