//! What is written down beside the values: failures, clocks, results for people, values that changed.

use sqlx::SqliteConnection;

use crate::StoreError;
use crate::calendar::{civil_seconds, slot_from_seconds};
use crate::codes::{class_code, series_from_code};
use crate::failures::short;
use crate::on_demand::{OnDemandClock, OnDemandValue};
use crate::rows::json;

use super::batch::Batch;
use super::outcome::{Changed, Outcome};

/// Longest stored bytes of a failure: one frame, wake-up bytes and all.
const FAILURE_BYTES_MAX: usize = 512;

impl Batch<'_> {
    /// What happened, in order of the records.
    pub(super) async fn write_journal(&self, db: &mut SqliteConnection, outcome: &Outcome) -> Result<(), StoreError> {
        self.insert_failures(db).await?;
        self.insert_clocks(db).await?;
        self.insert_on_demand_values(db).await?;
        self.insert_changes(db, outcome).await
    }

    async fn insert_failures(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for (place, record) in self.records.iter().enumerate() {
            for failed in &record.failures {
                let bytes = failed.failure.bytes.get(..failed.failure.bytes.len().min(FAILURE_BYTES_MAX));
                sqlx::query(
                    "INSERT INTO failure (at, meter, channel, plan, class, kind, detail, bytes)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(failed.at.0)
                .bind(record.meter.0)
                .bind(self.channels.get(place).copied())
                .bind(self.plans.get(place).copied().flatten())
                .bind(class_code(record.class))
                .bind(failed.failure.kind.code())
                .bind(short(&failed.failure.detail))
                .bind(bytes.filter(|b| !b.is_empty()))
                .execute(&mut *db)
                .await?;
            }
        }
        Ok(())
    }

    async fn insert_clocks(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for (record, first) in self.records.iter().zip(&self.first_exchange) {
            let Some(clock) = record.clock else { continue };
            sqlx::query(
                "INSERT INTO clock_offset (meter, at, meter_clock, offset_ms, uncertainty_ms, exchange)
                 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(record.meter.0)
            .bind(clock.at.0)
            .bind(civil_seconds(clock.meter_clock))
            .bind(clock.offset_ms)
            .bind(clock.uncertainty_ms)
            .bind(first + i64::try_from(clock.proof).unwrap_or(0))
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }

    /// What a person asked for is kept as that read's result, whether it was new or known already.
    async fn insert_on_demand_values(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for record in self.records {
            let Some(id) = record.on_demand else { continue };
            if let Some(clock) = record.clock {
                sqlx::query("UPDATE on_demand SET clock = ? WHERE id = ?")
                    .bind(json(&OnDemandClock::of(clock))?)
                    .bind(id.0)
                    .execute(&mut *db)
                    .await?;
            }
            for (reading, _) in &record.readings {
                let body = json(&OnDemandValue::of(reading))?;
                sqlx::query(
                    "INSERT INTO on_demand_value (on_demand, n, body)
                     SELECT ?1, count(*), ?2 FROM on_demand_value WHERE on_demand = ?1",
                )
                .bind(id.0)
                .bind(body)
                .execute(&mut *db)
                .await?;
            }
        }
        Ok(())
    }

    /// A good value that differs from the good value before it is worth an event: somebody may have billed the first.
    async fn insert_changes(&self, db: &mut SqliteConnection, outcome: &Outcome) -> Result<(), StoreError> {
        for Changed { seq, received_at, key: (series, slot, meter, register) } in &outcome.changed {
            let detail = serde_json::json!({
                "seq": seq,
                "series": series_from_code(*series)?.code(),
                "slot": slot_from_seconds(*slot).to_string(),
                "register": self.names.registers.name(*register)?.to_string(),
            });
            sqlx::query(
                "INSERT INTO event (at, kind, severity, meter, detail) VALUES (?, 'reading_changed', 'warning', ?, ?)",
            )
            .bind(received_at)
            .bind(meter)
            .bind(detail.to_string())
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }
}
