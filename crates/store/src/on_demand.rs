//! On-demand reads (召测): short-lived rows with a deadline, which the owner of the meter's channel picks up.
//!
//! A row outlives a restart: what was running when the process ended is queued again until its deadline.

use std::time::{Duration, Instant};

use hes_model::{
    CapturedAt, ChannelName, Failure, FailureKind, MeterClock, MeterId, Obis, Observed, Quality, Reading, ReceivedAt,
    Request, Series, UtcMicros,
};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tokio::sync::watch;

use crate::deadlines::span;
use crate::gate::{Durability, Urgency};
use crate::records::{ClockReading, OnDemandId};
use crate::rows::json;
use crate::{Store, StoreError};

/// On-demand reads that may be open on one channel; more are refused, as a person would wait too long for them.
const MOST_OPEN: i64 = 1_000;

/// Life of an on-demand read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDemandState {
    /// Waits for its channel.
    Queued,
    /// Its channel's owner has it.
    Running,
    /// Every value asked for is there.
    Done,
    /// Some or all values could not be had; the failures say why.
    Failed,
    /// Its deadline passed first.
    Expired,
}

impl OnDemandState {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            OnDemandState::Queued => "queued",
            OnDemandState::Running => "running",
            OnDemandState::Done => "done",
            OnDemandState::Failed => "failed",
            OnDemandState::Expired => "expired",
        }
    }
    /// Whether nothing more will happen to it.
    pub const fn is_final(self) -> bool {
        matches!(self, OnDemandState::Done | OnDemandState::Failed | OnDemandState::Expired)
    }
    fn from_code(code: &str) -> Result<Self, StoreError> {
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Expired]
            .into_iter()
            .find(|s| s.code() == code)
            .ok_or_else(|| StoreError::corrupt(format!("on-demand state {code:?}")))
    }
}

/// A value that an on-demand read brought.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OnDemandValue {
    /// Which register.
    pub register: Obis,
    /// Which series.
    pub series: Series,
    /// Its slot.
    pub slot: UtcMicros,
    /// The value.
    pub value: Observed,
    /// Whether it may be trusted.
    pub quality: Quality,
    /// When it occurred, by the meter's clock.
    pub occurred: Option<MeterClock>,
    /// The meter's own stamp.
    pub meter_clock: Option<MeterClock>,
    /// When it was captured.
    pub captured: CapturedAt,
    /// When it was received.
    pub received: ReceivedAt,
}

impl OnDemandValue {
    pub(crate) fn of(reading: &Reading) -> Self {
        Self {
            register: reading.register,
            series: reading.series,
            slot: reading.slot,
            value: reading.value.clone(),
            quality: reading.quality.clone(),
            occurred: reading.occurred,
            meter_clock: reading.meter_clock,
            captured: reading.captured,
            received: reading.received,
        }
    }
}

/// What an on-demand read of the clock brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OnDemandClock {
    /// Shown by the meter.
    pub meter_clock: MeterClock,
    /// Our time for the same moment.
    pub at: UtcMicros,
    /// Meter minus ours, in milliseconds.
    pub offset_ms: i64,
    /// Half the time the answer may have been under way.
    pub uncertainty_ms: i64,
}

impl OnDemandClock {
    pub(crate) fn of(clock: ClockReading) -> Self {
        let ClockReading { meter_clock, at, offset_ms, uncertainty_ms, .. } = clock;
        Self { meter_clock, at, offset_ms, uncertainty_ms }
    }
}

/// What a register of an on-demand read did not bring.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OnDemandFailure {
    /// Which register; `None` when it concerns the whole read.
    pub register: Option<Obis>,
    /// Why.
    pub failure: Failure,
}

/// An on-demand read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OnDemandRead {
    /// Its row.
    pub id: OnDemandId,
    /// Of which meter.
    pub meter: MeterId,
    /// What is asked.
    pub request: Request,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub created: UtcMicros,
    /// Until when it makes sense.
    pub deadline: UtcMicros,
    /// Where it stands.
    pub state: OnDemandState,
    /// When its channel took it up.
    pub started: Option<UtcMicros>,
    /// When it ended.
    pub finished: Option<UtcMicros>,
    /// What it brought so far.
    pub values: Vec<OnDemandValue>,
    /// The meter's clock, if that was asked.
    pub clock: Option<OnDemandClock>,
    /// What it did not bring.
    pub failures: Vec<OnDemandFailure>,
}

/// A read that was taken up, with the time it has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenRead {
    /// The read.
    pub read: OnDemandRead,
    /// Until its deadline, whatever the wall clock shows.
    pub left: Duration,
}

/// What waits on a channel. The index has the open reads only, and it is used only where that is said in its own words.
pub(crate) const QUEUED: &str =
    "SELECT id FROM on_demand WHERE channel = ? AND state IN ('queued', 'running') AND state = 'queued' ORDER BY id";
pub(crate) const TAKE: &str = "UPDATE on_demand SET state = 'running', started_at = ? \
    WHERE id IN (SELECT value FROM json_each(?)) AND state = 'queued' \
    RETURNING id, meter, request, requested_by, created_at, deadline_at, state, started_at, finished_at, outcome, clock";

