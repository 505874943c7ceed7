//! Bytes in, bytes out, at the line's own pace.
//!
//! One session serves one opened transport. With exact timing a byte takes eleven bits at the line's speed, in both
//! directions: a question is over when its last byte *would* have passed the line, however fast it was handed to us,
//! and the answer's bytes come out when a real line would deliver them. Who talks while a meter does destroys both.

use std::collections::VecDeque;
use std::time::Duration;

use hes_dlt645::{Dlt645, Frame};
use hes_wire::{Framing, Scan, Why};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::bus::{Bus, WireEntry};
use crate::config::Timing;
use crate::fault::Burst;

/// Bits of a character, 8E1.
const CHARACTER_BITS: u64 = 11;
/// Silence that ends a frame.
const FRAME_GAP: Duration = Duration::from_millis(500);
/// Bytes handed over at a time when they are timed: about what an interface gathers before it tells.
const CHUNK: usize = 16;
/// More than any frame; what does not become a frame is dropped long before.
const MOST_BUFFERED: usize = 2048;

/// What a session knows of the other side's port.
pub(crate) trait Port: AsyncRead + AsyncWrite + Unpin + Send {
    /// The speed the other side has set, where that can be seen.
    fn baud(&self) -> Option<u32> {
        None
    }
}

impl Port for tokio::net::TcpStream {}

/// Bytes on their way out: each piece with when its last byte has passed the line.
#[derive(Debug)]
struct Transmission {
    starts: Instant,
    pieces: VecDeque<(Instant, Vec<u8>)>,
}

/// Serves `bus` on `port` until the other side closes. Returns how it ended.
///
/// # Cancel safety
///
/// Dropping it closes the port; an answer may be cut short, as on a line that is pulled.
pub(crate) async fn serve<P: Port>(bus: &Bus, mut port: P) -> std::io::Result<()> {
    let mut session = Session::new(bus);
    let alarm = Alarm::new()?;
    let mut chunk = [0; 512];
    loop {
        let due = session.next_due();
        tokio::select! {
            biased;
            // Cancel safe: nothing was taken out yet when another branch wins.
            rung = ring(&alarm, due) => {
                rung?;
                for bytes in session.take_due(Instant::now()) {
                    port.write_all(&bytes).await?;
                }
                port.flush().await?;
                session.listening_since = Instant::now();
            }
            read = port.read(&mut chunk) => {
                let n = read?;
                if n == 0 {
                    return Ok(());
                }
                let baud = port.baud();
                session.receive(chunk.get(..n).unwrap_or_default(), baud, Instant::now());
            }
        }
    }
}

async fn ring(alarm: &Alarm, due: Option<Instant>) -> std::io::Result<()> {
    match due {
        Some(due) => alarm.at(due).await,
        None => std::future::pending().await,
    }
}

struct Session<'a> {
    bus: &'a Bus,
    buffer: Vec<u8>,
    /// When the last byte received has passed the line.
    heard_until: Instant,
    heard: bool,
    /// Since when silence is the other side's: before, we were busy talking and did not listen.
    listening_since: Instant,
    outgoing: VecDeque<Transmission>,
}

impl<'a> Session<'a> {
    fn new(bus: &'a Bus) -> Self {
        let now = Instant::now();
        Self {
            bus,
            buffer: Vec::new(),
            heard_until: now,
            heard: false,
            listening_since: now,
            outgoing: VecDeque::new(),
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.outgoing.iter().filter_map(|t| t.pieces.front()).map(|(due, _)| *due).min()
    }

    fn take_due(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut due = Vec::new();
        for transmission in &mut self.outgoing {
            while let Some((_, bytes)) = transmission.pieces.pop_front_if(|(at, _)| *at <= now) {
                due.push(bytes);
            }
        }
        self.outgoing.retain(|t| !t.pieces.is_empty());
        due
    }

    fn receive(&mut self, bytes: &[u8], baud: Option<u32>, now: Instant) {
        let silent_since = self.heard_until.max(self.listening_since);
        if self.heard && now.saturating_duration_since(silent_since) > FRAME_GAP {
            // What began before the silence is no frame any more.
            self.bus.stray(self.buffer.len());
            self.buffer.clear();
        }
        self.heard = true;
        let from = self.heard_until.max(now);
        self.heard_until = from + self.on_line(bytes.len());
        if self.talking(now) {
            self.collide();
            return;
        }
        self.buffer.extend_from_slice(bytes);
        self.scan(baud);
        if self.buffer.len() > MOST_BUFFERED {
            self.bus.stray(self.buffer.len());
            self.buffer.clear();
        }
    }

    fn scan(&mut self, baud: Option<u32>) {
        loop {
            match Dlt645.scan(&self.buffer) {
                Scan::NeedMore => return,
                Scan::Skip(n, why) => {
                    if why == Why::Garbage {
                        self.bus.stray(n);
                    }
                    self.buffer.drain(..n.clamp(1, self.buffer.len().max(1)).min(self.buffer.len()));
                    if self.buffer.is_empty() {
                        return;
                    }
                }
                Scan::Frame(range) => {
                    let end = range.end;
                    let raw: Vec<u8> = self.buffer.drain(..end).skip(range.start).collect();
                    if let Ok(frame) = Frame::parse(&raw) {
                        let bursts = self.bus.hear(&frame, &raw, baud);
                        self.transmit(bursts, end);
                    }
                }
            }
        }
    }

    /// Lays an answer's bytes out in time.
    fn transmit(&mut self, bursts: Vec<Burst>, request_bytes: usize) {
        let turnaround = match self.bus.line.timing {
            Timing::Instant => Duration::ZERO,
            Timing::Exact => Duration::from_millis(self.bus.line.turnaround_ms),
        };
        let answered = bursts.iter().any(|burst| !burst.bytes.is_empty());
        let answer_bytes: usize = bursts.iter().map(|burst| burst.bytes.len()).sum();
        self.bus.log_wire(WireEntry {
            request_us: micros(self.on_line(request_bytes)),
            turnaround_us: if answered { micros(turnaround) } else { 0 },
            answer_us: micros(self.on_line(answer_bytes)),
        });
        let mut at = self.heard_until + turnaround;
        for Burst { after, bytes } in bursts {
            let starts = at + after;
            let mut pieces = VecDeque::new();
            let piece = if self.bus.line.timing == Timing::Exact { CHUNK } else { usize::MAX };
            at = starts;
            for bytes in bytes.chunks(piece.min(bytes.len().max(1))) {
                at += self.on_line(bytes.len());
                pieces.push_back((at, bytes.to_vec()));
            }
            self.outgoing.push_back(Transmission { starts, pieces });
        }
    }

    fn talking(&self, now: Instant) -> bool {
        self.bus.line.timing == Timing::Exact
            && self.outgoing.iter().any(|t| t.starts <= now && t.pieces.back().is_some_and(|(end, _)| now < *end))
    }

    /// Both talk: what is still to come from the meter is destroyed, and it did not hear the question.
    fn collide(&mut self) {
        self.bus.talked_over();
        self.buffer.clear();
        for (_, bytes) in self.outgoing.iter_mut().flat_map(|t| &mut t.pieces) {
            for byte in bytes {
                *byte &= 0x55;
            }
        }
    }

    fn on_line(&self, bytes: usize) -> Duration {
        match self.bus.line.timing {
            Timing::Instant => Duration::ZERO,
            Timing::Exact => {
                let bits = CHARACTER_BITS.saturating_mul(bytes as u64);
                Duration::from_nanos(bits.saturating_mul(1_000_000_000) / u64::from(self.bus.line.baud.max(1)))
            }
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
