//! The schema and its migrations: numbered, forward only, each in a transaction of its own.

use std::path::Path;

use sqlx::{Row, SqliteConnection};

use crate::OpenError;

/// Every migration in order; its number is its place, from 1. A released one is never edited.
const MIGRATIONS: &[&str] =
    &[include_str!("../migrations/sqlite/0001_initial.sql"), include_str!("../migrations/sqlite/0002_by_time.sql")];

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
        // Where SQLite ended the transaction itself, as on a full disk, there is none to roll back. The first error tells.
        drop(sqlx::query("ROLLBACK").execute(&mut *connection).await);
    }
    done.map(drop)
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

    use super::*;

    async fn empty(dir: &Path) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(dir.join("hes.db")).create_if_missing(true);
        options.connect().await.unwrap()
    }

    async fn objects(connection: &mut SqliteConnection) -> Vec<String> {
        let rows = sqlx::query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
            .fetch_all(connection)
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Every released schema is reached from the one before with data in it, and ends as a fresh one.
    #[tokio::test]
    async fn an_old_database_becomes_what_a_fresh_one_is_and_keeps_its_rows() {
        let fresh_dir = tempfile::tempdir().unwrap();
        let mut fresh = empty(fresh_dir.path()).await;
        migrate(&mut fresh, fresh_dir.path()).await.unwrap();
        let expected = objects(&mut fresh).await;
        assert!(!expected.is_empty());
        for start in 1..=SCHEMA {
            let dir = tempfile::tempdir().unwrap();
            let mut old = empty(dir.path()).await;
            for (number, sql) in (1..).zip(MIGRATIONS).take_while(|(number, _)| *number <= start) {
                apply(&mut old, number, sql).await.unwrap();
            }
            sqlx::query("INSERT INTO meta (key, value) VALUES ('kept', 'yes')").execute(&mut old).await.unwrap();
            migrate(&mut old, dir.path()).await.unwrap();
            assert_eq!(version(&mut old).await.unwrap(), SCHEMA);
            assert_eq!(objects(&mut old).await, expected, "from schema {start}");
            let kept = sqlx::query("SELECT value FROM meta WHERE key = 'kept'").fetch_one(&mut old).await.unwrap();
            assert_eq!(kept.get::<String, _>(0), "yes");
            migrate(&mut old, dir.path()).await.unwrap();
        }
    }

    async fn plan(connection: &mut SqliteConnection, statement: &'static str) -> Vec<String> {
        // One of ours, and only explained.
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(connection).await.unwrap();
        rows.iter().map(|row| row.get(3)).collect()
    }

    #[tokio::test]
    async fn what_is_asked_often_is_found_by_an_index_and_what_is_old_without_reading_what_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = empty(dir.path()).await;
        migrate(&mut connection, dir.path()).await.unwrap();
        for (statement, index) in [
            (crate::on_demand::QUEUED, "on_demand_open"),
            (crate::failures::OF_METER, "failure_by_meter"),
            (crate::events::OF_METER, "event_by_meter"),
            (crate::archive::meters::STAYS_OF_METER, "installation_by_meter"),
            (crate::archive::meters::STAYS_AT_SERVICE_POINT, "installation_by_service_point"),
        ] {
            let steps = plan(&mut connection, statement).await;
            assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}: {statement}");
            assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:?}: {statement}");
        }
        for statement in crate::evidence::HISTORY {
            let steps = plan(&mut connection, statement).await;
            // From meter to meter or channel to channel, with a look at each.
            let scans = |step: &&String| {
                step.starts_with("SCAN") && !step.starts_with("SCAN m ") && !step.starts_with("SCAN c ")
            };
            assert_eq!(steps.iter().find(scans), None, "{statement}");
        }
    }

    /// An index may serve where a bound series is 0, the condition of `reading_instant`. So SQLite looks at what is bound to
    /// `series = ?`, and prepares the statement anew for each binding, at five times the price; `+?` it takes as it comes.
    #[test]
    fn no_statement_that_looks_readings_up_is_prepared_anew_for_each_series() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![sources];
        let mut guarded = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let text = std::fs::read_to_string(entry.path()).unwrap();
                assert!(!text.contains(concat!("r.series =", " ?")), "{}", entry.path().display());
                guarded += text.matches(concat!("r.series =", " +?")).count();
            }
        }
        assert!(guarded > 0, "readings are looked up under another name: look for that one");
    }

    #[tokio::test]
    async fn a_database_of_a_newer_program_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut newer = empty(dir.path()).await;
        sqlx::query("PRAGMA user_version = 9999").execute(&mut newer).await.unwrap();
        let refused = migrate(&mut newer, dir.path()).await.unwrap_err();
        assert!(matches!(refused, OpenError::Newer { found: 9999, known: SCHEMA, .. }), "{refused}");
        assert_eq!(objects(&mut newer).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_migration_that_fails_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = empty(dir.path()).await;
        apply(&mut connection, 1, "CREATE TABLE half (x); SELECT * FROM nowhere;").await.unwrap_err();
        assert_eq!((version(&mut connection).await.unwrap(), objects(&mut connection).await.len()), (0, 0));
    }
}
