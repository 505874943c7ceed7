//! Devices that dialled in and are in no allow-list.

use hes_model::UtcMicros;
use sqlx::Row;

use crate::failures::short;
use crate::gate::{Durability, Urgency};
use crate::{Store, StoreError};

/// Unknown devices kept; anybody can dial in, so the list must not grow with them. The one not seen for longest goes.
const MOST: i64 = 1_000;

/// A device that was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UnknownDevice {
    /// What it announced itself by, printable.
    pub identity: String,
    /// From where, without the port.
    pub remote: String,
    /// When first.
    pub first: UtcMicros,
    /// When last.
    pub last: UtcMicros,
    /// How often.
    pub count: u64,
}

impl Store {
    /// Notes a device that was refused, so many times since it was last noted.
    pub async fn unknown_device(
        &self,
        identity: &str,
        remote: &str,
        calls: u64,
        at: UtcMicros,
    ) -> Result<(), StoreError> {
        let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Process).await?;
        sqlx::query(
            "INSERT INTO unknown_device (identity, remote, first_at, last_at, count) VALUES (?1, ?2, ?3, ?3, ?4)
             ON CONFLICT (identity, remote) DO UPDATE SET last_at = max(last_at, excluded.last_at), count = count + excluded.count",
        )
        .bind(short(identity))
        .bind(short(remote))
        .bind(at.0)
        .bind(i64::try_from(calls).unwrap_or(i64::MAX))
        .execute(turn.connection())
        .await?;
        sqlx::query(
            "DELETE FROM unknown_device WHERE (identity, remote) IN
             (SELECT identity, remote FROM unknown_device ORDER BY last_at DESC LIMIT -1 OFFSET ?)",
        )
        .bind(MOST)
        .execute(turn.connection())
        .await?;
        turn.commit().await
    }

    /// Devices that were refused, latest first.
    pub async fn unknown_devices(&self) -> Result<Vec<UnknownDevice>, StoreError> {
        let rows = sqlx::query(
            "SELECT identity, remote, first_at, last_at, count FROM unknown_device ORDER BY last_at DESC, identity, remote",
        )
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(UnknownDevice {
                    identity: row.try_get(0)?,
                    remote: row.try_get(1)?,
                    first: UtcMicros(row.try_get(2)?),
                    last: UtcMicros(row.try_get(3)?),
                    count: u64::try_from(row.try_get::<i64, _>(4)?).unwrap_or(0),
                })
            })
            .collect()
    }
}
