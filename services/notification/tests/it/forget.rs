//! Persons leave the log (B13).

use roomsync_domain::{Booker, BookingId};
use roomsync_messages::ChangedItem;
use serde_json::json;
use sqlx::PgPool;

use crate::support::{append, change, change_of, database};

fn booked(booking: BookingId, user: &str) -> ChangedItem {
    let item = json!({
        "kind": "booking",
        "booking": {
            "id": booking, "state": "confirmed",
            "starts_at": "2026-03-01T09:00:00Z", "ends_at": "2026-03-01T10:00:00Z",
            "booker": {"kind": "user", "user": user},
            "created_at": "2026-03-01T08:00:00Z", "updated_at": "2026-03-01T08:00:00Z",
        },
    });
    serde_json::from_value(item).unwrap()
}

/// The users in the log, by object and version.
async fn users(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT concat_ws(' ', tenant_id, object_id, version, item->'booking'->'booker'->>'user')
        FROM notification.log, jsonb_array_elements(body->'items') AS item
        WHERE item->'booking'->'booker'->>'kind' = 'user'
        ORDER BY tenant_id, object_id, version, item->'booking'->'booker'->>'user'",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn whose_a_forgotten_booking_was_leaves_the_earlier_entries_of_its_object(pool: PgPool) {
    let database = database(&pool);
    let (gone, stays) = (BookingId::new(), BookingId::new());
    let mut first = change("a", 1);
    first.body.items = vec![booked(gone, "ana"), booked(stays, "ben")];
    let mut elsewhere = change_of("other", "a", 1);
    elsewhere.body.items = vec![booked(gone, "eve")];
    append(&database, &first).await;
    append(&database, &elsewhere).await;

    let mut second = change("a", 2);
    second.body.forgotten = vec![gone];
    append(&database, &second).await;
    assert_eq!(users(&pool).await, ["acme a 1 ben", "other a 1 eve"]);
    // The entry is a change like any other: whoever replays it finds nobody.
    let body: serde_json::Value = sqlx::query_scalar(
        "SELECT body FROM notification.log WHERE tenant_id = 'acme' AND version = 1",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    let read: roomsync_messages::ObjectChanged = serde_json::from_value(body).unwrap();
    let ChangedItem::Booking { booking } = &read.items[0] else {
        panic!("the order of items changed: {read:?}");
    };
    assert_eq!((booking.id, &booking.booker), (gone, &Booker::Anonymous));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_held_change_forgets_when_its_turn_comes(pool: PgPool) {
    let database = database(&pool);
    let gone = BookingId::new();
    let mut second = change("a", 2);
    second.body.forgotten = vec![gone];
    append(&database, &second).await;
    let mut first = change("a", 1);
    first.body.items = vec![booked(gone, "ana")];
    append(&database, &first).await;
    assert!(users(&pool).await.is_empty());
}
