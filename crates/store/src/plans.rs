//! Reading plans and their versions: an edit holds from the day it is made, so a past day's expectation stands.

use hes_model::{Plan, PlanName, UtcMicros};
use jiff::civil::Date;
use sqlx::Row;

use crate::archive::{BEGINNING, STILL};
use crate::calendar::{day_from_number, day_number};
use crate::gate::{Durability, Urgency};
use crate::rows::json;
use crate::{Store, StoreError};

/// A plan as it stood during some days.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlanVersion {
    /// First day, `None` from the beginning.
    pub from: Option<Date>,
    /// First day no longer, `None` while it holds.
    pub until: Option<Date>,
    /// When it was made.
    pub created: UtcMicros,
    /// The plan.
    pub plan: Plan,
}

/// A plan version as the planner uses it.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) id: i64,
    pub(crate) from_day: i64,
    pub(crate) until_day: i64,
    pub(crate) created: UtcMicros,
    pub(crate) plan: Plan,
}

impl Version {
    /// Whether it says what is expected of a civil day.
    pub(crate) fn on(&self, day: Date) -> bool {
        let n = day_number(day);
        self.from_day <= n && n < self.until_day && self.plan.effective.on(day)
    }
}

impl Store {
    /// Makes a plan, or edits it from the day of `now` on. The first version of a plan also covers the days before, as
    /// far back as the plan's own `effective.from`. An edit to what it says already changes nothing.
    pub async fn put_plan(&self, plan: &Plan, now: UtcMicros) -> Result<(), StoreError> {
        plan.validate()?;
        let today = day_number(self.inner.calendar.day_of(now));
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Power).await?;
        let db = turn.connection();
        let id: i64 = sqlx::query(
            "INSERT INTO plan (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind(plan.name.as_str())
        .fetch_one(&mut *db)
        .await?
        .try_get(0)?;
        let open = sqlx::query("SELECT from_day, body FROM plan_version WHERE plan = ? AND until_day = ?")
            .bind(id)
            .bind(STILL)
            .fetch_optional(&mut *db)
            .await?;
        let body = json(plan)?;
        let versions: i64 = sqlx::query("SELECT count(*) FROM plan_version WHERE plan = ?")
            .bind(id)
            .fetch_one(&mut *db)
            .await?
            .try_get(0)?;
        let from = match open {
            Some(row) if parse(row.try_get(1)?)? == *plan => {
                turn.commit().await?;
                return Ok(());
            }
            Some(_) => {
                close_version(db, id, today).await?;
                today
            }
            None if versions == 0 => BEGINNING,
            None => today,
        };
        sqlx::query(
            "INSERT INTO plan_version (plan, from_day, until_day, body, created_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (plan, from_day) DO UPDATE SET until_day = excluded.until_day, body = excluded.body,
             created_at = excluded.created_at",
        )
        .bind(id)
        .bind(from)
        .bind(STILL)
        .bind(body)
        .bind(now.0)
        .execute(&mut *db)
        .await?;
        turn.commit().await?;
        self.inner.names.plans.learn(id, plan.name.clone());
        self.changed();
        Ok(())
    }

    /// Ends a plan from the day of `now` on; what it expected of the days before stands.
    pub async fn delete_plan(&self, name: &PlanName, now: UtcMicros) -> Result<(), StoreError> {
        let today = day_number(self.inner.calendar.day_of(now));
        let mut turn = self.inner.gate.begin(Urgency::Urgent, Durability::Power).await?;
        let db = turn.connection();
        let row = sqlx::query(
            "SELECT p.id FROM plan AS p JOIN plan_version AS v ON v.plan = p.id AND v.until_day = ? WHERE p.name = ?",
        )
        .bind(STILL)
        .bind(name.as_str())
        .fetch_optional(&mut *db)
        .await?
        .ok_or_else(|| StoreError::NoSuchPlan { name: name.clone() })?;
        close_version(db, row.try_get(0)?, today).await?;
        turn.commit().await?;
        self.changed();
        Ok(())
    }

    /// The plans that hold now, by name.
    pub async fn plans(&self) -> Result<Vec<Plan>, StoreError> {
        let rows = sqlx::query(
            "SELECT v.body FROM plan AS p JOIN plan_version AS v ON v.plan = p.id AND v.until_day = ? ORDER BY p.name",
        )
        .bind(STILL)
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter().map(|row| parse(row.try_get(0)?)).collect()
    }

    /// One plan as it holds now.
    pub async fn plan(&self, name: &PlanName) -> Result<Option<Plan>, StoreError> {
        Ok(self.plan_history(name).await?.into_iter().find(|v| v.until.is_none()).map(|v| v.plan))
    }

    /// Every version of a plan, oldest first.
    pub async fn plan_history(&self, name: &PlanName) -> Result<Vec<PlanVersion>, StoreError> {
        let rows = sqlx::query(
            "SELECT v.from_day, v.until_day, v.created_at, v.body FROM plan AS p JOIN plan_version AS v ON v.plan = p.id
             WHERE p.name = ? ORDER BY v.from_day",
        )
        .bind(name.as_str())
        .fetch_all(&self.inner.pool)
        .await?;
        let version = |row: &sqlx::sqlite::SqliteRow| {
            let (from, until): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(PlanVersion {
                from: (from != BEGINNING).then(|| day_from_number(from)),
                until: (until != STILL).then(|| day_from_number(until)),
                created: UtcMicros(row.try_get(2)?),
                plan: parse(row.try_get(3)?)?,
            })
        };
        rows.iter().map(version).collect()
    }

    /// Every version that says something about days from `from_day` on.
    pub(crate) async fn plan_versions(&self, from_day: i64) -> Result<Vec<Version>, StoreError> {
        let rows = sqlx::query(
            "SELECT plan, from_day, until_day, created_at, body FROM plan_version WHERE until_day > ? ORDER BY plan, from_day",
        )
        .bind(from_day)
        .fetch_all(&self.inner.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Version {
                    id: row.try_get(0)?,
                    from_day: row.try_get(1)?,
                    until_day: row.try_get(2)?,
                    created: UtcMicros(row.try_get(3)?),
                    plan: parse(row.try_get(4)?)?,
                })
            })
            .collect()
    }
}

/// Ends the open version before `today`; one that began today is gone with it.
async fn close_version(db: &mut sqlx::SqliteConnection, plan: i64, today: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM plan_version WHERE plan = ? AND until_day = ? AND from_day >= ?")
        .bind(plan)
        .bind(STILL)
        .bind(today)
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE plan_version SET until_day = ?3 WHERE plan = ?1 AND until_day = ?2")
        .bind(plan)
        .bind(STILL)
        .bind(today)
        .execute(&mut *db)
        .await?;
    Ok(())
}

fn parse(body: &str) -> Result<Plan, StoreError> {
    serde_json::from_str(body).map_err(|e| StoreError::corrupt(format!("plan ({e})")))
}
