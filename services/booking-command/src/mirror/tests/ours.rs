//! Bookings that were made in Flexopus, as the mirror meets their events.

use roomsync_domain::{
    Booker, BookingId, BookingState as State, Occurrence, Placement, RoomAnswer,
};
use roomsync_messages::{GoogleWriteRequested, Message as _};
use roomsync_proto::booking::v1::{self as pb, BookingState};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::world::{Linked, World, accepted, at, cancelled, event, everything, window};
use crate::{
    bookings::property,
    convert,
    mirror::{apply::apply, request::Apply},
};

const SHARED: Placement = Placement::SharedCalendar;
const OWN: Placement = Placement::UserCalendar;

/// A booking of Anna from 9 to 10, made in Flexopus, whose slot is held.
pub(crate) async fn given(world: &World, placement: Placement, state: State) -> BookingId {
    let booking = BookingId::new();
    let requested = state == State::Requested;
    sqlx::query(
        "INSERT INTO booking.bookings (booking_id, tenant_id, object_id, link_id, event_id, state,
            starts_at, ends_at, held, booker_kind, booker_id, organizer_mail, object_version,
            placement, at_google, google_write, look_at, answer_due_at)
        VALUES ($1, $2, 'room-1', $3, $4, $5, $6, $7, tstzrange($6, $7), 'user', 'anna',
            'anna@example.com', 0, $8, NOT $9, CASE WHEN $9 THEN 'insert' END, $6, $6)",
    )
    .bind(booking.0)
    .bind(world.ours.tenant.as_str())
    .bind(world.ours.link.0)
    .bind(property::event_id(booking))
    .bind(state.as_str())
    .bind(at(9))
    .bind(at(10))
    .bind(placement.as_str())
    .bind(requested)
    .execute(world.database.pool())
    .await
    .unwrap();
    booking
}

/// Its event as the room's calendar shows it: of Anna's own, or of the shared calendar with Anna as guest.
pub(crate) fn shown(
    booking: BookingId,
    placement: Placement,
    room_answer: RoomAnswer,
) -> Occurrence {
    let own = accepted(&property::event_id(booking), 9, 10);
    let shared = placement == SHARED;
    Occurrence {
        room_answer,
        organizer_mail: if shared {
            Some("c_1@group.calendar.google.com".to_owned())
        } else {
            own.organizer_mail
        },
        attendee_mails: vec!["anna@example.com".to_owned()],
        ..own
    }
}

/// The booking's row, as far as the API does not show it.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Row {
    google_write: Option<String>,
    held: bool,
    watched: bool,
    asked: bool,
}

async fn row(world: &World, booking: BookingId) -> Row {
    sqlx::query_as(
        "SELECT google_write, held IS NOT NULL AS held, look_at IS NOT NULL AS watched,
            EXISTS (
                SELECT FROM booking.outbox AS o
                WHERE o.message_id = b.write_message AND o.message_type = $2
            ) AS asked
        FROM booking.bookings AS b WHERE booking_id = $1",
    )
    .bind(booking.0)
    .bind(GoogleWriteRequested::TYPE)
    .fetch_one(world.database.pool())
    .await
    .unwrap()
}

async fn get(world: &World, booking: BookingId) -> pb::Booking {
    let id = booking.to_string();
    let bookings = world.bookings().await;
    bookings
        .into_iter()
        .find(|it| it.booking_id == id)
        .expect("it is listed")
}

