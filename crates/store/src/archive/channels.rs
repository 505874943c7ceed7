//! Channels: the shared media on which meters hang.

use hes_model::{ChannelConfig, ChannelName, Endpoint};
use sqlx::Row;

use super::{Conflict, ImportReport, Refusal};
use crate::gate::{Durability, Urgency};
use crate::names::parse_name;
use crate::rows::json;
use crate::{Store, StoreError};

impl Store {
    /// Adds or changes channels, each given with its line. Two channels cannot share a port, a peer or a registration.
    pub async fn import_channels(&self, rows: Vec<(u64, ChannelConfig)>) -> Result<ImportReport, StoreError> {
        let mut report = ImportReport::default();
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Power).await?;
        let mut known = Vec::new();
        for row in sqlx::query("SELECT name, config FROM channel").fetch_all(turn.connection()).await? {
            let name: ChannelName = parse_name(row.try_get(0)?)?;
            known.push((name, row.try_get::<Option<String>, _>(1)?.as_deref().map(parse_config).transpose()?));
        }
        let mut learned = Vec::new();
        for (line, config) in rows {
            let taken = known.iter().find(|(name, other)| {
                *name != config.name && other.as_ref().is_some_and(|o| o.endpoint == config.endpoint)
            });
            if let Some((other, _)) = taken {
                let column = match &config.endpoint {
                    Endpoint::Serial { .. } => "path",
                    Endpoint::Dial { .. } => "port",
                    Endpoint::DialIn(_) => "registration",
                };
                let refusal = Refusal::EndpointTaken { channel: other.clone(), endpoint: config.endpoint };
                report.refuse(line, column, refusal);
                continue;
            }
            let place = known.iter().position(|(name, _)| *name == config.name);
            match place.and_then(|p| known.get_mut(p)) {
                Some((_, Some(before))) if *before == config => {
                    report.unchanged += 1;
                    continue;
                }
                Some((_, before)) => match before.replace(config.clone()) {
                    Some(_) => report.updated += 1,
                    None => report.created += 1,
                },
                None => {
                    known.push((config.name.clone(), Some(config.clone())));
                    report.created += 1;
                }
            }
            let row = sqlx::query(
                "INSERT INTO channel (name, config) VALUES (?, ?)
                 ON CONFLICT (name) DO UPDATE SET config = excluded.config RETURNING id",
            )
            .bind(config.name.as_str())
            .bind(json(&config)?)
            .fetch_one(turn.connection())
            .await?;
            learned.push((row.try_get(0)?, config.name));
        }
        turn.commit().await?;
        for (id, name) in learned {
            self.inner.names.channels.learn(id, name);
        }
        self.changed();
        Ok(report)
    }

    /// Every channel, by name.
    pub async fn channels(&self) -> Result<Vec<ChannelConfig>, StoreError> {
        let rows = sqlx::query("SELECT config FROM channel WHERE config IS NOT NULL ORDER BY name")
            .fetch_all(&self.inner.pool)
            .await?;
        rows.iter().map(|row| parse_config(row.try_get(0)?)).collect()
    }

    /// One channel.
    pub async fn channel(&self, name: &ChannelName) -> Result<Option<ChannelConfig>, StoreError> {
        let row = sqlx::query("SELECT config FROM channel WHERE name = ? AND config IS NOT NULL")
            .bind(name.as_str())
            .fetch_optional(&self.inner.pool)
            .await?;
        row.map(|row| parse_config(row.try_get(0)?)).transpose()
    }

    /// Takes a channel out of service. Refused while meters hang on it; history goes on naming it.
    pub async fn remove_channel(&self, name: &ChannelName) -> Result<(), StoreError> {
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Power).await?;
        let meters: i64 = sqlx::query(
            "SELECT count(*) FROM meter_version AS v JOIN channel AS c ON c.id = v.channel
             WHERE c.name = ? AND v.until_day = 9007199254740991 AND v.state <> 'retired'",
        )
        .bind(name.as_str())
        .fetch_one(turn.connection())
        .await?
        .try_get(0)?;
        if meters > 0 {
            let meters = meters.unsigned_abs();
            return Err(Conflict::ChannelInUse { channel: name.clone(), meters }.into());
        }
        sqlx::query("UPDATE channel SET config = NULL WHERE name = ?")
            .bind(name.as_str())
            .execute(turn.connection())
            .await?;
        turn.commit().await?;
        self.changed();
        Ok(())
    }
}

fn parse_config(text: &str) -> Result<ChannelConfig, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::corrupt(format!("channel ({e})")))
}
