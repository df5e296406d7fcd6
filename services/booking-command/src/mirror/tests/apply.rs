use roomsync_domain::{Occurrence, RoomAnswer, decide::Scope};
use roomsync_messages::ChangedItem;
use roomsync_proto::booking::v1::{self as pb, BookingState};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::world::{World, accepted, at, cancelled, changed, event, everything, window};
use crate::{
    convert,
    mirror::{apply::apply, request::Apply},
    validate::stamp,
};

#[sqlx::test(migrations = false)]
async fn the_first_full_sync_resets_the_object_and_imports(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    assert_eq!(world.stamp("imported_at").await, None);
    let answer = world
        .full_sync(vec![accepted("a", 9, 10), accepted("b", 11, 12)])
        .await;
    assert_eq!((answer.created, answer.changed, answer.removed), (2, 0, 0));
    assert_eq!(answer.object_version, 1);

    let log = world.log().await;
    assert!(
        matches!(log[0].items[0], ChangedItem::Reset { .. }),
        "the reset comes first"
    );
    assert_eq!(changed(&log[0]).len(), 2);
    let imported_at = world.stamp("imported_at").await;
    assert!(imported_at.is_some());
    assert_eq!(imported_at, world.stamp("last_change_at").await);

    let again = world
        .full_sync(vec![accepted("a", 9, 10), accepted("b", 11, 12)])
        .await;
    assert_eq!(again.object_version, 1, "a later full sync does not reset");
    assert_eq!(world.stamp("imported_at").await, imported_at);
}

#[sqlx::test(migrations = false)]
async fn the_first_full_sync_of_an_empty_room_still_resets_it(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.full_sync(vec![]).await;
    let log = world.log().await;
    assert!(matches!(log[0].items[..], [ChangedItem::Reset { .. }]));
}

#[sqlx::test(migrations = false)]
async fn a_large_import_takes_versions_without_gap(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let seen = (0..500)
        .map(|n| accepted(&format!("e{n}"), 2 * n, 2 * n + 1))
        .collect();
    let answer = world.full_sync(seen).await;
    assert_eq!((answer.created, answer.object_version), (500, 6));
    let log = world.log().await;
    for booking in world.bookings().await {
        let change = log
            .iter()
            .find(|change| change.version == booking.object_version)
            .unwrap();
        assert!(
            changed(change)
                .iter()
                .any(|id| id.to_string() == booking.booking_id)
        );
    }
}

#[sqlx::test(migrations = false)]
async fn a_new_event_becomes_a_booking_of_its_organizer(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .see(Occurrence {
            private: true,
            all_day: true,
            ..accepted("a", 9, 10)
        })
        .await;
    let booking = world.booking().await;
    assert_eq!(booking.state(), BookingState::Confirmed);
    assert_eq!(booking.window, Some(convert::window(window(9, 10))));
    assert_eq!(booking.booker, Some(user("anna")));
    assert_eq!((booking.private, booking.all_day), (true, true));
    assert_eq!(
        booking.title, "",
        "titles are not stored unless the tenant wants it"
    );
    assert_eq!(booking.external_provider, "google");
    assert_eq!(booking.object_version, 1);
}

#[sqlx::test(migrations = false)]
async fn an_event_of_a_stranger_becomes_an_anonymous_booking(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let stranger = Some("x@elsewhere.org".to_owned());
    world
        .see(Occurrence {
            organizer_mail: stranger,
            ..accepted("a", 9, 10)
        })
        .await;
    let anonymous = pb::booker::Booker::Anonymous(pb::AnonymousBooker {});
    assert_eq!(
        world.booking().await.booker,
        Some(pb::Booker {
            booker: Some(anonymous)
        })
    );
    let log = serde_json::to_string(&world.log().await).unwrap();
    assert!(
        !log.contains('@') && !log.contains("Planning"),
        "no person, no title: {log}"
    );
}

#[sqlx::test(migrations = false)]
async fn titles_are_stored_where_the_tenant_wants_them(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .run("UPDATE booking.tenants SET store_titles = true WHERE tenant_id = $1")
        .await;
    world.see(accepted("a", 9, 10)).await;
    assert_eq!(world.booking().await.title, "Planning");
}

