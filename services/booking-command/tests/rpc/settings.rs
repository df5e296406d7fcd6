//! `Acquire` for the optional right to read calendars' settings.

use roomsync_proto::{
    integration::v1::ConnectionState,
    internal::v1::{self as internal, Actor, Lane, SettingsActor, actor},
};
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::world::{ADMIN, World, refused};

pub(crate) async fn acquire(world: &World) -> Result<internal::AcquireResponse, Status> {
    let mut request = internal::AcquireRequest {
        tenant_id: "t1".to_owned(),
        actor: Some(Actor {
            actor: Some(actor::Actor::Settings(SettingsActor {})),
        }),
        units: 1,
        ..Default::default()
    };
    request.set_lane(Lane::Live);
    Ok(world.access().await.acquire(request).await?.into_inner())
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn where_it_was_granted_the_rooms_subject_gets_a_token_of_its_own(pool: PgPool) {
    let world = World::connected(pool).await;
    let lease = acquire(&world).await.unwrap();
    assert_eq!((lease.subject.as_str(), lease.units_granted), (ADMIN, 1));
    let purposes = "SELECT string_agg(purpose, ' ' ORDER BY purpose) FROM booking.access_tokens";
    assert_eq!(world.text(purposes).await, "settings");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn where_it_was_not_granted_that_is_remembered_and_the_connection_is_well(pool: PgPool) {
    let world = World::connected(pool).await;
    for error in ["unauthorized_client", "invalid_scope", "access_denied"] {
        let body = format!(r#"{{"error":"{error}"}}"#);
        world.google.answers("settings", ADMIN, 400, &body);
        for _ in 0..2 {
            let answer = acquire(&world).await;
            refused(answer, Code::FailedPrecondition, "SCOPE_MISSING");
            // Granted meanwhile: not asked again for a while.
            world.google.recovers();
        }
        assert_eq!(world.status("t1").await.state(), ConnectionState::Active);
        world
            .execute("UPDATE booking.access_tokens SET refused_until = now()")
            .await;
    }
    acquire(&world).await.unwrap();
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn other_troubles_are_as_for_rooms(pool: PgPool) {
    let world = World::connected(pool).await;
    world.google.answers("settings", ADMIN, 503, "");
    let answer = acquire(&world).await;
    refused(answer, Code::Unavailable, "GOOGLE_UNAVAILABLE");
    world
        .google
        .answers("settings", ADMIN, 400, r#"{"error":"invalid_grant"}"#);
    world
        .execute("UPDATE booking.access_tokens SET refreshing_until = NULL")
        .await;
    let answer = acquire(&world).await;
    refused(answer, Code::FailedPrecondition, "NOT_CONNECTED");
    assert_eq!(world.status("t1").await.state(), ConnectionState::Lost);
}
