//! An opened link, owned by whoever uses it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hes_driver::Patience;
use hes_model::LineSettings;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::dial_in::Presence;
use crate::serial::Port;
use crate::socket::Socket;
use crate::tempo::Tempo;
use crate::{Deadlines, Late, Pace, TransportMetrics};

/// Bytes taken at once from a link: more than a meter's longest frame.
const READ_CHUNK: usize = 1024;

/// Why a speed was refused on a socket.
pub const FIXED_SPEED: &str =
    "the speed behind a socket can't be changed from here; set it on the serial server or module";

/// What a link runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Medium {
    /// A serial port.
    Serial,
    /// A socket we opened.
    Dial,
    /// A socket a module opened.
    DialIn,
}

impl Medium {
    /// The stable name used in metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Medium::Serial => "serial",
            Medium::Dial => "dial",
            Medium::DialIn => "dial_in",
        }
    }
}

/// Bytes of one link, readable by others while it is in use.
#[derive(Debug, Default)]
pub struct LineCounters {
    received: AtomicU64,
    sent: AtomicU64,
    reads: AtomicU64,
}

impl LineCounters {
    /// Bytes received since the link was opened.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
    /// Bytes sent since the link was opened.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
    /// In how many pieces the bytes received were taken.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(crate) enum Stream {
    Serial(Port),
    Tcp(Socket),
}

/// Whether everything said on the line so far is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quiet {
    Yes,
    /// An answer may come, wanted by nobody any more.
    From(Late),
    /// A frame went out in part.
    Broken,
}

/// What happened on a line that nobody used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Bytes came unasked and were dropped.
    Heard(usize),
    /// Another module claims this one's identity: [`Line::prove_alive`] should be called soon.
    Challenged,
}

/// An open serial port or socket, with its speed.
///
/// Errors mean the link is down: drop it and open another.
#[derive(Debug)]
pub struct Line {
    stream: Stream,
    medium: Medium,
    peer: String,
    settings: LineSettings,
    write_timeout: Duration,
    quiet: Quiet,
    stray: Option<Instant>,
    counters: Arc<LineCounters>,
    metrics: TransportMetrics,
    presence: Option<Arc<Presence>>,
    pub(crate) tempo: Tempo,
}

impl Line {
    pub(crate) fn new(
        stream: Stream,
        medium: Medium,
        peer: String,
        settings: LineSettings,
        write_timeout: Duration,
        metrics: TransportMetrics,
    ) -> Self {
        metrics.opened(medium);
        Self {
            stream,
            medium,
            peer,
            settings,
            write_timeout,
            quiet: Quiet::Yes,
            stray: None,
            counters: Arc::default(),
            metrics,
            presence: None,
            tempo: Tempo::default(),
        }
    }

    pub(crate) fn watched_by(mut self, presence: Arc<Presence>) -> Self {
        self.presence = Some(presence);
        self
    }

    /// What it runs on.
    pub fn medium(&self) -> Medium {
        self.medium
    }
    /// Device path, or the address of the peer.
    pub fn peer(&self) -> &str {
        &self.peer
    }
    /// Speed and format in force.
    pub fn settings(&self) -> LineSettings {
        self.settings
    }
    /// Byte counters, which stay readable while the line is in use elsewhere.
    pub fn counters(&self) -> Arc<LineCounters> {
        Arc::clone(&self.counters)
    }

    /// When bytes were last heard that belong to no answer: they may be part of one that comes late.
    pub fn last_stray(&self) -> Option<Instant> {
        self.stray
    }

