//! The display at a room's door.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{Booking, BookingState, WatchObjectResponse},
    integration::v1::{Object, TenantSettings},
};
use roomsync_testkit::{
    Cluster, NewBooking, Service,
    app::{device, instant, window},
};
use serde_json::json;

use crate::scene::{Scene, Watched as _, end, start, whose};

/// In so many minutes, to the second.
fn within(minutes: i64) -> DateTime<Utc> {
    let now = SystemClock.now().duration_trunc(TimeDelta::seconds(1));
    now.expect("a second") + TimeDelta::minutes(minutes)
}

fn at(state: &WatchObjectResponse) -> DateTime<Utc> {
    instant(state.now.as_ref()).expect("a time")
}

fn free_until(state: &WatchObjectResponse) -> Option<DateTime<Utc>> {
    instant(state.free_until.as_ref())
}

fn minutes(state: &WatchObjectResponse) -> Vec<i32> {
    state.book_now.iter().map(|option| option.minutes).collect()
}

fn reason(state: &WatchObjectResponse) -> &str {
    &state.book_now_reason
}

/// What has changed about a booking is shown within a second.
fn in_time(state: &WatchObjectResponse, booking: &Booking) {
    let changed = instant(booking.updated_at.as_ref()).expect("a time");
    let after = at(state) - changed;
    assert!(after < TimeDelta::seconds(1), "shown after {after}");
}

/// Covers R44, R13.
#[tokio::test]
async fn a_display_shows_within_a_second_what_is_booked_in_google() {
    let scene = Scene::new("a display").await;
    let app = scene.cluster.app();
    let mut display = app.display("acme", "aquarium").await.expect("WatchObject");
    let idle = display.next().await.expect("a state");
    assert!(idle.free && idle.current.is_none() && idle.next.is_none() && idle.today.is_empty());
    assert_eq!(minutes(&idle), [15, 30, 45, 60]);
    let ahead = free_until(&idle).expect("free") - at(&idle);
    assert!(
        ahead <= TimeDelta::days(7) && ahead > TimeDelta::days(6),
        "{ahead}"
    );

    let (from, until) = (within(37), within(97));
    let meeting = NewEvent::timed(from, until).in_room(scene.room.room.mail());
    let event = scene.ana.insert_event(meeting).expect("Google takes it");
    let confirmed = |booking: &Booking| booking.state() == BookingState::Confirmed;
    let soon = display
        .wait_for("the meeting", |it| it.next.as_ref().is_some_and(confirmed))
        .await;
    let next = soon.next.clone().expect("a meeting");
    in_time(&soon, &next);
    assert_eq!((start(&next), end(&next)), (from, until));
    assert_eq!(whose(&next), "u-ana");
    assert!(soon.free && soon.free_from.is_none() && soon.current.is_none());
    assert_eq!(free_until(&soon), Some(from));
    assert_eq!(minutes(&soon), [15, 30]);
    let first = soon
        .book_now
        .first()
        .and_then(|it| instant(it.ends_at.as_ref()));
    assert_eq!(first, Some(at(&soon) + TimeDelta::minutes(15)));
    assert!(soon.object_version > idle.object_version);

    let times = |minutes| json!({"dateTime": within(minutes).to_rfc3339()});
    let earlier = json!({"start": times(-10), "end": times(20)});
    scene.ana.patch_event(&event, earlier).expect("moved");
    let busy = display
        .wait_for("that it runs", |it| it.current.is_some())
        .await;
    let current = busy.current.clone().expect("a meeting");
    in_time(&busy, &current);
    assert_eq!(current.booking_id, next.booking_id);
    assert!(!busy.free && busy.free_until.is_none() && busy.next.is_none());
    assert_eq!(instant(busy.free_from.as_ref()), Some(end(&current)));
    assert_eq!((minutes(&busy).len(), reason(&busy)), (0, ""));
    assert!(busy.today.contains(&current));

    scene.ana.cancel_event(&event).expect("cancelled");
    let free = display
        .wait_for("that it is free", |it| it.current.is_none())
        .await;
    assert!(free.free && free.today.is_empty());
    assert_eq!(display.repeated(), 0);
    scene.cluster.finish().await;
}

