//! What happened to each booking (B12): one row per change, written where changes are published.
//!
//! Persons leave it with [`anonymise`] when they leave the booking, and with [`forget`] when they leave the
//! main app. That somebody with an administrator's rights acted stays, without who; devices are no persons.

use roomsync_domain::{BookingId, TenantId};
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
    // What a listing shows of an end that somebody asked for here is theirs: a decline may be seen in
    // Google before its answer is stored. Links are closed by roomsync.
    let (kind, id) = object.actor().columns();
    sqlx::query!(
        "
        -- booking.history.record
        INSERT INTO booking.history (
            tenant_id, booking_id, object_version, changed_at, actor_kind, actor_id, state, starts_at,
            ends_at, cause
        )
        SELECT $1, new.booking_id, new.object_version, $2,
            CASE
                WHEN new.cause = 'link_closed' THEN 'system'
                ELSE coalesce(declined.declined_by_kind, $3)
            END,
            CASE
                WHEN new.cause = 'link_closed' THEN NULL
                WHEN declined.declined_by_kind IS NOT NULL THEN declined.declined_by_id
                ELSE $4
            END,
            new.state, new.starts_at, new.ends_at, new.cause
        FROM unnest(
            $5::uuid[], $6::bigint[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[]
        ) AS new (booking_id, object_version, state, starts_at, ends_at, cause)
        LEFT JOIN booking.bookings AS declined
            ON $3 = 'google'
            AND new.cause = 'declined'
            AND declined.tenant_id = $1
            AND declined.booking_id = new.booking_id
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

/// Persons leave the history of these bookings, and what says who declined them.
pub async fn anonymise(
    tx: &mut PgConnection,
    tenant: &TenantId,
    bookings: &[BookingId],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = bookings.iter().map(|booking| booking.0).collect();
    sqlx::query!(
        "
        -- booking.history.anonymise
        UPDATE booking.history
        SET actor_kind = CASE actor_kind WHEN 'user' THEN 'anonymous' ELSE actor_kind END,
            actor_id = NULL
        WHERE tenant_id = $1
          AND booking_id = ANY($2)
          AND actor_kind IN ('user', 'administrator')
          AND actor_id IS NOT NULL
        ",
        tenant.as_str(),
        &ids,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "
        -- booking.bookings.anonymise_declined_by
        UPDATE booking.bookings
        SET declined_by_id = NULL
        WHERE tenant_id = $1
          AND booking_id = ANY($2)
          AND declined_by_kind IN ('user', 'administrator')
        ",
        tenant.as_str(),
        &ids,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Users leave the history of every booking, whosever it is. The caller holds back whoever could record more.
pub async fn forget(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &[String],
) -> Result<(), sqlx::Error> {
    // What they declined is found by its history: the booking's own columns need no index.
    sqlx::query!(
        "
        -- booking.history.forget
        WITH left_behind AS (
            UPDATE booking.history
            SET actor_kind = CASE actor_kind WHEN 'user' THEN 'anonymous' ELSE actor_kind END,
                actor_id = NULL
            WHERE tenant_id = $1
              AND actor_id = ANY($2)
              AND actor_kind IN ('user', 'administrator')
            RETURNING booking_id
        )
        UPDATE booking.bookings
        SET declined_by_id = NULL
        WHERE tenant_id = $1
          AND booking_id IN (SELECT booking_id FROM left_behind)
          AND declined_by_kind IN ('user', 'administrator')
          AND declined_by_id = ANY($2)
        ",
        tenant.as_str(),
        users,
    )
    .execute(tx)
    .await?;
    Ok(())
}
