//! A line without a line: dialogues run over a scripted far end, in virtual time, without a runtime.
//!
//! Bytes are real and go through the protocol's own framing, as on a wire; only the transport is missing.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hes_driver::{Counts, Env, Exchange, Exchanged, Expect, LinkError, Outcome, Patience, Verdict};
use hes_model::{ExchangeProof, Failure, LineSettings, MeterClock, Obis, Observation, ReceivedAt, UtcMicros};
use hes_wire::Scan;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Runs a future that never waits for anything but the script.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a scripted line never makes a dialogue wait"),
    }
}

/// The virtual time that line and world share.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    /// Starts at a civil time of the utility's zone.
    pub(crate) fn at(civil: DateTime) -> Self {
        Self(Arc::new(AtomicI64::new(utc(civil).0)))
    }
    pub(crate) fn now(&self) -> UtcMicros {
        UtcMicros(self.0.load(Ordering::Relaxed))
    }
    pub(crate) fn civil(&self) -> DateTime {
        zone().to_datetime(self.now().timestamp())
    }
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

pub(crate) fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}
pub(crate) fn utc(civil: DateTime) -> UtcMicros {
    zone().to_timestamp(civil).unwrap().into()
}

/// What comes back for a request.
#[derive(Debug, Clone)]
pub(crate) enum Heard {
    /// These bytes, then silence.
    Bytes(Vec<u8>),
    /// The link breaks.
    Down,
    /// The turn is taken away.
    Interrupted,
}

/// A link whose far end is a function of the request.
pub(crate) struct Line<F> {
    far_end: F,
    clock: Clock,
    /// Everything sent, in order.
    pub(crate) sent: Vec<Vec<u8>>,
    /// How long an exchange takes.
    pub(crate) turn: Duration,
}

impl<F: FnMut(&[u8]) -> Heard> Line<F> {
    pub(crate) fn new(clock: &Clock, far_end: F) -> Self {
        Self { far_end, clock: clock.clone(), sent: Vec::new(), turn: Duration::from_millis(200) }
    }

    /// What a link does: finds frames in what comes, offers them, counts the rest.
    fn hear(&mut self, bytes: &[u8], expect: &mut (dyn Expect + Send)) -> Result<Counts, LinkError> {
        let mut counts = Counts { bytes: bytes.len(), ..Counts::default() };
        let mut rest = bytes;
        let mut last = Vec::new();
        while !rest.is_empty() {
            let scan = match expect.framing().scan(rest) {
                Scan::NeedMore => expect.framing().settle(rest),
                scan => scan,
            };
            match scan {
                Scan::NeedMore => break,
                Scan::Skip(n, why) => {
                    counts.skipped(n, why);
                    last = rest[..n].to_vec();
                    rest = &rest[n..];
                }
                Scan::Frame(range) => {
                    let frame = &rest[range.clone()];
                    match expect.offer(frame) {
                        Verdict::Done => return Ok(counts),
                        Verdict::More => {}
                        Verdict::Echo => counts.echo += 1,
                        Verdict::WrongAddress => counts.wrong_address += 1,
                        Verdict::WrongItem => counts.wrong_item += 1,
                    }
                    last = frame.to_vec();
                    rest = &rest[range.end..];
                }
            }
        }
        Err(LinkError::TimedOut { heard: counts, last })
    }
}

impl<F: FnMut(&[u8]) -> Heard + Send> Exchange for Line<F> {
    async fn exchange(
        &mut self,
        request: &[u8],
        expect: &mut (dyn Expect + Send),
        patience: Patience,
    ) -> Result<Exchanged, LinkError> {
        assert!(patience.answer_bytes >= 12 && patience.answer_bytes <= 7 + 12 + 200);
        self.sent.push(request.to_vec());
        let sent_at = self.clock.now();
        let heard = (self.far_end)(request);
        self.clock.advance(self.turn);
        match heard {
            Heard::Bytes(bytes) => self.hear(&bytes, expect).map(|counts| Exchanged {
                sent_at,
                received_at: ReceivedAt(self.clock.now()),
                reply: self.turn / 2,
                counts,
            }),
            Heard::Down => Err(LinkError::Down { cause: "connection reset".to_owned() }),
            Heard::Interrupted => Err(LinkError::Interrupted { cause: "shutdown" }),
        }
    }

