//! Many want one slot at once, through two replicas of booking-command.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use roomsync_process::grpc;
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{Cluster, NewBooking, SOON, Service, eventually};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::scene::{Scene, tomorrow};

const ROUNDS: i64 = 5;
const AT_ONCE: usize = 20;

/// Covers B7.
#[tokio::test]
async fn of_many_who_want_one_slot_exactly_one_gets_it() {
    let cluster = Cluster::builder("contention")
        .replicas(Service::BookingCommand, 2)
        // Everybody waits for the object's row at once, each with a connection in hand.
        .set(Service::BookingCommand, "database.max_connections", 15)
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (cluster, room) = (&scene.cluster, &scene.room);
    let replicas = [0, 1].map(|replica| cluster.app_at(replica));

    for round in 0..ROUNDS {
        // Side by side, so that no round is in another one's way.
        let start = tomorrow(6) + TimeDelta::hours(round);
        let mut calls = JoinSet::new();
        for number in 0..AT_ONCE {
            let app = replicas[number % replicas.len()].clone();
            // Half of them as people, half at doors.
            let new = if number / 2 % 2 == 0 {
                NewBooking::by_user("aquarium", start, "u-ana")
            } else {
                NewBooking::by_device("aquarium", start, &format!("door-{number}"))
            };
            calls.spawn(async move { app.create_booking("acme", new).await });
        }
        let mut winners = Vec::new();
        let mut losers = BTreeMap::<String, usize>::new();
        while let Some(answer) = calls.join_next().await {
            match answer.expect("a call") {
                Ok(answer) => winners.push(answer.booking.expect("a booking")),
                Err(status) => {
                    let reason = grpc::reason(&status).unwrap_or_else(|| status.to_string());
                    *losers.entry(reason).or_default() += 1;
                }
            }
        }
        let won: Vec<&Booking> = winners
            .iter()
            .filter(|booking| booking.state() != BookingState::Rejected)
            .collect();
        assert_eq!(won.len(), 1, "round {round}: {winners:#?} {losers:?}");
        assert_eq!(won[0].state(), BookingState::Confirmed, "round {round}");
        let refused = losers.get("SLOT_TAKEN").copied().unwrap_or_default();
        assert_eq!(
            refused + winners.len(),
            AT_ONCE,
            "round {round}: nobody is refused for another reason: {losers:?}"
        );
    }
    let of_the_room = || room.room.events().expect("a calendar");
    eventually(
        SOON,
        "one event for each round, and no orphan",
        async || {
            let live = |event: &Value| event["status"] != "cancelled";
            let alone = of_the_room().iter().filter(|event| live(event)).count();
            let made =
                |event: &Value| live(event) && event["extendedProperties"]["shared"].is_object();
            let rounds = usize::try_from(ROUNDS).ok()?;
            let of_ana = cluster.google().events(scene.ana.mail()).ok()?;
            let of_ana = of_ana.iter().filter(|event| made(event)).count();
            (alone == rounds && of_ana <= rounds).then_some(())
        },
    )
    .await;
    scene.cluster.finish().await;
}

/// Whatever our code gets wrong: the database itself lets one booking have a slot.
///
/// Covers B7.
#[tokio::test]
async fn no_row_holds_a_slot_that_another_one_holds() {
    let scene = Scene::new("held by a constraint").await;
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    scene.cluster.app().book("acme", new).await;
    let another = sqlx::query(
        "INSERT INTO booking.bookings
        SELECT (jsonb_populate_record(taken, jsonb_build_object(
            'booking_id', gen_random_uuid(),
            'event_id', 'another',
            'held', tstzrange(starts_at + interval '59 minutes', ends_at + interval '59 minutes')
        ))).*
        FROM booking.bookings AS taken
        WHERE held IS NOT NULL",
    );
    let refused = another.execute(scene.cluster.database().pool()).await;
    let refused = refused.expect_err("the slot is held");
    let refused = refused.as_database_error().expect("PostgreSQL's answer");
    assert_eq!(
        refused.constraint(),
        Some("bookings_tenant_id_object_id_held_excl")
    );
    scene.cluster.finish().await;
}
