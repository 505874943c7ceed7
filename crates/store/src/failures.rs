//! Attempts that brought nothing, and times in which a channel was down.

use std::time::Duration;

use hes_model::{ChannelName, Class, Failure, FailureKind, MeterId, MeterNo, PlanName, UtcMicros};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::archive::STILL;
use crate::codes::class_from_code;
use crate::gate::{Durability, Urgency};
use crate::names::parse_name;
use crate::{Store, StoreError};

/// Longest stored detail of a failure, in characters.
const DETAIL_MAX: usize = 200;

/// A failed attempt as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredFailure {
    /// Its row; pages go by it.
    pub id: i64,
    /// When.
    pub at: UtcMicros,
    /// With which meter.
    pub meter: MeterId,
    /// Its number.
    pub meter_no: MeterNo,
    /// Over which channel.
    pub channel: ChannelName,
    /// For which plan.
    pub plan: Option<PlanName>,
    /// In which class.
    pub class: Class,
    /// Why, with the bytes that led to it.
    pub failure: Failure,
}

/// Failures of one meter and cause in a span of time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailureCount {
    /// Which meter.
    pub meter: MeterId,
    /// Its number.
    pub meter_no: MeterNo,
    /// Over which channel.
    pub channel: ChannelName,
    /// The cause.
    pub kind: FailureKind,
    /// How often.
    pub count: u64,
    /// When last.
    pub last_at: UtcMicros,
    /// What was seen then.
    pub last_detail: String,
}

/// A time in which a channel could not be used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outage {
    /// From when.
    pub from: UtcMicros,
    /// Until when; `None` while it lasts.
    pub until: Option<UtcMicros>,
    /// Why.
    pub cause: String,
}

macro_rules! failure_rows {
    ($rest:literal) => {
        concat!(
            "SELECT f.id, f.at, f.meter, m.no, f.channel, f.plan, f.class, f.kind, f.detail, f.bytes
             FROM failure AS f CROSS JOIN meter AS m ON m.id = f.meter WHERE f.id < ?1 ",
            $rest
        )
    };
}
const OF_ALL: &str = failure_rows!("AND (?3 IS NULL) ORDER BY f.id DESC LIMIT ?2");
/// By the index of its meter: the failures of one are few, those of all are not.
pub(crate) const OF_METER: &str = failure_rows!("AND f.meter = ?3 ORDER BY f.id DESC LIMIT ?2");

