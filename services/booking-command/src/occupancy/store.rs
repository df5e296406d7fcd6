//! What occupied objects: their bookings, and the facts that were kept of others.

use std::collections::HashMap;

use chrono_tz::Tz;
use futures_util::TryStreamExt as _;
use roomsync_domain::{ObjectId, TenantId, TimeWindow};
use roomsync_postgres::Database;
use sqlx::PgConnection;

use crate::status::CommandError;

/// How many facts one statement erases.
const BATCH: i64 = 10_000;

/// The zones of objects, all of which must exist, by id.
pub(super) async fn zones(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[ObjectId],
) -> Result<HashMap<String, Tz>, CommandError> {
    let ids: Vec<&str> = objects.iter().map(ObjectId::as_str).collect();
    let rows = sqlx::query!(
        "
        -- booking.objects.zones
        SELECT object_id, time_zone
        FROM booking.objects
        WHERE tenant_id = $1
          AND object_id = ANY($2)
          AND deleted_at IS NULL
        ",
        tenant.as_str(),
        &ids as &[&str],
    )
    .fetch_all(tx)
    .await?;
    if rows.len() < objects.len() {
        return Err(CommandError::NotFound("OBJECT_NOT_FOUND"));
    }
    let zone = |name: &str| {
        name.parse::<Tz>()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))
    };
    let zones = rows
        .into_iter()
        .map(|row| Ok((row.object_id, zone(&row.time_zone)?)))
        .collect::<Result<_, sqlx::Error>>()?;
    Ok(zones)
}

/// Gives `each` what occupied objects within a window, of every object by start, one row at a time: the
/// rows of a hundred objects and a year need no memory.
///
/// No booking is given twice: an import takes the place of the facts that were kept of the same time.
pub(super) async fn occupied(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[ObjectId],
    window: TimeWindow,
    mut each: impl FnMut(&str, TimeWindow),
) -> Result<(), sqlx::Error> {
    let ids: Vec<&str> = objects.iter().map(ObjectId::as_str).collect();
    let mut rows = sqlx::query!(
        r#"
        -- booking.occupancy.occupied
        SELECT object_id AS "object_id!", starts_at AS "starts_at!", ends_at AS "ends_at!"
        FROM booking.bookings
        WHERE tenant_id = $1
          AND object_id = ANY($2)
          AND state IN ('confirmed', 'declining')
          AND tstzrange(starts_at, ends_at) && tstzrange($3, $4)
        UNION ALL
        SELECT object_id, starts_at, ends_at
        FROM booking.occupancy_facts
        WHERE tenant_id = $1
          AND object_id = ANY($2)
          AND starts_at < $4
          AND ends_at > $3
        ORDER BY 1, 2
        "#,
        tenant.as_str(),
        &ids as &[&str],
        window.starts_at(),
        window.ends_at(),
    )
    .fetch(tx);
    while let Some(row) = rows.try_next().await? {
        let window = TimeWindow::new(row.starts_at, row.ends_at)
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        each(&row.object_id, window);
    }
    Ok(())
}

/// Erases what was kept of a tenant, or of some of its objects, in batches so that no statement takes long.
/// Answers how many facts that were.
pub(super) async fn erase(
    database: &Database,
    tenant: &TenantId,
    objects: &[ObjectId],
) -> Result<u64, sqlx::Error> {
    let mut erased = 0;
    loop {
        let batch = database
            .answer(erase_batch(database, tenant, objects))
            .await?;
        erased += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(erased);
        }
    }
}

async fn erase_batch(
    database: &Database,
    tenant: &TenantId,
    objects: &[ObjectId],
) -> Result<u64, sqlx::Error> {
    let ids: Vec<&str> = objects.iter().map(ObjectId::as_str).collect();
    let done = sqlx::query!(
        "
        -- booking.occupancy_facts.erase
        DELETE FROM booking.occupancy_facts
        WHERE fact_id IN (
            SELECT fact_id
            FROM booking.occupancy_facts
            WHERE tenant_id = $1
              AND (cardinality($2::text[]) = 0 OR object_id = ANY($2))
            LIMIT $3
        )
        ",
        tenant.as_str(),
        &ids as &[&str],
        BATCH,
    )
    .execute(database.pool())
    .await?;
    Ok(done.rows_affected())
}
