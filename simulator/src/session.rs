//! Bytes in, bytes out, at the line's own pace.
//!
//! One session serves one opened transport. With exact timing a byte takes eleven bits at the line's speed, in both
//! directions: a question is over when its last byte *would* have passed the line, however fast it was handed to us,
//! and the answer's bytes come out when a real line would deliver them.

use std::time::Duration;

use hes_wire::{Scan, Why};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::bus::{Bus, Hearing, WireEntry};
use crate::wire::{Caller, Met};

/// Silence that ends a frame.
const FRAME_GAP: Duration = Duration::from_millis(500);
/// More than any frame; what does not become a frame is dropped long before.
const MOST_BUFFERED: usize = 2048;
/// Answers under way to one caller before nothing more of him is read.
const MOST_PENDING: usize = 64;

/// What a session knows of the other side's port.
pub(crate) trait Port: AsyncRead + AsyncWrite + Unpin + Send {
    /// The speed the other side has set, where that can be seen.
    fn baud(&self) -> Option<u32> {
        None
    }
}

impl Port for tokio::net::TcpStream {}

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
        let (due, pending) = bus.on_wire(|wire| (wire.next_due(session.caller), wire.pending(session.caller)));
        tokio::select! {
            biased;
            // Cancel safe: nothing was taken out yet when another branch wins.
            rung = ring(&alarm, due) => {
                rung?;
                for bytes in bus.on_wire(|wire| wire.take_due(session.caller, Instant::now())) {
                    port.write_all(&bytes).await?;
                }
                port.flush().await?;
                session.listening_since = Instant::now();
            }
            read = port.read(&mut chunk), if pending < MOST_PENDING => {
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
    caller: Caller,
    buffer: Vec<u8>,
    /// When the last byte received has passed the line.
    heard_until: Instant,
    heard: bool,
    /// Since when silence is the other side's: before, we were busy talking and did not listen.
    listening_since: Instant,
}

impl<'a> Session<'a> {
    fn new(bus: &'a Bus) -> Self {
        let now = Instant::now();
        let caller = bus.on_wire(crate::wire::Wire::join);
        Self { bus, caller, buffer: Vec::new(), heard_until: now, heard: false, listening_since: now }
    }

    fn receive(&mut self, bytes: &[u8], baud: Option<u32>, now: Instant) {
        let silent_since = self.heard_until.max(self.listening_since);
        if self.heard && now.saturating_duration_since(silent_since) > FRAME_GAP {
            // What began before the silence is no frame any more.
            self.drop_buffer();
        }
        self.heard = true;
        let baud = self.bus.speed(baud);
        let echo = self.bus.echoes();
        let passage = self.bus.on_wire(|wire| wire.ask(self.caller, bytes, baud, echo, now));
        self.heard_until = passage.until;
        if passage.talked_over {
            // Both talk: what is still to come from the meter is destroyed, and it did not hear the question.
            self.bus.talked_over();
            self.buffer.clear();
            return;
        }
        self.buffer.extend_from_slice(bytes);
        self.scan(baud, now);
        if self.buffer.len() > MOST_BUFFERED {
            self.drop_buffer();
        }
    }

    fn drop_buffer(&mut self) {
        self.bus.stray(self.buffer.len());
        self.buffer.clear();
    }

    fn scan(&mut self, baud: u32, now: Instant) {
        loop {
            match self.bus.framing().scan(&self.buffer) {
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
                    let frame: Vec<u8> = self.buffer.drain(..end).skip(range.start).collect();
                    self.answer(&frame, end, baud, now);
                }
            }
        }
    }

    /// Lays an answer out in time.
    fn answer(&self, frame: &[u8], request_bytes: usize, baud: u32, now: Instant) {
        let hearing = Hearing { caller: self.caller, baud, now };
        let Some(spoken) = self.bus.hear(frame, hearing) else { return };
        let answer_bytes: usize =
            spoken.bursts.iter().filter(|burst| !burst.is_echo).map(|burst| burst.bytes.len()).sum();
        let turnaround = if answer_bytes > 0 { spoken.turnaround } else { Duration::ZERO };
        let (entry, met) = self.bus.on_wire(|wire| {
            let entry = WireEntry {
                request_us: micros(wire.on_wire(request_bytes, baud)),
                turnaround_us: micros(turnaround),
                answer_us: micros(wire.on_wire(answer_bytes, spoken.baud)),
            };
            (entry, wire.answer(self.caller, self.heard_until, spoken))
        });
        self.bus.log_wire(entry);
        match met {
            Met::Nothing => {}
            Met::HeadEnd => self.bus.talked_over(),
            Met::Meter => self.bus.collided(),
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.bus.leave(self.caller);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
