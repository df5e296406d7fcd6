//! Addresses that outlive a disconnecting (D23): each comes back as a new link, because a link's id is never
//! used again. It waits, without a calendar, until the tenant connects; then it is verified like any other.

use std::collections::HashMap;

use roomsync_domain::{LinkId, LinkReason, LinkState, ObjectId, TenantId};
use roomsync_messages::ChangedItem;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{changes, status::CommandError};

/// Puts the kept addresses back. A change of address that was under way goes on, too: the new link of the one
/// waits for the new link of the other.
pub(super) async fn put_back(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), CommandError> {
    // Taken, so that nothing is put back twice. An older link has the smaller id, so the one that is
    // replaced comes first. A deleted object keeps no address.
    let kept = sqlx::query!(
        "
        -- booking.links.take_kept
        WITH taken AS (
            UPDATE booking.links
            SET keep_address = false
            WHERE tenant_id = $1
              AND keep_address
              AND state = 'removed'
            RETURNING link_id, object_id, resource_email, replaces_link_id
        )
        SELECT taken.link_id, taken.object_id, taken.resource_email, taken.replaces_link_id
        FROM taken
        JOIN booking.objects AS object ON object.tenant_id = $1 AND object.object_id = taken.object_id
        WHERE object.deleted_at IS NULL
        ORDER BY taken.object_id, taken.link_id
        ",
        tenant.as_str(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut anew: HashMap<Uuid, LinkId> = HashMap::with_capacity(kept.len());
    for row in kept {
        let link = LinkId::new();
        let replaces = row.replaces_link_id.and_then(|old| anew.get(&old));
        sqlx::query!(
            "
            -- booking.links.put_back
            INSERT INTO booking.links
                (link_id, tenant_id, object_id, resource_email, state, reason, replaces_link_id)
            VALUES ($1, $2, $3, $4, 'pending', $5, $6)
            ",
            link.0,
            tenant.as_str(),
            row.object_id,
            row.resource_email,
            LinkReason::Disconnected.as_str(),
            replaces.map(|link| link.0),
        )
        .execute(&mut *tx)
        .await?;
        anew.insert(row.link_id, link);
        let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
        let item = ChangedItem::Link {
            link,
            state: LinkState::Pending,
            reason: Some(LinkReason::Disconnected.as_str().to_owned()),
        };
        changes::publish(&mut *tx, tenant, &object, vec![item], None).await?;
    }
    Ok(())
}