impl Store {
    /// Queues a read of a meter for its channel. Refused as [`StoreError::Busy`] while too many wait there.
    pub async fn submit_read(
        &self,
        meter: MeterId,
        request: &Request,
        requested_by: &str,
        now: UtcMicros,
        deadline: UtcMicros,
    ) -> Result<OnDemandId, StoreError> {
        let asked = Instant::now();
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Power).await?;
        let row = sqlx::query(
            "SELECT v.channel, (SELECT count(*) FROM on_demand AS o WHERE o.channel IS v.channel AND o.state IN ('queued', 'running'))
             FROM meter_version AS v WHERE v.meter = ? AND v.until_day = 9007199254740991",
        )
        .bind(meter.0)
        .fetch_optional(turn.connection())
        .await?
        .ok_or(StoreError::NoSuchMeterRow { id: meter })?;
        let channel: Option<i64> = row.try_get(0)?;
        let waiting: i64 = row.try_get(1)?;
        if waiting >= MOST_OPEN {
            return Err(StoreError::Busy { waiting: u32::try_from(waiting).unwrap_or(u32::MAX) });
        }
        let id: i64 = sqlx::query(
            "INSERT INTO on_demand (meter, channel, request, requested_by, created_at, deadline_at, state)
             VALUES (?, ?, ?, ?, ?, ?, 'queued') RETURNING id",
        )
        .bind(meter.0)
        .bind(channel)
        .bind(json(request)?)
        .bind(requested_by)
        .bind(now.0)
        .bind(deadline.0)
        .fetch_one(turn.connection())
        .await?
        .try_get(0)?;
        turn.commit().await?;
        self.inner.deadlines.set(OnDemandId(id), asked + span(now, deadline));
        self.on_demand_changed();
        Ok(OnDemandId(id))
    }

    /// Takes up to `limit` queued reads of a channel, oldest first; they are running from then on. `at` is now by the
    /// monotonic clock, by which a read whose time is over is not taken.
    pub async fn take_reads(
        &self,
        channel: &ChannelName,
        now: UtcMicros,
        at: Instant,
        limit: u32,
    ) -> Result<Vec<TakenRead>, StoreError> {
        let Some(channel) = self.inner.names.channels.id(channel) else { return Ok(Vec::new()) };
        let deadlines = &self.inner.deadlines;
        deadlines.learn(&self.inner.gate, now, at).await?;
        let mut due = Vec::new();
        for row in sqlx::query(QUEUED).bind(channel).fetch_all(&self.inner.pool).await? {
            due.push(row.try_get::<i64, _>(0)?);
        }
        due.retain(|id| deadlines.left(OnDemandId(*id), at).is_some());
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Process).await?;
        let rows = sqlx::query(TAKE).bind(now.0).bind(json(&due)?).fetch_all(turn.connection()).await?;
        turn.commit().await?;
        self.on_demand_changed();
        let mut reads = Vec::with_capacity(rows.len());
        for row in &rows {
            let read = on_demand(row)?;
            let left = deadlines.left(read.id, at).unwrap_or_default();
            reads.push(TakenRead { read, left });
        }
        reads.sort_by_key(|taken| taken.read.id);
        Ok(reads)
    }

    /// Ends a read. Its values are those of the dialogues recorded for it; without failures it is done.
    pub async fn finish_read(
        &self,
        id: OnDemandId,
        failures: &[OnDemandFailure],
        now: UtcMicros,
    ) -> Result<(), StoreError> {
        let state = if failures.is_empty() { OnDemandState::Done } else { OnDemandState::Failed };
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Process).await?;
        sqlx::query(
            "UPDATE on_demand SET state = ?, finished_at = ?, outcome = ? WHERE id = ? AND state IN ('queued', 'running')",
        )
        .bind(state.code())
        .bind(now.0)
        .bind(json(&failures)?)
        .bind(id.0)
        .execute(turn.connection())
        .await?;
        turn.commit().await?;
        self.inner.deadlines.forget(id);
        self.on_demand_changed();
        Ok(())
    }

    /// Queues the reads of a channel again that were taken and not ended: whoever had them is gone.
    pub async fn requeue_reads(&self, channel: &ChannelName) -> Result<(), StoreError> {
        let Some(channel) = self.inner.names.channels.id(channel) else { return Ok(()) };
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Process).await?;
        sqlx::query("UPDATE on_demand SET state = 'queued', started_at = NULL WHERE channel = ? AND state = 'running'")
            .bind(channel)
            .execute(turn.connection())
            .await?;
        turn.commit().await?;
        self.on_demand_changed();
        Ok(())
    }

    /// Ends every read whose time was over by `at`, now by the monotonic clock, before it was taken; tells how many there
    /// were. One that is running is ended by whoever runs it.
    pub async fn expire_reads(&self, now: UtcMicros, at: Instant) -> Result<usize, StoreError> {
        let deadlines = &self.inner.deadlines;
        deadlines.learn(&self.inner.gate, now, at).await?;
        let over = deadlines.over(at);
        // Those that are running wait for their runner; for them alone nobody need wait for the gate.
        let queued =
            sqlx::query("SELECT id FROM on_demand WHERE id IN (SELECT value FROM json_each(?)) AND state = 'queued'")
                .bind(json(&over)?)
                .fetch_optional(&self.inner.pool);
        if over.is_empty() || queued.await?.is_none() {
            return Ok(0);
        }
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Process).await?;
        let ended = sqlx::query(
            "UPDATE on_demand SET state = 'expired', finished_at = ?, outcome = ?
             WHERE id IN (SELECT value FROM json_each(?)) AND state = 'queued' RETURNING id",
        )
        .bind(now.0)
        .bind(deadline_passed("its deadline passed before the channel came to it")?)
        .bind(json(&over)?)
        .fetch_all(turn.connection())
        .await?;
        turn.commit().await?;
        for row in &ended {
            deadlines.forget(OnDemandId(row.try_get(0)?));
        }
        if !ended.is_empty() {
            self.on_demand_changed();
        }
        Ok(ended.len())
    }

    /// Ends a running read whose time is over.
    pub async fn expire_read(&self, id: OnDemandId, now: UtcMicros) -> Result<(), StoreError> {
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Process).await?;
        sqlx::query(
            "UPDATE on_demand SET state = 'expired', finished_at = ?, outcome = ? WHERE id = ? AND state = 'running'",
        )
        .bind(now.0)
        .bind(deadline_passed("its deadline passed before the meter had answered everything")?)
        .bind(id.0)
        .execute(turn.connection())
        .await?;
        turn.commit().await?;
        self.inner.deadlines.forget(id);
        self.on_demand_changed();
        Ok(())
    }

    /// One read with what it brought.
    pub async fn on_demand_read(&self, id: OnDemandId) -> Result<Option<OnDemandRead>, StoreError> {
        let row = sqlx::query(
            "SELECT id, meter, request, requested_by, created_at, deadline_at, state, started_at, finished_at, outcome, clock
             FROM on_demand WHERE id = ?",
        )
        .bind(id.0)
        .fetch_optional(&self.inner.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut read = on_demand(&row)?;
        let values = sqlx::query("SELECT body FROM on_demand_value WHERE on_demand = ? ORDER BY n")
            .bind(id.0)
            .fetch_all(&self.inner.pool)
            .await?;
        for row in values {
            let body: String = row.try_get(0)?;
            read.values.push(serde_json::from_str(&body).map_err(|e| StoreError::corrupt(format!("value ({e})")))?);
        }
        Ok(Some(read))
    }

    /// The read once it is final, or as it stands after `patience`. May be dropped while it waits.
    pub async fn wait_for_read(&self, id: OnDemandId, patience: Duration) -> Result<Option<OnDemandRead>, StoreError> {
        let mut changes = self.on_demand_changes();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            changes.mark_unchanged();
            let read = self.on_demand_read(id).await?;
            if read.as_ref().is_none_or(|r| r.state.is_final()) {
                return Ok(read);
            }
            match tokio::time::timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(read),
            }
        }
    }

    /// How many reads are not ended yet.
    pub async fn reads_waiting(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM on_demand WHERE state IN ('queued', 'running')")
            .fetch_one(&self.inner.pool)
            .await?;
        let waiting: i64 = row.try_get(0)?;
        Ok(u64::try_from(waiting).unwrap_or(0))
    }

    /// A generation that grows whenever an on-demand read is queued, taken or ended.
    pub fn on_demand_changes(&self) -> watch::Receiver<u64> {
        self.inner.on_demand.subscribe()
    }
    fn on_demand_changed(&self) {
        self.inner.on_demand.send_modify(|generation| *generation += 1);
    }
}

