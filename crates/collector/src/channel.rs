//! One channel's planner: asks the store what is missing, keeps a few dialogues going, and hears how they went.
//!
//! The turnstile's owner holds the line; this task decides what to ask over it. It owns the channel's agenda and its
//! memory of silent meters, and is woken by finished dialogues, on-demand reads, changes of the archive, the link, and
//! the clock. A panic in a dialogue is counted and costs that dialogue; one in here restarts the channel.

mod clocks;
mod reads;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hes_model::{ChannelConfig, Class, ClockSync, Failure, MeterId, Series, UtcMicros};
use hes_store::{Age, OnDemandId, Store, StoreError};
use hes_validation::Identity;
use jiff::civil::Date;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::agenda::{Agenda, Extent, What, Work};
use crate::batch::batches;
use crate::config::CollectorConfig;
use crate::drift::{Drift, Verdict};
use crate::host_clock::HostClock;
use crate::job::{Cause, Desk, Job, Report};
use crate::ledger::{Alert, Ledger, Metered};
use crate::metrics::CollectorMetrics;
use crate::notebook::wall_clock;
use crate::silence::Silence;
use crate::status::StatusBoard;
use crate::turnstile::{LinkState, MeterKey, Turnstile};

/// A link that was down for less than this is forgotten once it is up: shorter ones are no cause of anything missing.
const SHORTEST_OUTAGE: Duration = Duration::from_secs(60);

/// At least this long between two looks at what is missing, however often something calls for one.
const LOOKS_APART: Duration = Duration::from_millis(500);

/// What the channels of a collector share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) config: CollectorConfig,
    pub(crate) store: Store,
    pub(crate) metrics: CollectorMetrics,
    pub(crate) board: StatusBoard,
}

/// What a task of the channel came to.
#[derive(Debug)]
enum Done {
    Job(Result<Report, StoreError>),
    /// A read's deadline passed before its dialogue ended.
    Late(OnDemandId),
    Broadcast(Result<UtcMicros, Failure>),
}

/// What the store was told of the link last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    Down,
    Up,
}

/// What a running task is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Planned(MeterId, Class),
    Read,
    Broadcast,
}

/// One channel's planner.
pub(crate) struct Channel {
    config: ChannelConfig,
    shared: Shared,
    desk: Arc<Desk>,
    turnstile: Turnstile,
    meters: BTreeMap<MeterId, Arc<Metered>>,
    agenda: Agenda,
    silence: Silence,
    drift: Drift,
    tasks: JoinSet<Done>,
    /// What each running task is about, to be found when it panics.
    running: HashMap<tokio::task::Id, About>,
    /// Meters whose clock could not be read though they answer: how often, and when again.
    clock_waits: HashMap<MeterId, (u32, Instant)>,
    /// Whether the wall clock is good enough to give slots up by. Of its own, as it must be looked at with each use.
    clock: HostClock,
    /// Ends the turns on the line.
    close: CancellationToken,
    /// Whether the last look found more than it was given.
    more: bool,
    next_look: Instant,
    /// When the first slot that waits may be asked.
    next_retry: Option<UtcMicros>,
    last_look: Instant,
    /// What the store knows of the link; at the start that may be anything, from before a restart.
    noted: Option<Noted>,
    /// Meters that told another number of their own than the archive has.
    strangers: HashSet<MeterId>,
    /// When each meter's alerts were last raised.
    alerted: HashMap<(MeterId, Alert), Date>,
}

