//! General block transfer: Green Book clause 9.3.5.
//!
//! Blocks of both ends are numbered on their own and acknowledge each other. A sender streams as many blocks as the other
//! end's window takes, then waits; what was lost is sent again from the last block the receiver has in order. With a window
//! of zero, as in pushes, nothing is acknowledged and nothing repeated.

use super::Limits;
use crate::apdu::{Apdu, GeneralBlock};

/// Why a transfer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The whole APDU is longer than allowed.
    #[error("the blocks are longer than {bound} octets")]
    TooLong {
        /// Octets allowed.
        bound: usize,
    },
    /// What is acknowledged was never sent.
    #[error("block {found} is acknowledged, {sent} is the last that was sent")]
    OutOfStep {
        /// Last sent.
        sent: u16,
        /// Acknowledged.
        found: u16,
    },
    /// In a transfer without acknowledgements a block is missing.
    #[error("block {found} came where {expected} was due, and nothing is repeated")]
    Gap {
        /// Due.
        expected: u16,
        /// Came.
        found: u16,
    },
    /// The other end's APDUs are too short for any block.
    #[error("no block fits into APDUs of {max_pdu} octets")]
    NoRoom {
        /// What the other end takes.
        max_pdu: usize,
    },
    /// More blocks than there are numbers.
    #[error("the APDU has more blocks than there are numbers")]
    TooManyBlocks,
}

/// Octets around a piece: tag, control, two numbers.
const OVERHEAD: usize = 6;

/// One end of one transfer: an APDU, and its answer the other way. The next transfer is a new one, and counts from 1.
#[derive(Debug)]
pub struct GeneralTransfer {
    limits: Limits,
    /// How many blocks this end takes in one go.
    window: u8,
    /// How many the other end takes.
    peer_window: u8,
    /// The APDU on its way out, and the number of its first block less one.
    outgoing: Vec<u8>,
    base: u16,
    /// Last block sent, last one ever, last one acknowledged.
    sent: u16,
    highest: u16,
    acknowledged: u16,
    /// The APDU on its way in, and its last block in order.
    incoming: Vec<u8>,
    received: u16,
    complete: bool,
    owes: bool,
}

impl GeneralTransfer {
    /// Nothing is under way. Until the other end says what it takes, one block at a time is sent.
    pub const fn new(limits: Limits, window: u8) -> Self {
        Self {
            limits,
            window: if window > 0x3F { 0x3F } else { window },
            peer_window: 1,
            outgoing: Vec::new(),
            base: 0,
            sent: 0,
            highest: 0,
            acknowledged: 0,
            incoming: Vec::new(),
            received: 0,
            complete: false,
            owes: false,
        }
    }

    /// Begins to send an APDU, ciphered or not.
    pub fn send(&mut self, apdu: &[u8]) -> Result<(), Broken> {
        let max_pdu = self.limits.max_pdu;
        let piece = self.limits.piece(OVERHEAD).ok_or(Broken::NoRoom { max_pdu })?;
        let blocks = u16::try_from(apdu.len().div_ceil(piece)).map_err(|_| Broken::TooManyBlocks)?;
        self.base = self.sent;
        if self.base.checked_add(blocks).is_none() {
            return Err(Broken::TooManyBlocks);
        }
        self.acknowledged = self.sent;
        self.outgoing = apdu.to_vec();
        Ok(())
    }

    /// All blocks of an APDU that nothing acknowledges, as a push goes out.
    pub fn unconfirmed(apdu: &[u8], limits: Limits) -> Result<Vec<Vec<u8>>, Broken> {
        let mut sender = Self::new(limits, 0);
        sender.send(apdu)?;
        let mut apdus = Vec::new();
        while sender.has_more() {
            let number = sender.sent + 1;
            let (raw, last) = sender.block(number);
            apdus.push(sender.written(number, raw, last, true));
            sender.sent = number;
        }
        Ok(apdus)
    }

