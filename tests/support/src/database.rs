//! A database of a test's own, dropped at the end.

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, postgres::PgPoolOptions};
use url::Url;
use uuid::Uuid;

/// A database made for one test.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
    url: String,
    pool: PgPool,
}

impl TestDatabase {
    /// Makes an empty database beside the one that `server` names.
    pub async fn create(server: &str, test: &str) -> anyhow::Result<Self> {
        let name = name(test);
        run_on(server, format!("CREATE DATABASE {name}")).await?;
        let mut url = Url::parse(server).context("DATABASE_URL is not an address")?;
        url.set_path(&name);
        let url = url.to_string();
        // Only for the eyes of the test: small, and never in the way of the services' own pools.
        let pool = PgPoolOptions::new().max_connections(3).connect_lazy(&url)?;
        Ok(Self {
            server: server.to_owned(),
            name,
            url,
            pool,
        })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For looking inside. Business SQL stays in the services.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Ends every connection to it, as a failover would: the clients see theirs break.
    pub async fn terminate_connections(&self) -> anyhow::Result<()> {
        let statement = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        run_on(&self.server, statement).await
    }

    /// What drops it; may run on another runtime than the one that made it.
    pub(crate) fn dropping(&self) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
        let (server, name) = (self.server.clone(), self.name.clone());
        async move {
            run_on(
                &server,
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            )
            .await
        }
    }
}

/// Unique, and still telling whose it is when one stays behind.
fn name(test: &str) -> String {
    let readable: String = test
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .take(40)
        .collect();
    format!("t_{readable}_{}", &Uuid::new_v4().simple().to_string()[..8])
}

async fn run_on(server: &str, statement: String) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(server)
        .await
        .context("failed to reach PostgreSQL; run the suites with deploy/local/test")?;
    // Safe: made of our own constants and a name of letters, digits and underscores.
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}
