//! Telling sync-worker, and subscribers, that something about all links of a tenant changed.
//!
//! The rows of several links are locked by object id and link id, here and in `close.rs`, because their objects
//! are locked in that order too: two such transactions wait for each other in line, not in a circle.

use roomsync_domain::{LinkId, LinkReason, LinkState, ObjectId, TenantId};
use roomsync_messages::{ChangedItem, LinkDue};
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use crate::{changes, status::CommandError};

/// Asks sync-worker to look at every link of a tenant, but for those whose address was kept by a disconnecting:
/// nothing can be done about them before the tenant connects.
pub async fn all_due(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), CommandError> {
    let links = sqlx::query_scalar!(
        "
        -- booking.links.all_due
        SELECT link_id
        FROM booking.links
        WHERE tenant_id = $1
          AND state <> 'removed'
          AND reason IS DISTINCT FROM 'disconnected'
        ORDER BY link_id
        ",
        tenant.as_str(),
    )
    .fetch_all(&mut *tx)
    .await?;
    for link in links {
        outbox::push(&mut *tx, &LinkDue { link: LinkId(link) }).await?;
    }
    Ok(())
}

/// The connection was lost: links keep their state and say why nothing comes any more; subscribers
/// are told, and sync-worker looks at all of them.
pub async fn all_lost(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), CommandError> {
    lock_open(&mut *tx, tenant).await?;
    sqlx::query!(
        "
        -- booking.links.all_lost
        UPDATE booking.links
        SET reason = $2
        WHERE tenant_id = $1
          AND state IN ('pending', 'verified', 'failed')
        ",
        tenant.as_str(),
        LinkReason::AccessLost.as_str(),
    )
    .execute(&mut *tx)
    .await?;
    announce_open(&mut *tx, tenant).await?;
    all_due(tx, tenant).await
}

/// The tenant connected anew: failed links are tried again, all are looked at (`Mirror.ListLinks` counts
/// none as verified that was so before the connecting), subscribers are told. Bookings stay (D23).
pub async fn verify_all_again(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), CommandError> {
    lock_open(&mut *tx, tenant).await?;
    sqlx::query!(
        "
        -- booking.links.verify_all_again
        UPDATE booking.links
        SET state = CASE state WHEN 'failed' THEN 'pending' ELSE state END,
            reason = NULL,
            pending_since = now()
        WHERE tenant_id = $1
          AND state IN ('pending', 'verified', 'failed')
        ",
        tenant.as_str(),
    )
    .execute(&mut *tx)
    .await?;
    announce_open(&mut *tx, tenant).await?;
    all_due(tx, tenant).await
}

/// The module is on again: every link is verified anew, which opens a channel and imports again. sync-worker
/// has put the calendars off meanwhile, and channels may have ended (D23).
pub async fn verify_all_with_module(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), CommandError> {
    lock_open(&mut *tx, tenant).await?;
    sqlx::query!(
        "
        -- booking.links.verify_all_with_module
        UPDATE booking.links
        SET recheck_at = clock_timestamp(),
            pending_since = now()
        WHERE tenant_id = $1
          AND state IN ('pending', 'verified', 'failed')
          AND reason IS DISTINCT FROM 'disconnected'
        ",
        tenant.as_str(),
    )
    .execute(&mut *tx)
    .await?;
    all_due(tx, tenant).await
}

/// Locks the links of a tenant that are not being taken down.
async fn lock_open(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.links.lock_open
        SELECT link_id
        FROM booking.links
        WHERE tenant_id = $1
          AND state IN ('pending', 'verified', 'failed')
        ORDER BY object_id, link_id
        FOR UPDATE
        ",
        tenant.as_str(),
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

/// Tells subscribers how the links of a tenant are that are not being taken down.
async fn announce_open(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), CommandError> {
    let links = sqlx::query!(
        "
        -- booking.links.announce_open
        SELECT link_id, object_id, state, reason
        FROM booking.links
        WHERE tenant_id = $1
          AND state IN ('pending', 'verified', 'failed')
        ORDER BY object_id, link_id
        ",
        tenant.as_str(),
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in links {
        let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
        let state: LinkState = row.state.parse().map_err(anyhow::Error::from)?;
        let item = ChangedItem::Link {
            link: LinkId(row.link_id),
            state,
            reason: row.reason,
        };
        changes::publish(&mut *tx, tenant, &object, vec![item], None).await?;
    }
    Ok(())
}
