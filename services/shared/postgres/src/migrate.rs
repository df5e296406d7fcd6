//! Bringing a schema up to date.

use sqlx::{AssertSqlSafe, Connection, PgConnection, migrate::Migrator};

use crate::Database;

/// Why a schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be reached or its user may not create the schema.
    #[error("failed to prepare the schema")]
    Prepare(#[source] sqlx::Error),
    /// A migration failed, or an applied one was changed afterwards.
    #[error("failed to apply the migrations")]
    Apply(#[source] sqlx::migrate::MigrateError),
}

impl Database {
    /// Applies the migrations that are missing. Replicas that start together take turns.
    pub async fn migrate(&self, migrator: &Migrator) -> Result<(), MigrateError> {
        // A connection of its own: a migration may take longer than a statement of the service may,
        // and what is set for it here must not go back into the pool.
        let mut connection = PgConnection::connect_with(self.connect_options())
            .await
            .map_err(MigrateError::Prepare)?;
        let result = self.migrate_on(&mut connection, migrator).await;
        // Closing is a courtesy: the locks go with the connection either way.
        let _ = connection.close().await;
        result
    }

    async fn migrate_on(
        &self,
        connection: &mut PgConnection,
        migrator: &Migrator,
    ) -> Result<(), MigrateError> {
        // CREATE SCHEMA IF NOT EXISTS is not safe against itself, so the turn is taken before it.
        // The lock is the session's and goes with the connection.
        sqlx::query(
            "-- migrate.lock
            SELECT set_config('statement_timeout', '0', false),
                pg_advisory_lock(hashtextextended('roomsync.migrate', 0))",
        )
        .execute(&mut *connection)
        .await
        .map_err(MigrateError::Prepare)?;
        let create = format!(
            "-- migrate.schema\nCREATE SCHEMA IF NOT EXISTS {}",
            self.schema()
        );
        // Safe: the schema's name is a constant of the service.
        sqlx::query(AssertSqlSafe(create))
            .execute(&mut *connection)
            .await
            .map_err(MigrateError::Prepare)?;
        migrator
            .run_direct(None, connection, false)
            .await
            .map_err(MigrateError::Apply)
    }
}
