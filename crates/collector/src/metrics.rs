//! What the collector counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hes_model::{ChannelName, Class, FailureKind, Protocol};
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Counters and gauges of the collector. Clones count into the same.
#[derive(Debug, Clone)]
pub struct CollectorMetrics {
    reads: IntCounterVec,
    dialogues: IntCounterVec,
    pub(crate) asked_at_once: IntCounter,
    pub(crate) panics: IntCounter,
    pub(crate) store_refusals: IntCounter,
    pub(crate) unasked_values: IntCounter,
    slots: IntGaugeVec,
    running: IntGaugeVec,
    pub(crate) channels: IntGauge,
    dead_meters: IntGauge,
    dead_by_channel: Arc<Mutex<HashMap<ChannelName, usize>>>,
    pub(crate) channel_restarts: IntCounter,
    pub(crate) broadcasts: IntCounter,
    pub(crate) host_clock_proven: IntGauge,
    pub(crate) host_clock_jumps: IntCounter,
}

/// What became of one slot in one dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Good,
    Suspect,
    Failed(FailureKind),
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Outcome::Good => "good",
            // The cause `suspect` is a reason to give up, not an outcome of a read: both count as one.
            Outcome::Suspect => FailureKind::Suspect.code(),
            Outcome::Failed(kind) => kind.code(),
        }
    }
}

impl CollectorMetrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let made = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let made = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let counter = |name: &str, help: &str| {
            let made = IntCounter::new(name, help)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let gauge = |name: &str, help: &str| {
            let made = IntGauge::new(name, help)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        Ok(Self {
            reads: counters(
                "hes_collector_reads_total",
                "Slots asked for, by protocol of the meter and by what came of it",
                &["protocol", "outcome"],
            )?,
            dialogues: counters(
                "hes_collector_dialogues_total",
                "Dialogues with meters, by class and by how they ended",
                &["class", "outcome"],
            )?,
            asked_at_once: counter(
                "hes_collector_asked_at_once_again_total",
                "Requests repeated in the same dialogue: damaged answers, first values with nothing to speak for them",
            )?,
            store_refusals: counter(
                "hes_collector_store_refusals_total",
                "Dialogues whose outcome the store would not take; their slots are asked again",
            )?,
            panics: counter("hes_collector_dialogue_panics_total", "Dialogues that ended in a panic of ours")?,
            unasked_values: counter(
                "hes_collector_unasked_values_total",
                "Values in accepted answers that nobody had asked for, dropped",
            )?,
            slots: gauges(
                "hes_collector_slots",
                "Slots of the current day, by state: expected, filled, given_up, missing; sampled",
                &["state"],
            )?,
            running: gauges("hes_collector_dialogues_running", "Dialogues under way, by class", &["class"])?,
            channels: gauge("hes_collector_channels", "Channels that are served")?,
            dead_by_channel: Arc::default(),
            dead_meters: gauge("hes_collector_dead_meters", "Meters that were silent and are only probed")?,
            channel_restarts: counter(
                "hes_collector_channel_restarts_total",
                "Channels restarted after their task ended in an error or a panic",
            )?,
            broadcasts: counter("hes_collector_clock_broadcasts_total", "Broadcasts of the time")?,
            host_clock_proven: gauge("hes_collector_host_clock_proven", "1 while the host's clock may set meters")?,
            host_clock_jumps: counter("hes_collector_host_clock_jumps_total", "Jumps of the host's clock seen")?,
        })
    }

    pub(crate) fn read(&self, protocol: Protocol, outcome: Outcome, slots: usize) {
        self.reads.with_label_values(&[protocol.code(), outcome.label()]).inc_by(slots as u64);
    }

    pub(crate) fn dialogue_ended(&self, class: Class, failure: Option<FailureKind>) {
        let outcome = failure.map_or("complete", FailureKind::code);
        self.dialogues.with_label_values(&[class.code(), outcome]).inc();
    }

    pub(crate) fn running(&self, class: Class) -> IntGauge {
        self.running.with_label_values(&[class.code()])
    }

    /// How many meters of a channel are silent; the gauge is the sum over the channels, which are no label.
    pub(crate) fn dead_meters(&self, channel: &ChannelName, dead: usize) {
        let mut by_channel = self.dead_by_channel.lock().unwrap_or_else(PoisonError::into_inner);
        by_channel.insert(channel.clone(), dead);
        self.dead_meters.set(i64::try_from(by_channel.values().sum::<usize>()).unwrap_or(i64::MAX));
    }

    pub(crate) fn forget_channel(&self, channel: &ChannelName) {
        self.dead_meters(channel, 0);
        self.dead_by_channel.lock().unwrap_or_else(PoisonError::into_inner).remove(channel);
    }

    pub(crate) fn slots(&self, state: &str, count: i64) {
        self.slots.with_label_values(&[state]).set(count);
    }
}