impl Channel {
    /// A planner; `close` ends the turns on its line, which it cancels once it has stopped planning.
    pub(crate) fn new(
        config: ChannelConfig,
        shared: Shared,
        desk: Desk,
        turnstile: Turnstile,
        close: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        let mut clock = HostClock::new(shared.config.clock.clone(), UtcMicros(0));
        clock.observe(wall_clock(), now.into_std());
        Self {
            silence: Silence::new(shared.config.retry.clone()),
            drift: Drift::new(shared.config.clock.clone()),
            clock,
            config,
            desk: Arc::new(desk),
            turnstile,
            shared,
            meters: BTreeMap::new(),
            agenda: Agenda::default(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            clock_waits: HashMap::new(),
            close,
            more: false,
            next_look: now,
            next_retry: None,
            last_look: now,
            noted: None,
            strangers: HashSet::new(),
            alerted: HashMap::new(),
        }
    }

    /// Plans until `stop`, then lets the dialogues under way finish for the configured time.
    ///
    /// # Errors
    ///
    /// When the store fails us; whoever runs it starts the channel again.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), StoreError> {
        let mut changes = self.shared.store.changes();
        let mut reads = self.shared.store.on_demand_changes();
        let mut link = self.turnstile.state();
        self.load_meters().await?;
        // What an earlier planner of this channel had taken and did not end.
        self.shared.store.requeue_reads(&self.config.name).await?;
        self.take_reads().await?;
        loop {
            self.fill();
            self.report_status(&link.borrow().clone());
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    self.finished(done).await?;
                }
                Ok(()) = reads.changed() => self.take_reads().await?,
                Ok(()) = changes.changed() => {
                    self.load_meters().await?;
                    // A plan may have changed: nothing is broadcast by the old one until the look that follows.
                    self.drift.wanted(ClockSync::CheckOnly);
                    self.next_look = Instant::now();
                }
                Ok(()) = link.changed() => self.next_look = Instant::now(),
                () = tokio::time::sleep_until(self.next_look.max(self.last_look + LOOKS_APART)) => self.look().await?,
            }
        }
        self.finish().await;
        Ok(())
    }

    /// Ends the turns, so that every dialogue ends with the exchange on the wire, and waits until what they brought is
    /// stored. What does not end in time is dropped; its slots are asked again after the restart.
    async fn finish(&mut self) {
        self.close.cancel();
        let deadline = Instant::now() + self.shared.config.shutdown();
        while let Ok(Some(_)) = tokio::time::timeout_at(deadline, self.tasks.join_next()).await {}
        if !self.tasks.is_empty() {
            tracing::warn!(channel = %self.config.name, dialogues = self.tasks.len(), "dialogues did not end in time and are dropped");
        }
        self.tasks.shutdown().await;
    }

    async fn load_meters(&mut self) -> Result<(), StoreError> {
        let meters = Ledger::of(&self.shared.store).meters(&self.config.name).await?;
        self.meters = meters.into_iter().map(|meter| (meter.id, Arc::new(meter))).collect();
        let meters = &self.meters;
        self.agenda.retain(|meter| meters.contains_key(&meter));
        self.silence.retain(|meter| meters.contains_key(&meter));
        self.drift.retain(|meter| meters.contains_key(&meter));
        self.clock_waits.retain(|meter, _| meters.contains_key(meter));
        self.strangers.retain(|meter| meters.contains_key(meter));
        self.alerted.retain(|(meter, _), _| meters.contains_key(meter));
        Ok(())
    }

    /// Looks what is missing.
    async fn look(&mut self) -> Result<(), StoreError> {
        let now = wall_clock();
        self.last_look = Instant::now();
        let age = self.age(now);
        let leave_out = self.silence.left_alone(self.last_look).chain(self.agenda.busy().iter().copied()).collect();
        let found =
            Ledger::of(&self.shared.store).missing(&self.config.name, leave_out, self.settle(), (now, age)).await?;
        self.more = found.more;
        self.drift.wanted(found.sync);
        let waits = |work: &Work| {
            work.what == What::Clock
                && self.clock_waits.get(&work.meter).is_some_and(|(_, next)| self.last_look < *next)
        };
        self.shared.board.update(&self.config.name, |status| status.looks += 1);
        self.agenda.replace(found.work.into_iter().filter(|work| !waits(work)).collect());
        self.next_retry = found.next_retry;
        self.next_look = self.last_look + self.until_next_look(now);
        self.shared.store.expire_reads(now, std::time::Instant::now()).await?;
        self.note_outage().await?;
        self.sync_clocks(now).await
    }

    /// A wall clock that is wrong for a minute must not cost a slot that the meter still holds.
    fn age(&mut self, now: UtcMicros) -> Age {
        let monotonic = std::time::Instant::now();
        self.clock.observe(now, monotonic);
        let proven = self.shared.board.proof().is_some_and(|proof| proof.is_proven());
        let good = self.clock.has_settled(monotonic) || proven && self.clock.jumped_lately(monotonic).is_none();
        if good { Age::Counts } else { Age::Doubted }
    }

    fn settle(&self) -> Duration {
        Duration::from_secs(self.shared.config.after_latch_seconds.into())
    }

    /// Slots complete on whole minutes, so the next look is a little after the next one; sooner if a silent meter's
    /// probe or a failed slot is due.
    fn until_next_look(&self, now: UtcMicros) -> Duration {
        const MINUTE: i64 = 60_000_000;
        let settle = i64::from(self.shared.config.after_latch_seconds) * 1_000_000;
        let minute = MINUTE - (now.0 - settle).rem_euclid(MINUTE);
        let until = |at: UtcMicros| Duration::from_micros(at.since(now).max(0).unsigned_abs());
        let started = Instant::now();
        let probe = self.silence.next(started).map(|next| next.saturating_duration_since(started));
        let due = probe.into_iter().chain(self.next_retry.map(until));
        due.fold(Duration::from_micros(minute.unsigned_abs()).min(self.shared.config.look_again()), Duration::min)
    }

    /// Starts dialogues until enough are under way.
    fn fill(&mut self) {
        if !self.turnstile.state().borrow().is_up() {
            return;
        }
        let now = Instant::now();
        while self.planned() < usize::from(self.shared.config.dialogues_per_channel) {
            let Some((work, extent)) = self.agenda.next(now, &self.silence) else { break };
            let Some(meter) = self.meters.get(&work.meter).map(Arc::clone) else {
                self.agenda.done(work.meter);
                continue;
            };
            self.start_planned(&meter, work, extent);
        }
        if self.planned() == 0 && self.more {
            self.more = false;
            self.next_look = Instant::now();
        }
    }

    fn planned(&self) -> usize {
        self.running.values().filter(|about| matches!(about, About::Planned(..))).count()
    }

    fn start_planned(&mut self, meter: &Arc<Metered>, work: Work, extent: Extent) {
        let (series, slots) = match &work.what {
            What::Clock => {
                self.start(Job::of_clock(Arc::clone(meter), work.plan), None);
                return;
            }
            What::Slots { series, slots } => (*series, slots),
        };
        let newest = slots.iter().map(|(_, time)| *time).max();
        let wanted: Vec<_> = match extent {
            Extent::Whole => slots.clone(),
            Extent::Probe => slots.iter().filter(|(_, time)| Some(*time) == newest).copied().collect(),
        };
        let Some(batch) = batches(series, &wanted, &self.desk.zone, self.desk.slots_per_dialogue).into_iter().next()
        else {
            self.agenda.done(meter.id);
            return;
        };
        let left = batch.asked.rest_of(slots);
        let tried = work.tried.clone();
        let mut job = Job::of_batch(Arc::clone(meter), work.class, work.plan.clone(), batch);
        job.tried = tried;
        if extent == Extent::Whole && series != Series::Instant && !left.is_empty() {
            self.agenda.put_back(Work { what: What::Slots { series, slots: left }, ..work });
        }
        self.start(job, None);
    }

    /// Holds a dialogue; a person's read is cut off after its time, whatever the wall clock does meanwhile.
    fn start(&mut self, mut job: Job, until: Option<(OnDemandId, Duration)>) {
        let (meter, class) = (job.meter.id, job.class);
        if self.strangers.contains(&meter) {
            job.identity = Identity::Another;
        }
        let about = match job.cause {
            Cause::Plan(_) => About::Planned(meter, class),
            Cause::OnDemand(_) => About::Read,
        };
        let link = self.turnstile.link(MeterKey::Meter(meter), class);
        let held = job.run(Arc::clone(&self.desk), link, self.clock.clone());
        let task = async move {
            match until {
                None => Done::Job(held.await),
                Some((read, left)) => match tokio::time::timeout(left, held).await {
                    Ok(ended) => Done::Job(ended),
                    Err(_elapsed) => Done::Late(read),
                },
            }
        };
        let id = self.tasks.spawn(task).id();
        self.running.insert(id, about);
    }

    async fn finished(
        &mut self,
        done: Result<(tokio::task::Id, Done), tokio::task::JoinError>,
    ) -> Result<(), StoreError> {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let about = self.running.remove(&id);
        if let Some(About::Planned(meter, _)) = about {
            self.agenda.done(meter);
        }
        match done {
            Ok((_, Done::Job(Ok(report)))) => self.job_ended(report).await?,
            Ok((_, Done::Job(Err(StoreError::Closed)))) => return Err(StoreError::Closed),
            Ok((_, Done::Job(Err(error)))) => {
                self.shared.metrics.store_refusals.inc();
                tracing::error!(channel = %self.config.name, %error, "a dialogue could not be stored; its slots are asked again");
            }
            Ok((_, Done::Late(read))) => {
                tracing::info!(channel = %self.config.name, read = read.0, "an on-demand read's deadline passed");
                self.shared.store.expire_read(read, wall_clock()).await?;
            }
            Ok((_, Done::Broadcast(sent))) => self.broadcast_ended(sent).await?,
            Err(error) => {
                if about == Some(About::Broadcast) {
                    self.drift.broadcast_failed();
                }
                self.shared.metrics.panics.inc();
                tracing::error!(channel = %self.config.name, %error, "a dialogue ended in a panic; its slots are asked again");
            }
        }
        if about == Some(About::Read) {
            self.take_reads().await?;
        }
        Ok(())
    }

    async fn job_ended(&mut self, report: Report) -> Result<(), StoreError> {
        let now = wall_clock();
        let meter = report.meter();
        if report.answered {
            self.silence.broken(meter);
        } else if report.silent() {
            let silent_at = Instant::now();
            let wait = self.silence.observed(meter, silent_at) - silent_at;
            tracing::debug!(channel = %self.config.name, meter = %report.meter.no, ?wait, "the meter is silent");
            self.next_look = self.next_look.min(silent_at + self.until_next_look(now));
        }
        let ended = report.ended.as_ref().map(ToString::to_string);
        self.shared.board.update(&self.config.name, |status| {
            status.readings += report.stored as u64;
            status.failures += report.failed as u64;
            if let Some(cause) = ended {
                status.last_failure = Some((now, cause));
            }
        });
        self.shared.metrics.dead_meters(&self.config.name, self.silence.dead());
        match report.identity {
            Identity::Another => self.strangers.insert(meter),
            Identity::Unquestioned => self.strangers.remove(&meter),
        };
        self.raise_alerts(&report, now).await?;
        if matches!(report.cause, Cause::Plan(_)) && report.class == Class::Clock {
            self.clock_checked(&report);
            self.sync_clocks(now).await?;
        }
        Ok(())
    }

    /// What a person should know of a meter, once a day for each kind.
    async fn raise_alerts(&mut self, report: &Report, now: UtcMicros) -> Result<(), StoreError> {
        let mut alerts = Vec::new();
        if let Some(detail) = &report.wrong_address {
            alerts.push((Alert::WrongAddress, detail.clone()));
        }
        if report.backwards > 0 {
            alerts.push((Alert::Backwards, "its registers show less than before: was the meter exchanged?".to_owned()));
        }
        if let Some(number) = report.other_number {
            let (number, no) = (format!("{number:012}"), &report.meter.no);
            let detail = format!(
                "it tells {number} as its own number, the archive has {no}: if the meter was exchanged, enter the \
                 exchange; its values are suspect until then"
            );
            alerts.push((Alert::AnotherMeter, detail));
        }
        if let Some(clock) = &report.clock
            && self.drift.seen(report.meter(), clock) == Verdict::TooFarOff
        {
            let seconds = clock.offset_ms / 1000;
            alerts.push((Alert::ClockFarOff, format!("its clock is off by {seconds} s: a broadcast cannot set it")));
        }
        let today = self.shared.store.calendar().day_of(now);
        for (alert, detail) in alerts {
            if self.alerted.insert((report.meter(), alert), today) != Some(today) {
                tracing::warn!(channel = %self.config.name, meter = %report.meter.no, kind = alert.kind(), %detail);
                let ledger = Ledger::of(&self.shared.store);
                ledger.alert(alert, report.meter(), &self.config.name, &detail, now).await?;
            }
        }
        Ok(())
    }

    /// A link that is down is noted once as an outage, which is then the cause of whatever is missing: not a row for each
    /// meter and minute.
    async fn note_outage(&mut self) -> Result<(), StoreError> {
        let state = self.turnstile.state().borrow().clone();
        match state {
            LinkState::Down { since, cause } if self.noted != Some(Noted::Down) => {
                self.shared.store.channel_down(&self.config.name, since, &cause).await?;
                self.noted = Some(Noted::Down);
            }
            LinkState::Up { since, .. } if self.noted != Some(Noted::Up) => {
                self.shared.store.channel_up(&self.config.name, since, SHORTEST_OUTAGE).await?;
                self.noted = Some(Noted::Up);
            }
            LinkState::Opening | LinkState::Down { .. } | LinkState::Up { .. } => {}
        }
        Ok(())
    }

    fn report_status(&self, link: &LinkState) {
        let dialogues = self.running.len();
        self.shared.board.update(&self.config.name, |status| {
            status.link = Some(link.clone());
            status.meters = self.meters.len();
            status.dead_meters = self.silence.dead();
            status.dialogues = dialogues;
            status.queued = self.agenda.queued();
        });
    }
}
