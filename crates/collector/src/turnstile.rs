//! A channel is a turnstile: one shared medium, one owner, one exchange at a time.
//!
//! The [`Owner`] task holds the line. A dialogue has a [`MeterLink`](crate::MeterLink) of a class; each of its exchanges
//! waits for a turn, is lent the line, and gives it back. So a bulk read is many short turns, nobody yields by hand, and
//! an order waits for at most the exchange that is on the wire.
//!
//! *Who is next.* The most urgent class; inside it the meters in rotation. Planned work ages: for each `ageing_seconds`
//! a question waits it is treated one class higher, up to `Clock`, never as high as what a person waits for.
//!
//! *How many wait.* Orders and on-demand questions are refused when too many wait ([`BUSY`]). Planned questions
//! wait for their place: whoever plans runs few dialogues at once, what is not begun stays unplanned.
//!
//! *When a dialogue goes away in the middle of an exchange* (dropped, panicked), the line comes back poisoned: what may
//! still come is waited out and dropped before the next turn, or the link is closed if the request went out in part.
//!
//! *When the link is down*, everybody who waits is told so at once with the cause, and so is everybody who asks before it
//! is open again. It is opened again with growing delays. Nothing is retried here.
//!
//! *At shutdown* nobody gets a new turn, the exchange on the wire is finished, the line is closed.

mod keeping;
mod metrics;
mod owner;
mod queue;
mod state;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use hes_driver::LinkError;
use hes_model::{ChannelConfig, ChannelName, Class, DecodeLevels, LineSettings, MeterId};
use hes_transport::{Backoff, BackoffConfig, LinkSource};
use prometheus::IntGauge;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

pub(crate) use keeping::Learned;
pub(crate) use metrics::Ended;
pub use metrics::TurnstileMetrics;
pub use owner::Owner;
pub use state::LinkState;
pub(crate) use turn::{Lesson, Turn};

use crate::frame_log::FrameLog;
use crate::meter_link::MeterLink;
use crate::patience::Habits;

/// Why an urgent question was refused.
pub const BUSY: &str = "the channel's queue is full";
/// Why a question was refused at shutdown.
pub const CLOSING: &str = "the channel is being closed";

/// `[collector.turnstile]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnstileConfig {
    /// Time after which a waiting planned question is treated one class higher.
    pub ageing_seconds: u32,
    /// Most orders, and most on-demand questions, that wait on one channel; one more is refused.
    pub urgent_waiting_max: u16,
    /// Most planned questions of a class that wait on one channel; one more waits for its place.
    pub planned_waiting_max: u16,
    /// Replies after which a meter's own reply time shortens the wait for it; and long answers after which a line knows how
    /// much of them its path holds back.
    pub learned_replies_min: u16,
    /// The wait for a learned meter, in percent of the 99th percentile of its replies; of what a path holds back too.
    pub reply_factor_percent: u16,
    /// What is added to that.
    pub reply_margin_ms: u32,
    /// How long the exchange on the wire may take at shutdown before the line is closed under it.
    pub finish_seconds: u32,
}

impl Default for TurnstileConfig {
    fn default() -> Self {
        Self {
            ageing_seconds: 30,
            urgent_waiting_max: 64,
            planned_waiting_max: 64,
            learned_replies_min: 20,
            reply_factor_percent: 150,
            reply_margin_ms: 20,
            finish_seconds: 10,
        }
    }
}

/// An option outside its accepted range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("collector.turnstile.{key} = {found}: accepted are {min} to {max}")]
pub struct TurnstileConfigError {
    /// The option.
    pub key: &'static str,
    /// What was given.
    pub found: u32,
    /// The smallest value accepted.
    pub min: u32,
    /// The largest value accepted.
    pub max: u32,
}

impl TurnstileConfig {
    /// Checks what the types alone do not.
    pub fn validate(&self) -> Result<(), TurnstileConfigError> {
        let ranges = [
            ("ageing_seconds", self.ageing_seconds, 1, 86_400),
            ("urgent_waiting_max", self.urgent_waiting_max.into(), 1, 10_000),
            ("planned_waiting_max", self.planned_waiting_max.into(), 1, 10_000),
            ("learned_replies_min", self.learned_replies_min.into(), 5, 10_000),
            ("reply_factor_percent", self.reply_factor_percent.into(), 100, 1000),
            ("reply_margin_ms", self.reply_margin_ms, 5, 60_000),
            ("finish_seconds", self.finish_seconds, 1, 600),
        ];
        for (key, found, min, max) in ranges {
            if !(min..=max).contains(&found) {
                return Err(TurnstileConfigError { key, found, min, max });
            }
        }
        Ok(())
    }
}

/// Who is asked, for rotation and for what is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeterKey {
    /// A meter of the archive.
    Meter(MeterId),
    /// All of them: a broadcast.
    Everyone,
}

/// What all turnstiles share.
#[derive(Debug, Clone)]
pub struct TurnstileParts {
    /// Settings.
    pub config: TurnstileConfig,
    /// Waiting before a link is opened again.
    pub backoff: BackoffConfig,
    /// Counters.
    pub metrics: TurnstileMetrics,
    /// Where frames go to be looked at.
    pub frames: Arc<dyn FrameLog>,
    /// How much of them.
    pub levels: DecodeLevels,
}

