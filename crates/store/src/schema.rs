//! The schema and its migrations: numbered, forward only, each in a transaction of its own.

use std::path::Path;

use sqlx::{Row, SqliteConnection};

use crate::OpenError;

/// Every migration in order; its number is its place, from 1. A released one is never edited.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/sqlite/0001_initial.sql")];

/// The schema this program writes.
pub const SCHEMA: i64 = MIGRATIONS.len() as i64;

/// Brings a database to [`SCHEMA`]; refuses one from a newer program.
pub(crate) async fn migrate(connection: &mut SqliteConnection, file: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Database { file: file.to_owned(), source };
    let found = version(connection).await.map_err(failed)?;
    if found > SCHEMA {
        return Err(OpenError::Newer { file: file.to_owned(), found, known: SCHEMA });
    }
    for (number, sql) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        apply(connection, number, sql).await.map_err(|source| OpenError::Migration { number, source })?;
        tracing::info!(schema = number, "database migrated");
    }
    Ok(())
}

/// The schema a database has; 0 when it is empty.
pub(crate) async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("PRAGMA user_version").fetch_one(connection).await?.try_get(0)
}

async fn apply(connection: &mut SqliteConnection, number: i64, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let done = async {
        sqlx::raw_sql(sql).execute(&mut *connection).await?;
        // A pragma takes no bind parameter; the number is ours.
        let set = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {number}"));
        sqlx::query(set).execute(&mut *connection).await?;
        sqlx::query("COMMIT").execute(&mut *connection).await
    }
    .await;
    if done.is_err() {
        sqlx::query("ROLLBACK").execute(&mut *connection).await?;
    }
    done.map(drop)
}