/// The outcome of a read that ended by its deadline.
fn deadline_passed(detail: &str) -> Result<String, StoreError> {
    json(&[OnDemandFailure { register: None, failure: Failure::new(FailureKind::Interrupted, detail) }])
}

fn on_demand(row: &SqliteRow) -> Result<OnDemandRead, StoreError> {
    let corrupt = |e: serde_json::Error| StoreError::corrupt(format!("on-demand read ({e})"));
    let failures = match row.try_get::<Option<String>, _>(9)? {
        Some(outcome) => serde_json::from_str(&outcome).map_err(corrupt)?,
        None => Vec::new(),
    };
    Ok(OnDemandRead {
        id: OnDemandId(row.try_get(0)?),
        meter: MeterId(row.try_get(1)?),
        request: serde_json::from_str(row.try_get(2)?).map_err(corrupt)?,
        requested_by: row.try_get(3)?,
        created: UtcMicros(row.try_get(4)?),
        deadline: UtcMicros(row.try_get(5)?),
        state: OnDemandState::from_code(row.try_get(6)?)?,
        started: row.try_get::<Option<i64>, _>(7)?.map(UtcMicros),
        finished: row.try_get::<Option<i64>, _>(8)?.map(UtcMicros),
        values: Vec::new(),
        clock: match row.try_get::<Option<String>, _>(10)? {
            Some(clock) => Some(serde_json::from_str(&clock).map_err(corrupt)?),
            None => None,
        },
        failures,
    })
}
