//! Private bookings, shown to different viewers (D13).

use roomsync_domain::Occurrence;
use roomsync_proto::booking::v1 as pb;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{asked, get_booking, list_bookings};
use crate::mirror::tests::world::{World, accepted, reason};

#[expect(clippy::unnecessary_wraps, reason = "as the request has it")]
fn user(id: &str) -> Option<pb::Viewer> {
    Some(pb::Viewer {
        viewer: Some(pb::viewer::Viewer::UserId(id.to_owned())),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "fields of a message are optional")]
fn administrator() -> Option<pb::Viewer> {
    let administrator = pb::viewer::Viewer::Administrator(pb::AdministratorViewer {});
    Some(pb::Viewer {
        viewer: Some(administrator),
    })
}

fn by(mail: &str, seen: Occurrence) -> Occurrence {
    Occurrence {
        organizer_mail: Some(mail.to_owned()),
        ..seen
    }
}

fn private(seen: Occurrence) -> Occurrence {
    Occurrence {
        private: true,
        ..seen
    }
}

/// Anna's open and private meetings, Ben's private one and a stranger's, an hour each from 9 on.
async fn world(options: &PgConnectOptions) -> World {
    let world = World::start(options).await;
    for sql in [
        "UPDATE booking.tenants SET store_titles = true WHERE tenant_id = $1",
        "INSERT INTO booking.users (tenant_id, user_id) VALUES ($1, 'ben')",
        "INSERT INTO booking.user_mails (tenant_id, mail, user_id, is_alias)
        VALUES ($1, 'ben@example.com', 'ben', false)",
    ] {
        world.run(sql).await;
    }
    world
        .full_sync(vec![
            accepted("open", 9, 10),
            private(accepted("hers", 10, 11)),
            private(by("ben@example.com", accepted("his", 11, 12))),
            private(by("x@elsewhere.org", accepted("a stranger's", 12, 13))),
        ])
        .await;
    world
}

async fn list(world: &World, request: pb::ListBookingsRequest) -> Vec<pb::Booking> {
    list_bookings(&world.database, &world.ours.tenant, &request)
        .await
        .unwrap()
        .bookings
}

async fn get(world: &World, booking_id: &str, viewer: Option<pb::Viewer>) -> pb::Booking {
    let request = pb::GetBookingRequest {
        booking_id: booking_id.to_owned(),
        viewer,
        ..Default::default()
    };
    let answer = get_booking(&world.database, &world.ours.tenant, &request).await;
    answer.unwrap().booking.unwrap()
}

#[sqlx::test(migrations = false)]
async fn private_bookings_are_shown_to_their_owner_and_administrators(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = world(&options).await;
    let all = list(&world, asked(0, 24)).await;
    assert!(
        all.iter()
            .all(|booking| !booking.hidden && booking.title == "Planning")
    );
    let cases = [
        (None, [false; 4]),
        (administrator(), [false; 4]),
        (user("anna"), [false, false, true, true]),
        (user("ben"), [false, true, false, true]),
        (user("nobody"), [false, true, true, true]),
    ];
    for (viewer, expected) in cases {
        let seen = list(
            &world,
            pb::ListBookingsRequest {
                viewer: viewer.clone(),
                ..asked(0, 24)
            },
        )
        .await;
        let hidden: Vec<bool> = seen.iter().map(|booking| booking.hidden).collect();
        assert_eq!(hidden, expected, "{viewer:?}");
        for (full, seen) in all.iter().zip(&seen) {
            let expected = if seen.hidden {
                without_who_and_what(full)
            } else {
                full.clone()
            };
            assert_eq!(*seen, expected);
            assert_eq!(
                get(&world, &full.booking_id, viewer.clone()).await,
                expected
            );
        }
    }
}

/// Time and object stay.
fn without_who_and_what(booking: &pb::Booking) -> pb::Booking {
    let anonymous = pb::booker::Booker::Anonymous(pb::AnonymousBooker {});
    pb::Booking {
        booker: Some(pb::Booker {
            booker: Some(anonymous),
        }),
        title: String::new(),
        hidden: true,
        ..booking.clone()
    }
}

#[sqlx::test(migrations = false)]
async fn asking_for_a_users_bookings_does_not_tell_which_private_ones_are_theirs(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = world(&options).await;
    let of_anna = |viewer, page_size| pb::ListBookingsRequest {
        user_id: "anna".into(),
        viewer,
        page_size,
        ..asked(0, 24)
    };
    for (viewer, expected) in [
        (None, 2),
        (administrator(), 2),
        (user("anna"), 2),
        (user("ben"), 1),
    ] {
        let seen = list(&world, of_anna(viewer, 0)).await;
        assert_eq!(seen.len(), expected);
        assert!(seen.iter().all(|booking| !booking.hidden));
    }
    let asked = of_anna(user("ben"), 1);
    let page = list_bookings(&world.database, &world.ours.tenant, &asked)
        .await
        .unwrap();
    assert_eq!(page.next_page_token, "", "nor does a page's end");
}

#[sqlx::test(migrations = false)]
async fn titles_of_tenants_that_do_not_store_them_are_shown_to_nobody(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(private(accepted("a", 9, 10))).await;
    let id = world.booking().await.booking_id;
    for viewer in [None, administrator(), user("anna"), user("ben")] {
        assert_eq!(get(&world, &id, viewer).await.title, "");
    }
}

#[sqlx::test(migrations = false)]
async fn a_viewer_who_is_nobody_is_refused(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    let booking_id = world.booking().await.booking_id;
    for viewer in [Some(pb::Viewer { viewer: None }), user(""), user("a b")] {
        let list = pb::ListBookingsRequest {
            viewer: viewer.clone(),
            ..asked(0, 24)
        };
        let get = pb::GetBookingRequest {
            booking_id: booking_id.clone(),
            viewer,
            ..Default::default()
        };
        let tenant = &world.ours.tenant;
        assert_eq!(
            reason(list_bookings(&world.database, tenant, &list).await),
            "INVALID_FIELD"
        );
        assert_eq!(
            reason(get_booking(&world.database, tenant, &get).await),
            "INVALID_FIELD"
        );
    }
}
