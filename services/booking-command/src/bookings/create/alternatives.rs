//! What is free instead (B15): objects of the tenant that this booker could book in the same window.

use roomsync_domain::{Capability, TenantId};
use roomsync_google::{AccessRole, scopes::CALENDAR_APP_CREATED};
use roomsync_postgres::Database;

use super::request::Asked;
use crate::{links::capability::Circumstances, status::CommandError};

/// How many are offered.
const MOST: usize = 5;
/// How many are looked at, because some may lack the capability.
const LOOKED_AT: i64 = 50;

/// Their ids: those of the same location first, then by how close their capacity is.
pub(super) async fn find(
    database: &Database,
    tenant: &TenantId,
    asked: &Asked,
) -> Result<Vec<String>, CommandError> {
    // Free as far as the mirror reaches: beyond the horizon nobody knows without asking Google.
    let query = sqlx::query!(
        r#"
        -- booking.create.alternatives
        SELECT object.object_id, link.access_role, link.answers_by_itself,
            tenant.read_only OR object.read_only AS "read_only!",
            connection.way = 'key'
                OR connection.delegated
                OR $6 = ANY (connection.granted_scopes) AS "way_to_book!"
        FROM booking.objects AS object
        JOIN booking.tenants AS tenant USING (tenant_id)
        JOIN booking.connections AS connection USING (tenant_id)
        JOIN booking.objects AS wanted
            ON wanted.tenant_id = object.tenant_id
            AND wanted.object_id = $2
        JOIN booking.links AS link
            ON link.tenant_id = object.tenant_id
            AND link.object_id = object.object_id
            AND link.state = 'verified'
            AND link.replaces_link_id IS NULL
            AND link.imported_at IS NOT NULL
            AND link.opened_at IS NOT NULL
        WHERE object.tenant_id = $1
          AND object.object_id <> $2
          AND object.deleted_at IS NULL
          AND connection.state = 'active'
          AND $4 <= greatest(link.imported_at, link.last_reconcile_at)
              + tenant.horizon_days * interval '1 day'
          AND NOT EXISTS (
              SELECT
              FROM booking.bookings AS live
              WHERE live.tenant_id = object.tenant_id
                AND live.object_id = object.object_id
                AND live.state NOT IN ('removed', 'rejected')
                AND tstzrange(live.starts_at, live.ends_at) && tstzrange($3, $4)
          )
          AND NOT EXISTS (
              SELECT
              FROM booking.object_blocks AS block
              WHERE block.tenant_id = object.tenant_id
                AND block.object_id = object.object_id
                AND block.starts_at < $4
                AND block.ends_at > $3
          )
        ORDER BY object.location = wanted.location DESC,
            abs(object.capacity - wanted.capacity),
            object.object_id
        LIMIT $5
        "#,
        tenant.as_str(),
        asked.object.as_str(),
        asked.window.starts_at(),
        asked.window.ends_at(),
        LOOKED_AT,
        CALENDAR_APP_CREATED,
    )
    .fetch_all(database.pool());
    let capability: Capability = asked.capability();
    let rows = database.answer(query).await?;
    let bookable = rows.into_iter().filter(|row| {
        let circumstances = Circumstances {
            verified: true,
            role: AccessRole::from(row.access_role.clone().unwrap_or_default()),
            read_only: row.read_only,
            answers_by_itself: row.answers_by_itself,
            way_to_book: row.way_to_book,
        };
        circumstances.lacks(capability).is_none()
    });
    Ok(bookable.map(|row| row.object_id).take(MOST).collect())
}
