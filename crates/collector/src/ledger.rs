//! What the collector asks the store and tells it, in the collector's own terms.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Deref;
use std::time::Duration;

use hes_driver::{Model, capabilities};
use hes_model::{ChannelName, Class, ClockSync, MeterId, MeterSpec, Obis, PlanName, Series, Transformers, UtcMicros};
use hes_store::{
    Age, ChannelMeter, ClockDue, Event, KnownValue, MemoryDepth, MeterFilter, OpenSlot, Severity, Store, StoreError,
    WorkQuery,
};
use hes_validation::Known;

use crate::agenda::{What, Work};
use crate::turnstile::Learned;

/// Meters fetched at a time.
const PAGE: u32 = 1000;

/// Meters whose reply times are stored in one transaction: some hundred kilobytes.
const REPLY_TIMES_AT_ONCE: usize = 1000;

/// Slots looked at ahead, over all meters of a channel: some minutes of a slow bus, some hundred kilobytes of memory.
const LOOK_LIMIT: usize = 8192;

/// A meter of a channel, and what it measures through.
#[derive(Debug)]
pub(crate) struct Metered {
    meter: ChannelMeter,
    pub(crate) transformers: Transformers,
}

impl Deref for Metered {
    type Target = ChannelMeter;
    fn deref(&self) -> &ChannelMeter {
        &self.meter
    }
}

/// What is missing on a channel.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) work: Vec<Work>,
    /// Whether there is more than was told.
    pub(crate) more: bool,
    /// When the first slot that waits may be asked.
    pub(crate) next_retry: Option<UtcMicros>,
    /// Whether a clock plan wants the time broadcast.
    pub(crate) sync: ClockSync,
}

/// What a person should know of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Alert {
    /// Something else answers on its line.
    WrongAddress,
    /// Its registers went back.
    Backwards,
    /// It tells another number of its own than the archive has.
    AnotherMeter,
    /// Its clock is too far off for a broadcast.
    ClockFarOff,
}

impl Alert {
    /// The event's stable name.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Alert::WrongAddress => "wrong_address",
            Alert::Backwards => "registers_backwards",
            Alert::AnotherMeter => "meter_number_differs",
            Alert::ClockFarOff => "clock_far_off",
        }
    }
}

/// What happened to the host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostClockEvent {
    Jumped,
    /// What is stored under a later time no longer speaks against it.
    Overruled,
    Proven,
    Unproven,
}

/// The collector's side of the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger<'a>(&'a Store);

impl<'a> Ledger<'a> {
    pub(crate) fn of(store: &'a Store) -> Self {
        Self(store)
    }

    /// The meters of a channel that are not retired.
    pub(crate) async fn meters(self, channel: &ChannelName) -> Result<Vec<Metered>, StoreError> {
        let mut transformers = BTreeMap::new();
        let filter = MeterFilter { channel: Some(channel.clone()), ..MeterFilter::default() };
        let mut after = None;
        loop {
            let page = self.0.meters(&filter, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.meter.id);
            let installed =
                |view: &hes_store::MeterView| Some((view.meter.id, view.installation.as_ref()?.transformers));
            transformers.extend(page.iter().filter_map(installed));
        }
        let meters = self.0.meters_on_channel(channel).await?;
        let metered = |meter: ChannelMeter| {
            let transformers = transformers.get(&meter.id).copied().unwrap_or(Transformers::DIRECT);
            Metered { meter, transformers }
        };
        Ok(meters.into_iter().map(metered).collect())
    }

    /// What the plans miss of a channel's meters, but for those to be left out now. `settle`: how long after its end a
    /// slot is first asked, unless it is of values of now.
    pub(crate) async fn missing(
        self,
        channel: &ChannelName,
        leave_out: HashSet<MeterId>,
        settle: Duration,
        (now, age): (UtcMicros, Age),
    ) -> Result<Missing, StoreError> {
        let query = WorkQuery { channel: channel.clone(), now, age, settle, limit: LOOK_LIMIT, leave_out };
        let found = self.0.missing(&query, memory_depth).await?;
        let clocks = found.clocks.into_iter().map(clock_work);
        let work = by_meter_and_plan(found.slots).into_iter().chain(clocks).collect();
        Ok(Missing { work, more: !found.complete, next_retry: found.next_retry, sync: found.sync })
    }

    /// Good values of a meter around the slots from `span`, for registers of which something was read.
    pub(crate) async fn known(
        self,
        meter: MeterId,
        series: Series,
        registers: &BTreeSet<Obis>,
        (from, to): (UtcMicros, UtcMicros),
    ) -> Result<BTreeMap<Obis, Vec<Known>>, StoreError> {
        let mut known: BTreeMap<Obis, Vec<Known>> = BTreeMap::new();
        let wanted: Vec<_> = registers.iter().flat_map(|register| compared_with(*register, series)).collect();
        for value in self.0.known_values(meter, &wanted, from, to).await? {
            known.entry(value.register).or_default().push(as_known(&value));
        }
        Ok(known)
    }

    /// How far off a meter's clock was at the last check, in seconds, and when that was.
    pub(crate) async fn last_clock(self, meter: MeterId) -> Result<Option<(i64, UtcMicros)>, StoreError> {
        Ok(self.0.last_clock(meter).await?.map(|clock| (clock.offset_ms / 1000, clock.at)))
    }

    /// What was learned of the reply times of a channel's meters before. Nothing, if it cannot be had: it is learned again.
    pub(crate) async fn reply_times(self, channel: &ChannelName) -> Learned {
        self.0.reply_times(channel).await.unwrap_or_else(|error| {
            tracing::warn!(%channel, %error, "the meters' reply times could not be loaded; they are learned again");
            Learned::new()
        })
    }