#[sqlx::test(migrations = false)]
async fn a_moved_event_moves_its_booking(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    let before = world.booking().await;
    let answer = world.see(accepted("a", 30, 32)).await;
    assert_eq!((answer.created, answer.changed, answer.removed), (0, 1, 0));
    let after = world.booking().await;
    assert_eq!(after.booking_id, before.booking_id);
    assert_eq!(after.created_at, before.created_at);
    assert_eq!(after.window, Some(convert::window(window(30, 32))));
    assert_eq!(after.object_version, 2);
    world.log().await;
}

#[sqlx::test(migrations = false)]
async fn a_moved_event_whose_room_is_asked_anew_is_pending_until_it_accepts(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    let asked = Occurrence {
        room_answer: RoomAnswer::NeedsAction,
        ..accepted("a", 11, 12)
    };
    world.see(asked).await;
    assert_eq!(world.booking().await.state(), BookingState::Pending);
    world.see(accepted("a", 11, 12)).await;
    assert_eq!(world.booking().await.state(), BookingState::Confirmed);
}

#[sqlx::test(migrations = false)]
async fn what_leaves_the_room_leaves_a_tombstone_that_says_why(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let gone = [
        ("CANCELLED", cancelled("a")),
        (
            "ROOM_LEFT",
            Occurrence {
                room_answer: RoomAnswer::None,
                ..accepted("b", 11, 12)
            },
        ),
        (
            "ROOM_DECLINED",
            Occurrence {
                room_answer: RoomAnswer::Declined,
                ..accepted("c", 13, 14)
            },
        ),
        (
            "NOT_BLOCKING",
            Occurrence {
                transparent: true,
                ..accepted("d", 15, 16)
            },
        ),
    ];
    for (n, id) in (0..).zip(["a", "b", "c", "d"]) {
        world.see(accepted(id, 9 + 2 * n, 10 + 2 * n)).await;
    }
    for (_, seen) in gone.clone() {
        assert_eq!(world.see(seen).await.removed, 1);
    }
    let bookings = world.bookings().await;
    assert!(
        bookings
            .iter()
            .all(|booking| booking.state() == BookingState::Removed)
    );
    let causes: Vec<&str> = bookings
        .iter()
        .map(|booking| booking.cause.as_str())
        .collect();
    assert_eq!(causes, gone.map(|(cause, _)| cause));
    assert_eq!(world.log().await.len(), 8);
}

#[sqlx::test(migrations = false)]
async fn an_event_whose_guests_are_not_shown_blocks_and_keeps_its_booker(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let private = Occurrence {
        private: true,
        ..accepted("a", 9, 10)
    };
    let shell = Occurrence {
        room_answer: RoomAnswer::Hidden,
        organizer_mail: None,
        title: None,
        private: true,
        ..accepted("a", 9, 12)
    };
    world.see(private).await;
    let before = world.booking().await;
    let answer = world.see(shell.clone()).await;
    assert_eq!((answer.created, answer.changed, answer.removed), (0, 1, 0));
    let after = world.booking().await;
    assert_eq!((after.booker, after.private), (Some(user("anna")), true));
    assert_eq!(after.booking_id, before.booking_id);
    assert_eq!(after.window, Some(convert::window(window(9, 12))));
    let mail: Option<String> =
        sqlx::query_scalar("SELECT organizer_mail FROM booking.bookings WHERE tenant_id = 'ours'")
            .fetch_one(world.database.pool())
            .await
            .unwrap();
    assert_eq!(mail.as_deref(), Some("anna@example.com"));
    assert_eq!(world.see(shell).await.changed, 0, "the same again");
}

#[sqlx::test(migrations = false)]
async fn an_event_that_is_gone_without_a_word_ends_its_booking(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    let mut nothing = event(accepted("a", 9, 10));
    nothing.seen.clear();
    world.apply(vec![nothing]).await;
    assert_eq!(world.booking().await.cause, "ABSENT");
}

