//! The wire of a line: whose bytes are on it, and until when.
//!
//! Everybody who has opened a transport of one bus shares its wire. The head-end's bytes follow each other however many
//! callers wrote them; who talks while a meter does, and meters that talk at once, destroy what is on the wire. An answer
//! goes to the caller who asked, as a serial server serves several.
//!
//! With instant timing nothing takes any time, so nothing meets.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Timing;
use crate::fault::Burst;

/// Bits of a character, 8E1.
const CHARACTER_BITS: u64 = 11;
/// Bytes handed over at a time when they are timed: about what an interface gathers before it tells.
const CHUNK: usize = 16;
/// What is left of a byte that was talked over.
const SPOILED: u8 = 0x55;

/// One who has opened a transport of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller(u64);

/// A line's wire.
#[derive(Debug)]
pub(crate) struct Wire {
    timing: Timing,
    callers: u64,
    /// When the head-end's last byte has passed.
    asked_until: Instant,
    transmissions: VecDeque<Transmission>,
}

/// Bytes on their way to a caller: each piece with when its last byte has passed the wire.
#[derive(Debug)]
struct Transmission {
    to: Caller,
    by: Talker,
    starts: Instant,
    ends: Instant,
    pieces: VecDeque<(Instant, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Talker {
    Meter,
    /// The adapter gives the head-end's own bytes back.
    Echo,
}

/// How the head-end's bytes passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passage {
    /// When the last of them has.
    pub(crate) until: Instant,
    /// A meter talked meanwhile: nobody heard them.
    pub(crate) talked_over: bool,
}

/// What an answer met on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Nothing,
    /// The head-end, which another caller let talk.
    HeadEnd,
    /// Another answer.
    Meter,
}

/// An answer as its meter sends it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Spoken {
    /// From the question's last byte to the answer's first.
    pub(crate) turnaround: Duration,
    /// Bits a second.
    pub(crate) baud: u32,
    pub(crate) bursts: Vec<Burst>,
}

impl Wire {
    pub(crate) fn new(timing: Timing) -> Self {
        Self { timing, callers: 0, asked_until: Instant::now(), transmissions: VecDeque::new() }
    }

    /// Somebody opens a transport.
    pub(crate) fn join(&mut self) -> Caller {
        self.callers += 1;
        Caller(self.callers)
    }

    /// Somebody closes it. Meters talk on, to nobody.
    pub(crate) fn leave(&mut self, caller: Caller) {
        for transmission in self.transmissions.iter_mut().filter(|t| t.to == caller) {
            transmission.pieces.clear();
        }
    }

    /// The head-end's bytes take the wire, after what it is sending already. With `echo` they come back to it.
    pub(crate) fn ask(&mut self, caller: Caller, bytes: &[u8], baud: u32, echo: bool, now: Instant) -> Passage {
        self.forget(now);
        let from = self.asked_until.max(now);
        let until = from + self.on_wire(bytes.len(), baud);
        self.asked_until = until;
        let talked_over = self.spoil(from, until);
        if echo {
            let mut back = self.lay(caller, Talker::Echo, from, bytes, baud);
            if talked_over {
                back.spoil(from);
            }
            self.transmissions.push_back(back);
        }
        Passage { until, talked_over }
    }

    /// A meter answers what had passed at `asked_until`.
    pub(crate) fn answer(&mut self, caller: Caller, asked_until: Instant, spoken: Spoken) -> Met {
        let mut at = asked_until + spoken.turnaround;
        let mut met = Met::Nothing;
        for Burst { after, bytes, is_echo } in spoken.bursts {
            if is_echo {
                let began = asked_until.checked_sub(self.on_wire(bytes.len(), spoken.baud)).unwrap_or(asked_until);
                self.transmissions.push_back(self.lay(caller, Talker::Echo, began, &bytes, spoken.baud));
                continue;
            }
            let mut transmission = self.lay(caller, Talker::Meter, at + after, &bytes, spoken.baud);
            at = transmission.ends;
            let (starts, ends) = (transmission.starts, transmission.ends);
            // Bytes of another caller are on the wire by now.
            let head_end = self.timing == Timing::Exact && self.asked_until > starts && self.asked_until > asked_until;
            let meter = self.spoil(starts, ends);
            if meter || head_end {
                transmission.spoil(starts);
                met = if meter { Met::Meter } else { Met::HeadEnd };
            }
            // Pieces of one answer do not meet each other.
            self.transmissions.push_back(transmission);
        }
        met
    }

    /// When there is next something for a caller.
    pub(crate) fn next_due(&self, caller: Caller) -> Option<Instant> {
        self.to(caller).filter_map(|t| t.pieces.front()).map(|(due, _)| *due).min()
    }

    /// Transmissions not yet handed to a caller.
    pub(crate) fn pending(&self, caller: Caller) -> usize {
        self.to(caller).filter(|t| !t.pieces.is_empty()).count()
    }

    /// What has passed the wire for a caller, in the order it did.
    pub(crate) fn take_due(&mut self, caller: Caller, now: Instant) -> Vec<Vec<u8>> {
        let mut due = Vec::new();
        for transmission in self.transmissions.iter_mut().filter(|t| t.to == caller) {
            while let Some(piece) = transmission.pieces.pop_front_if(|(at, _)| *at <= now) {
                due.push(piece);
            }
        }
        self.forget(now);
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, bytes)| bytes).collect()
    }

    /// How long so many bytes take.
    pub(crate) fn on_wire(&self, bytes: usize, baud: u32) -> Duration {
        match self.timing {
            Timing::Instant => Duration::ZERO,
            Timing::Exact => {
                let bits = CHARACTER_BITS.saturating_mul(bytes as u64);
                Duration::from_nanos(bits.saturating_mul(1_000_000_000) / u64::from(baud.max(1)))
            }
        }
    }

    fn to(&self, caller: Caller) -> impl Iterator<Item = &Transmission> {
        self.transmissions.iter().filter(move |t| t.to == caller)
    }

    fn lay(&self, to: Caller, by: Talker, starts: Instant, bytes: &[u8], baud: u32) -> Transmission {
        let piece = if self.timing == Timing::Exact { CHUNK } else { usize::MAX };
        let mut at = starts;
        let pieces = bytes
            .chunks(piece.min(bytes.len().max(1)))
            .map(|bytes| {
                at += self.on_wire(bytes.len(), baud);
                (at, bytes.to_vec())
            })
            .collect();
        Transmission { to, by, starts, ends: at, pieces }
    }

    /// Destroys what meters send between two instants. `false`: none does.
    fn spoil(&mut self, from: Instant, until: Instant) -> bool {
        if self.timing == Timing::Instant {
            return false;
        }
        let meets = |t: &&mut Transmission| t.by == Talker::Meter && t.starts < until && from < t.ends;
        let mut met = false;
        for transmission in self.transmissions.iter_mut().filter(meets) {
            transmission.spoil(from);
            met = true;
        }
        met
    }

    /// What has passed and was handed over.
    fn forget(&mut self, now: Instant) {
        self.transmissions.retain(|t| !t.pieces.is_empty() || t.ends > now);
    }
}

impl Transmission {
    /// Destroys what has not passed by `from`.
    fn spoil(&mut self, from: Instant) {
        for byte in self.pieces.iter_mut().filter(|(due, _)| *due > from).flat_map(|(_, bytes)| bytes) {
            *byte &= SPOILED;
        }
    }
}
