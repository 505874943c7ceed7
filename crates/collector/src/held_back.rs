//! How much of an answer a device on the way to the meters holds back, learned from answers. Pure.
//!
//! A serial server may pass each byte on as it comes, or wait until an answer is complete, and nobody says which. Who does
//! not know waits for the first byte of a silent meter as if its longest answer were held back: a second more at 2400
//! baud. The answers tell. One that took its whole time on the line to arrive was passed on byte by byte; one that came
//! all at once was held back.
//!
//! The most that was held back of the last 32 long answers counts, as the share of the answer's own time on the line, so
//! that a device which holds back whole answers is never taken for a quicker one.

use std::time::Duration;

use hes_driver::Exchanged;
use hes_model::LineSettings;

/// Answers remembered.
const ANSWERS: usize = 32;
/// Shorter answers than this tell nothing: they may fit into what a device sends on at once.
const LONG_BYTES: usize = 64;

/// A share of an answer's time on the line, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share(u8);

impl Share {
    /// All of it: what must be reckoned with as long as nothing is known.
    pub(crate) const WHOLE: Self = Self(100);

    /// So many percent; more than everything is everything.
    pub(crate) fn percent(percent: u128) -> Self {
        u8::try_from(percent).map_or(Self::WHOLE, |percent| Self(percent).min(Self::WHOLE))
    }

    /// What was held back of an answer; `None` if it is too short to tell.
    ///
    /// The time it took to arrive is missing nothing but what its device kept to itself before it sent the first byte.
    /// Stray bytes make the share larger, never smaller.
    pub(crate) fn of(exchanged: &Exchanged, line: LineSettings) -> Option<Self> {
        let bytes = exchanged.counts.bytes;
        if bytes < LONG_BYTES {
            return None;
        }
        let since_sent = exchanged.received_at.0.since(exchanged.sent_at);
        let arriving = Duration::from_micros(u64::try_from(since_sent).ok()?).saturating_sub(exchanged.reply);
        let on_line = line.duration_of(bytes);
        let held_back = on_line.saturating_sub(arriving);
        Some(Self::percent((held_back.as_micros() * 100).div_ceil(on_line.as_micros().max(1))))
    }

    /// As a number.
    pub(crate) fn as_percent(self) -> u8 {
        self.0
    }
}

/// What was held back of the last long answers of one line.
#[derive(Debug, Clone)]
pub(crate) struct HeldBack {
    last: [Share; ANSWERS],
    count: usize,
}

impl Default for HeldBack {
    fn default() -> Self {
        Self { last: [Share(0); ANSWERS], count: 0 }
    }
}

impl HeldBack {
    /// One more answer.
    pub(crate) fn add(&mut self, share: Share) {
        if let Some(place) = self.last.get_mut(self.count % ANSWERS) {
            *place = share;
        }
        self.count += 1;
    }

    /// The share to reckon with: the largest of the last answers with a margin, once there were `answers_min`.
    pub(crate) fn expected(&self, answers_min: usize, factor_percent: u16) -> Share {
        if self.count < answers_min {
            return Share::WHOLE;
        }
        let most = self.last.iter().max().map_or(100, |share| u128::from(share.0));
        Share::percent((most * u128::from(factor_percent)).div_ceil(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hes_driver::Counts;
    use hes_model::{ReceivedAt, UtcMicros};

    /// An answer of 240 bytes, 1.1 seconds on a line of 2400 baud, that took so long from its first to its last byte.
    fn took(arriving_ms: i64) -> Option<Share> {
        answer(240, arriving_ms)
    }

    fn answer(bytes: usize, arriving_ms: i64) -> Option<Share> {
        let reply = Duration::from_millis(30);
        let received = UtcMicros(1_800_000_000_000_000);
        let exchanged = Exchanged {
            sent_at: UtcMicros(received.0 - 30_000 - arriving_ms * 1000),
            received_at: ReceivedAt(received),
            reply,
            counts: Counts { bytes, ..Counts::default() },
        };
        Share::of(&exchanged, LineSettings::DLT645)
    }

    fn learned(shares: impl IntoIterator<Item = Option<Share>>) -> Share {
        let mut held_back = HeldBack::default();
        shares.into_iter().flatten().for_each(|share| held_back.add(share));
        held_back.expected(20, 150)
    }

    #[test]
    fn the_share_held_back_is_what_an_answer_was_quicker_than_its_line() {
        assert_eq!(took(0), Some(Share::WHOLE));
        assert_eq!(took(1100), Some(Share(0)));
        assert_eq!(took(1045), Some(Share(5)));
        assert_eq!(took(5000), Some(Share(0)), "a pause inside an answer holds nothing back");
    }

    #[test]
    fn a_short_answer_tells_nothing() {
        assert_eq!(answer(63, 0), None);
        assert_eq!(answer(64, 0), Some(Share::WHOLE));
    }

    #[test]
    fn everything_may_be_held_back_until_twenty_long_answers_came() {
        assert_eq!(learned([took(1045); 19]), Share::WHOLE);
        assert_eq!(learned([took(1045); 20]), Share(8), "half as much again, rounded up");
    }

    #[test]
    fn one_answer_held_back_counts_for_the_next_thirty_one() {
        let mut answers = vec![took(0)];
        answers.extend([took(1045); 31]);
        assert_eq!(learned(answers.clone()), Share::WHOLE);
        answers.push(took(1045));
        assert_eq!(learned(answers), Share(8));
    }
}
