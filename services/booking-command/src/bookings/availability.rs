//! `BookingService.CheckAvailability`: which objects are free in a window, and what blocks the
//! others: their live bookings, the times the main app blocked, and a hand-over that is not over.

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
    let links = links(&mut tx, tenant, &objects, window).await?;
    let blocking = blocking(&mut tx, tenant, &objects, window).await?;
    tx.commit().await?;
    let answer = |object: &ObjectId| {
        let Links { open, mirrored } = links.get(object.as_str()).copied().unwrap_or_default();
        let busy = clip(
            blocking.get(object.as_str()).map_or(&[], Vec::as_slice),
            window,
        );
        pb::Availability {
            object_id: object.to_string(),
            free: open && busy.is_empty(),
            busy: busy.into_iter().map(convert::window).collect(),
            open,
            mirrored,
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

/// What an object's links say about it.
#[derive(Debug, Clone, Copy, Default)]
struct Links {
    /// It does not wait for an import, nor for the acknowledgement of one (D5).
    open: bool,
    /// Its mirror is current and reaches as far as the window.
    mirrored: bool,
}

/// For each object what its links say.
///
/// Mirrored: linked, imported, connected, looked at within the time in which a lost push heals (15
/// minutes, or twice the link's own interval), and the window ends within the horizon as it was when
/// everything was last compared: the horizon rolls with the daily reconcile (D14).
///
/// Open: no link waits for its acknowledgement, and none for its import. While a link's address is
/// changed the imported one counts; a link that failed before any import holds nothing back, because
/// nothing was reset.
async fn links(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[ObjectId],
    window: TimeWindow,
) -> Result<HashMap<String, Links>, CommandError> {
    let ids: Vec<&str> = objects.iter().map(ObjectId::as_str).collect();
    let rows = sqlx::query!(
        r#"
        -- booking.objects.links_for_availability
        SELECT object.object_id,
            coalesce(
                bool_or(
                    tenant.module_enabled
                        AND connection.state = 'active'
                        AND link.state = 'verified'
                        AND link.imported_at IS NOT NULL
                        AND link.last_check_at > now() - greatest(
                            interval '15 minutes',
                            2 * link.poll_interval_seconds * interval '1 second'
                        )
                        AND $3 <= greatest(link.imported_at, link.last_reconcile_at)
                            + tenant.horizon_days * interval '1 day'
                ),
                false
            ) AS "mirrored!",
            coalesce(
                bool_and(link.opened_at IS NOT NULL) FILTER (WHERE link.imported_at IS NOT NULL),
                bool_and(link.state = 'failed') FILTER (WHERE link.link_id IS NOT NULL),
                true
            ) AS "open!"
        FROM booking.objects AS object
        JOIN booking.tenants AS tenant USING (tenant_id)
        LEFT JOIN booking.connections AS connection USING (tenant_id)
        LEFT JOIN booking.links AS link
            ON link.tenant_id = object.tenant_id
            AND link.object_id = object.object_id
            AND link.state NOT IN ('closing', 'removed')
        WHERE object.tenant_id = $1
          AND object.object_id = ANY($2)
          AND object.deleted_at IS NULL
        GROUP BY object.object_id
        "#,
        tenant.as_str(),
        &ids as &[&str],
        window.ends_at(),
    )
    .fetch_all(tx)
    .await?;
    if rows.len() < objects.len() {
        return Err(CommandError::NotFound("OBJECT_NOT_FOUND"));
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let (open, mirrored) = (row.open, row.mirrored);
            (row.object_id, Links { open, mirrored })
        })
        .collect())
}

/// Whether an object does not wait for its import, nor for the acknowledgement of one.
pub(crate) async fn is_open(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    window: TimeWindow,
) -> Result<bool, CommandError> {
    let links = links(tx, tenant, std::slice::from_ref(object), window).await?;
    Ok(links.get(object.as_str()).is_some_and(|links| links.open))
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
