//! The job that goes on with what was begun, in every replica.

use chrono::{DateTime, Utc};
use roomsync_domain::{LinkId, TenantId};
use roomsync_postgres::Database;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{begin, finish, undos};
use crate::{
    config::{DisconnectConfig, ModuleConfig},
    links, mirror,
    status::CommandError,
    writing::Writer,
};

/// A connection that this replica goes on with until its claim lapses.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) tenant: TenantId,
    pub(super) until: DateTime<Utc>,
    /// It takes too long: whatever can be waited for no longer is.
    pub(super) forced: bool,
}

/// Looks at intervals until the soft shutdown.
pub async fn run(
    writer: Writer,
    config: DisconnectConfig,
    module: ModuleConfig,
    soft: CancellationToken,
) {
    let mut ticks = interval(config.look_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = soft.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = soft.cancelled() => return,
            done = look(&writer, config, module) => if let Err(error) = done {
                tracing::warn!(error = %error, "disconnecting did not go on; next time again");
            }
        }
    }
}

/// One look: tenants whose module has been off for long begin, and every connection that can be claimed goes on.
async fn look(
    writer: &Writer,
    config: DisconnectConfig,
    module: ModuleConfig,
) -> Result<(), CommandError> {
    let database = &writer.database;
    begin::without_module(database, module.keep_for).await?;
    while let Some(claimed) = claim(database, config).await? {
        // What takes longer is gone on with under the next claim.
        let patience = Instant::now() + config.claim / 2;
        // One that fails holds up no other one.
        match go_on(writer, &claimed, patience).await {
            Ok(true) => tracing::info!(tenant = %claimed.tenant, "disconnected"),
            Ok(false) => put_off(database, &claimed, config).await?,
            Err(error) => {
                tracing::warn!(tenant = %claimed.tenant, error = %error, "disconnecting failed; again later");
                put_off(database, &claimed, config).await?;
            }
        }
    }
    Ok(())
}

/// Goes on as far as it goes; says whether that was to the end.
async fn go_on(
    writer: &Writer,
    claimed: &Claimed,
    patience: Instant,
) -> Result<bool, CommandError> {
    let (database, tenant) = (&writer.database, &claimed.tenant);
    // Somebody may have made a link while the connection was still active to him.
    database
        .tx("close_late_links", |tx| {
            Box::pin(links::close_all_and_keep(tx, tenant))
        })
        .await?;
    let closing = links::closing(database, tenant).await?;
    if !closing.is_empty() && !claimed.forced {
        return Ok(false);
    }
    for link in closing {
        remove(database, tenant, link).await?;
    }
    if !claimed.forced && !undos::are_done(writer, tenant, patience).await? {
        return Ok(false);
    }
    if !writer.lender.revoke(claimed).await? {
        return Ok(false);
    }
    database
        .tx("finish_disconnecting", |tx| {
            Box::pin(finish::finish(tx, claimed))
        })
        .await
}

async fn remove(database: &Database, tenant: &TenantId, link: LinkId) -> Result<(), CommandError> {
    tracing::warn!(%tenant, %link, "nobody closed the calendar of this link: removed all the same");
    database
        .tx("remove_unclosed_link", |tx| {
            Box::pin(mirror::report_closed::remove(tx, tenant, link))
        })
        .await
}

async fn claim(
    database: &Database,
    config: DisconnectConfig,
) -> Result<Option<Claimed>, CommandError> {
    let query = sqlx::query!(
        r#"
        -- booking.connections.claim_disconnecting
        UPDATE booking.connections
        SET disconnect_until = now() + interval '1 second' * $1::float8
        WHERE tenant_id = (
            SELECT tenant_id
            FROM booking.connections
            WHERE state = 'disconnecting'
              AND (disconnect_until IS NULL OR disconnect_until <= now())
            ORDER BY disconnect_until NULLS FIRST
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING tenant_id, disconnect_until AS "until!",
            coalesce(disconnecting_since < now() - interval '1 second' * $2::float8, true) AS "forced!"
        "#,
        config.claim.as_secs_f64(),
        config.force_after.as_secs_f64(),
    )
    .fetch_optional(database.pool());
    let Some(row) = database.answer(query).await? else {
        return Ok(None);
    };
    Ok(Some(Claimed {
        tenant: row.tenant_id.parse().map_err(anyhow::Error::from)?,
        until: row.until,
        forced: row.forced,
    }))
}

/// Gives a claim back; nobody looks again before the next look is due.
async fn put_off(
    database: &Database,
    claimed: &Claimed,
    config: DisconnectConfig,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.connections.put_off_disconnecting
        UPDATE booking.connections
        SET disconnect_until = now() + interval '1 second' * $3::float8
        WHERE tenant_id = $1
          AND disconnect_until = $2
          AND state = 'disconnecting'
        ",
        claimed.tenant.as_str(),
        claimed.until,
        // Due again when the next look comes, not a moment later.
        config.look_every.as_secs_f64() / 2.0,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}