    /// Sends all of `bytes`; the moment at which the last of them will have been on the line.
    ///
    /// # Cancel safety
    ///
    /// None: never race it. A write dropped half-way leaves the line unusable, and each later write says so.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<Instant> {
        if self.quiet == Quiet::Broken {
            return Err(io::Error::other("an earlier frame went out in part"));
        }
        let before = std::mem::replace(&mut self.quiet, Quiet::Broken);
        let started = Instant::now();
        let written = match &mut self.stream {
            Stream::Serial(port) => timeout(self.write_timeout, port.write_all(bytes, self.settings)).await,
            Stream::Tcp(socket) => timeout(self.write_timeout, socket.watched()?.write_all(bytes)).await,
        };
        match written {
            Ok(done) => done?,
            Err(_elapsed) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no bytes"));
            }
        }
        self.quiet = before;
        self.counters.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.metrics.sent(self.medium, bytes.len());
        Ok(Instant::now().max(started + self.settings.duration_of(bytes.len())))
    }

    /// Waits for bytes and appends them to `into`; at least one.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// # Errors
    ///
    /// When the peer has closed, the port is gone, or a newer log-in took this link's place.
    pub async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        into.reserve(READ_CHUNK);
        let from_stream = async {
            match &mut self.stream {
                Stream::Serial(port) => port.read(into).await,
                Stream::Tcp(socket) => socket.read(into).await,
            }
        };
        let n = tokio::select! {
            biased;
            () = Presence::evicted(self.presence.as_deref()) => {
                return Err(io::Error::other("a newer log-in took this link's place"));
            }
            n = from_stream => n?,
        };
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer has closed the connection"));
        }
        self.heard(n);
        Ok(n)
    }

    /// Whether it makes a difference to look away: a serial port's own interrupts come all the same, and there are few.
    pub(crate) fn can_look_away(&self) -> bool {
        matches!(self.stream, Stream::Tcp(_)) && !self.is_challenged()
    }

    /// Leaves what comes alone until then, to be read all at once. Ends sooner when somebody wants this link's place.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn look_away(&mut self, until: Instant) -> io::Result<()> {
        if let Stream::Tcp(socket) = &mut self.stream {
            socket.unwatch()?;
        }
        let presence = self.presence.as_deref();
        tokio::select! {
            biased;
            () = Presence::challenged(presence) => {}
            () = Presence::evicted(presence) => {}
            () = sleep_until(until) => {}
        }
        Ok(())
    }

    fn heard(&self, n: usize) {
        self.counters.received.fetch_add(n as u64, Ordering::Relaxed);
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        self.metrics.received(self.medium, n);
        if let Some(presence) = &self.presence {
            presence.heard(n);
        }
    }

    /// Drops bytes until the line was silent for `quiet`, or until `max` is over; how many there were.
    ///
    /// # Cancel safety
    ///
    /// May be dropped; what was dropped before stays dropped.
    pub async fn drain(&mut self, quiet: Duration, max: Duration) -> io::Result<usize> {
        let end = Instant::now() + max;
        self.drop_until(|heard| end.min(heard + quiet)).await
    }

    /// Drops bytes until the moment that `end` makes of when the last of them were heard; how many there were. What came
    /// while nobody looked may have come just now.
    async fn drop_until(&mut self, end: impl Fn(Instant) -> Instant) -> io::Result<usize> {
        let mut heard = Instant::now();
        let mut dropped = 0;
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            match timeout_at(end(heard), self.read(&mut buffer)).await {
                Ok(n) => dropped += n?,
                Err(_elapsed) => break,
            }
            heard = Instant::now();
            if heard >= end(heard) {
                break;
            }
        }
        self.dropped(dropped);
        Ok(dropped)
    }

    /// Bytes were dropped that nobody asked for.
    fn dropped(&mut self, n: usize) {
        self.metrics.stale(n);
        if n > 0 {
            self.strayed();
        }
    }

    /// Says that bytes were heard just now that belong to no answer.
    pub(crate) fn strayed(&mut self) {
        self.stray = Some(Instant::now());
    }

    /// Waits, while nobody uses the line, for anything that happens on it. Bytes are dropped and counted: a meter does
    /// not speak unasked, so they are heartbeats of a module, noise, or an answer that came too late.
    ///
    /// # Cancel safety
    ///
    /// Nothing but bytes already dropped is lost.
    pub async fn idle(&mut self) -> io::Result<Idle> {
        let challenged = self.presence.clone();
        let mut buffer = Vec::new();
        tokio::select! {
            biased;
            () = Presence::challenged(challenged.as_deref()) => Ok(Idle::Challenged),
            n = self.read(&mut buffer) => {
                let n = n?;
                self.dropped(n);
                Ok(Idle::Heard(n))
            }
        }
    }

    /// Whether another module claims this one's identity and no answer has proved this one alive since.
    pub fn is_challenged(&self) -> bool {
        self.presence.as_deref().is_some_and(Presence::is_challenged)
    }

    /// Asks the module, or a meter behind it, for any sign of life, and waits for one as long as `longest` has it. What comes is
    /// dropped: only that it comes counts. Whether it was enough is the listener's to decide.
    ///
    /// Not cancel safe: it writes.
    pub async fn prove_alive(&mut self, longest: Deadlines) -> io::Result<()> {
        let Some(presence) = self.presence.clone() else { return Ok(()) };
        let question = presence.take_challenge();
        let sent = self.write_all(&question).await?;
        self.expecting(longest.late(sent));
        self.settle().await
    }

    /// Says how long an answer may come; undone by [`over`](Self::over).
    pub(crate) fn expecting(&mut self, late: Late) {
        self.quiet = Quiet::From(late);
    }

    /// Says that the exchange is over.
    pub(crate) fn over(&mut self) {
        self.quiet = Quiet::Yes;
    }

    /// Whether an exchange was dropped in the middle: [`settle`](Self::settle) is due before the next.
    pub fn is_poisoned(&self) -> bool {
        self.quiet != Quiet::Yes
    }

    /// Makes a line usable again after an exchange was dropped in the middle: waits out the longest answer time, and an answer
    /// that is coming then to its end, and drops what comes. Returns at once on a quiet line.
    ///
    /// # Errors
    ///
    /// When a frame went out in part: nobody knows what the devices make of it, the link must be closed.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub async fn settle(&mut self) -> io::Result<()> {
        match self.quiet {
            Quiet::Yes => return Ok(()),
            Quiet::Broken => return Err(io::Error::other("a frame went out in part")),
            Quiet::From(late) => {
                self.drop_until(|heard| late.until(Some(heard))).await?;
            }
        }
        self.quiet = Quiet::Yes;
        Ok(())
    }

    /// Drops what has arrived before we asked: a late answer to an earlier question must not meet the next.
    pub(crate) fn drop_stale(&mut self) -> io::Result<usize> {
        let mut scratch = [0; READ_CHUNK];
        let mut dropped = 0;
        loop {
            let n = match &mut self.stream {
                Stream::Serial(port) => port.try_read(&mut scratch),
                Stream::Tcp(socket) => socket.try_read(&mut scratch),
            };
            match n {
                Ok(0) => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer has closed the connection"));
                }
                Ok(n) => {
                    dropped += n;
                    self.heard(n);
                    // A peer that floods must not keep us here.
                    if dropped >= 16 * READ_CHUNK {
                        break;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        self.dropped(dropped);
        Ok(dropped)
    }

    /// Changes speed and character format of a serial port while it is open. On a socket only what is in force already
    /// can be asked for: the speed behind it is not ours to change.
    pub fn set_line(&mut self, line: LineSettings) -> io::Result<()> {
        if line == self.settings {
            return Ok(());
        }
        match &mut self.stream {
            Stream::Serial(port) => port.set_line(line)?,
            Stream::Tcp(_) => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, FIXED_SPEED));
            }
        }
        self.settings = line;
        Ok(())
    }

    /// The deadlines of an exchange on this line with nothing learned; see [`Deadlines::longest`].
    pub fn longest(&self, extra_delay: Duration, patience: &Patience) -> Deadlines {
        Deadlines::longest(&Pace { line: self.settings, extra_delay }, patience, self.medium)
    }

    /// Closes in order: a socket tells its peer that nothing more comes.
    pub async fn close(mut self) {
        if let Stream::Tcp(socket) = &mut self.stream
            && let Ok(socket) = socket.watched()
            && let Err(e) = socket.shutdown().await
        {
            tracing::debug!(peer = %self.peer, error = %e, "socket was closed before we closed it");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.metrics.closed(self.medium);
        if let Some(presence) = &self.presence {
            presence.left();
        }
    }
}
