//! The exchanges worth keeping, once each.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use crate::StoreError;
use crate::codes::class_code;
use crate::rows::{self, json};

use super::batch::{Batch, Numbered};
use super::outcome::Outcome;

impl Batch<'_> {
    pub(super) async fn insert_exchanges(
        &self,
        db: &mut SqliteConnection,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let proofs: Vec<_> = self.proofs(outcome).collect();
        if proofs.is_empty() {
            return Ok(());
        }
        let insert = "INSERT INTO exchange (id, meter, channel, plan, class, sent_at, received_at, request, answer) ";
        rows::insert(db, insert, "", &proofs, |mut row, Numbered { id, record, channel, plan, proof }| {
            row.push_bind(*id)
                .push_bind(record.meter.0)
                .push_bind(*channel)
                .push_bind(*plan)
                .push_bind(class_code(record.class))
                .push_bind(proof.sent_at.0)
                .push_bind(proof.received_at.0.0)
                .push_bind(proof.request.as_slice())
                .push_bind(proof.answer.as_slice());
        })
        .await?;
        let mut days: BTreeMap<i64, i64> = BTreeMap::new();
        for Numbered { id, proof, .. } in &proofs {
            days.entry(proof.received_at.0.0.div_euclid(86_400_000_000)).or_insert(*id);
        }
        let days: Vec<_> = days.into_iter().collect();
        sqlx::query(
            "INSERT INTO exchange_day (utc_day, first_id) SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
             ON CONFLICT (utc_day) DO NOTHING",
        )
        .bind(json(&days)?)
        .execute(db)
        .await?;
        Ok(())
    }
}