    async fn send(&mut self, frame: &mut (dyn FnMut() -> Vec<u8> + Send)) -> Result<UtcMicros, LinkError> {
        self.clock.advance(self.turn);
        self.sent.push(frame());
        Ok(self.clock.now())
    }

    async fn line(&mut self, _: LineSettings) -> Result<(), LinkError> {
        Ok(())
    }
}

/// The world: virtual time, and a list of what came out.
pub(crate) struct World {
    clock: Clock,
    zone: TimeZone,
    pub(crate) outcomes: Vec<Outcome>,
}

impl World {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), zone: zone(), outcomes: Vec::new() }
    }
    pub(crate) fn values(&self) -> Vec<&Observation> {
        self.outcomes.iter().filter_map(|o| if let Outcome::Value(v) = o { Some(v) } else { None }).collect()
    }
    pub(crate) fn missing(&self) -> Vec<(Option<Obis>, Option<MeterClock>, &Failure)> {
        let missing = |o| match o {
            &Outcome::Missing { register, slot, ref failure } => Some((register, slot, failure)),
            _ => None,
        };
        self.outcomes.iter().filter_map(missing).collect()
    }
    pub(crate) fn proofs(&self) -> Vec<&ExchangeProof> {
        self.outcomes.iter().filter_map(|o| if let Outcome::Exchange(p) = o { Some(p) } else { None }).collect()
    }
}

impl Env for World {
    fn now(&self) -> UtcMicros {
        self.clock.now()
    }
    fn zone(&self) -> &TimeZone {
        &self.zone
    }
    fn wake_up(&self) -> u8 {
        4
    }
    fn outcome(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }
}

/// A frame, put together by hand: not by the codec under test.
pub(crate) fn frame(address: &str, control: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x68];
    bytes.extend(wire_address(address));
    bytes.extend([0x68, control, u8::try_from(data.len()).unwrap()]);
    bytes.extend(data.iter().map(|b| b.wrapping_add(0x33)));
    bytes.push(bytes.iter().fold(0, |sum: u8, b| sum.wrapping_add(*b)));
    bytes.push(0x16);
    bytes
}

/// Twelve digits, low pair first.
pub(crate) fn wire_address(address: &str) -> Vec<u8> {
    assert_eq!(address.len(), 12);
    (0..12).step_by(2).rev().map(|at| u8::from_str_radix(&address[at..at + 2], 16).unwrap()).collect()
}

/// Hexadecimal digits, spaces ignored.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// What a request says: control code and data without mask; wake-up bytes are skipped.
pub(crate) fn asked(request: &[u8]) -> (u8, Vec<u8>) {
    let start = request.iter().position(|b| *b == 0x68).unwrap();
    assert_eq!(start, 4, "four wake-up bytes");
    let frame = &request[start..];
    let data = frame[10..frame.len() - 2].iter().map(|b| b.wrapping_sub(0x33)).collect();
    (frame[8], data)
}

/// Packed decimals, low byte first.
pub(crate) fn bcd(number: u64, bytes: usize) -> Vec<u8> {
    let digits = format!("{number:0width$}", width = bytes * 2);
    (0..bytes).rev().map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

/// `mm hh DD MM YY`.
pub(crate) fn minute(at: DateTime) -> Vec<u8> {
    let parts = [at.minute(), at.hour(), at.day(), at.month()].map(|n| u64::from(n.unsigned_abs()));
    let year = u64::from(at.year().unsigned_abs() % 100);
    parts.into_iter().chain([year]).flat_map(|n| bcd(n, 1)).collect()
}
