//! Telling sync-worker, and subscribers, that something about all links of a tenant changed.

use roomsync_domain::{LinkId, LinkReason, LinkState, ObjectId, TenantId};
use roomsync_messages::{ChangedItem, LinkDue};
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use crate::{changes, status::CommandError};

/// Asks sync-worker to look at every link of a tenant.
pub async fn all_due(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), CommandError> {
    let links = sqlx::query_scalar!(
        "
        -- booking.links.all_due
        SELECT link_id
        FROM booking.links
        WHERE tenant_id = $1
          AND state <> 'removed'
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

/// Tells subscribers about every link of a tenant whose connection was lost (`reason`) or is back.
pub async fn announce_all(
    tx: &mut PgConnection,
    tenant: &TenantId,
    reason: Option<LinkReason>,
) -> Result<(), CommandError> {
    let links = sqlx::query!(
        "
        -- booking.links.announce_all
        SELECT link_id, object_id, state
        FROM booking.links
        WHERE tenant_id = $1
          AND state IN ('pending', 'verified', 'failed')
        ORDER BY link_id
        FOR UPDATE
        ",
        tenant.as_str(),
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in links {
        let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
        let state: LinkState = row.state.parse().map_err(anyhow::Error::from)?;
        let reason = reason.map(|reason| reason.as_str().to_owned());
        let item = ChangedItem::Link {
            link: LinkId(row.link_id),
            state,
            reason,
        };
        changes::publish(&mut *tx, tenant, &object, vec![item], None).await?;
    }
    Ok(())
}

/// The tenant connected anew: failed links are tried again, all are looked at, subscribers are told.
pub async fn verify_all_again(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.links.verify_all_again
        UPDATE booking.links
        SET state = CASE state WHEN 'failed' THEN 'pending' ELSE state END,
            reason = NULL
        WHERE tenant_id = $1
          AND state IN ('pending', 'verified', 'failed')
        ",
        tenant.as_str(),
    )
    .execute(&mut *tx)
    .await?;
    announce_all(&mut *tx, tenant, None).await?;
    all_due(tx, tenant).await
}
