//! The task that holds a channel's line.

use std::time::Duration;

use hes_driver::{LinkError, Patience};
use hes_model::{ChannelConfig, UtcMicros};
use hes_transport::{Backoff, Idle, Line, LinkSource, OpenError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::keeping::{Keeping, Learned};
use super::turn::Returned;
use super::{Ask, CLOSING, Lesson, LinkState, Turn, TurnstileConfig, TurnstileMetrics, queue};
use crate::patience::Habits;

/// How long a module that is asked to prove itself alive may take: a meter's longest answer without extra delay.
const PROOF: Patience =
    Patience { reply: Duration::from_millis(500), gap: Duration::from_millis(500), answer_bytes: 32 };

/// Bytes that may come unasked within [`UNASKED_WINDOW`] before the link is closed: heartbeats and noise are a fraction of
/// it, and a serial line at its highest speed can't carry it.
const UNASKED_MAX: usize = 1 << 20;
const UNASKED_WINDOW: Duration = Duration::from_secs(60);

/// The owner of one channel's line. Made with its [`Turnstile`](super::Turnstile); does nothing until it is run.
#[derive(Debug)]
pub struct Owner {
    pub(super) channel: ChannelConfig,
    pub(super) source: LinkSource,
    pub(super) asked: mpsc::Receiver<queue::InLine<Ask>>,
    pub(super) line_up: queue::Line<Ask>,
    pub(super) habits: Habits,
    pub(super) keeping: Option<Keeping>,
    pub(super) backoff: Backoff,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) config: TurnstileConfig,
    pub(super) metrics: TurnstileMetrics,
}

/// Why the owner stops what it does.
enum End {
    /// The link is down.
    Down(String),
    /// Everything ends.
    Shutdown,
}

impl Owner {
    /// Begins with what was learned of the meters before, and gives away to `keep` what is learned from now on.
    pub(crate) fn remembering(mut self, known: &Learned, keep: mpsc::Sender<Learned>) -> Self {
        for (meter, replies) in known {
            self.habits.remember(*meter, replies);
        }
        self.keeping = Some(Keeping::new(keep));
        self
    }

