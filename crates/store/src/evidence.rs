//! Evidence: the exchanges that prove readings, and how long they are kept.

use hes_model::{
    ChannelName, Class, ExchangeId, ExchangeProof, MeterId, Obis, PlanName, ReceivedAt, Series, UtcMicros,
};
use sqlx::Row;

use crate::codes::class_from_code;
use crate::gate::{Durability, Urgency};
use crate::readings::ReadingVersion;
use crate::{Store, StoreError};

/// Rows deleted in one transaction of a purge, so that nobody waits long behind it.
const PURGE_ROWS: i64 = 5_000;

const DAY: i64 = 86_400_000_000;

/// A stored exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredExchange {
    /// Its row.
    pub id: ExchangeId,
    /// With which meter.
    pub meter: MeterId,
    /// Over which channel.
    pub channel: ChannelName,
    /// For which plan; `None` when a person asked.
    pub plan: Option<PlanName>,
    /// In which class.
    pub class: Class,
    /// The bytes and their times.
    pub proof: ExchangeProof,
}

/// A version of a reading with what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The version.
    pub version: ReadingVersion,
    /// The exchange; `None` when it is older than evidence is kept.
    pub exchange: Option<StoredExchange>,
}

/// How much evidence there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EvidenceSize {
    /// Exchanges.
    pub exchanges: u64,
    /// Their request and answer bytes.
    pub bytes: u64,
}

/// What a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Purged {
    /// Exchanges.
    pub exchanges: u64,
    /// Failures, events, clock offsets, outages, on-demand reads.
    pub history: u64,
}

impl Store {
    /// One exchange; `None` when there is none of that number, or it is older than evidence is kept.
    pub async fn exchange(&self, id: ExchangeId) -> Result<Option<StoredExchange>, StoreError> {
        let row = sqlx::query(
            "SELECT meter, channel, plan, class, sent_at, received_at, request, answer FROM exchange WHERE id = ?",
        )
        .bind(id.0)
        .fetch_optional(&self.inner.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let names = &self.inner.names;
        Ok(Some(StoredExchange {
            id,
            meter: MeterId(row.try_get(0)?),
            channel: names.channels.name(row.try_get(1)?)?,
            plan: row.try_get::<Option<i64>, _>(2)?.map(|plan| names.plans.name(plan)).transpose()?,
            class: class_from_code(row.try_get(3)?)?,
            proof: ExchangeProof {
                request: row.try_get(6)?,
                answer: row.try_get(7)?,
                sent_at: UtcMicros(row.try_get(4)?),
                received_at: ReceivedAt(UtcMicros(row.try_get(5)?)),
            },
        }))
    }

    /// Every version of a slot with what proves it, oldest first.
    pub async fn evidence(
        &self,
        meter: MeterId,
        register: Obis,
        series: Series,
        slot: UtcMicros,
    ) -> Result<Vec<Evidence>, StoreError> {
        let mut evidence = Vec::new();
        for version in self.reading_versions(meter, register, series, slot).await? {
            let exchange = match version.reading.exchange {
                Some(id) => self.exchange(id).await?,
                None => None,
            };
            evidence.push(Evidence { version, exchange });
        }
        Ok(evidence)
    }

    /// How much evidence is kept. Reads all of it: for a check, not for a dashboard.
    pub async fn evidence_size(&self) -> Result<EvidenceSize, StoreError> {
        let row = sqlx::query("SELECT count(*), coalesce(sum(length(request) + length(answer)), 0) FROM exchange")
            .fetch_one(&self.inner.pool)
            .await?;
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        Ok(EvidenceSize { exchanges: number(row.try_get(0)?), bytes: number(row.try_get(1)?) })
    }

    /// Removes what is older than it is to be kept, in short transactions. May be dropped between them.
    pub async fn purge(&self, now: UtcMicros) -> Result<Purged, StoreError> {
        let config = &self.inner.config;
        let evidence_day = now.0.div_euclid(DAY) - i64::from(config.evidence_days);
        let history = now.0.saturating_sub(i64::from(config.history_days).saturating_mul(DAY));
        let mut purged = Purged::default();
        let border = self.oldest_kept(evidence_day, now.0.div_euclid(DAY)).await?;
        purged.exchanges += self
            .purge_by(
                "DELETE FROM exchange WHERE id IN (SELECT id FROM exchange WHERE id < ?1 ORDER BY id LIMIT ?2)",
                border,
            )
            .await?;
        self.purge_by(
            "DELETE FROM exchange_day WHERE utc_day IN (SELECT utc_day FROM exchange_day WHERE first_id < ?1 LIMIT ?2)",
            border,
        )
        .await?;
        for sql in HISTORY {
            purged.history += self.purge_by(sql, history).await?;
        }
        Ok(purged)
    }

    /// The first exchange of the days from `first` on. A day beyond `today` was noted by a clock that was wrong then: it is as
    /// old, at least, as the one that was noted after it.
    async fn oldest_kept(&self, first: i64, today: i64) -> Result<i64, StoreError> {
        let days = sqlx::query("SELECT utc_day, first_id FROM exchange_day ORDER BY first_id DESC")
            .fetch_all(&self.inner.pool)
            .await?;
        let mut oldest = None;
        let mut is_kept = true;
        for row in days {
            let day: i64 = row.try_get(0)?;
            is_kept = (first..=today).contains(&day) || (day > today && is_kept);
            if is_kept {
                oldest = Some(row.try_get(1)?);
            }
        }
        match oldest {
            Some(oldest) => Ok(oldest),
            // Everything is older, but for what is being written now.
            None => Ok(sqlx::query("SELECT coalesce(max(id), 0) + 1 FROM exchange")
                .fetch_one(&self.inner.pool)
                .await?
                .try_get(0)?),
        }
    }

    async fn purge_by(&self, sql: &'static str, border: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Process).await?;
            let done = sqlx::query(sql).bind(border).bind(PURGE_ROWS).execute(turn.connection()).await?;
            turn.commit().await?;
            removed += done.rows_affected();
            if done.rows_affected() < PURGE_ROWS.unsigned_abs() {
                return Ok(removed);
            }
        }
    }
}

/// What is removed once older than `store.history_days`. Readings, give-ups and the archive are kept for ever.
pub(crate) const HISTORY: [&str; 7] = [
    "DELETE FROM failure WHERE id IN (SELECT id FROM failure WHERE at < ?1 LIMIT ?2)",
    "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ?1 LIMIT ?2)",
    "DELETE FROM clock_offset WHERE (meter, at) IN
     (SELECT c.meter, c.at FROM meter AS m CROSS JOIN clock_offset AS c ON c.meter = m.id AND c.at < ?1 LIMIT ?2)",
    "DELETE FROM clock_broadcast WHERE (channel, at) IN
     (SELECT b.channel, b.at FROM channel AS c CROSS JOIN clock_broadcast AS b ON b.channel = c.id AND b.at < ?1 LIMIT ?2)",
    "DELETE FROM outage WHERE (channel, from_at) IN
     (SELECT o.channel, o.from_at FROM channel AS c CROSS JOIN outage AS o ON o.channel = c.id AND o.from_at < ?1
      WHERE o.until_at < ?1 LIMIT ?2)",
    "DELETE FROM on_demand_value WHERE (on_demand, n) IN
     (SELECT v.on_demand, v.n FROM on_demand AS o CROSS JOIN on_demand_value AS v ON v.on_demand = o.id
      WHERE o.created_at < ?1 LIMIT ?2)",
    "DELETE FROM on_demand WHERE id IN (SELECT id FROM on_demand WHERE created_at < ?1 LIMIT ?2)",
];
