//! The database of a test, as the service sees it.

use roomsync_postgres::{Database, DatabaseConfig};
use sqlx::{ConnectOptions as _, PgPool};

use crate::SCHEMA;

/// What `#[sqlx::test]` made.
pub(crate) fn database(made: &PgPool) -> Database {
    let url = made.connect_options().to_url_lossy().to_string();
    // A few, because many tests share one server.
    let config = DatabaseConfig {
        max_connections: 3,
        ..DatabaseConfig::new(url)
    };
    Database::connect_lazy(&config, SCHEMA).unwrap()
}
