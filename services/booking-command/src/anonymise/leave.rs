//! The statements with which persons leave. The caller holds the lock of the bookings' object.

use roomsync_domain::{Actor, Booker, BookingId, BookingState, ObjectId, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::declines;
use crate::{
    bookings::{Booking, history, write},
    changes::LockedObject,
    status::CommandError,
};

/// Persons leave these bookings of one object, and everything that was told about them.
pub(super) async fn leave_all(
    tx: &mut PgConnection,
    tenant: &TenantId,
    locked: LockedObject,
    bookings: Vec<Booking>,
) -> Result<(), CommandError> {
    let ids: Vec<BookingId> = bookings.iter().map(|booking| booking.id).collect();
    let given_up = declines::given_up(&mut *tx, tenant, &bookings).await?;
    persons_leave(&mut *tx, tenant, &ids).await?;
    // Those that were nobody's for subscribers are so still: nothing is to be told about them.
    let (mut changed, mut items) = (Vec::new(), Vec::new());
    for mut booking in bookings {
        let is_given_up = given_up.contains(&booking.id);
        if !matches!(booking.details.booker, Booker::User { .. }) && !is_given_up {
            continue;
        }
        if is_given_up {
            booking.state = BookingState::Confirmed;
        }
        if matches!(booking.details.booker, Booker::User { .. }) {
            booking.details.booker = Booker::Anonymous;
        }
        booking.details.organizer_mail = None;
        booking.details.title = None;
        booking.google_write = None;
        booking.stage(&locked, &mut items);
        changed.push(booking);
    }
    write::update(&mut *tx, tenant, &changed).await?;
    let locked = locked.by(Actor::System).forgetting(ids);
    locked.publish(tx, items, None).await?;
    Ok(())
}

/// Persons leave these bookings' rows and history; a device is none. What Google would still have to be told
/// about them is dropped: it could not be said without the person.
pub async fn persons_leave(
    tx: &mut PgConnection,
    tenant: &TenantId,
    bookings: &[BookingId],
) -> Result<(), CommandError> {
    if bookings.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = bookings.iter().map(|booking| booking.0).collect();
    sqlx::query!(
        "
        -- booking.bookings.persons_leave
        UPDATE booking.bookings
        SET booker_kind = CASE booker_kind WHEN 'user' THEN 'anonymous' ELSE booker_kind END,
            booker_id = CASE booker_kind WHEN 'user' THEN NULL ELSE booker_id END,
            organizer_mail = NULL,
            title = NULL,
            event_calendar = NULL,
            google_write = NULL,
            write_epoch = write_epoch + 1
        WHERE tenant_id = $1
          AND booking_id = ANY($2)
        ",
        tenant.as_str(),
        &ids,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "
        -- booking.create_requests.forget
        DELETE FROM booking.create_requests
        WHERE tenant_id = $1
          AND booking_id = ANY($2)
        ",
        tenant.as_str(),
        &ids,
    )
    .execute(&mut *tx)
    .await?;
    history::anonymise(tx, tenant, bookings).await?;
    Ok(())
}

/// Whose these bookings were leaves the earlier changes of their object, too.
pub async fn forget_changes(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    bookings: &[BookingId],
) -> Result<(), CommandError> {
    if bookings.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = bookings.iter().map(ToString::to_string).collect();
    sqlx::query!(
        r#"
        -- booking.changes.forget
        UPDATE booking.changes
        SET body = jsonb_set(body, '{items}', (
            SELECT jsonb_agg(
                CASE
                    WHEN item->'booking'->>'id' = ANY($3)
                        AND item->'booking'->'booker'->>'kind' = 'user'
                    THEN jsonb_set(item, '{booking,booker}', '{"kind": "anonymous"}')
                    ELSE item
                END
                ORDER BY place
            )
            FROM jsonb_array_elements(body->'items') WITH ORDINALITY AS items (item, place)
        ))
        WHERE tenant_id = $1
          AND object_id = $2
          AND EXISTS (
              SELECT
              FROM jsonb_array_elements(body->'items') AS item
              WHERE item->'booking'->>'id' = ANY($3)
                AND item->'booking'->'booker'->>'kind' = 'user'
          )
        "#,
        tenant.as_str(),
        object.as_str(),
        &ids,
    )
    .execute(&mut *tx)
    .await?;
    // What RabbitMQ has not taken yet says the same as the log.
    sqlx::query!(
        r#"
        -- booking.outbox.forget
        UPDATE booking.outbox AS waiting
        SET body = change.body
        FROM booking.changes AS change
        WHERE change.tenant_id = $1
          AND change.object_id = $2
          AND waiting.message_id = change.message_id
          AND waiting.body <> change.body
        "#,
        tenant.as_str(),
        object.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
