//! Numbered frames on their way in: each taken once, in order.

use super::super::{Assembly, AssemblyError, Frame};

/// What a numbered frame was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Seen before, or one before it is missing.
    OutOfOrder,
    /// A segment; more follow.
    Segment,
    /// The last segment of an APDU.
    Apdu(Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Incoming {
    /// V(R): the number expected next.
    expected: u8,
    assembly: Assembly,
}

impl Incoming {
    pub(super) const fn new(bound: usize) -> Self {
        Self { expected: 0, assembly: Assembly::new(bound) }
    }

    pub(super) const fn expected(&self) -> u8 {
        self.expected
    }

    pub(super) fn take(&mut self, number: u8, frame: &Frame<'_>) -> Result<Taken, AssemblyError> {
        if number != self.expected {
            return Ok(Taken::OutOfOrder);
        }
        self.expected = (self.expected + 1) & 7;
        Ok(match self.assembly.push(frame)? {
            Some(apdu) => Taken::Apdu(apdu.to_vec()),
            None => Taken::Segment,
        })
    }
}
