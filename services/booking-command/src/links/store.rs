//! The rows of `booking.links`, read and written for the rpcs.

use roomsync_domain::{LinkId, ObjectId, ResourceEmail, TenantId};
use roomsync_postgres::Database;
use sqlx::{PgConnection, PgExecutor};

use super::LinkRow;
use crate::status::CommandError;

/// One link of a tenant, also a removed one.
pub(super) async fn get(
    db: impl PgExecutor<'_>,
    tenant: &TenantId,
    link: LinkId,
) -> Result<Option<LinkRow>, CommandError> {
    let row = sqlx::query_as!(
        LinkRow,
        "
        -- booking.links.get
        SELECT link_id, tenant_id, object_id, resource_email, state, reason, capabilities,
            requested_at, last_attempt_at, verified_at, imported_at, channel_state,
            channel_expires_at, last_change_at, last_check_at, last_full_sync_at,
            poll_interval_seconds
        FROM booking.links
        WHERE tenant_id = $1
          AND link_id = $2
        ",
        tenant.as_str(),
        link.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// The links of a tenant that are not removed, by object id, after `after`.
pub(super) async fn list(
    database: &Database,
    tenant: &TenantId,
    after: &str,
    limit: i64,
) -> Result<Vec<LinkRow>, CommandError> {
    // Byte order, so that the page token compares as the main app's ids do.
    let query = sqlx::query_as!(
        LinkRow,
        r#"
        -- booking.links.list
        SELECT link_id, tenant_id, object_id, resource_email, state, reason, capabilities,
            requested_at, last_attempt_at, verified_at, imported_at, channel_state,
            channel_expires_at, last_change_at, last_check_at, last_full_sync_at,
            poll_interval_seconds
        FROM booking.links
        WHERE tenant_id = $1
          AND state <> 'removed'
          AND object_id COLLATE "C" > $2
        ORDER BY object_id COLLATE "C"
        LIMIT $3
        "#,
        tenant.as_str(),
        after,
        limit,
    )
    .fetch_all(database.pool());
    let rows = database.answer(query).await?;
    Ok(rows)
}

/// The first links that are pending or failed (R59), by object id.
pub async fn not_verified(
    database: &Database,
    tenant: &TenantId,
    limit: i64,
) -> Result<Vec<LinkRow>, CommandError> {
    let query = sqlx::query_as!(
        LinkRow,
        r#"
        -- booking.links.not_verified
        SELECT link_id, tenant_id, object_id, resource_email, state, reason, capabilities,
            requested_at, last_attempt_at, verified_at, imported_at, channel_state,
            channel_expires_at, last_change_at, last_check_at, last_full_sync_at,
            poll_interval_seconds
        FROM booking.links
        WHERE tenant_id = $1
          AND state IN ('pending', 'failed')
        ORDER BY object_id COLLATE "C"
        LIMIT $2
        "#,
        tenant.as_str(),
        limit,
    )
    .fetch_all(database.pool());
    let rows = database.answer(query).await?;
    Ok(rows)
}

/// The link an object has, locked.
pub(super) async fn lock_of_object(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<Option<LinkRow>, CommandError> {
    let row = sqlx::query_as!(
        LinkRow,
        "
        -- booking.links.lock_of_object
        SELECT link_id, tenant_id, object_id, resource_email, state, reason, capabilities,
            requested_at, last_attempt_at, verified_at, imported_at, channel_state,
            channel_expires_at, last_change_at, last_check_at, last_full_sync_at,
            poll_interval_seconds
        FROM booking.links
        WHERE tenant_id = $1
          AND object_id = $2
          AND state <> 'removed'
        FOR UPDATE
        ",
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(row)
}

/// The object that a resource is linked with, compared without case.
pub(super) async fn object_of_resource(
    tx: &mut PgConnection,
    tenant: &TenantId,
    resource: &ResourceEmail,
) -> Result<Option<String>, CommandError> {
    let object = sqlx::query_scalar!(
        "
        -- booking.links.object_of_resource
        SELECT object_id
        FROM booking.links
        WHERE tenant_id = $1
          AND lower(resource_email) = lower($2)
          AND state <> 'removed'
        ",
        tenant.as_str(),
        resource.as_str(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(object)
}

/// A new pending link; false when the object or the resource has one already.
pub(super) async fn insert(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    resource: &ResourceEmail,
    link: LinkId,
) -> Result<bool, CommandError> {
    let done = sqlx::query!(
        "
        -- booking.links.insert
        INSERT INTO booking.links (link_id, tenant_id, object_id, resource_email, state)
        VALUES ($1, $2, $3, $4, 'pending')
        ON CONFLICT DO NOTHING
        ",
        link.0,
        tenant.as_str(),
        object.as_str(),
        resource.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A failed link is tried again.
pub(super) async fn retry(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.links.retry
        UPDATE booking.links
        SET state = 'pending',
            reason = NULL,
            requested_at = now()
        WHERE tenant_id = $1
          AND link_id = $2
          AND state = 'failed'
        ",
        tenant.as_str(),
        link.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}
