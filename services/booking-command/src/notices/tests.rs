//! What mails are told, from rows.

use std::sync::Arc;

use roomsync_process::grpc::{Caller, Role};
use roomsync_proto::internal::v1::{self as pb, notice_service_server::NoticeService as _};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tonic::{Code, Request, Status};

use super::NoticeRpc;
use crate::{
    mirror::tests::world::{World, accepted, at},
    validate::stamp,
};

fn asked<T>(message: T, may_see: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Arc::new(Caller {
        name: "notification".to_owned(),
        role: Role::Service,
        tenants: vec![may_see.to_owned()],
    }));
    request
}

/// The booking that there is, as a mail is told.
async fn booking_of(
    world: &World,
    tenant: &str,
    may_see: &str,
) -> Result<pb::GetBookingNoticeResponse, Status> {
    let request = pb::GetBookingNoticeRequest {
        tenant_id: tenant.to_owned(),
        booking_id: world.booking().await.booking_id,
    };
    let rpc = NoticeRpc::new(world.database.clone());
    let answer = rpc.get_booking_notice(asked(request, may_see)).await;
    Ok(answer?.into_inner())
}

async fn told(world: &World) -> pb::GetBookingNoticeResponse {
    booking_of(world, "ours", "*").await.unwrap()
}

/// Bob, beside Anna, who is there from the start.
async fn given_bob(world: &World) {
    for sql in [
        "INSERT INTO booking.users (tenant_id, user_id) VALUES ($1, 'bob')",
        "INSERT INTO booking.user_mails (tenant_id, mail, user_id, is_alias)
        VALUES ($1, 'bo@example.com', 'bob', false), ($1, 'bob@example.com', 'bob', true)",
    ] {
        world.run(sql).await;
    }
}

#[sqlx::test(migrations = false)]
async fn a_mail_about_a_booking_is_told_its_people_object_and_time(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    given_bob(&world).await;
    // The address she is organiser with is an alias of hers.
    for sql in [
        "UPDATE booking.users SET locale = 'en-GB' WHERE tenant_id = $1 AND user_id = 'anna'",
        "UPDATE booking.user_mails SET is_alias = true WHERE tenant_id = $1 AND user_id = 'anna'",
        "INSERT INTO booking.user_mails (tenant_id, mail, user_id, is_alias)
        VALUES ($1, 'ann@example.com', 'anna', false)",
    ] {
        world.run(sql).await;
    }
    world.see(accepted("a", 9, 10)).await;
    world
        .run(
            "UPDATE booking.objects
            SET name = 'Aquarium', location = 'HQ', time_zone = 'Europe/Zurich' WHERE tenant_id = $1",
        )
        .await;
    world
        .run(
            "UPDATE booking.bookings
            SET declined_by_kind = 'user', declined_by_id = 'bob' WHERE tenant_id = $1",
        )
        .await;

    let expected = pb::GetBookingNoticeResponse {
        booker_mail: "ann@example.com".to_owned(),
        organizer_mail: "anna@example.com".to_owned(),
        locale: "en-GB".to_owned(),
        object_name: "Aquarium".to_owned(),
        location: "HQ".to_owned(),
        time_zone: "Europe/Zurich".to_owned(),
        starts_at: Some(stamp(at(9))),
        ends_at: Some(stamp(at(10))),
        declined_by_mail: "bo@example.com".to_owned(),
        title: String::new(),
        declined_by_kind: "user".to_owned(),
    };
    assert_eq!(told(&world).await, expected);
}

#[sqlx::test(migrations = false)]
async fn a_booking_of_nobody_has_nobody_to_write_to_but_its_organizer(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .run("DELETE FROM booking.users WHERE tenant_id = $1")
        .await;
    world.see(accepted("a", 9, 10)).await;
    world
        .run("UPDATE booking.tenants SET locale = 'en' WHERE tenant_id = $1")
        .await;
    let notice = told(&world).await;
    assert_eq!(
        (notice.booker_mail.as_str(), notice.organizer_mail.as_str()),
        ("", "anna@example.com")
    );
    assert_eq!(notice.locale, "en", "the tenant's");

    world
        .run(
            "UPDATE booking.bookings SET organizer_mail = 'c_1@group.calendar.google.com',
                declined_by_kind = 'device', declined_by_id = 'd1' WHERE tenant_id = $1",
        )
        .await;
    let notice = told(&world).await;
    assert_eq!(notice.organizer_mail, "", "a calendar is no person");
    assert_eq!(
        (
            notice.declined_by_mail.as_str(),
            notice.declined_by_kind.as_str()
        ),
        ("", "device")
    );
}

#[sqlx::test(migrations = false)]
async fn a_title_is_told_only_where_titles_are_stored_and_never_a_private_one(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    world
        .run("UPDATE booking.bookings SET title = 'Planning' WHERE tenant_id = $1")
        .await;
    assert_eq!(told(&world).await.title, "");
    world
        .run("UPDATE booking.tenants SET store_titles = true WHERE tenant_id = $1")
        .await;
    assert_eq!(told(&world).await.title, "Planning");
    world
        .run("UPDATE booking.bookings SET private = true WHERE tenant_id = $1")
        .await;
    assert_eq!(told(&world).await.title, "");
}

#[sqlx::test(migrations = false)]
async fn what_belongs_to_another_tenant_is_not_found(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    for (tenant, may_see) in [("theirs", "*"), ("ours", "theirs"), ("nobody", "*")] {
        let refused = booking_of(&world, tenant, may_see).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{tenant} {may_see}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_mail_about_a_connection_is_told_its_administrators_and_state(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let rpc = NoticeRpc::new(world.database.clone());
    let told = async |tenant: &str| {
        let tenant_id = tenant.to_owned();
        let request = pb::GetConnectionNoticeRequest { tenant_id };
        let answer = rpc.get_connection_notice(asked(request, "*")).await;
        answer.map(tonic::Response::into_inner)
    };
    world
        .run(
            "UPDATE booking.tenants
            SET administrator_mails = '{it@example.com,b@example.com}' WHERE tenant_id = $1",
        )
        .await;
    world
        .run("DELETE FROM booking.connections WHERE tenant_id = $1")
        .await;
    let never = told("ours").await.unwrap();
    assert_eq!(
        (never.state.as_str(), never.domain.as_str()),
        ("disconnected", "")
    );

    world
        .run(
            "INSERT INTO booking.connections (tenant_id, connection_id, state, reason, domain, project,
                directory_subject, rooms_subject)
            VALUES ($1, gen_random_uuid(), 'lost', 'withdrawn', 'example.com', 'p', 'a@example.com', 'a@example.com')",
        )
        .await;
    let expected = pb::GetConnectionNoticeResponse {
        administrator_mails: vec!["it@example.com".to_owned(), "b@example.com".to_owned()],
        locale: "de".to_owned(),
        domain: "example.com".to_owned(),
        state: "lost".to_owned(),
        reason: "withdrawn".to_owned(),
    };
    assert_eq!(told("ours").await.unwrap(), expected);
    assert_eq!(told("nobody").await.unwrap_err().code(), Code::NotFound);
}
