//! Where a replica lives: a runtime within the test, or a process of its own. The one place that
//! knows the four services by type.

use std::{path::Path, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::{Clock, SharedClock, SystemClock};
use roomsync_postgres::{Database, DatabaseConfig};
use roomsync_process::{Running, config, start_in_process};
use sqlx::migrate::Migrator;

use super::child::Child;
use crate::Service;

pub(crate) enum Host {
    InProcess(Running),
    Child(Child),
}

/// A clock that is wrong.
#[derive(Debug)]
struct Off(TimeDelta);

impl Clock for Off {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

/// Starts a service within this process; its clock is wrong by so much.
pub(crate) async fn start(
    service: Service,
    file: &Path,
    clock_off: TimeDelta,
) -> anyhow::Result<Running> {
    let clock: SharedClock = Arc::new(Off(clock_off));
    macro_rules! start {
        ($service:ident, $run:expr) => {{
            let described = $service::service();
            let config = config::load(described.default_config, Some(file), std::iter::empty())?;
            start_in_process(described, config, $run).await
        }};
    }
    match service {
        // It asks PostgreSQL what time it is, and nobody else.
        Service::BookingCommand => start!(booking_command, booking_command::run),
        Service::Notification => {
            start!(notification, |ctx| notification::run_by(clock, ctx))
        }
        Service::WebhookIngest => {
            start!(webhook_ingest, |ctx| webhook_ingest::run_by(clock, ctx))
        }
        Service::SyncWorker => start!(sync_worker, |ctx| sync_worker::run_by(clock, ctx)),
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
