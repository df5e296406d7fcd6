//! A link whose row is locked until the transaction ends: every change about a link starts here.

use roomsync_domain::{LinkId, LinkState, ObjectId, TenantId};
use sqlx::{PgConnection, error::BoxDynError};

use crate::status::CommandError;

/// A link, locked.
#[derive(Debug)]
pub(super) struct LockedLink {
    pub(super) object: ObjectId,
    pub(super) state: LinkState,
    pub(super) reason: Option<String>,
    pub(super) epoch: i64,
    pub(super) imported: bool,
    /// Whose place it takes with its import.
    pub(super) replaces: Option<LinkId>,
    /// Whether the room answers by itself; `None`: Google has not told.
    pub(super) answers_by_itself: Option<bool>,
}

impl LockedLink {
    /// Locks a link of the tenant; `None` when the tenant has no such link.
    pub(super) async fn take(
        tx: &mut PgConnection,
        tenant: &TenantId,
        link: LinkId,
    ) -> Result<Option<Self>, sqlx::Error> {
        let row = sqlx::query!(
            r#"
            -- booking.links.lock
            SELECT object_id, state, reason, epoch, imported_at IS NOT NULL AS "imported!",
                replaces_link_id, answers_by_itself
            FROM booking.links
            WHERE tenant_id = $1
              AND link_id = $2
            FOR NO KEY UPDATE
            "#,
            tenant.as_str(),
            link.0,
        )
        .fetch_optional(tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let decode = |error: BoxDynError| sqlx::Error::Decode(error);
        Ok(Some(Self {
            object: row
                .object_id
                .parse()
                .map_err(|error| decode(Box::new(error)))?,
            state: row.state.parse().map_err(|error| decode(Box::new(error)))?,
            reason: row.reason,
            epoch: row.epoch,
            imported: row.imported,
            replaces: row.replaces_link_id.map(LinkId),
            answers_by_itself: row.answers_by_itself,
        }))
    }

    /// Locks a link that is not being taken down. `NOT_FOUND` `LINK_NOT_FOUND`, `FAILED_PRECONDITION`
    /// `LINK_REMOVED`.
    pub(super) async fn take_open(
        tx: &mut PgConnection,
        tenant: &TenantId,
        link: LinkId,
    ) -> Result<Self, CommandError> {
        let locked = Self::take(tx, tenant, link).await?;
        let locked = locked.ok_or(CommandError::NotFound("LINK_NOT_FOUND"))?;
        match locked.state {
            LinkState::Closing | LinkState::Removed => {
                Err(CommandError::precondition("LINK_REMOVED"))
            }
            LinkState::Pending | LinkState::Verified | LinkState::Failed => Ok(locked),
        }
    }
}