#[sqlx::test(migrations = false)]
async fn an_event_that_comes_back_is_a_new_booking(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    world.see(cancelled("a")).await;
    world.see(accepted("a", 9, 10)).await;
    let bookings = world.bookings().await;
    let states: Vec<_> = bookings.iter().map(pb::Booking::state).collect();
    assert_eq!(states, [BookingState::Removed, BookingState::Confirmed]);
}

#[sqlx::test(migrations = false)]
async fn a_window_that_was_listed_says_nothing_about_what_lies_outside(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .full_sync(vec![accepted("a", 9, 10), accepted("b", 50, 51)])
        .await;
    let mut listing = everything(vec![]);
    listing.scope = Scope::Window(window(0, 24));
    assert_eq!(world.apply(vec![listing]).await.removed, 1);
    let live: Vec<_> = world
        .bookings()
        .await
        .into_iter()
        .filter(|b| b.cause.is_empty())
        .collect();
    assert_eq!(live[0].window, Some(convert::window(window(50, 51))));
}

#[sqlx::test(migrations = false)]
async fn a_listing_that_finds_nothing_new_moves_only_the_last_check(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 9, 10)]).await;
    let bookings = world.bookings().await;
    let (change, check) = (
        world.stamp("last_change_at").await,
        world.stamp("last_check_at").await,
    );
    for listing in [
        everything(vec![accepted("a", 9, 10)]),
        event(accepted("a", 9, 10)),
    ] {
        let answer = world.apply(vec![listing]).await;
        assert_eq!((answer.created, answer.changed, answer.removed), (0, 0, 0));
        assert_eq!(answer.object_version, 1);
    }
    assert_eq!(world.bookings().await, bookings);
    assert_eq!(world.log().await.len(), 1);
    assert_eq!(world.stamp("last_change_at").await, change);
    assert!(world.stamp("last_check_at").await > check);
}

#[sqlx::test(migrations = false)]
async fn every_date_of_a_series_is_a_booking_of_its_own(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let date = |start: i64, from: i64| Occurrence {
        key: roomsync_domain::OccurrenceKey::Slot {
            series: "s".into(),
            original_start: at(start),
        },
        ..accepted(&format!("s_{start}"), from, from + 1)
    };
    let listing = |seen| roomsync_domain::decide::Listing {
        scope: Scope::Series {
            series: "s".into(),
            window: window(0, 1000),
        },
        seen,
    };
    let dates = vec![date(9, 9), date(33, 33), date(57, 57)];
    assert_eq!(world.apply(vec![listing(dates.clone())]).await.created, 3);
    assert_eq!(world.apply(vec![listing(dates)]).await.object_version, 1);
    let answer = world
        .apply(vec![listing(vec![date(9, 9), date(33, 40)])])
        .await;
    assert_eq!((answer.created, answer.changed, answer.removed), (0, 1, 1));
}

#[sqlx::test(migrations = false)]
async fn a_change_says_when_its_push_was_received(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let listing = world.listing(vec![event(accepted("a", 9, 10))]);
    apply(
        &world.database,
        &world.ring,
        &Apply {
            received_at: Some(at(0)),
            ..listing
        },
    )
    .await
    .unwrap();
    let log = world.log().await;
    assert_eq!(log[0].received_at, Some(at(0)));
    assert_eq!(
        Some(stamp(log[0].changed_at)),
        world.booking().await.updated_at
    );
}

#[sqlx::test(migrations = false)]
async fn another_tenants_bookings_are_another_matter(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let theirs = Apply {
        tenant: world.theirs.tenant.clone(),
        link: world.theirs.link,
        ..world.listing(vec![event(accepted("a", 9, 10))])
    };
    apply(&world.database, &world.ring, &theirs).await.unwrap();
    world.full_sync(vec![]).await;
    assert!(world.bookings().await.is_empty());
    let bookings = world.bookings_of(&world.theirs).await;
    assert_eq!(bookings.len(), 1);
    assert_eq!(
        (bookings[0].state(), bookings[0].object_version),
        (BookingState::Confirmed, 1)
    );
    assert!(bookings[0].flags.is_empty());
}

fn user(id: &str) -> pb::Booker {
    pb::Booker {
        booker: Some(pb::booker::Booker::UserId(id.to_owned())),
    }
}
