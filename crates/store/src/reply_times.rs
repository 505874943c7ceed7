//! What the collector learned of its meters' reply times, kept so that a restart does not forget it.

use std::time::Duration;

use hes_model::{ChannelName, MeterId};
use sqlx::Row;

use crate::archive::STILL;
use crate::gate::{Durability, Urgency};
use crate::rows::json;
use crate::{Store, StoreError};

/// A meter's last reply times, oldest first.
pub type ReplyTimes = Vec<Duration>;

impl Store {
    /// Stores reply times, in place of what was known of those meters.
    pub async fn save_reply_times(&self, learned: &[(MeterId, ReplyTimes)]) -> Result<(), StoreError> {
        if learned.is_empty() {
            return Ok(());
        }
        let micros = |d: &Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX >> 1);
        let rows = learned
            .iter()
            .map(|(meter, times)| Ok((meter.0, json(&times.iter().map(micros).collect::<Vec<_>>())?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Process).await?;
        sqlx::query(
            "INSERT INTO reply_times (meter, body) SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
             ON CONFLICT (meter) DO UPDATE SET body = excluded.body",
        )
        .bind(json(&rows)?)
        .execute(turn.connection())
        .await?;
        turn.commit().await
    }

    /// What is known of the meters of a channel.
    pub async fn reply_times(&self, channel: &ChannelName) -> Result<Vec<(MeterId, ReplyTimes)>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.meter, t.body FROM channel AS c JOIN meter_version AS v ON v.channel = c.id AND v.until_day = ?
             JOIN reply_times AS t ON t.meter = v.meter WHERE c.name = ?",
        )
        .bind(STILL)
        .bind(channel.as_str())
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let micros: Vec<u64> =
                    serde_json::from_str(row.try_get(1)?).map_err(|_| StoreError::corrupt("reply times"))?;
                Ok((MeterId(row.try_get(0)?), micros.into_iter().map(Duration::from_micros).collect()))
            })
            .collect()
    }
}
