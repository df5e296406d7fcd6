//! `GoogleAccessService`: the budget and the tokens, with more than one replica.

use roomsync_proto::{
    integration::v1::ConnectionState,
    internal::v1::{self as internal, Actor, Lane, RoomsActor, Trouble, actor},
};
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::{
    google::Google,
    world::{ADMIN, World, fact, refused},
};

const SMALL: &[(&str, &str)] = &[("BUDGET__PER_USER_PER_MINUTE", "60")];
const WITHDRAWN: &str =
    r#"{"error":"invalid_grant","error_description":"Token has been revoked."}"#;
const NEW_KEY: &str = r#"{id = "b", secret = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}"#;
const OLD_KEY: &str = r#"{id = "a", secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#;

fn rooms() -> Actor {
    Actor {
        actor: Some(actor::Actor::Rooms(RoomsActor {})),
    }
}

pub(crate) async fn acquire(
    world: &World,
    units: i32,
) -> Result<internal::AcquireResponse, Status> {
    let mut request = internal::AcquireRequest {
        tenant_id: "t1".to_owned(),
        actor: Some(rooms()),
        units,
        ..internal::AcquireRequest::default()
    };
    request.set_lane(Lane::Interactive);
    Ok(world.access().await.acquire(request).await?.into_inner())
}

async fn report(world: &World, trouble: Trouble, retry_after_ms: i64) {
    let mut request = internal::ReportRequest {
        tenant_id: "t1".to_owned(),
        actor: Some(rooms()),
        retry_after_ms,
        ..internal::ReportRequest::default()
    };
    request.set_trouble(trouble);
    world.access().await.report(request).await.unwrap();
}

