//! What turnstiles count. Labels are small closed sets, never a meter or a channel.

use hes_driver::Counts;
use hes_model::Class;
use prometheus::{
    Counter, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Counters of all turnstiles, registered once.
#[derive(Debug, Clone)]
pub struct TurnstileMetrics {
    frames: IntCounterVec,
    exchanges: IntCounterVec,
    turn_wait: HistogramVec,
    waiting: IntGaugeVec,
    refused: IntCounterVec,
    pub(super) busy: Counter,
    pub(super) poisoned: IntCounter,
    pub(super) lost: IntCounter,
    pub(super) up: IntGauge,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Answered,
    TimedOut,
    Lost,
    Told,
    /// Dropped by its dialogue in the middle.
    Abandoned,
}

impl Ended {
    const fn code(self) -> &'static str {
        match self {
            Ended::Answered => "answered",
            Ended::TimedOut => "timed_out",
            Ended::Lost => "lost",
            Ended::Told => "told",
            Ended::Abandoned => "abandoned",
        }
    }
}

impl TurnstileMetrics {
    /// Registers everything.
    ///
    /// # Errors
    ///
    /// When `registry` already holds one of the names.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let seconds = vec![0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
        let wait = HistogramOpts::new("hes_collector_turn_wait_seconds", "Time a question waited for its turn")
            .buckets(seconds);
        let metrics = Self {
            frames: IntCounterVec::new(
                Opts::new("hes_collector_frames_total", "What was heard during exchanges, wanted or not"),
                &["what"],
            )?,
            exchanges: IntCounterVec::new(
                Opts::new("hes_collector_exchanges_total", "Exchanges by class and end"),
                &["class", "end"],
            )?,
            turn_wait: HistogramVec::new(wait, &["class"])?,
            waiting: IntGaugeVec::new(
                Opts::new("hes_collector_turns_waiting", "Questions that wait for their turn"),
                &["class"],
            )?,
            refused: IntCounterVec::new(
                Opts::new("hes_collector_turns_refused_total", "Questions refused because too many wait"),
                &["class"],
            )?,
            busy: Counter::new("hes_collector_line_busy_seconds_total", "Time lines were in use, over all channels")?,
            poisoned: IntCounter::new(
                "hes_collector_lines_poisoned_total",
                "Exchanges dropped in the middle, after which the line was drained",
            )?,
            lost: IntCounter::new("hes_collector_links_lost_total", "Links that went down while open")?,
            up: IntGauge::new("hes_collector_links_up", "Channels whose link is open")?,
        };
        for c in [&metrics.frames, &metrics.exchanges, &metrics.refused] {
            registry.register(Box::new(c.clone()))?;
        }
        registry.register(Box::new(metrics.turn_wait.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        registry.register(Box::new(metrics.busy.clone()))?;
        registry.register(Box::new(metrics.poisoned.clone()))?;
        registry.register(Box::new(metrics.lost.clone()))?;
        registry.register(Box::new(metrics.up.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn heard(&self, counts: &Counts) {
        let whats = [
            ("garbage_byte", counts.garbage),
            ("malformed", counts.malformed),
            ("checksum", counts.checksum),
            ("echo", counts.echo),
            ("wrong_address", counts.wrong_address),
            ("wrong_item", counts.wrong_item),
        ];
        for (what, n) in whats {
            if n > 0 {
                self.frames.with_label_values(&[what]).inc_by(n as u64);
            }
        }
    }

    pub(crate) fn ended(&self, class: Class, end: Ended) {
        self.exchanges.with_label_values(&[class.code(), end.code()]).inc();
    }
    pub(super) fn turn_granted(&self, class: Class, waited: std::time::Duration) {
        self.turn_wait.with_label_values(&[class.code()]).observe(waited.as_secs_f64());
    }
    /// How many questions of a class wait for their turn, over all channels.
    pub fn waiting(&self, class: Class) -> IntGauge {
        self.waiting.with_label_values(&[class.code()])
    }
    pub(super) fn refused(&self, class: Class) {
        self.refused.with_label_values(&[class.code()]).inc();
    }
}