    /// The APDUs to send now; none while the other end's acknowledgement is due.
    pub fn transmission(&mut self) -> Vec<Vec<u8>> {
        let mut apdus = Vec::new();
        while self.has_more() && self.sent - self.acknowledged < u16::from(self.peer_window.max(1)) {
            let number = self.sent + 1;
            let (raw, last) = self.block(number);
            let full = number - self.acknowledged == u16::from(self.peer_window.max(1));
            apdus.push(self.written(number, raw, last, !last && !full));
            self.sent = number;
        }
        if apdus.is_empty() && self.owes {
            // An acknowledgement is a block of its own that carries nothing; said again, it has the same number.
            if self.sent == self.acknowledged {
                self.sent = self.sent.wrapping_add(1);
            }
            apdus.push(self.written(self.sent, &[], true, false));
        }
        self.highest = self.highest.max(self.sent);
        self.owes = false;
        apdus
    }

    /// All blocks that are not acknowledged, once more: nothing has come for too long.
    pub fn repeat(&mut self) -> Vec<Vec<u8>> {
        self.sent = self.acknowledged;
        // With nothing left to send it was the last acknowledgement that got lost.
        self.owes |= !self.has_more();
        self.transmission()
    }

    /// Takes a block. With the last one the whole APDU is there.
    pub fn receive(&mut self, block: &GeneralBlock<'_>) -> Result<Option<Vec<u8>>, Broken> {
        let unacknowledged = block.window == 0;
        if !unacknowledged {
            self.peer_window = block.window;
            self.take_acknowledgement(block.acknowledged)?;
        }
        let expected = self.received.wrapping_add(1);
        let new = block.number == expected;
        if !new && unacknowledged && block.number != self.received {
            return Err(Broken::Gap { expected, found: block.number });
        }
        if new {
            let bound = self.limits.max_whole_octets;
            if self.complete {
                self.incoming.clear();
                self.complete = false;
            }
            if self.incoming.len() + block.raw.len() > bound {
                return Err(Broken::TooLong { bound });
            }
            self.received = block.number;
            self.incoming.extend_from_slice(block.raw);
            if block.last && !self.incoming.is_empty() {
                self.complete = true;
                self.owes = false;
                return Ok(Some(self.incoming.clone()));
            }
        }
        // An acknowledgement of what carries nothing would be answered by another, without end.
        self.owes = !block.streaming && !unacknowledged && !block.raw.is_empty();
        Ok(None)
    }

    fn take_acknowledgement(&mut self, acknowledged: u16) -> Result<(), Broken> {
        if acknowledged > self.highest {
            return Err(Broken::OutOfStep { sent: self.highest, found: acknowledged });
        }
        // What lies between was lost; what is older than the last one known says nothing.
        if acknowledged >= self.acknowledged {
            self.acknowledged = acknowledged;
            self.sent = acknowledged;
        }
        Ok(())
    }

    fn piece(&self) -> usize {
        self.limits.piece(OVERHEAD).unwrap_or(1)
    }

    /// Whether blocks are left after the last one sent.
    fn has_more(&self) -> bool {
        let sent = usize::from(self.sent.saturating_sub(self.base));
        sent.saturating_mul(self.piece()) < self.outgoing.len()
    }

    /// The contents of a block, and whether it is the last.
    fn block(&self, number: u16) -> (&[u8], bool) {
        let at = usize::from(number - self.base - 1).saturating_mul(self.piece());
        let rest = self.outgoing.get(at..).unwrap_or_default();
        let raw = rest.split_at(rest.len().min(self.piece())).0;
        (raw, raw.len() == rest.len())
    }

