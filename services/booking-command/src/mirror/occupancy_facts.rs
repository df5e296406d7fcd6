//! What analytics need of bookings that go with their link (D7): object and interval, no person.

use chrono::{DateTime, Utc};
use roomsync_domain::LinkId;
use sqlx::PgConnection;

use crate::changes::LockedObject;

/// Keeps the past of a link's confirmed bookings; of one that is running the part that is over.
pub(super) async fn keep(
    tx: &mut PgConnection,
    object: &LockedObject,
    link: LinkId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        -- booking.occupancy_facts.keep
        INSERT INTO booking.occupancy_facts (tenant_id, object_id, starts_at, ends_at)
        SELECT tenant_id, object_id, starts_at, least(ends_at, $3)
        FROM booking.bookings
        WHERE tenant_id = $1
          AND link_id = $2
          AND state IN ('confirmed', 'declining')
          AND starts_at < $3
        ",
        object.tenant().as_str(),
        link.0,
        object.now(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What is imported anew is no longer kept apart: it would count twice. An import lists what ends after `from`.
pub(super) async fn give_way(
    tx: &mut PgConnection,
    object: &LockedObject,
    from: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        -- booking.occupancy_facts.give_way
        DELETE FROM booking.occupancy_facts
        WHERE tenant_id = $1
          AND object_id = $2
          AND ends_at > $3
        ",
        object.tenant().as_str(),
        object.object().as_str(),
        from,
    )
    .execute(tx)
    .await?;
    Ok(())
}
