//! The rows of `booking.links`, read and written for the rpcs.

use chrono::{DateTime, Utc};
use roomsync_domain::{LinkId, ObjectId, ResourceEmail, TenantId};
use roomsync_postgres::Database;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::LinkRow;
use crate::status::CommandError;

/// A query for whole rows: its name, what follows `FROM booking.links`, and its arguments.
macro_rules! select_links {
    ($name:literal, $rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            LinkRow,
            "\n-- " + $name + r#"
            SELECT link_id, tenant_id, object_id, resource_email, state, reason, access_role, requested_at, last_attempt_at, verified_at, imported_at,
                channel_state, channel_expires_at, last_change_at, last_check_at,
                last_full_sync_at, poll_interval_seconds, opened_at, replaces_link_id,
                answers_by_itself, cursor_since, last_reconcile_at, drift_found, drift_total,
                declined_while_free,
                EXISTS (
                    SELECT
                    FROM booking.tenants AS tenant
                    JOIN booking.objects AS object USING (tenant_id)
                    WHERE tenant.tenant_id = links.tenant_id
                      AND object.object_id = links.object_id
                      AND (tenant.read_only OR object.read_only)
                ) AS "read_only!",
                EXISTS (
                    SELECT
                    FROM booking.connections AS connection
                    WHERE connection.tenant_id = links.tenant_id
                      AND (
                          connection.way = 'key'
                          OR connection.delegated
                          OR 'https://www.googleapis.com/auth/calendar.app.created'
                              = ANY (connection.granted_scopes)
                      )
                ) AS "way_to_book!"
            FROM booking.links
            "# + $rest,
            $($argument),*
        )
    };
}

/// One link of a tenant, also a removed one.
pub(super) async fn get(
    db: impl PgExecutor<'_>,
    tenant: &TenantId,
    link: LinkId,
) -> Result<Option<LinkRow>, CommandError> {
    let query = select_links!(
        "booking.links.get",
        "WHERE tenant_id = $1
          AND link_id = $2",
        tenant.as_str(),
        link.0,
    );
    Ok(query.fetch_optional(db).await?)
}

/// The same, locked until the end of the transaction.
pub(super) async fn lock(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<Option<LinkRow>, CommandError> {
    let query = select_links!(
        "booking.links.lock_row",
        "WHERE tenant_id = $1
          AND link_id = $2
        FOR NO KEY UPDATE",
        tenant.as_str(),
        link.0,
    );
    Ok(query.fetch_optional(tx).await?)
}

/// The links of a tenant that are not removed, by object id and link id, after a place in that order.
pub(super) async fn list(
    database: &Database,
    tenant: &TenantId,
    after: (&str, Uuid),
    limit: i64,
) -> Result<Vec<LinkRow>, CommandError> {
    // Byte order, so that the page token compares as the main app's ids do.
    let query = select_links!(
        "booking.links.list",
        r#"WHERE tenant_id = $1
          AND state <> 'removed'
          AND (object_id COLLATE "C", link_id) > ($2, $3)
        ORDER BY object_id COLLATE "C", link_id
        LIMIT $4"#,
        tenant.as_str(),
        after.0,
        after.1,
        limit,
    );
    let query = query.fetch_all(database.pool());
    Ok(database.answer(query).await?)
}

/// The first links that are pending or failed (R59), by object id.
pub async fn not_verified(
    database: &Database,
    tenant: &TenantId,
    limit: i64,
) -> Result<Vec<LinkRow>, CommandError> {
    let query = select_links!(
        "booking.links.not_verified",
        r#"WHERE tenant_id = $1
          AND state IN ('pending', 'failed')
        ORDER BY object_id COLLATE "C", link_id
        LIMIT $2"#,
        tenant.as_str(),
        limit,
    );
    let query = query.fetch_all(database.pool());
    Ok(database.answer(query).await?)
}

/// The links an object has, also closing ones, locked in the order of their ids.
pub(super) async fn lock_of_object(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<Vec<LinkRow>, CommandError> {
    let query = select_links!(
        "booking.links.lock_of_object",
        "WHERE tenant_id = $1
          AND object_id = $2
          AND state <> 'removed'
        ORDER BY link_id
        FOR NO KEY UPDATE",
        tenant.as_str(),
        object.as_str(),
    );
    Ok(query.fetch_all(tx).await?)
}

/// The links an object has, also closing ones.
pub(super) async fn of_object(
    database: &Database,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<Vec<LinkRow>, CommandError> {
    let query = select_links!(
        "booking.links.of_object",
        "WHERE tenant_id = $1
          AND object_id = $2
          AND state <> 'removed'
        ORDER BY link_id",
        tenant.as_str(),
        object.as_str(),
    );
    let query = query.fetch_all(database.pool());
    Ok(database.answer(query).await?)
}

/// Whether an object has a link, also a closing one.
pub(super) async fn has_link(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<bool, CommandError> {
    let has = sqlx::query_scalar!(
        r#"
        -- booking.links.has_link
        SELECT EXISTS (
            SELECT
            FROM booking.links
            WHERE tenant_id = $1
              AND object_id = $2
              AND state <> 'removed'
        ) AS "has!"
        "#,
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_one(tx)
    .await?;
    Ok(has)
}

/// The link that a resource has, compared without case.
pub(super) async fn of_resource(
    db: impl PgExecutor<'_>,
    tenant: &TenantId,
    resource: &ResourceEmail,
) -> Result<Option<LinkRow>, CommandError> {
    let query = select_links!(
        "booking.links.of_resource",
        "WHERE tenant_id = $1
          AND lower(resource_email) = lower($2)
          AND state <> 'removed'",
        tenant.as_str(),
        resource.as_str(),
    );
    Ok(query.fetch_optional(db).await?)
}

/// A link that is about to be made.
pub(super) struct NewLink<'a> {
    pub(super) link: LinkId,
    pub(super) object: &'a ObjectId,
    pub(super) resource: &'a ResourceEmail,
    /// Whose place it takes with its import.
    pub(super) replaces: Option<LinkId>,
    /// When the object was handed over: a change of address is none.
    pub(super) opened_at: Option<DateTime<Utc>>,
}

/// A new pending link; false when the object or the resource has one already.
pub(super) async fn insert(
    tx: &mut PgConnection,
    tenant: &TenantId,
    new: &NewLink<'_>,
) -> Result<bool, CommandError> {
    let done = sqlx::query!(
        "
        -- booking.links.insert
        INSERT INTO booking.links
            (link_id, tenant_id, object_id, resource_email, state, replaces_link_id, opened_at)
        VALUES ($1, $2, $3, $4, 'pending', $5, $6)
        ON CONFLICT DO NOTHING
        ",
        new.link.0,
        tenant.as_str(),
        new.object.as_str(),
        new.resource.as_str(),
        new.replaces.map(|link| link.0),
        new.opened_at,
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
            requested_at = now(),
            pending_since = now()
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
