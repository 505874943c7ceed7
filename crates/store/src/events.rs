//! The event log: what happened that is neither a reading nor a failed attempt.

use hes_model::{ChannelName, MeterId, MeterNo, UtcMicros};
use sqlx::Row;

use crate::gate::{Durability, Urgency};
use crate::names::parse_name;
use crate::{Store, StoreError};

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Info,
    /// Somebody should look at it some time.
    Warning,
    /// Somebody should act.
    Alarm,
}

impl Severity {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Alarm => "alarm",
        }
    }
}

/// An event to be stored. `kind` is a stable name such as `duplicate_identity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: UtcMicros,
    /// What, by its stable name.
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Which meter it concerns.
    pub meter: Option<MeterId>,
    /// Which channel it concerns.
    pub channel: Option<ChannelName>,
    /// The particulars.
    pub detail: serde_json::Value,
}

/// A stored event, as the API shows it too.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredEvent {
    /// Its number; pages go by it.
    pub id: i64,
    /// When.
    pub at: UtcMicros,
    /// Its stable kind, as `reading_changed`.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// Which meter it concerns.
    pub meter: Option<MeterNo>,
    /// Which channel it concerns.
    pub channel: Option<ChannelName>,
    /// The particulars; their members depend on the kind.
    pub detail: serde_json::Value,
}

/// Which events to list. Everything that is `None` matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this kind.
    pub kind: Option<String>,
    /// Of this meter.
    pub meter: Option<MeterId>,
    /// Of this channel.
    pub channel: Option<ChannelName>,
}

macro_rules! event_rows {
    ($meter:literal) => {
        concat!(
            "SELECT e.id, e.at, e.kind, e.severity, m.no, e.channel, e.detail
             FROM event AS e LEFT JOIN meter AS m ON m.id = e.meter
             WHERE e.id > ?1 AND (?2 IS NULL OR e.kind = ?2) AND (?4 IS NULL OR e.channel = ?4) AND ",
            $meter,
            " ORDER BY e.id LIMIT ?5"
        )
    };
}
const OF_ALL: &str = event_rows!("true");
/// By the index of its meter: the events of one are few, those of all are not.
pub(crate) const OF_METER: &str = event_rows!("e.meter = ?3");

impl Store {
    /// Stores an event.
    pub async fn event(&self, event: &Event) -> Result<(), StoreError> {
        let channel = event.channel.as_ref().and_then(|c| self.inner.names.channels.id(c));
        let mut turn = self.inner.gate.begin(Urgency::Normal, Durability::Process).await?;
        sqlx::query("INSERT INTO event (at, kind, severity, meter, channel, detail) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(event.at.0)
            .bind(event.kind)
            .bind(event.severity.code())
            .bind(event.meter.map(|m| m.0))
            .bind(channel)
            .bind(event.detail.to_string())
            .execute(turn.connection())
            .await?;
        turn.commit().await
    }

    /// A page of events in order, from behind row `after`.
    pub async fn events(&self, filter: &EventFilter, after: i64, limit: u32) -> Result<Vec<StoredEvent>, StoreError> {
        let channel = match &filter.channel {
            Some(name) => match self.inner.names.channels.id(name) {
                Some(id) => Some(id),
                None => return Ok(Vec::new()),
            },
            None => None,
        };
        let sql = if filter.meter.is_some() { OF_METER } else { OF_ALL };
        let rows = sqlx::query(sql)
            .bind(after)
            .bind(filter.kind.as_deref())
            .bind(filter.meter.map(|m| m.0))
            .bind(channel)
            .bind(i64::from(limit))
            .fetch_all(&self.inner.pool)
            .await?;
        let corrupt = |what: &str| StoreError::corrupt(format!("event ({what})"));
        rows.iter()
            .map(|row| {
                let severity: &str = row.try_get(3)?;
                let channel: Option<i64> = row.try_get(5)?;
                Ok(StoredEvent {
                    id: row.try_get(0)?,
                    at: UtcMicros(row.try_get(1)?),
                    kind: row.try_get(2)?,
                    severity: [Severity::Info, Severity::Warning, Severity::Alarm]
                        .into_iter()
                        .find(|s| s.code() == severity)
                        .ok_or_else(|| corrupt(severity))?,
                    meter: row.try_get::<Option<String>, _>(4)?.map(parse_name).transpose()?,
                    channel: channel.map(|id| self.inner.names.channels.name(id)).transpose()?,
                    detail: serde_json::from_str(row.try_get(6)?).map_err(|e| corrupt(&e.to_string()))?,
                })
            })
            .collect()
    }
}
