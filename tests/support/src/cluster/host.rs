//! Where a replica lives: a runtime within the test, or a process of its own. The one place that
//! knows the four services by type.

use std::path::Path;

use roomsync_postgres::{Database, DatabaseConfig};
use roomsync_process::{Running, config, start_in_process};
use sqlx::migrate::Migrator;

use super::child::Child;
use crate::Service;

pub(crate) enum Host {
    InProcess(Running),
    Child(Child),
}

/// Starts a service within this process.
pub(crate) async fn start(service: Service, file: &Path) -> anyhow::Result<Running> {
    macro_rules! start {
        ($service:ident) => {{
            let described = $service::service();
            let config = config::load(described.default_config, Some(file), std::iter::empty())?;
            start_in_process(described, config, $service::run).await
        }};
    }
    match service {
        Service::BookingCommand => start!(booking_command),
        Service::Notification => start!(notification),
        Service::WebhookIngest => start!(webhook_ingest),
        Service::SyncWorker => start!(sync_worker),
    }
}

/// Brings the schemas up to date, past any proxy.
pub(crate) async fn migrate(database_url: &str) -> anyhow::Result<()> {
    let config = DatabaseConfig {
        max_connections: 1,
        ..DatabaseConfig::new(database_url)
    };
    let schemas: [(&'static str, &Migrator); 3] = [
        (booking_command::SCHEMA, &booking_command::MIGRATOR),
        (notification::SCHEMA, &notification::MIGRATOR),
        (sync_worker::SCHEMA, &sync_worker::MIGRATOR),
    ];
    for (schema, migrator) in schemas {
        Database::connect_lazy(&config, schema)?
            .migrate(migrator)
            .await?;
    }
    Ok(())
}
