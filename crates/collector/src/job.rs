//! One dialogue from the room reserved for its readings to their commit.
//!
//! A job runs as a task of its channel. Nothing it does is lost work to anybody else: dropped at any point, its slots
//! are still missing in the store and are asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hes_driver::{Exchange, perform};
use hes_model::{ChannelName, Class, Failure, FailureKind, MeterId, Obis, PlanName, Request, Series, UtcMicros};
use hes_store::{ClockReading, DialogueRecord, OnDemandFailure, OnDemandId, Retry, Slot, Store, StoreError};
use hes_validation::{Identity, Limits, Rule};
use jiff::tz::TimeZone;

use crate::batch::{Asked, Batch};
use crate::config::RetryConfig;
use crate::dialogue::{Terms, Told, ask_again};
use crate::history::History;
use crate::host_clock::HostClock;
use crate::ledger::{Ledger, Metered};
use crate::metrics::{CollectorMetrics, Outcome};
use crate::notebook::{Notebook, wall_clock};
use crate::settle::{Fault, Settled, Task, contradict};

/// What every job of a channel shares.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) channel: ChannelName,
    pub(crate) wake_up: u8,
    pub(crate) store: Store,
    pub(crate) zone: TimeZone,
    pub(crate) limits: Arc<Limits>,
    pub(crate) retry: RetryConfig,
    pub(crate) slots_per_dialogue: usize,
    pub(crate) metrics: CollectorMetrics,
}

/// Why the meter is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A plan expects it.
    Plan(PlanName),
    /// A person waits for it.
    OnDemand(OnDemandId),
}

/// One dialogue to be held.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) meter: Arc<Metered>,
    pub(crate) class: Class,
    pub(crate) cause: Cause,
    pub(crate) request: Request,
    pub(crate) task: Task,
    /// Dialogues in vain before this one, where there were any.
    pub(crate) tried: BTreeMap<Slot, u32>,
    /// What the last dialogue left it for: another meter is asked for its number until it tells the right one.
    pub(crate) identity: Identity,
}

/// What a job came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) meter: Arc<Metered>,
    pub(crate) class: Class,
    pub(crate) cause: Cause,
    /// Whether the meter said anything that was accepted.
    pub(crate) answered: bool,
    /// How the dialogue ended early, if it did.
    pub(crate) ended: Option<Failure>,
    pub(crate) stored: usize,
    pub(crate) failed: usize,
    pub(crate) clock: Option<ClockReading>,
    pub(crate) backwards: usize,
    /// Whether it was this meter at all.
    pub(crate) identity: Identity,
    /// The number of its own the meter told, when that is not the archive's.
    pub(crate) other_number: Option<u64>,
    pub(crate) wrong_address: Option<String>,
}

impl Report {
    pub(crate) fn meter(&self) -> MeterId {
        self.meter.id
    }

    /// Whether the meter said nothing at all, so that asking it more now would only cost the line.
    pub(crate) fn silent(&self) -> bool {
        !self.answered && self.ended.as_ref().is_some_and(|failure| failure.kind == FailureKind::NoReply)
    }
}

impl Job {
    /// Slots of a plan.
    pub(crate) fn of_batch(meter: Arc<Metered>, class: Class, plan: PlanName, batch: Batch) -> Self {
        let task = Task { meter: meter.id, series: Some(batch.series), asked: batch.asked };
        Self {
            meter,
            class,
            cause: Cause::Plan(plan),
            request: batch.request,
            task,
            tried: BTreeMap::new(),
            identity: Identity::Unquestioned,
        }
    }

    /// The clock of a meter, for a plan.
    pub(crate) fn of_clock(meter: Arc<Metered>, plan: PlanName) -> Self {
        let task = Task { meter: meter.id, series: None, asked: Asked::default() };
        Self {
            meter,
            class: Class::Clock,
            cause: Cause::Plan(plan),
            request: Request::Clock,
            task,
            tried: BTreeMap::new(),
            identity: Identity::Unquestioned,
        }
    }