/// Covers R44.
#[tokio::test]
async fn a_meeting_ends_at_the_display_by_time_alone() {
    let scene = Scene::new("a meeting ends").await;
    let app = scene.cluster.app();
    let mut display = app.display("acme", "aquarium").await.expect("WatchObject");
    let until = within(0) + TimeDelta::seconds(6);
    let meeting = NewEvent::timed(within(-30), until).in_room(scene.room.room.mail());
    scene.ana.insert_event(meeting).expect("Google takes it");
    let busy = display
        .wait_for("the meeting", |it| {
            let current = it.current.as_ref();
            current.is_some_and(|it| it.state() == BookingState::Confirmed)
        })
        .await;
    let over = display.wait_for("its end", |it| it.current.is_none()).await;
    assert!(
        at(&over) >= until && at(&over) < until + TimeDelta::seconds(1),
        "{over:?}"
    );
    assert_eq!(
        over.object_version, busy.object_version,
        "nothing was written"
    );
    assert!(over.free && !over.book_now.is_empty());
    // It was, and still belongs to the day; unless the day ended with it.
    let ended = over.today.iter().all(|it| end(it) == until);
    assert!(ended, "{:?}", over.today);
    scene.cluster.finish().await;
}

/// Covers R44, D13.
#[tokio::test]
async fn a_display_does_not_show_who_and_what_of_a_private_event() {
    let scene = Scene::new("a private event at the door").await;
    let app = scene.cluster.app();
    let titles = TenantSettings {
        store_titles: Some(true),
        ..TenantSettings::default()
    };
    app.put_tenant("acme", true, titles).await;
    for (from, visibility) in [(-10, "private"), (60, "default")] {
        let event = NewEvent::timed(within(from), within(from + 30))
            .in_room(scene.room.room.mail())
            .titled("Salaries")
            .with("visibility", json!(visibility));
        scene.ana.insert_event(event).expect("Google takes it");
    }
    scene.room.wait_count("two meetings", 2).await;
    let mut display = app.display("acme", "aquarium").await.expect("WatchObject");
    let state = display
        .wait_for("both", |it| it.current.is_some() && it.next.is_some())
        .await;
    let current = state.current.expect("a meeting");
    assert!(current.hidden && current.private && current.title.is_empty());
    assert_eq!(whose(&current), "anonymous");
    let next = state.next.expect("a meeting");
    assert_eq!(
        (whose(&next).as_str(), next.title.as_str()),
        ("u-ana", "Salaries")
    );
    let told = state.today.iter().filter(|it| it.title == "Salaries");
    assert!(told.count() <= 1);
    scene.cluster.finish().await;
}

/// Covers R42, R44, R67.
#[tokio::test]
async fn a_display_books_its_room_now_and_ends_the_booking_early() {
    let scene = Scene::new("booked at the door").await;
    let app = scene.cluster.app();
    let mut display = app.display("acme", "aquarium").await.expect("WatchObject");
    let idle = display.next().await.expect("a state");
    let option = idle.book_now.first().expect("15 minutes");
    let until = instant(option.ends_at.as_ref()).expect("an end");
    let wish = NewBooking::by_device("aquarium", at(&idle), "display-1").until(until);
    let booked = app.book("acme", wish).await;
    assert_eq!(whose(&booked), "display-1");

    let confirmed = |it: &Booking| it.state() == BookingState::Confirmed;
    let busy = display
        .wait_for("its booking", |it| {
            it.current.as_ref().is_some_and(confirmed)
        })
        .await;
    let current = busy.current.clone().expect("a booking");
    in_time(&busy, &current);
    assert_eq!(current.booking_id, booked.booking_id);
    assert_eq!(instant(busy.free_from.as_ref()), Some(end(&current)));

    let ended = app
        .delete_booking("acme", &booked.booking_id, device("display-1"), false)
        .await;
    assert!(ended.is_ok(), "{ended:?}");
    let free = display.wait_for("its end", |it| it.free).await;
    assert!(free.current.is_none());
    assert!(minutes(&free).contains(&60));
    scene.cluster.finish().await;
}

