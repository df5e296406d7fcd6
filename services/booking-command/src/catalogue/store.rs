//! The rows of `booking.objects` and `booking.object_blocks`.

use chrono::{DateTime, Utc};
use roomsync_domain::{ObjectId, TenantId};
use sqlx::{PgConnection, PgExecutor};

use super::read::Object;
use crate::status::CommandError;

/// Creates or replaces objects; a deleted one comes back. Rows are taken in the order of ids, so
/// that two calls do not wait for each other in a circle.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[Object],
) -> Result<(), CommandError> {
    let ids: Vec<&str> = objects.iter().map(|object| object.id.as_str()).collect();
    let names: Vec<&str> = objects.iter().map(|object| object.name.as_str()).collect();
    let locations: Vec<&str> = objects
        .iter()
        .map(|object| object.location.as_str())
        .collect();
    let zones: Vec<&str> = objects
        .iter()
        .map(|object| object.time_zone.as_str())
        .collect();
    let capacities: Vec<i32> = objects.iter().map(|object| object.capacity).collect();
    let read_only: Vec<bool> = objects.iter().map(|object| object.read_only).collect();
    sqlx::query!(
        "
        -- booking.objects.upsert
        INSERT INTO booking.objects
            (tenant_id, object_id, name, location, time_zone, capacity, read_only)
        SELECT $1, new.object_id, new.name, new.location, new.time_zone, new.capacity, new.read_only
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::boolean[])
            AS new (object_id, name, location, time_zone, capacity, read_only)
        ORDER BY new.object_id
        ON CONFLICT (tenant_id, object_id) DO UPDATE
        SET name = excluded.name,
            location = excluded.location,
            time_zone = excluded.time_zone,
            capacity = excluded.capacity,
            read_only = excluded.read_only,
            deleted_at = NULL,
            updated_at = now()
        ",
        tenant.as_str(),
        &ids as &[&str],
        &names as &[&str],
        &locations as &[&str],
        &zones as &[&str],
        &capacities,
        &read_only,
    )
    .execute(&mut *tx)
    .await?;
    replace_blocks(tx, tenant, objects, &ids).await
}

async fn replace_blocks(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[Object],
    ids: &[&str],
) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.object_blocks.clear
        DELETE FROM booking.object_blocks
        WHERE tenant_id = $1
          AND object_id = ANY($2::text[])
        ",
        tenant.as_str(),
        ids as &[&str],
    )
    .execute(&mut *tx)
    .await?;
    let blocks = || {
        objects
            .iter()
            .flat_map(|o| o.blocked.iter().map(|window| (&o.id, window)))
    };
    let owners: Vec<&str> = blocks().map(|(id, _)| id.as_str()).collect();
    let starts: Vec<DateTime<Utc>> = blocks().map(|(_, window)| window.starts_at()).collect();
    let ends: Vec<DateTime<Utc>> = blocks().map(|(_, window)| window.ends_at()).collect();
    sqlx::query!(
        "
        -- booking.object_blocks.insert
        INSERT INTO booking.object_blocks (tenant_id, object_id, starts_at, ends_at)
        SELECT $1, new.object_id, new.starts_at, new.ends_at
        FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[])
            AS new (object_id, starts_at, ends_at)
        ",
        tenant.as_str(),
        &owners as &[&str],
        &starts,
        &ends,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Marks objects as deleted. Unknown ids are ignored.
pub(super) async fn delete(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[String],
) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.objects.delete
        WITH locked AS MATERIALIZED (
            SELECT object_id
            FROM booking.objects
            WHERE tenant_id = $1
              AND object_id = ANY($2)
              AND deleted_at IS NULL
            ORDER BY object_id
            FOR NO KEY UPDATE
        )
        UPDATE booking.objects
        SET deleted_at = now(),
            updated_at = now()
        WHERE tenant_id = $1
          AND object_id IN (SELECT object_id FROM locked)
        ",
        tenant.as_str(),
        objects,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Locks an object that is not deleted. `NOT_FOUND` `OBJECT_NOT_FOUND`.
pub async fn lock_living(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<(), CommandError> {
    let found = sqlx::query_scalar!(
        "
        -- booking.objects.lock_living
        SELECT object_id
        FROM booking.objects
        WHERE tenant_id = $1
          AND object_id = $2
          AND deleted_at IS NULL
        FOR NO KEY UPDATE
        ",
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_optional(tx)
    .await?;
    found
        .map(|_| ())
        .ok_or(CommandError::NotFound("OBJECT_NOT_FOUND"))
}

/// `NOT_FOUND` `OBJECT_NOT_FOUND` for an object that is unknown or deleted.
pub async fn require_living(
    db: impl PgExecutor<'_>,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<(), CommandError> {
    let found = sqlx::query_scalar!(
        "
        -- booking.objects.require_living
        SELECT object_id
        FROM booking.objects
        WHERE tenant_id = $1
          AND object_id = $2
          AND deleted_at IS NULL
        ",
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_optional(db)
    .await?;
    found
        .map(|_| ())
        .ok_or(CommandError::NotFound("OBJECT_NOT_FOUND"))
}
