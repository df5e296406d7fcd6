mod looks;
mod viewers;
mod waiting;

use std::sync::Arc;

use chrono::TimeDelta;
use roomsync_process::grpc::{Caller, Role};
use roomsync_proto::booking::v1::{
    self as pb, BookingState, booking_service_server::BookingService as _,
};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use tonic::{Code, Request};

use super::{
    Bookings, Desk, availability::check_availability, changes::list_changes, get::get_booking,
    list::list_bookings,
};
use crate::{
    convert,
    mirror::tests::world::{OBJECT, World, accepted, at, cancelled, reason, window},
    status::CommandError,
    validate::stamp,
};

#[expect(clippy::unnecessary_wraps, reason = "fields of a message are optional")]
fn within(from: i64, to: i64) -> Option<pb::TimeWindow> {
    Some(convert::window(window(from, to)))
}

fn asked(from: i64, to: i64) -> pb::ListBookingsRequest {
    pb::ListBookingsRequest {
        window: within(from, to),
        ..Default::default()
    }
}

#[sqlx::test(migrations = false)]
async fn a_booking_is_found_by_its_tenant_only(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    let booking = world.booking().await;
    let request = pb::GetBookingRequest {
        booking_id: booking.booking_id.clone(),
        ..Default::default()
    };
    let found = get_booking(&world.database, &world.ours.tenant, &request)
        .await
        .unwrap();
    assert_eq!(found.booking, Some(booking));
    let foreign = get_booking(&world.database, &world.theirs.tenant, &request).await;
    assert_eq!(reason(foreign), "BOOKING_NOT_FOUND");
    let odd = pb::GetBookingRequest {
        booking_id: "x".into(),
        ..Default::default()
    };
    let odd = get_booking(&world.database, &world.ours.tenant, &odd).await;
    assert_eq!(reason(odd), "INVALID_FIELD");
}

#[sqlx::test(migrations = false)]
async fn live_bookings_of_a_window_are_listed_with_the_objects_version(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .full_sync(vec![
            accepted("a", 9, 10),
            accepted("b", 11, 13),
            accepted("c", 13, 14),
        ])
        .await;
    world.see(accepted("d", 12, 13)).await;
    world.see(cancelled("a")).await;
    let tenant = &world.ours.tenant;
    let list = async |request| {
        list_bookings(&world.database, tenant, &request)
            .await
            .unwrap()
    };

    let answer = list(asked(0, 13)).await;
    let ids: Vec<_> = answer
        .bookings
        .iter()
        .map(|b| b.window.unwrap().starts_at)
        .collect();
    assert_eq!(
        ids,
        [Some(stamp(at(11))), Some(stamp(at(12)))],
        "live ones, by start"
    );
    assert_eq!(answer.object_versions, [(OBJECT.to_owned(), 3)].into());

    let named = pb::ListBookingsRequest {
        object_ids: vec![OBJECT.into()],
        ..asked(100, 101)
    };
    let answer = list(named).await;
    assert!(answer.bookings.is_empty());
    assert_eq!(answer.object_versions, [(OBJECT.to_owned(), 3)].into());

    let ended = list(pb::ListBookingsRequest {
        include_ended: true,
        ..asked(0, 10)
    })
    .await;
    assert_eq!(ended.bookings[0].state(), BookingState::Removed);

    let anna = pb::ListBookingsRequest {
        user_id: "anna".into(),
        ..Default::default()
    };
    assert_eq!(list(anna).await.bookings.len(), 3);
    let nobody = pb::ListBookingsRequest {
        user_id: "ben".into(),
        ..asked(0, 24)
    };
    assert!(list(nobody).await.bookings.is_empty());
}

