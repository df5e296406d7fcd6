//! What disconnecting would remove and keep (B1): counted, nothing is done.

use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;

use crate::status::CommandError;

/// Counts as `mirror/report_closed.rs` removes.
pub(in crate::access) async fn preview(
    database: &Database,
    tenant: &TenantId,
) -> Result<proto::PreviewDisconnectResponse, CommandError> {
    // An address that was kept by an earlier disconnecting is taken down no second time.
    let query = sqlx::query!(
        r#"
        -- booking.disconnect.preview
        SELECT (
                SELECT count(*)
                FROM booking.links
                WHERE tenant_id = $1
                  AND state IN ('pending', 'verified', 'failed')
                  AND reason IS DISTINCT FROM 'disconnected'
            ) AS "links!",
            count(*) FILTER (WHERE ends_at <= now()) AS "past!",
            count(*) FILTER (WHERE starts_at <= now() AND ends_at > now()) AS "running!",
            count(*) FILTER (WHERE starts_at > now()) AS "future!",
            count(*) FILTER (WHERE starts_at < now() AND state IN ('confirmed', 'declining'))
                AS "facts!"
        FROM booking.bookings
        WHERE tenant_id = $1
          AND state NOT IN ('removed', 'rejected')
        "#,
        tenant.as_str(),
    )
    .fetch_one(database.pool());
    let counted = database.answer(query).await?;
    Ok(proto::PreviewDisconnectResponse {
        links: i32::try_from(counted.links).unwrap_or(i32::MAX),
        past_bookings: counted.past,
        running_bookings: counted.running,
        future_bookings: counted.future,
        occupancy_facts: counted.facts,
    })
}