    /// Keeps reply times for the next start, a thousand meters at a time. What cannot be stored is learned again then.
    pub(crate) async fn keep_reply_times(self, learned: &Learned) {
        for some in learned.chunks(REPLY_TIMES_AT_ONCE) {
            if let Err(error) = self.0.save_reply_times(some).await {
                tracing::warn!(%error, "the meters' reply times could not be stored; they are learned again after a restart");
                return;
            }
        }
    }

    /// When the newest reading was received: it cannot be earlier now.
    pub(crate) async fn newest_receipt(self) -> Result<UtcMicros, StoreError> {
        let newest = self.0.reading_by_seq(self.0.last_seq().await?).await?;
        Ok(newest.map_or(UtcMicros(0), |version| version.reading.received.0))
    }

    pub(crate) async fn last_broadcast(self, channel: &ChannelName) -> Result<Option<UtcMicros>, StoreError> {
        self.0.last_broadcast(channel).await
    }

    pub(crate) async fn broadcast_sent(
        self,
        channel: &ChannelName,
        at: UtcMicros,
        meters: usize,
    ) -> Result<(), StoreError> {
        self.0.clock_broadcast(channel, at).await?;
        let detail = format!("the time was broadcast; {meters} meters needed it");
        self.event("clock_broadcast", Severity::Info, None, Some(channel), &detail, at).await
    }

    pub(crate) async fn clock_sync_withheld(
        self,
        channel: &ChannelName,
        why: &str,
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        self.event("clock_sync_withheld", Severity::Warning, None, Some(channel), why, now).await
    }

    pub(crate) async fn alert(
        self,
        alert: Alert,
        meter: MeterId,
        channel: &ChannelName,
        detail: &str,
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        self.event(alert.kind(), Severity::Warning, Some(meter), Some(channel), detail, now).await
    }

    pub(crate) async fn host_clock(
        self,
        event: HostClockEvent,
        detail: &str,
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        let (kind, severity) = match event {
            HostClockEvent::Jumped => ("host_clock_jumped", Severity::Warning),
            HostClockEvent::Overruled => ("host_clock_overruled_store", Severity::Warning),
            HostClockEvent::Proven => ("host_clock_proven", Severity::Info),
            HostClockEvent::Unproven => ("host_clock_unproven", Severity::Warning),
        };
        self.event(kind, severity, None, None, detail, now).await
    }

    pub(crate) async fn link_taken_over(
        self,
        channel: &ChannelName,
        detail: &str,
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        self.event("link_taken_over", Severity::Info, None, Some(channel), detail, now).await
    }

    pub(crate) async fn duplicate_identity(
        self,
        channel: &ChannelName,
        detail: &str,
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        self.event("duplicate_identity", Severity::Alarm, None, Some(channel), detail, now).await
    }

    async fn event(
        self,
        kind: &'static str,
        severity: Severity,
        meter: Option<MeterId>,
        channel: Option<&ChannelName>,
        detail: &str,
        at: UtcMicros,
    ) -> Result<(), StoreError> {
        let detail = serde_json::json!({ "message": detail });
        self.0.event(&Event { at, kind, severity, meter, channel: channel.cloned(), detail }).await
    }
}

/// How far back a meter remembers. A model that nobody knows remembers as the generic one of its protocol.
fn memory_depth(meter: &MeterSpec) -> MemoryDepth {
    let generic = || capabilities(&MeterSpec { model: Model::generic(meter.protocol), ..meter.clone() });
    let known = capabilities(meter).or_else(|_| generic());
    known.map_or(MemoryDepth { daily_days: 0, monthly_months: 0, interval_days: 0 }, |known| MemoryDepth {
        daily_days: known.daily_depth_days.into(),
        monthly_months: known.monthly_depth.into(),
        interval_days: known.interval_depth_days.into(),
    })
}

fn clock_work(due: ClockDue) -> Work {
    let (class, tried) = (Class::Clock, BTreeMap::new());
    Work { meter: due.meter, plan: due.plan, what: What::Clock, class, priority: due.priority, tried }
}

/// Open slots that can be asked together.
fn by_meter_and_plan(slots: Vec<OpenSlot>) -> Vec<Work> {
    let mut groups: BTreeMap<(MeterId, PlanName, Series, Class), Work> = BTreeMap::new();
    for open in slots {
        let key = (open.meter, open.plan.clone(), open.slot.series, open.class);
        let work = groups.entry(key).or_insert_with(|| Work {
            meter: open.meter,
            plan: open.plan,
            what: What::Slots { series: open.slot.series, slots: Vec::new() },
            class: open.class,
            priority: open.priority,
            tried: BTreeMap::new(),
        });
        if let What::Slots { slots, .. } = &mut work.what {
            slots.push((open.slot.register, open.slot.time));
        }
        if open.tries > 0 {
            work.tried.insert(open.slot, open.tries);
        }
    }
    groups.into_values().collect()
}

/// Series whose values bound those of `series`: latched and momentary values of one register show the same counter.
fn compared_with(register: Obis, series: Series) -> Vec<(Obis, Series)> {
    match series {
        Series::Instant => vec![(register, Series::Instant), (register, Series::Daily)],
        other => vec![(register, other)],
    }
}

fn as_known(value: &KnownValue) -> Known {
    let at = match value.series {
        Series::Instant => value.captured.0,
        Series::Interval(_) | Series::Daily | Series::Monthly => value.slot,
    };
    Known { series: value.series, at, value: value.value }
}
