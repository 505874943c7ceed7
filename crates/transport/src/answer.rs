//! Collecting one answer from a dirty stream: bytes and time in, a decision out. No I/O, no clock.
//!
//! The one place that knows how frames are found while deadlines run; both the direct link and the turnstile use it.

use std::collections::VecDeque;
use std::time::Duration;

use hes_driver::{Counts, Expect, Verdict};
use hes_wire::{Scan, Why};
use tokio::time::Instant;

use crate::Deadlines;

/// Most bytes that wait for the rest of a frame. No frame of a meter protocol is longer; a framing that asks for more is not believed.
const FRAME_MAX: usize = 4096;
/// Most bytes kept of what was unwanted or broken.
const LAST_MAX: usize = 300;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait for bytes until [`Answer::deadline`].
    Wait,
    /// The answer is complete.
    Done {
        /// When the answer's first byte was here.
        first: Instant,
    },
    /// Nothing more is to be expected.
    TimedOut,
}

/// One answer being collected.
#[derive(Debug)]
pub(crate) struct Answer {
    deadlines: Deadlines,
    sent: Instant,
    /// From when the next frame's first byte is waited for: the end of the request, or of the last wanted frame.
    waiting_since: Instant,
    buffer: Vec<u8>,
    start: usize,
    /// Up to which byte (counted from the first received) had arrived at which time; only for bytes still in the buffer.
    arrivals: VecDeque<(usize, Instant)>,
    /// Bytes that have left the buffer.
    consumed: usize,
    first_wanted: Option<Instant>,
    counts: Counts,
    /// Bytes that are missing at least of the frame that has begun.
    missing: usize,
    /// How many bytes of the last whole frame came after its first piece, and in which time.
    arrived: Option<(usize, Duration)>,
    last: Vec<u8>,
    last_is_noise: bool,
}

impl Answer {
    /// Starts waiting for the answer to a request whose last byte is out at `sent`.
    pub(crate) fn new(deadlines: Deadlines, sent: Instant) -> Self {
        Self {
            deadlines,
            sent,
            waiting_since: sent,
            buffer: Vec::new(),
            start: 0,
            arrivals: VecDeque::new(),
            consumed: 0,
            first_wanted: None,
            counts: Counts::default(),
            missing: 0,
            arrived: None,
            last: Vec::new(),
            last_is_noise: true,
        }
    }

    /// What was heard so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes what was heard and the last unwanted or broken bytes, at the end of a failed exchange.
    pub(crate) fn into_heard(self) -> (Counts, Vec<u8>) {
        (self.counts, self.last)
    }

    /// When to call [`expired`](Self::expired) unless bytes come before.
    pub(crate) fn deadline(&self) -> Instant {
        let next = match self.arrivals.back() {
            Some((_, last_byte)) => *last_byte + self.deadlines.gap,
            None => self.waiting_since + self.deadlines.first,
        };
        next.min(self.end())
    }

    /// How many bytes are missing at least of a frame that has begun; 0 where none has.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    /// How many bytes of the last whole frame came after its first piece, and in which time; told once.
    pub(crate) fn take_arrived(&mut self) -> Option<(usize, Duration)> {
        self.arrived.take()
    }

    /// Longest silence inside a frame.
    pub(crate) fn gap(&self) -> Duration {
        self.deadlines.gap
    }

    /// Takes in bytes that arrived at `now`.
    pub(crate) fn received(&mut self, now: Instant, bytes: &[u8], expect: &mut dyn Expect) -> Step {
        self.counts.bytes += bytes.len();
        self.buffer.extend_from_slice(bytes);
        self.arrivals.push_back((self.counts.bytes, now));
        if let Some(done) = self.scan(now, expect) {
            return done;
        }
        if now >= self.end() { self.expired(now, expect) } else { Step::Wait }
    }

    /// The deadline has passed without bytes: what looked like the start of a frame is none, and a frame may stand behind it.
    pub(crate) fn expired(&mut self, now: Instant, expect: &mut dyn Expect) -> Step {
        if now < self.deadline() {
            return Step::Wait;
        }
        while self.start < self.buffer.len() {
            self.counts.skipped(1, Why::Malformed);
            self.keep_broken();
            self.consume(1);
            let done = self.scan(now, expect);
            // A frame that stands behind a false start was whole before now: it does not tell how fast its bytes came.
            self.arrived = None;
            if let Some(done) = done {
                return done;
            }
        }
        if now < self.deadline() { Step::Wait } else { Step::TimedOut }
    }