    /// Holds the line until `shutdown`, then finishes the exchange on the wire and closes it. Ends too when every handle
    /// of the turnstile is gone.
    ///
    /// Should it panic, every link of the channel says [`CLOSING`]; whoever runs it makes a new turnstile.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while let Some(line) = self.open(&shutdown).await {
            let peer = line.peer().to_owned();
            tracing::info!(channel = %self.channel.name, %peer, "link is up");
            let up_since = Instant::now();
            let up = UpGauge::new(&self.metrics);
            self.state.send_replace(LinkState::Up { since: utc_now(), peer });
            let end = self.hold(line, &shutdown).await;
            drop(up);
            match end {
                End::Shutdown => break,
                End::Down(cause) => {
                    self.metrics.lost.inc();
                    tracing::warn!(channel = %self.channel.name, %cause, "link is down");
                    self.down(cause);
                    self.backoff.lived(up_since.elapsed());
                }
            }
        }
        self.asked.close();
        while let Some(ask) = self.asked.recv().await {
            self.line_up.push(ask);
        }
        self.send_home(&LinkError::Interrupted { cause: CLOSING });
        if let Some(keeping) = self.keeping.take() {
            keeping.finish(&mut self.habits).await;
        }
    }

    /// Opens the line, as often as it takes; `None` at shutdown.
    async fn open(&mut self, shutdown: &CancellationToken) -> Option<Line> {
        let was_down = matches!(*self.state.borrow(), LinkState::Down { .. });
        // A module dials in when it wants to; there is nothing to hold back from.
        if was_down && !self.source.is_dial_in() {
            self.wait(shutdown).await?;
        }
        loop {
            if self.source.is_dial_in() && !matches!(*self.state.borrow(), LinkState::Down { .. }) {
                self.down(
                    "its module has not dialled in; check its power and network, and the list of unknown devices"
                        .into(),
                );
            }
            match self.attempt(shutdown).await? {
                Ok(line) => return Some(line),
                Err(e) => {
                    let cause = chain(&e);
                    tracing::warn!(channel = %self.channel.name, %cause, "can't open the link");
                    self.down(cause);
                    self.wait(shutdown).await?;
                }
            }
        }
    }

    /// One attempt to open the line. Who asks meanwhile waits for its end, or is refused if the link was down before.
    async fn attempt(&mut self, shutdown: &CancellationToken) -> Option<Result<Line, OpenError>> {
        let opening = self.source.open();
        tokio::pin!(opening);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                opened = &mut opening => return Some(opened),
                ask = self.asked.recv() => match (ask?, &*self.state.borrow()) {
                    (ask, LinkState::Down { cause, .. }) => refuse(ask, LinkError::Down { cause: cause.clone() }),
                    (ask, _) => self.line_up.push(ask),
                },
            }
        }
    }

    /// Waits before the next attempt to open, refusing whoever asks meanwhile; `None` at shutdown.
    async fn wait(&mut self, shutdown: &CancellationToken) -> Option<()> {
        let until = Instant::now() + self.backoff.failed(rand::random());
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return None,
                () = sleep_until(until) => return Some(()),
                ask = self.asked.recv() => {
                    let cause = self.cause();
                    refuse(ask?, LinkError::Down { cause });
                }
            }
        }
    }

    /// Gives turns on an open line until it is lost.
    async fn hold(&mut self, line: Line, shutdown: &CancellationToken) -> End {
        let mut line = line;
        let mut unasked = Unasked::new(Instant::now());
        loop {
            while let Ok(ask) = self.asked.try_recv() {
                self.line_up.push(ask);
            }
            if shutdown.is_cancelled() {
                line.close().await;
                return End::Shutdown;
            }
            if line.is_poisoned() {
                self.metrics.poisoned.inc();
                // A meter that talks with pauses may take half a minute.
                let settled = tokio::select! {
                    biased;
                    () = shutdown.cancelled() => continue,
                    settled = line.settle() => settled,
                };
                if let Err(e) = settled {
                    return End::Down(e.to_string());
                }
                continue;
            }
            if line.is_challenged() {
                let longest = line.longest(self.extra_delay(), &PROOF);
                if let Err(e) = line.prove_alive(longest).await {
                    return End::Down(e.to_string());
                }
                continue;
            }
            if let Some(keeping) = &mut self.keeping {
                keeping.if_due(&mut self.habits);
            }
            let now = Instant::now();
            let (habits, stray) = (&self.habits, line.last_stray());
            if let Some(next) = self.line_up.pop(now, |meter| habits.closed_until(meter, now, stray).is_none()) {
                match self.lend(line, next, shutdown).await {
                    Ok(back) => line = back,
                    Err(end) => return end,
                }
                continue;
            }
            if let Err(end) = self.idle(&mut line, &mut unasked, shutdown).await {
                return end;
            }
        }
    }

    /// Gives the line away for one exchange and gets it back.
    async fn lend(&mut self, line: Line, next: queue::InLine<Ask>, shutdown: &CancellationToken) -> Result<Line, End> {
        let (back, mut returned) = oneshot::channel();
        let started = Instant::now();
        let turn = Turn::new(line, self.habits.expected(next.meter), back);
        let queue::InLine { class, meter, asked, item } = next;
        self.metrics.turn_granted(class, started.saturating_duration_since(asked));
        // Who went away while waiting drops the turn, which comes back below like any other.
        drop(item.answer.send(Ok(turn)));
        drop(item._place);
        let finish = Duration::from_secs(self.config.finish_seconds.into());
        let came_back = loop {
            tokio::select! {
                biased;
                back = &mut returned => break back.ok(),
                () = shutdown.cancelled() => break timeout(finish, &mut returned).await.ok().and_then(Result::ok),
                Some(ask) = self.asked.recv() => self.line_up.push(ask),
            }
        };
        self.metrics.busy.inc_by(started.elapsed().as_secs_f64());
        let Some(Returned { line, lesson }) = came_back else {
            // The dialogue holds the line over its time at shutdown: it closes when the dialogue ends.
            return Err(End::Shutdown);
        };
        match lesson {
            Lesson::Nothing => {}
            Lesson::Answered { reply, held_back } => self.habits.answered(meter, reply, held_back),
            Lesson::Missed { late } => self.habits.missed(meter, late),
        }
        line.map_err(End::Down)
    }

    /// Waits while nobody may be asked anything.
    async fn idle(&mut self, line: &mut Line, unasked: &mut Unasked, shutdown: &CancellationToken) -> Result<(), End> {
        let now = Instant::now();
        let stray = line.last_stray();
        let opens = self.line_up.meters().filter_map(|meter| self.habits.closed_until(meter, now, stray)).min();
        let somebody_opens = async {
            match opens {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let give_away = self.keeping.as_ref().map(Keeping::next);
        let is_due = async {
            match give_away {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Ok(()),
            ask = self.asked.recv() => match ask {
                Some(ask) => {
                    self.line_up.push(ask);
                    Ok(())
                }
                None => Err(End::Shutdown),
            },
            () = somebody_opens => Ok(()),
            () = is_due => Ok(()),
            event = line.idle() => match event {
                Ok(Idle::Heard(bytes)) => {
                    tracing::trace!(channel = %self.channel.name, bytes, "heard bytes that nobody asked for");
                    match unasked.add(bytes, Instant::now()) {
                        Flow::Bearable => Ok(()),
                        Flow::Flood => Err(End::Down("the peer floods the line with bytes that nobody asked for".into())),
                    }
                }
                Ok(Idle::Challenged) => Ok(()),
                Err(e) => Err(End::Down(e.to_string())),
            },
        }
    }

    fn extra_delay(&self) -> Duration {
        Duration::from_millis(self.channel.extra_delay_ms.into())
    }

    fn cause(&self) -> String {
        match &*self.state.borrow() {
            LinkState::Down { cause, .. } => cause.clone(),
            LinkState::Opening | LinkState::Up { .. } => String::new(),
        }
    }

    /// Says that the link is down and tells everybody who waits.
    fn down(&mut self, cause: String) {
        let since = match &*self.state.borrow() {
            LinkState::Down { since, .. } => *since,
            LinkState::Opening | LinkState::Up { .. } => utc_now(),
        };
        self.state.send_replace(LinkState::Down { since, cause: cause.clone() });
        while let Ok(ask) = self.asked.try_recv() {
            self.line_up.push(ask);
        }
        self.send_home(&LinkError::Down { cause });
    }

    fn send_home(&mut self, why: &LinkError) {
        for ask in self.line_up.take_all() {
            refuse(ask, why.clone());
        }
    }
}

fn refuse(ask: queue::InLine<Ask>, why: LinkError) {
    // Whoever went away while waiting need not be told.
    drop(ask.item.answer.send(Err(why)));
}

/// An error with everything that caused it, as one fragment.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn utc_now() -> UtcMicros {
    jiff::Timestamp::now().into()
}

/// How much comes unasked.
struct Unasked {
    since: Instant,
    bytes: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Flow {
    Bearable,
    Flood,
}

impl Unasked {
    fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0 }
    }

    fn add(&mut self, bytes: usize, now: Instant) -> Flow {
        if now.saturating_duration_since(self.since) > UNASKED_WINDOW {
            *self = Self::new(now);
        }
        self.bytes += bytes;
        if self.bytes > UNASKED_MAX { Flow::Flood } else { Flow::Bearable }
    }
}

/// Counts an open link for as long as it lives, however it ends.
struct UpGauge(TurnstileMetrics);

impl UpGauge {
    fn new(metrics: &TurnstileMetrics) -> Self {
        metrics.up.inc();
        Self(metrics.clone())
    }
}

impl Drop for UpGauge {
    fn drop(&mut self) {
        self.0.up.dec();
    }
}
