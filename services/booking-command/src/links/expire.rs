//! A link that could not be verified for long has failed (D4): an administrator should see it among those
//! to look after, not wait for it. One whose address was kept by a disconnecting waits for the tenant to
//! connect, however long that takes. Every replica looks; a row that another one was faster with is not
//! touched again.

use std::time::Duration;

use roomsync_domain::{LinkId, LinkReason, LinkState, ObjectId, TenantId};
use roomsync_messages::ChangedItem;
use roomsync_postgres::Database;
use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{changes, config::LinksConfig, status::CommandError};

/// So many links are looked at in one turn; the others in the next.
const BATCH: i64 = 500;

/// Looks at intervals until the soft shutdown.
pub async fn run(database: Database, config: LinksConfig, soft: CancellationToken) {
    let mut ticks = interval(config.look_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = soft.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = soft.cancelled() => return,
            done = expire(&database, config.pending_for) => if let Err(error) = done {
                tracing::warn!(error = %error, "pending links were not looked at; next time again");
            }
        }
    }
}

/// Fails the links that have been pending for too long.
pub async fn expire(database: &Database, pending_for: Duration) -> Result<(), CommandError> {
    let seconds = pending_for.as_secs_f64();
    let query = sqlx::query!(
        "
        -- booking.links.pending_for_long
        SELECT tenant_id, link_id
        FROM booking.links
        WHERE state = 'pending'
          AND reason IS DISTINCT FROM 'disconnected'
          AND pending_since < now() - interval '1 second' * $1::float8
        ORDER BY pending_since
        LIMIT $2
        ",
        seconds,
        BATCH,
    )
    .fetch_all(database.pool());
    for row in database.answer(query).await? {
        let tenant: TenantId = row.tenant_id.parse().map_err(anyhow::Error::from)?;
        let (tenant, link) = (&tenant, LinkId(row.link_id));
        database
            .tx("expire_link", |tx| {
                Box::pin(fail(tx, tenant, link, seconds))
            })
            .await?;
    }
    Ok(())
}

async fn fail(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
    seconds: f64,
) -> Result<(), CommandError> {
    let failed = sqlx::query!(
        r#"
        -- booking.links.expire
        UPDATE booking.links
        SET state = 'failed',
            reason = coalesce(reason, $4)
        WHERE tenant_id = $1
          AND link_id = $2
          AND state = 'pending'
          AND reason IS DISTINCT FROM 'disconnected'
          AND pending_since < now() - interval '1 second' * $3::float8
        RETURNING object_id, reason
        "#,
        tenant.as_str(),
        link.0,
        seconds,
        LinkReason::GoogleUnavailable.as_str(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = failed else { return Ok(()) };
    let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
    let item = ChangedItem::Link {
        link,
        state: LinkState::Failed,
        reason: row.reason,
    };
    changes::publish(tx, tenant, &object, vec![item], None).await?;
    tracing::info!(%tenant, %link, "a link was not verified for too long");
    Ok(())
}