#[sqlx::test(migrations = false)]
async fn pages_hold_every_booking_once(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    // Several start together, so that the order within them matters.
    world
        .full_sync(
            (0..7)
                .map(|n| accepted(&format!("e{n}"), n / 3, 10))
                .collect(),
        )
        .await;
    let mut request = pb::ListBookingsRequest {
        page_size: 2,
        ..asked(0, 24)
    };
    let mut ids = Vec::new();
    loop {
        let page = list_bookings(&world.database, &world.ours.tenant, &request)
            .await
            .unwrap();
        assert!(page.bookings.len() <= 2);
        ids.extend(page.bookings.into_iter().map(|booking| booking.booking_id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let all: Vec<_> = world
        .bookings()
        .await
        .into_iter()
        .map(|b| b.booking_id)
        .collect();
    assert_eq!(ids, all);
}

#[sqlx::test(migrations = false)]
async fn a_list_is_asked_for_with_care(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let ask = async |request: pb::ListBookingsRequest| match list_bookings(
        &world.database,
        &world.ours.tenant,
        &request,
    )
    .await
    {
        Err(CommandError::InvalidField { field, .. }) => field,
        Err(CommandError::NotFound(reason)) => reason.to_owned(),
        other => panic!("unexpected {other:?}"),
    };
    assert_eq!(ask(pb::ListBookingsRequest::default()).await, "window");
    assert_eq!(ask(asked(0, 801 * 24)).await, "window");
    assert_eq!(
        ask(pb::ListBookingsRequest {
            page_size: 1001,
            ..asked(0, 1)
        })
        .await,
        "page_size"
    );
    let token = pb::ListBookingsRequest {
        page_token: "x".into(),
        ..asked(0, 1)
    };
    assert_eq!(ask(token).await, "page_token");
    let odd = pb::ListBookingsRequest {
        object_ids: vec!["a b".into()],
        ..asked(0, 1)
    };
    assert_eq!(ask(odd).await, "object_ids[0]");
    let many = pb::ListBookingsRequest {
        object_ids: vec![OBJECT.into(); 501],
        ..asked(0, 1)
    };
    assert_eq!(ask(many).await, "object_ids");
    let unknown = pb::ListBookingsRequest {
        object_ids: vec!["room-2".into()],
        ..asked(0, 1)
    };
    assert_eq!(ask(unknown).await, "OBJECT_NOT_FOUND");
}

#[sqlx::test(migrations = false)]
async fn what_blocks_an_object_is_merged_and_clipped(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world
        .run(
            "INSERT INTO booking.objects (tenant_id, object_id, name, time_zone)
            VALUES ($1, 'desk-1', 'Desk', 'Europe/Berlin')",
        )
        .await;
    world
        .run(
            "INSERT INTO booking.object_blocks (tenant_id, object_id, starts_at, ends_at)
            VALUES ($1, 'room-1', '2100-01-01 12:00Z', '2100-01-01 13:00Z')",
        )
        .await;
    // So that the far future of these tests is mirrored.
    world
        .run("UPDATE booking.tenants SET horizon_days = 40000 WHERE tenant_id = $1")
        .await;
    world
        .full_sync(vec![
            accepted("a", 8, 10),
            accepted("b", 11, 12),
            accepted("c", 15, 16),
        ])
        .await;
    world.see(cancelled("c")).await;
    // As if everything had been compared just before these far days.
    world
        .run("UPDATE booking.links SET last_reconcile_at = '2100-01-01' WHERE tenant_id = $1")
        .await;
    let request = pb::CheckAvailabilityRequest {
        object_ids: vec![OBJECT.into(), "desk-1".into()],
        window: within(9, 24),
        ..Default::default()
    };
    let check = async || {
        check_availability(&world.database, &world.ours.tenant, &request)
            .await
            .unwrap()
            .objects
    };
    let [desk, room] = check().await.try_into().unwrap();
    assert_eq!(
        (desk.object_id.as_str(), desk.free, desk.mirrored),
        ("desk-1", true, false)
    );
    assert_eq!(
        (room.object_id.as_str(), room.free, room.mirrored),
        (OBJECT, false, true)
    );
    let busy: Vec<_> = room.busy.into_iter().map(Some).collect();
    assert_eq!(busy, [within(9, 10), within(11, 13)]);

    world
        .run(
            "UPDATE booking.links SET last_check_at = now() - interval '16 minutes'
            WHERE tenant_id = $1",
        )
        .await;
    assert!(!check().await[1].mirrored, "nobody looked for too long");
    let foreign = check_availability(&world.database, &world.theirs.tenant, &request).await;
    assert_eq!(reason(foreign), "OBJECT_NOT_FOUND");
    let none = pb::CheckAvailabilityRequest {
        object_ids: vec![],
        ..request.clone()
    };
    let none = check_availability(&world.database, &world.ours.tenant, &none).await;
    assert_eq!(reason(none), "INVALID_FIELD");
}

#[sqlx::test(migrations = false)]
async fn changes_are_read_on_from_a_version(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 9, 10)]).await;
    world.see(accepted("a", 10, 11)).await;
    world.see(cancelled("a")).await;
    let ask = async |after_version, page_size| {
        let request = pb::ListChangesRequest {
            object_id: OBJECT.into(),
            after_version,
            page_size,
            ..Default::default()
        };
        list_changes(&world.database, &world.ours.tenant, &request).await
    };
    let all = ask(0, 0).await.unwrap();
    assert_eq!(all.object_version, 3);
    let versions: Vec<_> = all.changes.iter().map(|change| change.version).collect();
    assert_eq!(versions, [1, 2, 3]);
    let first = &all.changes[0].items[0].item;
    assert!(matches!(first, Some(pb::change_item::Item::Reset(_))));
    let Some(pb::change_item::Item::Booking(ended)) = &all.changes[2].items[0].item else {
        panic!("expected a booking")
    };
    assert_eq!(*ended, world.booking().await);

    let page = ask(1, 1).await.unwrap();
    assert_eq!(page.changes, all.changes[1..2]);
    assert!(ask(3, 0).await.unwrap().changes.is_empty());
    assert_eq!(reason(ask(-1, 0).await), "INVALID_FIELD");

    world
        .run("DELETE FROM booking.changes WHERE tenant_id = $1 AND version = 1")
        .await;
    assert_eq!(reason(ask(0, 0).await), "VERSION_EXPIRED");
    assert_eq!(ask(1, 0).await.unwrap().changes.len(), 2);
    world
        .run("DELETE FROM booking.changes WHERE tenant_id = $1")
        .await;
    assert_eq!(reason(ask(2, 0).await), "VERSION_EXPIRED");
    assert!(ask(3, 0).await.unwrap().changes.is_empty());
}

