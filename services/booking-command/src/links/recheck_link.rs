//! Verifying a link again (B2): after rights were mended in Google nobody should have to wait for the
//! next comparison of links.

use roomsync_domain::{LinkId, LinkState, ObjectId, TenantId};
use roomsync_messages::LinkDue;
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use super::{LinkRow, pending, store};
use crate::{
    access::{self, connections},
    gate,
    status::CommandError,
};

/// Asks for a verification; merged with one that is asked for and not answered yet. What is verified
/// stays so meanwhile: bookings go on. An optional right that was refused a while ago is asked for anew.
pub(super) async fn recheck_link(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<LinkRow, CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    // Before the link's row is locked, in the order in which connecting anew takes both.
    access::forget_refusals(&mut *tx, tenant).await?;
    let row = store::lock(&mut *tx, tenant, link).await?;
    let row = row.ok_or(CommandError::NotFound("LINK_NOT_FOUND"))?;
    if row.is_going() {
        return Err(CommandError::precondition("LINK_REMOVED"));
    }
    connections::require_active(&mut *tx, tenant).await?;
    if !ask(&mut *tx, tenant, link).await? {
        return Ok(row);
    }
    if row.state() == Some(LinkState::Verified)
        || (row.state() == Some(LinkState::Pending) && row.reason.is_none())
    {
        outbox::push(&mut *tx, &LinkDue { link }).await?;
    } else {
        let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
        pending::announce(&mut *tx, tenant, &object, link).await?;
    }
    pending::read(tx, tenant, link).await
}

/// Notes the wish; false when an earlier one has no answer yet. A link that failed because none came for
/// too long is tried again all the same.
async fn ask(tx: &mut PgConnection, tenant: &TenantId, link: LinkId) -> Result<bool, CommandError> {
    let done = sqlx::query!(
        "
        -- booking.links.recheck
        UPDATE booking.links
        SET recheck_at = clock_timestamp(),
            state = CASE state WHEN 'failed' THEN 'pending' ELSE state END,
            reason = CASE state WHEN 'verified' THEN reason END,
            pending_since = now()
        WHERE tenant_id = $1
          AND link_id = $2
          AND (
              recheck_at IS NULL
              OR recheck_at <= last_attempt_at
              OR state = 'failed'
          )
        ",
        tenant.as_str(),
        link.0,
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