    /// When the exchange ends, whatever comes. A frame that has begun, or of which others were wanted before, gets the time
    /// that pauses inside it take; noise does not.
    fn end(&self) -> Instant {
        let is_coming = !self.arrivals.is_empty() || self.first_wanted.is_some();
        self.sent + if is_coming { self.deadlines.with_pauses } else { self.deadlines.whole }
    }

    fn scan(&mut self, now: Instant, expect: &mut dyn Expect) -> Option<Step> {
        self.missing = 0;
        loop {
            let rest = self.buffer.get(self.start..).filter(|rest| !rest.is_empty())?;
            match expect.framing().scan(rest) {
                Scan::NeedMore if rest.len() < FRAME_MAX => {
                    self.missing = expect.framing().missing(rest).min(FRAME_MAX);
                    return None;
                }
                Scan::NeedMore => {
                    self.counts.skipped(1, Why::Malformed);
                    self.consume(1);
                }
                Scan::Skip(n, why) => {
                    let n = n.clamp(1, rest.len());
                    self.counts.skipped(n, why);
                    match why {
                        Why::Garbage => self.keep_noise(n),
                        Why::Malformed | Why::Checksum => self.keep_broken(),
                    }
                    self.consume(n);
                }
                Scan::Frame(range) => {
                    let end = range.end.clamp(1, rest.len());
                    let frame = rest.get(range).unwrap_or_default();
                    let verdict = expect.offer(frame);
                    if matches!(verdict, Verdict::WrongAddress | Verdict::WrongItem) {
                        self.last = frame.iter().copied().take(LAST_MAX).collect();
                        self.last_is_noise = false;
                    }
                    let (first_piece, head) = self.arrivals.front().copied().unwrap_or((self.counts.bytes, now));
                    let later = (self.consumed + end).saturating_sub(first_piece);
                    self.arrived = Some((later, now.saturating_duration_since(head)));
                    self.consume(end);
                    match verdict {
                        Verdict::Done | Verdict::More => {
                            let first = *self.first_wanted.get_or_insert(head);
                            self.waiting_since = now;
                            if verdict == Verdict::Done {
                                return Some(Step::Done { first });
                            }
                        }
                        Verdict::Echo => self.counts.echo += 1,
                        Verdict::WrongAddress => self.counts.wrong_address += 1,
                        Verdict::WrongItem => self.counts.wrong_item += 1,
                    }
                }
            }
        }
    }

    fn keep_broken(&mut self) {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        self.last = rest.iter().copied().take(LAST_MAX).collect();
        self.last_is_noise = false;
    }

    fn keep_noise(&mut self, n: usize) {
        if self.last_is_noise {
            let room = LAST_MAX.saturating_sub(self.last.len());
            let noise = self.buffer.get(self.start..).unwrap_or_default();
            self.last.extend(noise.iter().copied().take(n.min(room)));
        }
    }

