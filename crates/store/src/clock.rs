//! Meter clocks: their drift over time, and the broadcasts that set them.

use hes_model::{ChannelName, ExchangeId, MeterClock, MeterId, MeterNo, UtcMicros};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::calendar::clock_from_seconds;
use crate::gate::{Durability, Urgency};
use crate::names::parse_name;
use crate::{Store, StoreError};

/// A clock check as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredClock {
    /// Which meter.
    pub meter: MeterId,
    /// Its number.
    pub meter_no: MeterNo,
    /// When.
    pub at: UtcMicros,
    /// What the meter showed.
    pub meter_clock: MeterClock,
    /// Meter minus ours, in milliseconds.
    pub offset_ms: i64,
    /// Half the time the answer may have been under way.
    pub uncertainty_ms: i64,
    /// What proves it.
    pub exchange: Option<ExchangeId>,
}

macro_rules! clock_columns {
    () => {
        "SELECT c.meter, m.no, c.at, c.meter_clock, c.offset_ms, c.uncertainty_ms, c.exchange
         FROM meter AS m CROSS JOIN clock_offset AS c ON c.meter = m.id "
    };
}

impl Store {
    /// The last check of a meter's clock.
    pub async fn last_clock(&self, meter: MeterId) -> Result<Option<StoredClock>, StoreError> {
        let row = sqlx::query(concat!(clock_columns!(), "WHERE m.id = ? ORDER BY c.at DESC LIMIT 1"))
            .bind(meter.0)
            .fetch_optional(&self.inner.pool)
            .await?;
        row.as_ref().map(stored).transpose()
    }

    /// The last check of each meter with `from <= at < to`, in the order of meters.
    pub async fn clocks(&self, from: UtcMicros, to: UtcMicros) -> Result<Vec<StoredClock>, StoreError> {
        let rows = sqlx::query(concat!(
            clock_columns!(),
            "AND c.at = (SELECT max(l.at) FROM clock_offset AS l WHERE l.meter = m.id AND l.at >= ?1 AND l.at < ?2)
             ORDER BY m.id"
        ))
        .bind(from.0)
        .bind(to.0)
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter().map(stored).collect()
    }

    /// Every check of one meter with `from <= at < to`: its drift.
    pub async fn clock_history(
        &self,
        meter: MeterId,
        from: UtcMicros,
        to: UtcMicros,
    ) -> Result<Vec<StoredClock>, StoreError> {
        let rows = sqlx::query(concat!(clock_columns!(), "WHERE m.id = ? AND c.at >= ? AND c.at < ? ORDER BY c.at"))
            .bind(meter.0)
            .bind(from.0)
            .bind(to.0)
            .fetch_all(&self.inner.pool)
            .await?;
        rows.iter().map(stored).collect()
    }

    /// Notes that the time was broadcast on a channel.
    pub async fn clock_broadcast(&self, channel: &ChannelName, at: UtcMicros) -> Result<(), StoreError> {
        let Some(id) = self.inner.names.channels.id(channel) else { return Ok(()) };
        let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Process).await?;
        sqlx::query("INSERT INTO clock_broadcast (channel, at) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(id)
            .bind(at.0)
            .execute(turn.connection())
            .await?;
        turn.commit().await
    }

    /// When the time was last broadcast on a channel.
    pub async fn last_broadcast(&self, channel: &ChannelName) -> Result<Option<UtcMicros>, StoreError> {
        let Some(id) = self.inner.names.channels.id(channel) else { return Ok(None) };
        let row = sqlx::query("SELECT max(at) FROM clock_broadcast WHERE channel = ?")
            .bind(id)
            .fetch_one(&self.inner.pool)
            .await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(UtcMicros))
    }

    /// Broadcasts with `from <= at < to`.
    pub async fn broadcasts(
        &self,
        from: UtcMicros,
        to: UtcMicros,
    ) -> Result<Vec<(ChannelName, UtcMicros)>, StoreError> {
        let rows = sqlx::query(
            "SELECT b.channel, b.at FROM channel AS c
             CROSS JOIN clock_broadcast AS b ON b.channel = c.id AND b.at >= ? AND b.at < ? ORDER BY b.at, b.channel",
        )
        .bind(from.0)
        .bind(to.0)
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((self.inner.names.channels.name(row.try_get(0)?)?, UtcMicros(row.try_get(1)?))))
            .collect()
    }
}

fn stored(row: &SqliteRow) -> Result<StoredClock, StoreError> {
    Ok(StoredClock {
        meter: MeterId(row.try_get(0)?),
        meter_no: parse_name(row.try_get(1)?)?,
        at: UtcMicros(row.try_get(2)?),
        meter_clock: clock_from_seconds(row.try_get(3)?),
        offset_ms: row.try_get(4)?,
        uncertainty_ms: row.try_get(5)?,
        exchange: row.try_get::<Option<i64>, _>(6)?.map(ExchangeId),
    })
}
