//! What happened to each booking (B12): one row per change, written where changes are published.

use roomsync_messages::ChangedItem;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{changes::LockedObject, status::CommandError};

/// Records the changes of bookings among `items`, which are published with the object's next versions.
pub async fn record(
    tx: &mut PgConnection,
    object: &LockedObject,
    items: &[ChangedItem],
) -> Result<(), CommandError> {
    let (mut ids, mut versions) = (Vec::<Uuid>::new(), Vec::new());
    let (mut states, mut causes) = (Vec::new(), Vec::new());
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let ChangedItem::Booking { booking } = item else {
            continue;
        };
        ids.push(booking.id.0);
        versions.push(object.version_of_item(index));
        states.push(booking.state.as_str());
        causes.push(booking.cause.as_deref());
        starts.push(booking.starts_at);
        ends.push(booking.ends_at);
    }
    if ids.is_empty() {
        return Ok(());
    }
    let (kind, id) = object.actor().columns();
    sqlx::query!(
        "
        -- booking.history.record
        INSERT INTO booking.history (
            tenant_id, booking_id, object_version, changed_at, actor_kind, actor_id, state, starts_at,
            ends_at, cause
        )
        SELECT $1, new.booking_id, new.object_version, $2, $3, $4, new.state, new.starts_at,
            new.ends_at, new.cause
        FROM unnest(
            $5::uuid[], $6::bigint[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[]
        ) AS new (booking_id, object_version, state, starts_at, ends_at, cause)
        ",
        object.tenant().as_str(),
        object.now(),
        kind,
        id,
        &ids,
        &versions,
        &states as &[&str],
        &starts,
        &ends,
        &causes as &[Option<&str>],
    )
    .execute(tx)
    .await?;
    Ok(())
}
