//! Several replicas of sync-worker at once: one calendar is listed by one of them at a time, nothing is
//! missed, and what a stalled one brings late is refused.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use google_sim::{Call, NewEvent, Operation, When};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{Cluster, SOON, Service, eventually};

use crate::crowd::{Crowd, heard, hears, in_hours};

/// The listings of each calendar, except the first look of a verification, which is nobody's claim.
fn listings(calls: Vec<Call>) -> BTreeMap<String, Vec<Call>> {
    let mut of = BTreeMap::<String, Vec<Call>>::new();
    for call in calls {
        let lists = matches!(call.operation, Operation::List | Operation::Instances);
        let verifies = call.query.get("maxResults").is_some_and(|most| most == "1");
        if let Some(calendar) = call.calendar.clone().filter(|_| lists && !verifies) {
            of.entry(calendar).or_default().push(call);
        }
    }
    of
}

/// Two listings of one calendar that were under way together.
fn together(calls: Vec<Call>) -> Option<(Call, Call)> {
    listings(calls).into_values().find_map(|of| {
        let pairs = of.windows(2);
        let mut overlapping = pairs.filter(|pair| {
            // In the ledger by arrival. One whose caller died is over when its successor begins.
            pair[0].status.is_some() && pair[0].answered_at.is_none_or(|end| end > pair[1].at)
        });
        overlapping
            .next()
            .map(|pair| (pair[0].clone(), pair[1].clone()))
    })
}

/// Covers R17, R53.
#[tokio::test]
async fn three_replicas_under_bursts_and_dead_cursors_miss_nothing_and_never_list_one_calendar_together()
 {
    const ROOMS: usize = 6;
    let cluster = Cluster::builder("three replicas")
        .replicas(Service::SyncWorker, 3)
        // A slow machine is no reason to lose a claim here.
        .set(Service::SyncWorker, "sync.lease", "60s")
        .start()
        .await;
    let (app, google) = (cluster.app(), cluster.google());
    let room = app.given_linked_room(google, "acme", "Aquarium").await;
    let crowd = Crowd::given(&cluster, "acme", &room.organisation, ROOMS).await;
    crowd.link(&cluster).await;
    crowd.imported(&cluster, Duration::from_mins(1)).await;

    // Every second burst finds all cursors dead: then everything is listed, which takes longer.
    for burst in 0..6 {
        if burst % 2 == 1 {
            for (_, room) in &crowd.all {
                room.expire_sync_tokens().expect("there is such a room");
            }
        }
        for minute in 0..5 {
            crowd.change(in_hours(burst) + TimeDelta::minutes(minute));
        }
        heard(&room, in_hours(burst)).await;
    }
    for (object, _) in &crowd.all {
        hears(&room, object, in_hours(5) + TimeDelta::minutes(4)).await;
    }
    cluster.calm().await;
    let calls = google.ledger();
    let listed = listings(calls.clone()).len();
    assert_eq!(listed, ROOMS + 1, "there is something to tell from");
    if let Some((first, second)) = together(calls) {
        panic!("two workers list one calendar: {first:?} and {second:?}");
    }
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn what_two_stalled_replicas_listed_long_ago_is_refused_when_a_third_was_faster() {
    let cluster = Cluster::builder("two stalled replicas")
        .replicas(Service::SyncWorker, 3)
        .set(Service::SyncWorker, "sync.lease", "1s")
        .with_every_push("each push is a listing that is waited for")
        .start()
        .await;
    let (app, google) = (cluster.app(), cluster.google());
    let room = app.given_linked_room(google, "acme", "Aquarium").await;
    let ana = room.organisation.given_user("ana");
    app.given_user("acme", "u-ana", ana.mail()).await;
    cluster.calm().await;

    // Each has a listing in hand that says something else: the meeting at eight, at nine, at ten.
    let hold = || google.hold_answer(Operation::List, room.room.mail());
    let first = hold();
    let meeting = NewEvent::timed(in_hours(8), in_hours(9)).in_room(room.room.mail());
    let meeting = ana.insert_event(meeting).expect("Google takes it");
    first.wait_until_reached().await;
    let second = hold();
    let move_to = |hour: usize| {
        let (start, end) = (When::at(in_hours(hour)), When::at(in_hours(hour + 1)));
        ana.move_event(&meeting, start, end)
            .expect("Google takes it");
    };
    move_to(9);
    second.wait_until_reached().await;
    move_to(10);
    hears(&room, &room.object, in_hours(10)).await;
    let version = room
        .subscriber
        .journal(|journal| journal.version(&room.object));
    cluster.calm().await;

    first.release();
    second.release();
    eventually(SOON, "both have their answers", async || {
        let open = |call: &Call| call.answered_at.is_none();
        let calls = google.calls(Operation::List);
        (!calls.iter().any(open)).then_some(())
    })
    .await;
    // Whatever they do with them is over when a later change has come through all of it.
    let later = NewEvent::timed(in_hours(12), in_hours(13)).in_room(room.room.mail());
    ana.insert_event(later).expect("Google takes it");
    hears(&room, &room.object, in_hours(12)).await;
    cluster.calm().await;
    room.subscriber.journal(|journal| {
        let bookings = journal.bookings(&room.object);
        let confirmed = bookings
            .iter()
            .filter(|it| it.state() == BookingState::Confirmed);
        assert_eq!((bookings.len(), confirmed.count()), (2, 2), "{bookings:?}");
        let told = journal.heard.iter().filter(|heard| {
            let change = &heard.change;
            change.object_id == room.object && change.version > version
        });
        assert!(
            told.count() <= 2,
            "only the later meeting, and the room's answer to it"
        );
    });
    cluster.finish().await;
}