    fn consume(&mut self, n: usize) {
        self.start += n;
        self.consumed += n;
        while self.arrivals.front().is_some_and(|(end, _)| *end <= self.consumed) {
            self.arrivals.pop_front();
        }
        if self.start >= self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        } else if self.start > FRAME_MAX {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{Want, frame};
    use proptest::prelude::*;

    const DEADLINES: Deadlines = Deadlines {
        first: Duration::from_millis(500),
        gap: Duration::from_millis(100),
        whole: Duration::from_millis(2000),
        with_pauses: Duration::from_millis(5000),
        held_back: Duration::ZERO,
    };

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn start() -> (Answer, Instant, Want) {
        let t0 = Instant::now();
        (Answer::new(DEADLINES, t0), t0, Want::answer(7))
    }

    #[test]
    fn the_first_byte_is_that_of_the_answer_behind_an_echo() {
        let (mut a, t0, mut want) = start();
        assert_eq!(a.received(t0 + ms(1), &frame(0, b"question"), &mut want), Step::Wait);
        let answer = frame(7, b"value");
        assert_eq!(a.received(t0 + ms(40), &answer[..2], &mut want), Step::Wait);
        assert_eq!(a.received(t0 + ms(70), &answer[2..], &mut want), Step::Done { first: t0 + ms(40) });
        assert_eq!(a.counts().echo, 1);
        assert_eq!(want.taken, vec![answer]);
    }

    #[test]
    fn any_split_of_the_stream_gives_the_same_answer_and_counts() {
        let stream = [&b"noise"[..], &frame(0, b"q"), &[0x55], &frame(3, b"else"), &frame(7, b"value")].concat();
        let mut whole = Vec::new();
        for chunk in 1..=stream.len() {
            let (mut a, t0, mut want) = start();
            let steps: Vec<Step> = stream.chunks(chunk).map(|c| a.received(t0 + ms(10), c, &mut want)).collect();
            assert!(matches!(steps.last(), Some(Step::Done { .. })), "chunks of {chunk}");
            assert!(steps.iter().rev().skip(1).all(|s| *s == Step::Wait), "chunks of {chunk}");
            whole.push((a.counts(), want.taken));
        }
        assert!(whole.windows(2).all(|w| w[0] == w[1]));
        assert_eq!(whole[0].0.wrong_address, 1);
        assert_eq!(whole[0].0.echo, 1);
    }

    #[test]
    fn silence_times_out_at_the_first_byte_deadline_and_not_before() {
        let (mut a, t0, mut want) = start();
        assert_eq!(a.deadline(), t0 + ms(500));
        assert_eq!(a.expired(t0 + ms(499), &mut want), Step::Wait);
        assert_eq!(a.expired(t0 + ms(500), &mut want), Step::TimedOut);
        assert_eq!(a.counts(), Counts::default());
    }

    #[test]
    fn a_frame_that_stops_in_the_middle_is_dead_after_the_gap() {
        let (mut a, t0, mut want) = start();
        let answer = frame(7, b"value");
        a.received(t0 + ms(450), &answer[..4], &mut want);
        assert_eq!(a.deadline(), t0 + ms(550));
        assert_eq!(a.expired(t0 + ms(550), &mut want), Step::TimedOut);
        let (heard, last) = a.into_heard();
        assert!(heard.malformed > 0);
        assert!(!last.is_empty());
    }

    #[test]
    fn a_frame_whose_every_pause_is_short_is_read_to_its_end_however_many_there_are() {
        let (mut a, t0, mut want) = start();
        let answer = frame(7, &[0; 34]);
        let (last, begun) = answer.split_last().unwrap();
        let mut now = t0 + ms(450);
        for byte in begun {
            assert_eq!(a.received(now, &[*byte], &mut want), Step::Wait, "{now:?}");
            now += ms(99);
        }
        assert!(now > t0 + DEADLINES.whole + DEADLINES.gap && now < t0 + DEADLINES.with_pauses);
        assert_eq!(a.received(now, &[*last], &mut want), Step::Done { first: t0 + ms(450) });
    }

    #[test]
    fn a_frame_that_never_ends_holds_the_line_no_longer_than_its_pauses_may_take() {
        let (mut a, t0, mut want) = start();
        let mut now = t0;
        let mut endless = frame(7, &[0; 200]).into_iter();
        let mut steps = std::iter::from_fn(|| {
            now += ms(99);
            Some(a.received(now, &[endless.next()?], &mut want))
        });
        assert_eq!(steps.find(|step| *step != Step::Wait), Some(Step::TimedOut));
        assert!(now >= t0 + DEADLINES.with_pauses && now <= t0 + DEADLINES.with_pauses + ms(99));
    }

    #[test]
    fn a_false_start_does_not_hide_the_answer_behind_it() {
        let (mut a, t0, mut want) = start();
        // A length byte of noise swallows the answer until the gap shows that nothing more comes.
        let stream = [&[0x68, 0xF0][..], &frame(7, b"value")].concat();
        assert_eq!(a.received(t0 + ms(30), &stream, &mut want), Step::Wait);
        assert_eq!(a.deadline(), t0 + ms(130));
        assert_eq!(a.expired(t0 + ms(130), &mut want), Step::Done { first: t0 + ms(30) });
    }

    #[test]
    fn an_answer_found_behind_a_false_start_does_not_tell_how_fast_it_came() {
        let (mut a, t0, mut want) = start();
        let answer = frame(7, b"value");
        a.received(t0 + ms(30), &[&[0x68, 0xF0][..], &answer[..2]].concat(), &mut want);
        a.received(t0 + ms(60), &answer[2..], &mut want);
        assert_eq!(a.expired(t0 + ms(160), &mut want), Step::Done { first: t0 + ms(30) });
        assert_eq!(a.take_arrived(), None);
    }

    #[test]
    fn after_a_dead_false_start_the_first_byte_deadline_still_holds() {
        let (mut a, t0, mut want) = start();
        a.received(t0 + ms(5), &[0x68, 0xF0], &mut want);
        assert_eq!(a.expired(t0 + ms(105), &mut want), Step::Wait);
        assert_eq!(a.deadline(), t0 + ms(500));
        let answer = frame(7, b"value");
        assert_eq!(a.received(t0 + ms(300), &answer, &mut want), Step::Done { first: t0 + ms(300) });
    }

    #[test]
    fn more_frames_of_one_answer_each_get_the_first_byte_deadline() {
        let (mut a, t0, mut want) = start();
        want.frames_wanted = 2;
        assert_eq!(a.received(t0 + ms(400), &frame(7, b"one"), &mut want), Step::Wait);
        assert_eq!(a.deadline(), t0 + ms(900));
        assert_eq!(a.received(t0 + ms(800), &frame(7, b"two"), &mut want), Step::Done { first: t0 + ms(400) });
    }

    #[test]
    fn endless_noise_ends_at_the_deadline_and_is_kept_in_part_only() {
        let (mut a, t0, mut want) = start();
        let mut now = t0;
        loop {
            now += ms(10);
            match a.received(now, &[0x55; 2000], &mut want) {
                Step::Wait => assert!(now < t0 + DEADLINES.whole, "noise must not hold the line for ever"),
                Step::TimedOut => break,
                Step::Done { .. } => panic!("noise is no answer"),
            }
        }
        let (heard, last) = a.into_heard();
        assert_eq!(heard.garbage, heard.bytes);
        assert_eq!(last.len(), LAST_MAX);
    }

    proptest! {
        /// Bytes as a hostile line sends them: frames wanted and not, noise, starts without an end.
        #[test]
        fn any_stream_in_any_split_gives_the_same_frames_and_never_more_than_it_held(
            pieces in prop::collection::vec(prop_oneof![
                (0u8..9, prop::collection::vec(any::<u8>(), 0..12)).prop_map(|(from, data)| frame(from, &data)),
                prop::collection::vec(any::<u8>(), 0..20),
                Just(vec![0x68]),
            ], 0..12),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let stream = pieces.concat();
            let run = |chunks: Vec<&[u8]>| {
                let (mut a, t0, mut want) = start();
                want.frames_wanted = 2;
                let mut done = chunks.into_iter().any(|chunk| a.received(t0 + ms(1), chunk, &mut want) != Step::Wait);
                done = done || a.expired(t0 + ms(600), &mut want) != Step::TimedOut;
                let counts = a.counts();
                prop_assert!(counts.garbage + counts.malformed + counts.checksum <= counts.bytes);
                Ok((done, want.taken))
            };
            let mut rest = stream.as_slice();
            let mut chunks = Vec::new();
            for cut in cuts.iter().cycle() {
                let (chunk, left) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = left;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(run(vec![stream.as_slice()])?, run(chunks)?);
        }
    }

    #[test]
    fn a_damaged_frame_is_kept_for_the_dissector_over_later_noise() {
        let (mut a, t0, mut want) = start();
        let mut damaged = frame(7, b"value");
        *damaged.last_mut().unwrap() ^= 1;
        a.received(t0 + ms(30), &damaged, &mut want);
        a.received(t0 + ms(60), b"zz", &mut want);
        assert_eq!(a.expired(t0 + ms(500), &mut want), Step::TimedOut);
        let (heard, last) = a.into_heard();
        assert_eq!(heard.checksum, 1);
        assert_eq!(last, damaged);
    }
}
