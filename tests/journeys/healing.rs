//! What heals by itself: lost, doubled, late and disordered pushes, Google's bad moments, odd events,
//! and what no cursor can tell. Cursors that die are in `full_sync.rs`.

use google_sim::{Effect, Fault, NewEvent, Operation, PushEffect, PushFault};
use roomsync_proto::{booking::v1::BookingState, integration::v1::Link};
use roomsync_testkit::{Cluster, SOON, Service, app::instant};
use serde_json::json;

use crate::{
    scene::{Scene, at, tomorrow, whose},
    watch::Watch,
};

/// Covers R78.
#[tokio::test]
async fn a_lost_push_heals_without_anybody_starting_a_synchronisation() {
    let cluster = Cluster::builder("a lost push")
        .set(Service::SyncWorker, "sync.poll_with_push", "1s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    scene
        .cluster
        .google()
        .add_push_fault(PushFault::always(PushEffect::Drop));

    scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes it");

    scene
        .wait_booking("found by polling", tomorrow(9), BookingState::Confirmed)
        .await;
    assert!(
        scene
            .cluster
            .google()
            .pushes()
            .iter()
            .any(|push| push.dropped)
    );
    scene.cluster.google().clear_push_faults();
    scene.cluster.finish().await;
}

/// Covers R78.
#[tokio::test]
async fn a_room_that_google_does_not_push_for_is_kept_by_polling() {
    let cluster = Cluster::builder("no push")
        .set(Service::SyncWorker, "sync.poll_without_push", "1s")
        .start()
        .await;
    let app = cluster.app();
    let organisation = roomsync_testkit::app::Organisation::given(cluster.google(), "acme.example");
    let room = organisation.given_room("Aquarium");
    room.support_push(false).expect("no push");
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    app.given_object("acme", "aquarium").await;
    let link = app.link_object("acme", "aquarium", room.mail()).await;
    let link = app.wait_imported("acme", &link.link_id).await;
    assert_eq!(link.coverage.expect("coverage").channel_state, "refused");

    let ana = organisation.given_user("ana");
    let meeting = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(room.mail());
    ana.insert_event(meeting).expect("Google takes it");

    app.wait_for("the polled booking", async || {
        let (bookings, _) = app.list_bookings("acme", &["aquarium".to_owned()]).await?;
        Ok(bookings
            .into_iter()
            .find(|b| b.state() == BookingState::Confirmed))
    })
    .await;
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn doubled_and_disordered_pushes_change_nothing() {
    let scene = Scene::new("doubled pushes").await;
    let google = scene.cluster.google();
    google.add_push_fault(PushFault::next(4, PushEffect::Duplicate));
    let (event, booking) = scene.given_meeting(9).await;
    google.add_push_fault(PushFault::next(2, PushEffect::Reorder { of: 2 }));
    scene.ana.move_event(&event, at(10), at(11)).expect("moved");
    scene
        .ana
        .move_event(&event, at(12), at(13))
        .expect("moved again");

    let moved = scene
        .wait_booking("the last place", tomorrow(12), BookingState::Confirmed)
        .await;
    assert_eq!(moved.booking_id, booking.booking_id);
    assert_eq!(scene.listed().await.len(), 1);
    scene.cluster.google().clear_push_faults();
    scene.cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn googles_bad_moments_delay_a_change_and_lose_nothing() {
    let scene = Scene::new("bad moments").await;
    let effects = [
        Fault::answer(503, "backendError").effect,
        Fault::answer(403, "rateLimitExceeded").effect,
        Effect::Html502,
        Effect::Garbage,
        Effect::CloseConnection,
    ];
    for (hour, effect) in (9..).zip(effects) {
        let fault = Fault::next(effect).on(Operation::List).times(2);
        scene.cluster.google().add_fault(fault);

        scene
            .ana
            .insert_event(scene.meeting(hour))
            .expect("Google takes it");

        let what = "the booking after the bad moment";
        scene
            .wait_booking(what, tomorrow(hour), BookingState::Confirmed)
            .await;
    }
    scene.cluster.finish().await;
}

/// Covers R17, R24.
#[tokio::test]
async fn an_event_without_title_guests_or_organizer_and_garbage_beside_it_are_no_obstacle() {
    let scene = Scene::new("odd events").await;
    let room = &scene.room.room;
    room.inject_item(json!({"id": "garbage", "start": 5, "attendees": "nobody"}))
        .expect("garbage");
    let event = scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes it");
    let hidden = ["summary", "organizer", "creator"];
    room.hide_fields(&event, &hidden).expect("hidden");
    let (_, plain) = scene.given_meeting(11).await;

    let odd = scene
        .wait_booking("the odd one", tomorrow(9), BookingState::Confirmed)
        .await;
    // Without organizer and creator the only human guest is whose booking it is.
    assert!(["u-ana", "anonymous"].contains(&whose(&odd).as_str()));
    assert_eq!(whose(&plain), "u-ana");
    scene.cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn an_event_that_becomes_unreadable_keeps_its_booking_until_google_says_otherwise() {
    let scene = Scene::new("an unreadable event").await;
    let (event, booking) = scene.given_meeting(9).await;
    // Its item is garbage in every listing from now on, the complete one included.
    scene
        .room
        .room
        .hide_fields(&event, &["start", "end"])
        .expect("hidden");
    scene
        .room
        .room
        .expire_sync_tokens()
        .expect("a full sync is due");
    let (_, other) = scene.given_meeting(11).await;

    let listed = scene.listed().await;
    let ids: Vec<_> = listed.iter().map(|b| b.booking_id.as_str()).collect();
    assert_eq!(
        ids,
        [booking.booking_id.as_str(), other.booking_id.as_str()]
    );

    scene
        .room
        .room
        .hide_fields(&event, &[])
        .expect("readable again");
    scene.ana.cancel_event(&event).expect("cancelled");
    scene.wait_count("only the other", 1).await;
    scene.cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn a_subscriber_that_was_away_goes_on_where_it_stopped() {
    let scene = Scene::new("a subscriber away").await;
    scene.given_meeting(9).await;
    scene.room.subscriber.pause();
    scene
        .ana
        .insert_event(scene.meeting(11))
        .expect("Google takes it");
    let app = scene.cluster.app();
    app.wait_for("the booking, seen by the API", async || {
        let (bookings, _) = app.list_bookings("acme", &["aquarium".to_owned()]).await?;
        Ok((bookings.len() == 2).then_some(()))
    })
    .await;
    scene.room.subscriber.resume();

    scene
        .wait_booking("heard later", tomorrow(11), BookingState::Confirmed)
        .await;
    let gaps = scene.room.subscriber.journal(|j| j.gaps.clone());
    assert!(gaps.is_empty(), "{gaps:?}");
    let opened = scene.room.subscriber.journal(|j| j.opened);
    assert_eq!(opened, 2);
    scene.cluster.finish().await;
}

/// Covers R53, B4.
#[tokio::test]
async fn what_no_cursor_can_tell_is_found_by_the_reconcile_repaired_and_counted() {
    let cluster = Cluster::builder("drift")
        .set(Service::SyncWorker, "sync.reconcile_every", "2s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (event, booking) = scene.given_meeting(9).await;
    scene.given_meeting(11).await;
    let google = scene.cluster.google();
    // Google forgets to tell of two changes, and goes on behind them.
    let forgetful = Fault::next(Effect::WithoutItems)
        .on(Operation::List)
        .of_calendar(scene.room.room.mail());
    let held = google.hold(Operation::List, scene.room.room.mail());
    scene.ana.move_event(&event, at(14), at(15)).expect("moved");
    held.wait_until_reached().await;
    scene
        .ana
        .insert_event(scene.meeting(16))
        .expect("Google takes it");
    google.add_fault(forgetful);
    held.release();

    let moved = scene
        .wait_booking("the repaired one", tomorrow(14), BookingState::Confirmed)
        .await;
    assert_eq!(
        moved.booking_id, booking.booking_id,
        "repaired, not made anew"
    );
    scene
        .wait_booking("the missing one", tomorrow(16), BookingState::Confirmed)
        .await;
    let link = &scene.room.link.link_id;
    let app = scene.cluster.app();
    let counted = app
        .wait_link("the drift is counted", "acme", link, |link| {
            link.coverage.as_ref().is_some_and(|it| it.drift_total > 0)
        })
        .await;
    let coverage = counted.coverage.expect("coverage");
    assert!(coverage.last_reconcile_at.is_some());
    // The next one finds nothing, and remembers what was found.
    let total = coverage.drift_total;
    let calm = app
        .wait_link("a reconcile without drift", "acme", link, |link| {
            let coverage = link.coverage.as_ref();
            coverage.is_some_and(|it| it.drift_found == 0 && it.last_reconcile_at.is_some())
        })
        .await;
    assert!(calm.coverage.expect("coverage").drift_total >= total);
    scene.cluster.finish().await;
}

/// Covers B4, R53.
#[tokio::test]
async fn a_reconcile_that_finds_nothing_counts_nothing_and_says_nothing() {
    let cluster = Cluster::builder("no drift")
        .set(Service::SyncWorker, "sync.reconcile_every", "1s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    scene.given_meeting(9).await;
    let weekly = scene.meeting(15).repeating("FREQ=WEEKLY");
    scene.ana.insert_event(weekly).expect("Google takes it");
    scene
        .wait_booking("the series", tomorrow(15), BookingState::Confirmed)
        .await;
    scene.cluster.agree().await;
    let watch = Watch::start(&scene).await;
    let link = &scene.room.link.link_id;
    let reconciled = |link: &Link| {
        let coverage = link.coverage.as_ref()?;
        instant(coverage.last_reconcile_at.as_ref())
    };
    let app = scene.cluster.app();
    let mut last = app
        .link("acme", link)
        .await
        .ok()
        .as_ref()
        .and_then(reconciled);
    for _ in 0..2 {
        let later = app
            .wait_link("the next reconcile", "acme", link, |link| {
                reconciled(link) > last
            })
            .await;
        last = reconciled(&later);
        assert_eq!(later.coverage.expect("coverage").drift_total, 0);
    }
    watch.saw_nothing_change().await;
    scene.cluster.finish().await;
}

/// Covers R78.
#[tokio::test]
async fn pushes_that_come_late_change_nothing_any_more() {
    let cluster = Cluster::builder("late pushes")
        .with_every_push("it makes them late itself, and waits for them")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (event, booking) = scene.given_meeting(9).await;
    let late = PushEffect::Delay {
        delay: std::time::Duration::from_millis(700),
    };
    scene
        .cluster
        .google()
        .add_push_fault(PushFault::next(2, late));
    scene.ana.move_event(&event, at(10), at(11)).expect("moved");
    // This one is pushed at once, and tells of both.
    scene.given_meeting(14).await;
    let moved = scene
        .wait_booking("moved", tomorrow(10), BookingState::Confirmed)
        .await;
    assert_eq!(moved.booking_id, booking.booking_id);
    let arrived = |google: &google_sim::Control| {
        let pushes = google.pushes();
        let last = pushes.last()?;
        (!last.answers.is_empty() && pushes.len() >= 4).then_some(())
    };
    let google = scene.cluster.google();
    google
        .wait_for(SOON, arrived)
        .await
        .expect("the late pushes arrive");
    assert_eq!(scene.listed().await.len(), 2);
    scene.cluster.finish().await;
}

/// Covers R53, B4.
#[tokio::test]
async fn a_tenant_with_more_rooms_than_its_rate_can_poll_is_told_how_long_healing_takes() {
    let cluster = Cluster::builder("a slow poll")
        .with_every_push("its poll is too slow to heal a lost one in time")
        .set(Service::SyncWorker, "sync.poll_with_push", "1s")
        // Half of it is for polls: one a minute, for one room.
        .set(Service::SyncWorker, "sync.tenant_requests_per_minute", 2)
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    scene.given_meeting(9).await;
    let link = &scene.room.link.link_id;
    let told = scene
        .cluster
        .app()
        .wait_link("the interval", "acme", link, |link| {
            let coverage = link.coverage.as_ref();
            coverage.is_some_and(|it| it.poll_interval_seconds >= 60)
        })
        .await;
    assert_eq!(told.coverage.expect("coverage").poll_interval_seconds, 60);
    scene.cluster.finish().await;
}