    /// What a person asked for. Values of now belong to the moment of asking.
    pub(crate) fn of_read(
        meter: Arc<Metered>,
        id: OnDemandId,
        request: Request,
        asked: Asked,
        series: Option<Series>,
    ) -> Self {
        let task = Task { meter: meter.id, series, asked };
        Self {
            meter,
            class: Class::OnDemand,
            cause: Cause::OnDemand(id),
            request,
            task,
            tried: BTreeMap::new(),
            identity: Identity::Unquestioned,
        }
    }

    /// Holds the dialogue over `link` and stores what it brings. `host_clock` is as it was when the dialogue was planned.
    pub(crate) async fn run<L: Exchange>(
        mut self,
        desk: Arc<Desk>,
        mut link: L,
        host_clock: HostClock,
    ) -> Result<Report, StoreError> {
        let room = u32::try_from(self.task.asked.len()).unwrap_or(u32::MAX);
        hes_failpoint::hit("collector.job.before_reserve");
        let permit = desk.store.writer().reserve(room).await?;
        hes_failpoint::hit("collector.job.after_reserve");
        let mut notes = Notebook::new(desk.zone.clone(), desk.wake_up, host_clock);
        let running = Running::begin(&desk, self.class);
        let ended = perform(&self.meter.spec, &self.request, &mut link, &mut notes).await;
        hes_failpoint::hit("collector.job.after_answer");
        let terms = Terms {
            meter: &self.meter.spec,
            zone: &desk.zone,
            limits: &desk.limits,
            at_once: desk.retry.at_once,
            slots_per_request: desk.slots_per_dialogue,
        };
        let mut history = History::of(&self.meter, self.identity, Ledger::of(&desk.store));
        if let (Some(series), Ok(()), false) = (self.task.series, &ended, notes.values.is_empty()) {
            history.look_at_clock(series, &desk.channel, &terms, &mut link, &mut notes).await?;
        }
        let mut background = history.around(&self.task, &notes, &terms).await?;
        let task = &mut self.task;
        let told = ask_again(task, terms, &history, &mut background, &mut link, &mut notes, ended).await?;
        let Told { ended, mut judged, requests } = told;
        desk.metrics.asked_at_once.inc_by(requests as u64);
        if self.identity == Identity::Another || contradict(&judged) {
            if ended.is_ok() && !notes.values.is_empty() {
                history.look_at_number(&terms, &mut link, &mut notes).await;
            }
            background.identity = history.identity;
            judged = self.task.judged(&notes, &background, &desk.limits);
        }
        let (identity, other_number) = (history.identity, history.other_number);
        drop(running);
        drop(link);
        let now = wall_clock();
        let failure = ended.as_ref().err().cloned();
        let settled = self.task.settle(judged, &notes, ended, now);
        self.count(&desk, &settled, failure.as_ref());
        let report = self.report(&notes, &settled, failure.clone(), (identity, other_number));
        let on_demand_failures = on_demand_failures(&settled, failure);
        let record = self.record(&desk, notes, settled, now);
        hes_failpoint::hit("collector.job.before_record");
        desk.store.writer().record(permit, record).await?;
        hes_failpoint::hit("collector.job.after_record");
        if let Cause::OnDemand(id) = report.cause {
            desk.store.finish_read(id, &on_demand_failures, wall_clock()).await?;
            hes_failpoint::hit("collector.job.after_finish_read");
        }
        Ok(report)
    }

