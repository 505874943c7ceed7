//! An APDU on its way out: cut into segments, repeated from where it got lost.

use super::super::{Llc, Parameters};

/// The peer acknowledges what was never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfStep;

/// One segment to send.
pub(super) struct Segment<'a> {
    /// N(S).
    pub(super) number: u8,
    /// More follow.
    pub(super) segmented: bool,
    /// The last that may be sent before an acknowledgement.
    pub(super) ends_turn: bool,
    pub(super) information: &'a [u8],
}

#[derive(Debug)]
pub(super) struct Outgoing {
    lsdu: Vec<u8>,
    /// First octet that is not acknowledged, and N(S) of the segment it begins.
    acknowledged: usize,
    first: u8,
    /// First octet that is not sent, and V(S).
    sent: usize,
    next: u8,
    max_info: usize,
    window: u8,
}

impl Outgoing {
    pub(super) fn new(agreed: &Parameters) -> Self {
        Self {
            lsdu: Vec::new(),
            acknowledged: 0,
            first: 0,
            sent: 0,
            next: 0,
            max_info: agreed.max_info_tx.max(1).into(),
            window: agreed.window_tx.clamp(1, 7),
        }
    }

    /// Takes an APDU once the one before is through.
    pub(super) fn load(&mut self, llc: Llc, apdu: &[u8]) {
        self.lsdu.clear();
        self.lsdu.extend(llc.octets());
        self.lsdu.extend_from_slice(apdu);
        (self.acknowledged, self.sent) = (0, 0);
    }

    /// Whether everything has been acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.acknowledged == self.lsdu.len()
    }

    /// Frames that are sent and not acknowledged.
    fn open(&self) -> u8 {
        self.next.wrapping_sub(self.first) & 7
    }

    /// Takes N(R). True if it acknowledges anything new.
    pub(super) fn acknowledge(&mut self, receive: u8) -> Result<bool, OutOfStep> {
        let frames = receive.wrapping_sub(self.first) & 7;
        if frames > self.open() {
            return Err(OutOfStep);
        }
        self.acknowledged = self.sent.min(self.acknowledged + usize::from(frames) * self.max_info);
        self.first = receive & 7;
        Ok(frames > 0)
    }

    /// What is not acknowledged is to be sent again.
    pub(super) fn rewind(&mut self) {
        (self.sent, self.next) = (self.acknowledged, self.first);
    }

    /// Hands out everything that may be sent now.
    pub(super) fn turn(&mut self, mut send: impl FnMut(Segment<'_>)) {
        while self.open() < self.window {
            let Some(rest) = self.lsdu.get(self.sent..).filter(|rest| !rest.is_empty()) else { break };
            let (information, behind) = rest.split_at(rest.len().min(self.max_info));
            let segmented = !behind.is_empty();
            let ends_turn = !segmented || self.open() + 1 == self.window;
            send(Segment { number: self.next, segmented, ends_turn, information });
            self.sent += information.len();
            self.next = (self.next + 1) & 7;
        }
    }

    /// N(S) of the next new frame.
    pub(super) const fn next(&self) -> u8 {
        self.next
    }
}