impl Store {
    /// Failures of a meter (or of all), latest first, from before row `before`.
    pub async fn failures(
        &self,
        meter: Option<MeterId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<StoredFailure>, StoreError> {
        let sql = if meter.is_some() { OF_METER } else { OF_ALL };
        let rows = sqlx::query(sql)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .bind(meter.map(|m| m.0))
            .fetch_all(&self.inner.pool)
            .await?;
        rows.iter().map(|row| self.stored_failure(row)).collect()
    }

    /// Failures by meter and cause, `from <= at < to`, in the order of meters.
    pub async fn failure_counts(&self, from: UtcMicros, to: UtcMicros) -> Result<Vec<FailureCount>, StoreError> {
        // With max() as the only aggregate beside count(), SQLite takes the bare columns from the row of the maximum.
        let rows = sqlx::query(
            "SELECT f.meter, m.no, f.channel, f.kind, count(*), max(f.at), f.detail
             FROM failure AS f INDEXED BY failure_by_time CROSS JOIN meter AS m ON m.id = f.meter
             WHERE f.at >= ? AND f.at < ? GROUP BY f.meter, f.channel, f.kind ORDER BY f.meter, f.kind",
        )
        .bind(from.0)
        .bind(to.0)
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(FailureCount {
                    meter: MeterId(row.try_get(0)?),
                    meter_no: parse_name(row.try_get(1)?)?,
                    channel: self.inner.names.channels.name(row.try_get(2)?)?,
                    kind: parse_kind(row.try_get(3)?)?,
                    count: u64::try_from(row.try_get::<i64, _>(4)?).unwrap_or(0),
                    last_at: UtcMicros(row.try_get(5)?),
                    last_detail: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// Notes that a channel is down. Told again while it is, only the cause is renewed.
    pub async fn channel_down(&self, channel: &ChannelName, since: UtcMicros, cause: &str) -> Result<(), StoreError> {
        let Some(id) = self.inner.names.channels.id(channel) else { return Ok(()) };
        let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Process).await?;
        let open = sqlx::query("UPDATE outage SET cause = ? WHERE channel = ? AND until_at = ?")
            .bind(short(cause))
            .bind(id)
            .bind(STILL)
            .execute(turn.connection())
            .await?;
        if open.rows_affected() == 0 {
            sqlx::query(
                "INSERT INTO outage (channel, from_at, until_at, cause) VALUES (?, ?, ?, ?)
                 ON CONFLICT (channel, from_at) DO UPDATE SET until_at = excluded.until_at, cause = excluded.cause",
            )
            .bind(id)
            .bind(since.0)
            .bind(STILL)
            .bind(short(cause))
            .execute(turn.connection())
            .await?;
        }
        turn.commit().await
    }

    /// Notes that a channel can be used again. If it could not for less than `shortest`, that is forgotten: it is the cause of
    /// nothing that will be missing.
    pub async fn channel_up(&self, channel: &ChannelName, at: UtcMicros, shortest: Duration) -> Result<(), StoreError> {
        let Some(id) = self.inner.names.channels.id(channel) else { return Ok(()) };
        let open = sqlx::query("SELECT 1 FROM outage WHERE channel = ? AND until_at = ?")
            .bind(id)
            .bind(STILL)
            .fetch_optional(&self.inner.pool)
            .await?;
        if open.is_none() {
            return Ok(());
        }
        let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Process).await?;
        sqlx::query("DELETE FROM outage WHERE channel = ?1 AND until_at = ?2 AND from_at > ?3 - ?4")
            .bind(id)
            .bind(STILL)
            .bind(at.0)
            .bind(i64::try_from(shortest.as_micros()).unwrap_or(i64::MAX))
            .execute(turn.connection())
            .await?;
        sqlx::query("UPDATE outage SET until_at = max(from_at, ?) WHERE channel = ? AND until_at = ?")
            .bind(at.0)
            .bind(id)
            .bind(STILL)
            .execute(turn.connection())
            .await?;
        turn.commit().await
    }

    /// Outages of a channel that touch `from..to`, in order.
    pub async fn outages(
        &self,
        channel: &ChannelName,
        from: UtcMicros,
        to: UtcMicros,
    ) -> Result<Vec<Outage>, StoreError> {
        let Some(id) = self.inner.names.channels.id(channel) else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT from_at, until_at, cause FROM outage WHERE channel = ? AND from_at < ? AND until_at > ? ORDER BY from_at",
        )
        .bind(id)
        .bind(to.0)
        .bind(from.0)
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let until: i64 = row.try_get(1)?;
                Ok(Outage {
                    from: UtcMicros(row.try_get(0)?),
                    until: (until != STILL).then_some(UtcMicros(until)),
                    cause: row.try_get(2)?,
                })
            })
            .collect()
    }

    /// Channels that cannot be used now.
    pub async fn channels_down(&self) -> Result<Vec<(ChannelName, Outage)>, StoreError> {
        let rows = sqlx::query("SELECT channel, from_at, cause FROM outage WHERE until_at = ?")
            .bind(STILL)
            .fetch_all(&self.inner.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let channel = self.inner.names.channels.name(row.try_get(0)?)?;
                Ok((channel, Outage { from: UtcMicros(row.try_get(1)?), until: None, cause: row.try_get(2)? }))
            })
            .collect()
    }

    fn stored_failure(&self, row: &SqliteRow) -> Result<StoredFailure, StoreError> {
        let names = &self.inner.names;
        Ok(StoredFailure {
            id: row.try_get(0)?,
            at: UtcMicros(row.try_get(1)?),
            meter: MeterId(row.try_get(2)?),
            meter_no: parse_name(row.try_get(3)?)?,
            channel: names.channels.name(row.try_get(4)?)?,
            plan: row.try_get::<Option<i64>, _>(5)?.map(|plan| names.plans.name(plan)).transpose()?,
            class: class_from_code(row.try_get(6)?)?,
            failure: Failure {
                kind: parse_kind(row.try_get(7)?)?,
                detail: row.try_get(8)?,
                bytes: row.try_get::<Option<Vec<u8>>, _>(9)?.unwrap_or_default(),
            },
        })
    }
}

pub(crate) fn parse_kind(code: &str) -> Result<FailureKind, StoreError> {
    FailureKind::from_code(code).ok_or_else(|| StoreError::corrupt(format!("cause {code:?}")))
}

pub(crate) fn short(detail: &str) -> String {
    detail.chars().take(DETAIL_MAX).collect()
}