    fn record(&self, desk: &Desk, notes: Notebook, settled: Settled, now: UtcMicros) -> DialogueRecord {
        let plan = match &self.cause {
            Cause::Plan(plan) => Some(plan.clone()),
            Cause::OnDemand(_) => None,
        };
        let retry = settled
            .open
            .iter()
            .filter(|(_, fault)| *fault == Fault::Slot)
            .map(|(slot, _)| {
                let wait = desk.retry.slot_wait(self.tried.get(slot).copied().unwrap_or(0));
                Retry { slot: *slot, not_before: now.plus(wait) }
            })
            .collect();
        let mut record = DialogueRecord::new(self.meter.id, desk.channel.clone(), plan, self.class);
        record.exchanges = notes.proofs;
        record.readings = settled.readings;
        record.failures = settled.failures;
        record.retry = retry;
        record.given_up = settled.given_up;
        record.clock = settled.clock;
        record.on_demand = match self.cause {
            Cause::OnDemand(id) => Some(id),
            Cause::Plan(_) => None,
        };
        record
    }

    fn report(
        &self,
        notes: &Notebook,
        settled: &Settled,
        ended: Option<Failure>,
        (identity, other_number): (Identity, Option<u64>),
    ) -> Report {
        let backwards = |quality: &hes_model::Quality| match quality {
            hes_model::Quality::Suspect(rules) => rules.iter().any(|rule| rule == Rule::Backwards.id()),
            hes_model::Quality::Good => false,
        };
        let wrong_address = settled.failures.iter().find(|attempt| attempt.failure.kind == FailureKind::WrongAddress);
        Report {
            meter: Arc::clone(&self.meter),
            class: self.class,
            cause: self.cause.clone(),
            answered: !notes.proofs.is_empty()
                || settled.failures.iter().any(|attempt| says_something(attempt.failure.kind)),
            ended,
            stored: settled.readings.len(),
            failed: settled.open.len() + settled.given_up.len(),
            clock: settled.clock,
            backwards: settled.readings.iter().filter(|(reading, _)| backwards(&reading.quality)).count(),
            identity,
            other_number,
            wrong_address: wrong_address.map(|attempt| attempt.failure.detail.clone()),
        }
    }

    fn count(&self, desk: &Desk, settled: &Settled, ended: Option<&Failure>) {
        let protocol = self.meter.spec.protocol;
        let good = settled.readings.iter().filter(|(reading, _)| reading.quality.is_good()).count();
        desk.metrics.read(protocol, Outcome::Good, good);
        desk.metrics.read(protocol, Outcome::Suspect, settled.readings.len() - good);
        for attempt in &settled.failures {
            let given_up = settled.given_up.iter().filter(|g| g.reason == attempt.failure).count();
            desk.metrics.read(protocol, Outcome::Failed(attempt.failure.kind), attempt.slots.len() + given_up);
        }
        desk.metrics.unasked_values.inc_by(settled.unasked as u64);
        desk.metrics.dialogue_ended(self.class, ended.map(|failure| failure.kind));
    }
}

/// Counts a dialogue as running until it goes away, however it does.
struct Running(prometheus::IntGauge);

impl Running {
    fn begin(desk: &Desk, class: Class) -> Self {
        let gauge = desk.metrics.running(class);
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Whether a cause shows that the meter is there.
fn says_something(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Refused | FailureKind::NotSupported | FailureKind::NotHeld)
}

/// What a person is told: a register whose value was obtained, even a suspect one, has not failed.
fn on_demand_failures(settled: &Settled, ended: Option<Failure>) -> Vec<OnDemandFailure> {
    let of_slots = settled.failures.iter().flat_map(|attempt| {
        let slots = attempt.slots.iter().copied();
        let given_up = settled.given_up.iter().filter(|g| g.reason == attempt.failure).map(|g| g.slot);
        let registers: BTreeSet<Obis> = slots.chain(given_up).map(|slot| slot.register).collect();
        registers
            .into_iter()
            .map(|register| OnDemandFailure { register: Some(register), failure: attempt.failure.clone() })
    });
    let mut failures: Vec<_> = of_slots.collect();
    if let (true, Some(failure)) = (failures.is_empty() && settled.readings.is_empty(), ended) {
        failures.push(OnDemandFailure { register: None, failure });
    }
    failures
}
