//! `BookingService.CheckAvailability`: which objects are free in a window, and what blocks the
//! others: their live bookings, and the times the main app blocked.

use std::collections::HashMap;

use roomsync_domain::{ObjectId, TenantId, TimeWindow};
use roomsync_postgres::Database;
use roomsync_proto::booking::v1 as pb;
use sqlx::PgConnection;

use super::{list::object_ids, snapshot};
use crate::{convert, status::CommandError, validate};

const MOST_OBJECTS: usize = 200;

/// Answers the request for a tenant the caller may see.
pub async fn check_availability(
    database: &Database,
    tenant: &TenantId,
    request: &pb::CheckAvailabilityRequest,
) -> Result<pb::CheckAvailabilityResponse, CommandError> {
    let objects = object_ids(&request.object_ids, MOST_OBJECTS, "1 to 200 ids")?;
    if objects.is_empty() {
        return Err(CommandError::invalid("object_ids", "1 to 200 ids"));
    }
    let window = validate::window("window", request.window.as_ref())?;
    let mut tx = snapshot::begin(database).await?;
    let mirrored = mirrored(&mut tx, tenant, &objects).await?;
    let blocking = blocking(&mut tx, tenant, &objects, window).await?;
    tx.commit().await?;
    let answer = |object: &ObjectId| {
        let busy = clip(
            blocking.get(object.as_str()).map_or(&[], Vec::as_slice),
            window,
        );
        pb::Availability {
            object_id: object.to_string(),
            free: busy.is_empty(),
            busy: busy.into_iter().map(convert::window).collect(),
            open: true,
            mirrored: mirrored.get(object.as_str()).copied().unwrap_or(false),
        }
    };
    Ok(pb::CheckAvailabilityResponse {
        objects: objects.iter().map(answer).collect(),
    })
}

fn clip(blocking: &[TimeWindow], window: TimeWindow) -> Vec<TimeWindow> {
    let clipped = blocking
        .iter()
        .filter_map(|block| block.clipped_to(&window))
        .collect();
    TimeWindow::merge(clipped)
}

/// For each object whether its mirror is current: linked, imported, connected, and looked at within
/// the time in which a lost push heals (15 minutes, or twice the link's own interval).
async fn mirrored(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[ObjectId],
) -> Result<HashMap<String, bool>, CommandError> {
    let ids: Vec<&str> = objects.iter().map(ObjectId::as_str).collect();
    let rows = sqlx::query!(
        r#"
        -- booking.objects.mirrored
        SELECT object.object_id,
            coalesce(
                tenant.module_enabled
                    AND connection.state = 'active'
                    AND link.state = 'verified'
                    AND link.imported_at IS NOT NULL
                    AND link.last_check_at > now() - greatest(
                        interval '15 minutes',
                        2 * link.poll_interval_seconds * interval '1 second'
                    ),
                false
            ) AS "mirrored!"
        FROM booking.objects AS object
        JOIN booking.tenants AS tenant USING (tenant_id)
        LEFT JOIN booking.connections AS connection USING (tenant_id)
        LEFT JOIN booking.links AS link
            ON link.tenant_id = object.tenant_id
            AND link.object_id = object.object_id
            AND link.state <> 'removed'
        WHERE object.tenant_id = $1
          AND object.object_id = ANY($2)
          AND object.deleted_at IS NULL
        "#,
        tenant.as_str(),
        &ids as &[&str],
    )
    .fetch_all(tx)
    .await?;
    if rows.len() < objects.len() {
        return Err(CommandError::NotFound("OBJECT_NOT_FOUND"));
    }
    Ok(rows
        .into_iter()
        .map(|row| (row.object_id, row.mirrored))
        .collect())
}

/// What blocks each object within the window.
async fn blocking(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[ObjectId],
    window: TimeWindow,
) -> Result<HashMap<String, Vec<TimeWindow>>, CommandError> {
    let ids: Vec<&str> = objects.iter().map(ObjectId::as_str).collect();
    let rows = sqlx::query!(
        r#"
        -- booking.bookings.blocking
        SELECT object_id AS "object_id!", starts_at AS "starts_at!", ends_at AS "ends_at!"
        FROM booking.bookings
        WHERE tenant_id = $1
          AND object_id = ANY($2)
          AND state NOT IN ('removed', 'rejected')
          AND tstzrange(starts_at, ends_at) && tstzrange($3, $4)
        UNION ALL
        SELECT object_id, starts_at, ends_at
        FROM booking.object_blocks
        WHERE tenant_id = $1
          AND object_id = ANY($2)
          AND starts_at < $4
          AND ends_at > $3
        "#,
        tenant.as_str(),
        &ids as &[&str],
        window.starts_at(),
        window.ends_at(),
    )
    .fetch_all(tx)
    .await?;
    let mut blocking: HashMap<String, Vec<TimeWindow>> = HashMap::new();
    for row in rows {
        let window = TimeWindow::new(row.starts_at, row.ends_at)
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        blocking.entry(row.object_id).or_default().push(window);
    }
    Ok(blocking)
}