/// Covers R44, B9.
#[tokio::test]
async fn a_display_says_why_nothing_can_be_booked() {
    let scene = Scene::new("not to be booked").await;
    let app = scene.cluster.app();
    let mut display = app.display("acme", "aquarium").await.expect("WatchObject");
    let says = |word: &'static str| move |it: &WatchObjectResponse| it.free && reason(it) == word;
    let settings = |read_only| TenantSettings {
        read_only: Some(read_only),
        ..TenantSettings::default()
    };
    app.put_tenant("acme", true, settings(true)).await;
    let state = display.wait_for("read-only", says("READ_ONLY")).await;
    assert!(state.book_now.is_empty());
    app.put_tenant("acme", false, settings(false)).await;
    display.wait_for("no module", says("MODULE_MISSING")).await;
    app.put_tenant("acme", true, settings(false)).await;
    let state = display.wait_for("nothing", says("")).await;
    assert_eq!(minutes(&state), [15, 30, 45, 60]);

    // Nobody tells of this one: it is found all the same.
    sqlx::query("UPDATE booking.tenants SET read_only = true, updated_at = now()")
        .execute(scene.cluster.database().pool())
        .await
        .expect("changed");
    display
        .wait_for("read-only, untold", says("READ_ONLY"))
        .await;
    scene.cluster.finish().await;
}

/// Covers R44.
#[tokio::test]
async fn a_display_of_an_object_without_a_link_shows_when_it_is_blocked() {
    let cluster = Cluster::start("a display without a link").await;
    let app = cluster.app();
    app.given_tenant("acme").await;
    let object = |blocked| Object {
        object_id: "studio".to_owned(),
        name: "Studio".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        blocked,
        ..Object::default()
    };
    app.upsert_objects("acme", vec![object(Vec::new())]).await;
    let mut display = app.display("acme", "studio").await.expect("WatchObject");
    let free = display.next().await.expect("a state");
    assert!(free.free && free.book_now.is_empty());
    assert_eq!(reason(&free), "OBJECT_NOT_LINKED");

    let (from, until) = (within(-5), within(30));
    let blocked = object(vec![window(from, until)]);
    app.upsert_objects("acme", vec![blocked]).await;
    let busy = display.wait_for("that it is blocked", |it| !it.free).await;
    assert_eq!(instant(busy.free_from.as_ref()), Some(until));
    assert!(busy.current.is_none());

    app.delete_object("acme", "studio").await;
    let gone = loop {
        if let Err(status) = display.next().await {
            break status;
        }
    };
    assert_eq!(grpc::reason(&gone).as_deref(), Some("OBJECT_NOT_FOUND"));
    for (tenant, reason) in [("acme", "OBJECT_NOT_FOUND"), ("nobody", "OBJECT_NOT_FOUND")] {
        let unknown = app.display(tenant, "studio").await.expect_err("unknown");
        assert_eq!(grpc::reason(&unknown).as_deref(), Some(reason));
    }
    cluster.finish().await;
}

/// Covers R44.
#[tokio::test]
async fn a_display_is_told_that_its_service_shuts_down_and_comes_back() {
    let mut cluster = Cluster::start("a display and a shutdown").await;
    cluster.app().given_tenant("acme").await;
    cluster.app().given_object("acme", "studio").await;
    let app = cluster.app().clone();
    let mut display = app.display("acme", "studio").await.expect("WatchObject");
    display.next().await.expect("a state");
    cluster.stop(Service::BookingCommand).await;
    let ended = loop {
        if let Err(status) = display.next().await {
            break status;
        }
    };
    assert_eq!(grpc::reason(&ended).as_deref(), Some("SHUTTING_DOWN"));
    cluster.restart(Service::BookingCommand).await;
    let mut display = app.display("acme", "studio").await.expect("WatchObject");
    assert!(display.next().await.expect("a state").free);
    cluster.finish().await;
}
