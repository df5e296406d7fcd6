//! The one cleanup job of this service: old log entries, inbox rows and mails, in batches.

use roomsync_postgres::Database;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{config::LogConfig, log::cleanup, mail::store as mails};

/// Cleans until `soft`. Any replica may run it.
pub async fn run(database: Database, config: LogConfig, soft: CancellationToken) {
    let mut ticks = interval(config.cleanup_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = soft.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = soft.cancelled() => return,
            cleaned = clean(&database, &config) => match cleaned {
                Ok((0, 0)) => {}
                Ok((log, inbox)) => tracing::info!(log, inbox, "forgot old entries"),
                Err(error) => tracing::warn!(%error, "old entries could not be forgotten"),
            },
        }
    }
}

/// Everything that is too old, a batch per transaction. Answers how many log entries and inbox rows
/// went.
pub async fn clean(database: &Database, config: &LogConfig) -> Result<(u64, u64), sqlx::Error> {
    let (keep, limit) = (config.keep, config.cleanup_batch);
    let mut log = 0;
    loop {
        let gone = database
            .tx("cleanup_log", |tx| Box::pin(cleanup::log(tx, keep, limit)))
            .await?;
        log += gone;
        if gone < limit.unsigned_abs() {
            break;
        }
    }
    let keep = config.keep_inbox;
    let mut inbox = 0;
    loop {
        let gone = database
            .tx("cleanup_inbox", |tx| {
                Box::pin(cleanup::inbox(tx, keep, limit))
            })
            .await?;
        inbox += gone;
        if gone < limit.unsigned_abs() {
            break;
        }
    }
    while mails::cleanup(database.pool(), config.keep_mails, limit).await? == limit.unsigned_abs() {
    }
    Ok((log, inbox))
}