#[sqlx::test(migrations = false)]
async fn a_window_of_the_longest_length_is_answered(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    assert_eq!(TimeDelta::days(800), window(0, 800 * 24).ends_at() - at(0));
    list_bookings(&world.database, &world.ours.tenant, &asked(0, 800 * 24))
        .await
        .unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_caller_of_another_tenant_finds_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    fn by<T>(caller: &Arc<Caller>, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(caller.clone());
        request
    }
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    let booking_id = world.booking().await.booking_id;
    let tenant_id = "ours".to_owned();
    let service = Bookings::new(Desk::of_tests(world.database.clone()));
    for (tenant, expected) in [("theirs", Code::NotFound), ("ours", Code::Ok)] {
        let caller = &Arc::new(Caller {
            name: "app".into(),
            role: Role::App,
            tenants: vec![tenant.into()],
        });
        let get = pb::GetBookingRequest {
            tenant_id: tenant_id.clone(),
            booking_id: booking_id.clone(),
            viewer: None,
        };
        let list = pb::ListBookingsRequest {
            tenant_id: tenant_id.clone(),
            ..asked(0, 24)
        };
        let check = pb::CheckAvailabilityRequest {
            tenant_id: tenant_id.clone(),
            object_ids: vec![OBJECT.into()],
            window: within(0, 24),
        };
        let changes = pb::ListChangesRequest {
            tenant_id: tenant_id.clone(),
            object_id: OBJECT.into(),
            ..Default::default()
        };
        let codes = [
            service.get_booking(by(caller, get)).await.err(),
            service.list_bookings(by(caller, list)).await.err(),
            service.check_availability(by(caller, check)).await.err(),
            service.list_changes(by(caller, changes)).await.err(),
        ];
        let codes = codes.map(|status| status.map_or(Code::Ok, |status| status.code()));
        assert_eq!(codes, [expected; 4]);
    }
}
