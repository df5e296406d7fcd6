//! A database per test, dropped with the test.

use std::str::FromStr;

use roomsync_postgres::{Database, DatabaseConfig};
use secrecy::ExposeSecret as _;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions,
};
use uuid::Uuid;

pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("tests/it/migrations");
pub(crate) const SCHEMA: &str = "spec";

/// A fresh database.
pub(crate) struct Scratch {
    name: String,
    pub(crate) config: DatabaseConfig,
}

impl Scratch {
    pub(crate) async fn new() -> Self {
        let name = format!("pg_it_{}", Uuid::new_v4().simple());
        admin(format!("CREATE DATABASE {name}")).await;
        let mut url = url::Url::parse(&server()).expect("DATABASE_URL is an address");
        url.set_path(&name);
        Self {
            name,
            config: DatabaseConfig::new(url.to_string()),
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> url::Url {
        let url = url::Url::parse(self.config.url.expose_secret());
        url.expect("the address is fine")
    }

    /// Its handle, not migrated.
    pub(crate) fn database(&self) -> Database {
        Database::connect_lazy(&self.config, SCHEMA).expect("the address is fine")
    }

    /// Its handle, migrated.
    pub(crate) async fn migrated(&self) -> Database {
        let database = self.database();
        database
            .migrate(&MIGRATOR)
            .await
            .expect("the migrations apply");
        database
    }

    /// Drops it. A test that failed leaves its database behind to look at.
    pub(crate) async fn drop(self) {
        admin(format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn admin(statement: String) {
    let options = PgConnectOptions::from_str(&server()).expect("DATABASE_URL is an address");
    let mut connection = PgConnection::connect_with(&options)
        .await
        .expect("postgresql answers");
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the statement runs");
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by environment where the server is"
)]
fn server() -> String {
    std::env::var("DATABASE_URL").expect("DATABASE_URL names a server")
}