async fn declined_while_free(world: &World) -> i64 {
    sqlx::query_scalar("SELECT declined_while_free FROM booking.links WHERE link_id = $1")
        .bind(world.ours.link.0)
        .fetch_one(world.database.pool())
        .await
        .unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_request_that_google_shows_is_googles_from_then_on(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given(&world, OWN, State::Requested).await;
    world.full_sync(vec![]).await;
    let waits = get(&world, booking).await;
    assert_eq!(
        (waits.state(), waits.external_provider.as_str()),
        (BookingState::Requested, ""),
        "not missed by a listing that does not show it"
    );
    world
        .see(shown(booking, OWN, RoomAnswer::NeedsAction))
        .await;
    let pending = get(&world, booking).await;
    assert_eq!(
        (pending.state(), pending.external_provider.as_str()),
        (BookingState::Pending, "google")
    );
    world.see(shown(booking, OWN, RoomAnswer::Accepted)).await;
    let confirmed = get(&world, booking).await;
    assert_eq!(confirmed.state(), BookingState::Confirmed);
    assert_eq!(world.bookings().await.len(), 1);
    let row = row(&world, booking).await;
    assert_eq!(row.google_write.as_deref(), Some("insert"), "the writer's");
    assert!(row.held && !row.watched);
}

#[sqlx::test(migrations = false)]
async fn a_room_that_says_no_without_a_reason_is_counted_and_the_event_taken_back(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let states = [State::Requested, State::Pending, State::Undecided];
    for (state, number) in states.into_iter().zip(1..) {
        let booking = given(&world, OWN, state).await;
        let declined = shown(booking, OWN, RoomAnswer::Declined);
        world.see(declined.clone()).await;
        let rejected = get(&world, booking).await;
        assert_eq!(
            (rejected.state(), rejected.cause.as_str()),
            (BookingState::Rejected, "ROOM_DECLINED_WHILE_FREE")
        );
        let row = row(&world, booking).await;
        assert_eq!(row.google_write.as_deref(), Some("undo"));
        assert!(row.asked && !row.held && !row.watched, "{row:?}");
        assert_eq!(declined_while_free(&world).await, number);

        // Until it is taken back, it is no new booking, whatever becomes of it.
        let late = shown(booking, OWN, RoomAnswer::Accepted);
        assert_eq!(world.see(late.clone()).await.created, 0);
        assert_eq!(world.full_sync(vec![late.clone()]).await.created, 0);
        world
            .run("UPDATE booking.bookings SET google_write = NULL WHERE tenant_id = $1")
            .await;
        assert_eq!(world.see(late.clone()).await.created, 1, "it was kept");
        world.see(cancelled(&late.event_id)).await;
        world
            .run("DELETE FROM booking.bookings WHERE tenant_id = $1")
            .await;
        world
            .run("DELETE FROM booking.changes WHERE tenant_id = $1")
            .await;
    }
}

#[sqlx::test(migrations = false)]
async fn a_room_that_somebody_else_got_first_is_just_declined(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given(&world, OWN, State::Pending).await;
    // Both in one listing: the request is never in the way of what Google says.
    let theirs = accepted("theirs", 9, 11);
    let ours = shown(booking, OWN, RoomAnswer::Declined);
    let answer = world.apply(vec![event(theirs), event(ours)]).await;
    assert_eq!((answer.created, answer.removed), (1, 1));
    let rejected = get(&world, booking).await;
    assert_eq!(rejected.cause, "ROOM_DECLINED");
    assert_eq!(
        row(&world, booking).await.google_write.as_deref(),
        Some("undo")
    );
    assert_eq!(declined_while_free(&world).await, 0);
}

#[sqlx::test(migrations = false)]
async fn what_google_says_is_never_refused_for_a_slot_that_is_held(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given(&world, OWN, State::Requested).await;
    let answer = world
        .full_sync(vec![accepted("a", 9, 10), accepted("b", 8, 11)])
        .await;
    assert_eq!(answer.created, 2);
    assert!(row(&world, booking).await.held);
    let flags: Vec<_> = get(&world, booking).await.flags().collect();
    assert_eq!(flags, [pb::BookingFlag::Conflict]);
    // Ours is moved onto theirs, too.
    let moved = Occurrence {
        window: Some(window(8, 11)),
        ..shown(booking, OWN, RoomAnswer::Accepted)
    };
    world.see(moved).await;
    let after = get(&world, booking).await;
    assert_eq!(after.window, Some(convert::window(window(8, 11))));
    assert_eq!(after.state(), BookingState::Confirmed);
    assert!(!row(&world, booking).await.held, "its own slot is let go");
}

#[sqlx::test(migrations = false)]
async fn what_was_confirmed_is_not_taken_back(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let booking = given(&world, OWN, State::Confirmed).await;
    world.see(shown(booking, OWN, RoomAnswer::Declined)).await;
    let removed = get(&world, booking).await;
    assert_eq!(
        (removed.state(), removed.cause.as_str()),
        (BookingState::Removed, "ROOM_DECLINED")
    );
    assert_eq!(row(&world, booking).await.google_write, None);
    assert_eq!(declined_while_free(&world).await, 0);
}

#[sqlx::test(migrations = false)]
async fn an_event_that_nobody_attends_any_more_is_taken_back_from_the_shared_calendar(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given(&world, SHARED, State::Confirmed).await;
    let there = shown(booking, SHARED, RoomAnswer::Accepted);
    world.see(there.clone()).await;
    assert_eq!(row(&world, booking).await.google_write, None);
    let version = world.version().await;
    let declined = Occurrence {
        declined_mails: there.attendee_mails.clone(),
        ..there.clone()
    };
    world.see(declined.clone()).await;
    let first = row(&world, booking).await;
    assert_eq!(first.google_write.as_deref(), Some("undo"));
    assert!(first.asked);
    assert_eq!(get(&world, booking).await.state(), BookingState::Confirmed);
    assert_eq!(world.version().await, version, "nothing of it changed yet");
    world.see(declined).await;
    assert_eq!(row(&world, booking).await, first, "asked once");
    world.see(cancelled(&there.event_id)).await;
    let removed = get(&world, booking).await;
    assert_eq!(
        (removed.state(), removed.cause.as_str()),
        (BookingState::Removed, "CANCELLED")
    );
}

#[sqlx::test(migrations = false)]
async fn a_room_that_left_an_event_of_the_shared_calendar_has_it_looked_at(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    for (placement, asked) in [(SHARED, true), (OWN, false)] {
        let booking = given(&world, placement, State::Confirmed).await;
        world.see(cancelled(&property::event_id(booking))).await;
        let row = row(&world, booking).await;
        assert_eq!((row.google_write.is_some(), row.asked), (asked, asked));
        assert_eq!(get(&world, booking).await.state(), BookingState::Removed);
        // The room is taken again: a new booking.
        let back = shown(booking, placement, RoomAnswer::Accepted);
        assert_eq!(world.see(back.clone()).await.created, 1);
        world.see(cancelled(&back.event_id)).await;
    }
}

#[sqlx::test(migrations = false)]
async fn an_event_on_another_link_is_still_whose_it_was_made_for(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let tenant = &world.ours.tenant;
    let signed = |by: Booker, from: i64| {
        let booking = BookingId::new();
        let text = property::write(&world.ring, tenant, booking, &by);
        Occurrence {
            organizer_mail: None,
            creator_mail: Some("rooms@example.com".to_owned()),
            flexopus_property: Some(text),
            ..accepted(&property::event_id(booking), from, from + 1)
        }
    };
    let user = |id: &str| Booker::User {
        user: id.parse().unwrap(),
    };
    let device = Booker::Device {
        device: "door-1".parse().unwrap(),
    };
    let copied = Occurrence {
        key: roomsync_domain::OccurrenceKey::Event("copy".to_owned()),
        event_id: "copy".to_owned(),
        ..signed(device.clone(), 15)
    };
    let seen = vec![
        signed(device.clone(), 9),
        signed(user("anna"), 11),
        signed(user("gone"), 13),
        copied,
    ];
    world.full_sync(seen.clone()).await;
    let bookers: Vec<_> = world
        .bookings()
        .await
        .into_iter()
        .filter_map(|booking| booking.booker)
        .collect();
    let expected = [device, user("anna"), Booker::Anonymous, Booker::Anonymous];
    assert_eq!(bookers, expected.map(|booker| convert::booker(&booker)));
    assert_eq!(
        world.full_sync(seen.clone()).await.changed,
        0,
        "the same again"
    );

    // Another tenant's signature says nothing.
    let Linked { tenant, link } = world.theirs.clone();
    let theirs = Apply {
        tenant,
        link,
        ..world.listing(vec![everything(seen)])
    };
    apply(&world.database, &world.ring, &theirs).await.unwrap();
    let theirs = world.bookings_of(&world.theirs).await;
    let anonymous = convert::booker(&Booker::Anonymous);
    assert!(
        theirs
            .iter()
            .all(|it| it.booker.as_ref() == Some(&anonymous))
    );
}

/// The room's copy of an event follows the event: a listing of everything that began a moment after our write
/// may come before it.
#[sqlx::test(migrations = false)]
async fn a_listing_of_everything_right_after_our_write_does_not_miss_the_event(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given(&world, OWN, State::Pending).await;
    // By the clock of the listings, which begin long before now.
    world
        .run(
            "UPDATE booking.bookings SET written_at = to_timestamp(4000000000) - interval '5 seconds'
            WHERE tenant_id = $1",
        )
        .await;
    assert_eq!(world.full_sync(vec![]).await.removed, 0);
    assert_eq!(get(&world, booking).await.state(), BookingState::Pending);
    let looks = async || -> Vec<(serde_json::Value, bool)> {
        sqlx::query_as(
            "DELETE FROM booking.outbox WHERE message_type = 'calendar.refresh'
            RETURNING body, publish_after > now() + interval '5 seconds'",
        )
        .fetch_all(world.database.pool())
        .await
        .unwrap()
    };
    let again = serde_json::json!({
        "calendar": world.ours.link, "why": "reconcile", "lane": "background",
    });
    assert_eq!(looks().await, [(again, true)], "it is looked at once more");
    let late = shown(booking, OWN, RoomAnswer::NeedsAction);
    assert_eq!(world.full_sync(vec![late]).await.created, 0);
    assert_eq!(looks().await, [], "nothing is missing");

    // A listing that began later has no excuse.
    world
        .run(
            "UPDATE booking.bookings SET written_at = to_timestamp(4000000000) - interval '15 seconds'
            WHERE tenant_id = $1",
        )
        .await;
    assert_eq!(world.full_sync(vec![]).await.removed, 1);
    assert_eq!(get(&world, booking).await.cause, "ABSENT");
    assert_eq!(looks().await, []);
}