    fn written(&self, number: u16, raw: &[u8], last: bool, streaming: bool) -> Vec<u8> {
        let acknowledged = self.received;
        let block = GeneralBlock { last, streaming, window: self.window, number, acknowledged, raw };
        let mut out = Vec::new();
        Apdu::GeneralBlockTransfer(block).write(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(apdu: &[u8]) -> GeneralBlock<'_> {
        match Apdu::decode(apdu) {
            Ok(Apdu::GeneralBlockTransfer(block)) => block,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_push_is_put_together_and_nothing_is_acknowledged() {
        let mut receiver = GeneralTransfer::new(Limits::default(), 1);
        let piece = |number, last, raw| GeneralBlock { last, streaming: true, window: 0, number, acknowledged: 0, raw };
        assert_eq!(receiver.receive(&piece(1, false, &[0x0F, 1])), Ok(None));
        assert_eq!(receiver.receive(&piece(1, false, &[0x0F, 1])), Ok(None), "heard twice");
        assert!(receiver.transmission().is_empty());
        assert_eq!(receiver.receive(&piece(2, true, &[2])), Ok(Some(vec![0x0F, 1, 2])));
        assert!(receiver.transmission().is_empty());
        let gap = Broken::Gap { expected: 3, found: 4 };
        assert_eq!(receiver.receive(&piece(4, false, &[0])), Err(gap));
    }

    #[test]
    fn a_push_in_blocks_goes_out_without_waiting_and_comes_out_whole() {
        let (apdu, limits) = ((0..200).collect::<Vec<u8>>(), Limits { max_pdu: 30, max_whole_octets: 300 });
        let sent = GeneralTransfer::unconfirmed(&apdu, limits).unwrap();
        let mut receiver = GeneralTransfer::new(limits, 1);
        let whole: Vec<_> = sent.iter().filter_map(|apdu| receiver.receive(&block(apdu)).unwrap()).collect();
        assert!(sent.len() > 5 && sent.iter().all(|apdu| apdu.len() <= 30));
        assert_eq!((whole, receiver.transmission()), (vec![apdu], vec![]));
        let one = GeneralTransfer::unconfirmed(&[0xC0, 0xC1, 0xC2], limits).unwrap();
        assert_eq!(one, [[0xE0, 0xC0, 0, 1, 0, 0, 3, 0xC0, 0xC1, 0xC2]], "as published");
    }

    #[test]
    fn what_was_never_sent_cannot_be_acknowledged_and_what_does_not_fit_is_refused() {
        let mut end = GeneralTransfer::new(Limits { max_pdu: 20, max_whole_octets: 10 }, 1);
        let ack = GeneralBlock { last: true, streaming: false, window: 1, number: 1, acknowledged: 1, raw: &[] };
        assert_eq!(end.receive(&ack), Err(Broken::OutOfStep { sent: 0, found: 1 }));
        let long = GeneralBlock { acknowledged: 0, raw: &[0; 11], ..ack };
        assert_eq!(end.receive(&long), Err(Broken::TooLong { bound: 10 }));
        let mut narrow = GeneralTransfer::new(Limits { max_pdu: 9, max_whole_octets: 10 }, 1);
        assert_eq!(narrow.send(&[1]), Err(Broken::NoRoom { max_pdu: 9 }));
    }

    proptest! {
        #[test]
        fn a_request_and_its_answer_arrive_whole_whatever_is_lost(
            request in prop::collection::vec(any::<u8>(), 1..300),
            answer in prop::collection::vec(any::<u8>(), 1..300),
            sizes in (10..80_usize, 10..80_usize),
            windows in (1..6_u8, 1..6_u8),
            lost in prop::collection::vec(any::<bool>(), 0..60),
        ) {
            let limits = |max_pdu| Limits { max_pdu, max_whole_octets: 1_000 };
            let mut client = GeneralTransfer::new(limits(sizes.0), windows.0);
            let mut server = GeneralTransfer::new(limits(sizes.1), windows.1);
            client.send(&request).unwrap();
            let mut lost = lost.into_iter();
            let (mut seen, mut heard) = (None, None);
            for _ in 0..2_000 {
                let mut sent = client.transmission();
                if sent.is_empty() {
                    sent = client.repeat();
                }
                for apdu in sent {
                    if lost.next().unwrap_or(false) {
                        continue;
                    }
                    if let Some(whole) = server.receive(&block(&apdu)).unwrap() {
                        prop_assert_eq!(seen.replace(whole), None);
                        server.send(&answer).unwrap();
                    }
                }
                for apdu in server.transmission() {
                    if lost.next().unwrap_or(false) {
                        continue;
                    }
                    if let Some(whole) = client.receive(&block(&apdu)).unwrap() {
                        heard = Some(whole);
                    }
                }
                if heard.is_some() {
                    break;
                }
            }
            prop_assert_eq!(seen, Some(request));
            prop_assert_eq!(heard, Some(answer));
        }
    }
}