/// A question that wants a turn.
#[derive(Debug)]
struct Ask {
    answer: oneshot::Sender<Result<Turn, LinkError>>,
    /// Its place among those that wait; free again when it gets its turn or goes home.
    _place: Place,
}

/// A place among those that wait.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    gauge: IntGauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

#[derive(Debug)]
struct Gate {
    channel: ChannelName,
    settings: LineSettings,
    extra_delay: Duration,
    asks: mpsc::Sender<queue::InLine<Ask>>,
    places: [Arc<Semaphore>; Class::ALL.len()],
    state: watch::Receiver<LinkState>,
    parts: TurnstileParts,
}

/// The way to a channel's line. Clones lead to the same.
#[derive(Debug, Clone)]
pub struct Turnstile(Arc<Gate>);

/// Makes the turnstile of `channel` and its owner, which must be run.
pub fn turnstile(channel: &ChannelConfig, source: LinkSource, parts: TurnstileParts) -> (Turnstile, Owner) {
    let places = Class::ALL.map(|class| Arc::new(Semaphore::new(places_of(class, &parts.config))));
    // As deep as there are places, so that who has a place never waits to say so.
    let depth = Class::ALL.iter().map(|class| places_of(*class, &parts.config)).sum();
    let (asks, asked) = mpsc::channel(depth);
    let (state_in, state) = watch::channel(LinkState::Opening);
    let owner = Owner {
        channel: channel.clone(),
        source,
        asked,
        line_up: queue::Line::new(Duration::from_secs(parts.config.ageing_seconds.into())),
        habits: Habits::new(parts.config.clone()),
        keeping: None,
        backoff: Backoff::new(parts.backoff),
        state: state_in,
        config: parts.config.clone(),
        metrics: parts.metrics.clone(),
    };
    let gate = Gate {
        channel: channel.name.clone(),
        settings: channel.line,
        extra_delay: Duration::from_millis(channel.extra_delay_ms.into()),
        asks,
        places,
        state,
        parts,
    };
    (Turnstile(Arc::new(gate)), owner)
}

fn places_of(class: Class, config: &TurnstileConfig) -> usize {
    let places = match class {
        Class::Order | Class::OnDemand => config.urgent_waiting_max,
        Class::Clock | Class::Scheduled | Class::Backfill => config.planned_waiting_max,
    };
    usize::from(places.max(1))
}

impl Turnstile {
    /// A link to `meter` for one dialogue.
    pub fn link(&self, meter: MeterKey, class: Class) -> MeterLink {
        MeterLink::new(self.clone(), meter, class, self.0.settings)
    }

    /// The channel.
    pub fn channel(&self) -> &ChannelName {
        &self.0.channel
    }

    /// Whether the link is open, and changes of that.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.0.state.clone()
    }

    fn semaphore(&self, class: Class) -> &Arc<Semaphore> {
        let [order, on_demand, clock, scheduled, backfill] = &self.0.places;
        match class {
            Class::Order => order,
            Class::OnDemand => on_demand,
            Class::Clock => clock,
            Class::Scheduled => scheduled,
            Class::Backfill => backfill,
        }
    }

    pub(crate) fn extra_delay(&self) -> Duration {
        self.0.extra_delay
    }

    pub(crate) fn parts(&self) -> &TurnstileParts {
        &self.0.parts
    }

    /// Waits for a turn.
    ///
    /// # Cancel safety
    ///
    /// Dropped while waiting it leaves the line; a turn already granted goes back unused.
    pub(crate) async fn turn(&self, meter: MeterKey, class: Class) -> Result<Turn, LinkError> {
        let place = self.place(class).await?;
        let (answer, granted) = oneshot::channel();
        let ask = queue::InLine { class, meter, asked: Instant::now(), item: Ask { answer, _place: place } };
        let closing = LinkError::Interrupted { cause: CLOSING };
        if self.0.asks.try_send(ask).is_err() {
            return Err(closing);
        }
        granted.await.unwrap_or(Err(closing))
    }

    async fn place(&self, class: Class) -> Result<Place, LinkError> {
        let places = Arc::clone(self.semaphore(class));
        let permit = match class {
            Class::Order | Class::OnDemand => places.try_acquire_owned().ok(),
            Class::Clock | Class::Scheduled | Class::Backfill => places.acquire_owned().await.ok(),
        };
        let Some(permit) = permit else {
            self.0.parts.metrics.refused(class);
            return Err(LinkError::Interrupted { cause: BUSY });
        };
        let gauge = self.0.parts.metrics.waiting(class);
        gauge.inc();
        Ok(Place { _permit: permit, gauge })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted_and_what_is_not_is_named_with_its_range() {
        let mut config = TurnstileConfig::default();
        assert_eq!(config.validate(), Ok(()));
        config.reply_factor_percent = 90;
        let wrong = config.validate().unwrap_err();
        assert_eq!(wrong.to_string(), "collector.turnstile.reply_factor_percent = 90: accepted are 100 to 1000");
    }
}
