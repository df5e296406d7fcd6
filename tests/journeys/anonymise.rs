//! Persons leave bookings some days after their end (B13): the bookings, the logs, the history.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::{
    booking::v1::{Booking, BookingState},
    integration::v1::{DeleteUsersRequest, TenantSettings},
};
use roomsync_testkit::{Cluster, SOON, Service, app::instant, eventually};

use crate::{
    disconnect::count,
    scene::{Scene, start, tomorrow, whose},
};

fn days_ago(days: i64) -> DateTime<Utc> {
    SystemClock.now() - TimeDelta::days(days)
}

fn storing_titles(anonymise_after_days: i32) -> TenantSettings {
    TenantSettings {
        store_titles: Some(true),
        anonymise_after_days: Some(anonymise_after_days),
        ..TenantSettings::default()
    }
}

/// A meeting of Ana's that was over some days ago, and one that is tomorrow; both with a title.
async fn given_meetings(scene: &Scene, days: i64) {
    let from = days_ago(days);
    for (from, to) in [
        (from, from + TimeDelta::hours(1)),
        (tomorrow(12), tomorrow(13)),
    ] {
        let meeting = NewEvent::timed(from, to)
            .in_room(scene.room.room.mail())
            .titled("Salary talk");
        scene.ana.insert_event(meeting).expect("Google takes it");
    }
    let both = async || {
        let listed = scene.listed().await;
        let anas = listed
            .iter()
            .filter(|booking| whose(booking) == "u-ana" && booking.title == "Salary talk");
        (anas.count() == 2).then_some(())
    };
    eventually(SOON, "both are Ana's", both).await;
}

fn split(bookings: &[Booking]) -> (&Booking, &Booking) {
    assert_eq!(bookings.len(), 2, "{bookings:?}");
    let past = bookings.iter().find(|it| start(it) < SystemClock.now());
    let future = bookings.iter().find(|it| start(it) > SystemClock.now());
    (past.expect("the past one"), future.expect("the future one"))
}

/// Ana stands in no change of the past booking any more: not here, and not where subscribers replay from.
async fn is_forgotten(cluster: &Cluster, booking: &Booking) {
    for log in ["booking.changes", "notification.log"] {
        let query = format!(
            "SELECT count(*) FROM {log}, jsonb_array_elements(body->'items') AS item
            WHERE item->'booking'->>'id' = '{}' AND item->'booking'->'booker'->>'kind' = 'user'",
            booking.booking_id
        );
        let forgotten = async || (count(cluster, &query).await == 0).then_some(());
        eventually(SOON, log, forgotten).await;
    }
}

/// Covers B13.
#[tokio::test]
async fn persons_leave_ended_bookings_everywhere_and_do_not_come_back() {
    let cluster = Cluster::builder("anonymise")
        .set(Service::BookingCommand, "anonymise.every", "100ms")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let app = scene.cluster.app();
    app.put_tenant("acme", true, storing_titles(0)).await;
    given_meetings(&scene, 3).await;

    app.put_tenant("acme", true, storing_titles(1)).await;
    let heard = scene.room.subscriber.wait_for("nobody's", |journal| {
        let known = journal.bookings(&scene.room.object);
        let past = known.iter().find(|it| start(it) < SystemClock.now())?;
        (whose(past) == "anonymous").then_some(())
    });
    heard.await;
    // The room's answer may be heard of later than all this; afterwards nothing changes by itself.
    let id = split(&scene.listed().await).0.booking_id.clone();
    app.wait_booking("confirmed", "acme", &id, |it| {
        it.state() == BookingState::Confirmed
    })
    .await;
    let listed = scene.listed().await;
    let (past, future) = split(&listed);
    assert_eq!(
        (whose(past).as_str(), past.title.as_str()),
        ("anonymous", "")
    );
    assert_eq!(
        (whose(future).as_str(), future.title.as_str()),
        ("u-ana", "Salary talk")
    );
    is_forgotten(&scene.cluster, past).await;
    let persons = format!(
        "SELECT count(*) FROM booking.bookings WHERE booking_id = '{}'
        AND (organizer_mail IS NOT NULL OR title IS NOT NULL)",
        past.booking_id
    );
    assert_eq!(count(&scene.cluster, &persons).await, 0);

    // Google still knows who it was: a comparison of everything brings nobody back.
    let asked = app
        .sync_now("acme", &scene.room.object)
        .await
        .expect("asked");
    let since = instant(asked.started_at.as_ref()).expect("a time");
    app.wait_link("compared", "acme", &scene.room.link.link_id, |link| {
        let coverage = link.coverage.as_ref();
        let compared = coverage.and_then(|it| instant(it.last_reconcile_at.as_ref()));
        compared.is_some_and(|at| at > since)
    })
    .await;
    let again = scene.listed().await;
    assert_eq!(split(&again).0, past, "nothing was changed");
    scene.cluster.finish().await;
}

/// Covers B13, D23.
#[tokio::test]
async fn who_is_deleted_leaves_the_logs_at_once() {
    let scene = Scene::new("deleted and forgotten").await;
    let app = scene.cluster.app();
    app.put_tenant("acme", true, storing_titles(0)).await;
    given_meetings(&scene, 3).await;
    let request = DeleteUsersRequest {
        tenant_id: "acme".to_owned(),
        user_ids: vec!["u-ana".to_owned()],
    };
    app.people().delete_users(request).await.expect("deleted");
    let listed = scene.listed().await;
    let (past, future) = split(&listed);
    for booking in [past, future] {
        assert_eq!(whose(booking), "anonymous");
        is_forgotten(&scene.cluster, booking).await;
    }
    let mails = format!(
        "SELECT count(*) FROM booking.bookings WHERE booking_id = '{}' AND organizer_mail IS NOT NULL",
        past.booking_id
    );
    assert_eq!(
        count(&scene.cluster, &mails).await,
        0,
        "nobody claims what is over"
    );
    scene.cluster.finish().await;
}