fn millis(from: Option<prost_types::Timestamp>, to: Option<prost_types::Timestamp>) -> i64 {
    let millis = |at: prost_types::Timestamp| at.seconds * 1000 + i64::from(at.nanos) / 1_000_000;
    millis(to.unwrap()) - millis(from.unwrap())
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_lease_names_subject_and_quota_user_and_the_databases_time(pool: PgPool) {
    let world = World::connected(pool).await;
    let lease = acquire(&world, 5).await.unwrap();
    assert_eq!((lease.units_granted, lease.subject.as_str()), (5, ADMIN));
    assert!(lease.quota_user.len() == 32 && !lease.access_token.is_empty());
    assert_eq!(lease.not_before, lease.now);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn two_replicas_that_acquire_at_once_never_exceed_the_bucket(pool: PgPool) {
    let google = Google::start().await;
    let one = World::replica(pool.clone(), google.clone(), SMALL).await;
    let two = World::replica(pool, google, SMALL).await;
    one.put_tenant("t1", true).await;
    one.connect("t1").await.unwrap();
    one.execute("DELETE FROM booking.buckets").await;
    // Slots are promised for a minute, which holds 34 of them: not more waiters than that.
    let calls = (0..36).map(|number| acquire(if number % 2 == 0 { &one } else { &two }, 3));
    let leases = futures_util::future::join_all(calls).await;
    let leases: Vec<_> = leases.into_iter().map(Result::unwrap).collect();

    // A bucket of 60 a minute holds 12 and refills with less than 0.6 a second.
    let first = leases
        .iter()
        .map(|lease| lease.now.unwrap())
        .min_by_key(|at| (at.seconds, at.nanos));
    let last = leases
        .iter()
        .map(|lease| lease.now.unwrap())
        .max_by_key(|at| (at.seconds, at.nanos));
    let refilled = millis(first, last) * 3 / 5000 + 1;
    let granted: i32 = leases.iter().map(|lease| lease.units_granted).sum();
    assert!(
        granted >= 12 && i64::from(granted) <= 12 + refilled,
        "{granted}"
    );

    let mut slots: Vec<_> = leases
        .iter()
        .filter(|lease| lease.units_granted == 0)
        .map(|lease| lease.not_before.unwrap())
        .collect();
    slots.sort_by_key(|at| (at.seconds, at.nanos));
    let count = slots.len();
    slots.dedup();
    assert!(
        count > 20 && slots.len() == count,
        "waiters do not come back together"
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_token_is_fetched_once_for_all_replicas_and_kept_sealed(pool: PgPool) {
    let google = Google::start().await;
    let one = World::replica(pool.clone(), google.clone(), &[]).await;
    let two = World::replica(pool, google, &[]).await;
    one.put_tenant("t1", true).await;
    one.connect("t1").await.unwrap();
    let before = one.google.tokens();
    let calls = (0..20).map(|number| acquire(if number % 2 == 0 { &one } else { &two }, 1));
    for lease in futures_util::future::join_all(calls).await {
        assert!(lease.unwrap().access_token.starts_with(ADMIN));
    }
    assert_eq!(one.google.tokens(), before + 1);
    let readable = "SELECT count(*) FROM booking.access_tokens
        WHERE position('admin'::bytea IN sealed_token) > 0";
    assert_eq!(one.number(readable).await, 0);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_token_that_ends_soon_is_replaced_and_lent_while_google_has_a_fault(pool: PgPool) {
    let world = World::connected(pool).await;
    let first = acquire(&world, 1).await.unwrap();
    world
        .execute(
            "UPDATE booking.access_tokens
            SET refresh_at = now(), expires_at = now() + interval '4 minutes'",
        )
        .await;
    world.google.answers("token", ADMIN, 503, "<html>");
    assert_eq!(
        acquire(&world, 1).await.unwrap().access_token,
        first.access_token
    );
    world.google.recovers();
    world
        .execute("UPDATE booking.access_tokens SET refreshing_until = NULL")
        .await;
    assert_ne!(
        acquire(&world, 1).await.unwrap().access_token,
        first.access_token
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn without_a_token_a_fault_of_the_token_endpoint_is_unavailable(pool: PgPool) {
    let world = World::connected(pool).await;
    world.google.answers("token", ADMIN, 500, "garbage");
    refused(
        acquire(&world, 1).await,
        Code::Unavailable,
        "GOOGLE_UNAVAILABLE",
    );
    assert_eq!(world.status("t1").await.state(), ConnectionState::Active);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_unusable_request_is_refused_by_name(pool: PgPool) {
    let world = World::connected(pool).await;
    for units in [0, 21, -1] {
        let status = refused(
            acquire(&world, units).await,
            Code::InvalidArgument,
            "INVALID_FIELD",
        );
        fact(&status, "field", "units");
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn without_a_connection_or_tenant_there_is_no_lease(pool: PgPool) {
    let world = World::start(pool).await;
    refused(acquire(&world, 1).await, Code::NotFound, "TENANT_NOT_FOUND");
    world.put_tenant("t1", true).await;
    let status = refused(
        acquire(&world, 1).await,
        Code::FailedPrecondition,
        "NOT_CONNECTED",
    );
    fact(&status, "state", "DISCONNECTED");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_withdrawn_access_makes_the_connection_lost_and_keeps_the_bookings(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap();
    world.booking(&link.link_id, "e1", "a@example.com", 1).await;
    world.execute("DELETE FROM booking.outbox").await;
    world.google.answers("token", ADMIN, 400, WITHDRAWN);
    let status = refused(
        acquire(&world, 1).await,
        Code::FailedPrecondition,
        "NOT_CONNECTED",
    );
    fact(&status, "state", "LOST");
    let told = world.status("t1").await;
    assert_eq!(
        (told.state(), told.reason.as_str()),
        (ConnectionState::Lost, "WITHDRAWN")
    );
    assert_eq!(
        world.number("SELECT count(*) FROM booking.bookings").await,
        1
    );
    assert_eq!(world.waiting("link.due").await, 1);
    assert_eq!(world.waiting("object.changed").await, 1);
    // Who reads the link is told what subscribers were told.
    assert_eq!(told.not_verified_links[0].reason, "ACCESS_LOST");

    world.google.recovers();
    world.connect("t1").await.unwrap();
    assert_eq!(world.status("t1").await.not_verified_links[0].reason, "");
    assert_eq!(acquire(&world, 1).await.unwrap().units_granted, 1);
    assert_eq!(world.waiting("link.due").await, 2);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_refused_token_is_replaced_and_the_connection_lost_only_if_google_gives_none(
    pool: PgPool,
) {
    let world = World::connected(pool).await;
    let old = acquire(&world, 1).await.unwrap().access_token;
    let age = "UPDATE booking.access_tokens SET minted_at = now() - interval '1 minute'";
    world.execute(age).await;
    report(&world, Trouble::AccessLost, 0).await;
    let new = acquire(&world, 1).await.unwrap().access_token;
    assert_ne!(old, new);
    // The report of a call that was under way with the old token changes nothing.
    report(&world, Trouble::AccessLost, 0).await;
    assert_eq!(acquire(&world, 1).await.unwrap().access_token, new);

    world.execute(age).await;
    world
        .google
        .answers("token", ADMIN, 401, r#"{"error":"unauthorized_client"}"#);
    report(&world, Trouble::AccessLost, 0).await;
    let status = world.status("t1").await;
    assert_eq!(
        (status.state(), status.reason.as_str()),
        (ConnectionState::Lost, "NOT_DELEGATED")
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_throttled_subject_is_closed_for_every_replica(pool: PgPool) {
    let google = Google::start().await;
    let one = World::replica(pool.clone(), google.clone(), &[]).await;
    let two = World::replica(pool, google, &[]).await;
    one.put_tenant("t1", true).await;
    one.connect("t1").await.unwrap();
    acquire(&one, 1).await.unwrap();
    report(&one, Trouble::Throttled, 30_000).await;
    let lease = acquire(&two, 1).await.unwrap();
    assert_eq!(lease.units_granted, 0);
    let wait = millis(lease.now, lease.not_before);
    assert!((25_000..=30_000).contains(&wait), "{wait}");

    report(&two, Trouble::QuotaExceeded, 0).await;
    let lease = acquire(&one, 1).await.unwrap();
    assert!(millis(lease.now, lease.not_before) > 3_500_000);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn throttling_again_closes_for_longer_but_reports_of_one_incident_count_once(pool: PgPool) {
    const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    const CLOSED_UNTIL: &str = "SELECT (extract(epoch FROM closed_until) * 1000)::bigint
        FROM booking.buckets
        WHERE closed_until IS NOT NULL";
    let world = World::connected(pool).await;
    acquire(&world, 1).await.unwrap();
    for seconds in [2, 4, 8, 16] {
        let before = world.number(NOW).await;
        report(&world, Trouble::Throttled, 0).await;
        let after = world.number(NOW).await;
        // By how much it is closed shows at whichever moment between the two it was.
        let closed = world.number(CLOSED_UNTIL).await - seconds * 1000;
        assert!((before - 1..=after + 1).contains(&closed), "{seconds} s");
        // However long the other reports take, it has not opened again.
        let long = "UPDATE booking.buckets SET closed_until = closed_until + interval '1 hour'
            WHERE closed_until IS NOT NULL";
        world.execute(long).await;
        let until = world.number(CLOSED_UNTIL).await;
        for _ in 0..2 {
            report(&world, Trouble::Throttled, 0).await;
        }
        assert_eq!(world.number(CLOSED_UNTIL).await, until, "one incident");
        assert_eq!(acquire(&world, 1).await.unwrap().units_granted, 0);
        let open = "UPDATE booking.buckets
            SET closed_until = now() - interval '1 second', slot_interactive = NULL
            WHERE closed_until IS NOT NULL";
        world.execute(open).await;
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn sealing_keys_rotate_without_connecting_again(pool: PgPool) {
    let google = Google::start().await;
    let old = World::replica(pool.clone(), google.clone(), &[]).await;
    old.put_tenant("t1", true).await;
    old.connect("t1").await.unwrap();
    let token = acquire(&old, 1).await.unwrap().access_token;

    let keys = format!("[{NEW_KEY}, {OLD_KEY}]");
    let both = World::replica(pool.clone(), google.clone(), &[("SEALING__KEYS", &keys)]).await;
    assert_eq!(acquire(&both, 1).await.unwrap().access_token, token);
    both.execute("UPDATE booking.access_tokens SET refresh_at = now()")
        .await;
    assert_ne!(acquire(&both, 1).await.unwrap().access_token, token);
    assert_eq!(
        both.text("SELECT sealed_with FROM booking.connections")
            .await,
        "b"
    );

    both.execute("UPDATE booking.access_tokens SET sealed_with = 'a'")
        .await;
    let keys = format!("[{NEW_KEY}]");
    let new = World::replica(pool, google, &[("SEALING__KEYS", &keys)]).await;
    assert_eq!(acquire(&new, 1).await.unwrap().units_granted, 1);
}
