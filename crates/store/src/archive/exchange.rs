//! A meter is exchanged (换表), to the instant and with what both registers showed.

use hes_model::{InstallationId, Obis, Observed, Quantity, UtcMicros};
use sqlx::{Row, SqliteConnection};

use super::import::Import;
use super::{Conflict, ImportReport, MeterRow};
use crate::codes::{value_code, value_from_code};
use crate::gate::{Durability, Urgency};
use crate::{Store, StoreError};

/// What a register showed when its meter was put up or taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeReading {
    /// Which register.
    pub register: Obis,
    /// What it showed.
    pub value: Quantity,
}

/// One meter goes, another comes.
#[derive(Debug, Clone)]
pub struct MeterExchange {
    /// The new meter and its place: the service point where the old one hangs. Its `installed_from` is not looked at.
    pub new: MeterRow,
    /// When.
    pub at: UtcMicros,
    /// What the old meter showed last.
    pub last: Vec<EdgeReading>,
    /// What the new meter showed first.
    pub first: Vec<EdgeReading>,
}

/// Which end of an installation a reading is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// When its meter was put up.
    First,
    /// When it was taken down.
    Last,
}

impl Edge {
    const fn code(self) -> &'static str {
        match self {
            Edge::First => "first",
            Edge::Last => "last",
        }
    }
}

impl Store {
    /// Exchanges the meter of a service point. From `at` on the new meter is expected to answer, before it the old one.
    ///
    /// Without the registers' readings, consumption over the exchange is known only as far as the freezes of both
    /// meters reach, and is reported as incomplete.
    pub async fn exchange_meter(&self, exchange: MeterExchange, now: UtcMicros) -> Result<(), StoreError> {
        let place = exchange.new.service_point.clone();
        let registers = exchange.last.iter().chain(&exchange.first).map(|edge| &edge.register);
        let unknown = self.inner.names.unknown(registers, [], []);
        if !unknown.is_empty() {
            let turn = self.inner.gate.begin(Urgency::Normal, Durability::Process).await?;
            self.inner.names.create(turn, unknown).await?;
        }
        let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Power).await?;
        let db = turn.connection();
        let rows = std::slice::from_ref(&exchange.new);
        let mut import = Import::load(db, &self.inner.calendar, rows, now, Some(exchange.at.0)).await?;
        let Some(old) = import.installation_at(&place) else {
            return Err(Conflict::NothingToExchange { service_point: place }.into());
        };
        let mut report = ImportReport::default();
        import.take_row(&exchange.new, &self.inner.vault, &mut report)?;
        if let Some(bad) = report.bad.pop() {
            return Err(Conflict::Refused { column: bad.column, refusal: bad.reason }.into());
        }
        let Some(new) = import.installation_at(&place).filter(|new| *new != old) else {
            return Err(Conflict::HangsAlready { meter: exchange.new.no, service_point: place }.into());
        };
        import.write(db).await?;
        self.store_edges(db, old, Edge::Last, &exchange.last).await?;
        self.store_edges(db, new, Edge::First, &exchange.first).await?;
        turn.commit().await?;
        self.changed();
        Ok(())
    }

    /// What a register showed at an end of an installation; `None` where nobody noted it.
    pub async fn edge_reading(
        &self,
        installation: InstallationId,
        edge: Edge,
        register: Obis,
    ) -> Result<Option<Quantity>, StoreError> {
        let Some(register) = self.inner.names.registers.id(&register) else { return Ok(None) };
        let found = sqlx::query(
            "SELECT mantissa, form FROM installation_reading WHERE installation = ? AND edge = ? AND register = ?",
        )
        .bind(installation.0)
        .bind(edge.code())
        .bind(register)
        .fetch_optional(&self.inner.pool)
        .await?;
        let Some(row) = found else { return Ok(None) };
        match value_from_code(Some(row.try_get(0)?), row.try_get(1)?)? {
            Observed::Number(value) => Ok(Some(value)),
            Observed::None(_) => Ok(None),
        }
    }

    async fn store_edges(
        &self,
        db: &mut SqliteConnection,
        installation: i64,
        edge: Edge,
        readings: &[EdgeReading],
    ) -> Result<(), StoreError> {
        for reading in readings {
            let (mantissa, form) = value_code(&Observed::Number(reading.value));
            sqlx::query(
                "INSERT INTO installation_reading (installation, edge, register, mantissa, form) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (installation, edge, register) DO UPDATE SET mantissa = excluded.mantissa, form = excluded.form",
            )
            .bind(installation)
            .bind(edge.code())
            .bind(self.inner.names.registers.id(&reading.register))
            .bind(mantissa)
            .bind(form)
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }
}
