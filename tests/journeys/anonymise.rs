//! Persons leave bookings some days after their end (B13): the bookings, the logs, the history.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::{
    booking::v1::{Booking, BookingState},
    integration::v1::{DeleteUsersRequest, TenantSettings},
};
use roomsync_testkit::{
    Cluster, MailServer, NewBooking, SOON, Service,
    app::{administrator, instant},
    eventually, found_within,
};

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

/// The tables in which any of these words stands, of all services.
async fn tables_with(cluster: &Cluster, words: &[&str]) -> Vec<String> {
    let pool = cluster.database().pool();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', table_schema, table_name)::text
        FROM information_schema.tables
        WHERE table_schema IN ('booking', 'notification', 'sync')
        ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .expect("tables");
    let mut found = Vec::new();
    for table in tables {
        for word in words {
            let query =
                format!("SELECT count(*) FROM {table} AS it WHERE it::text ILIKE '%{word}%'");
            if count(cluster, &query).await > 0 {
                found.push(table.clone());
                break;
            }
        }
    }
    found
}

/// Covers B13, B12.
#[tokio::test]
async fn nothing_of_a_booking_that_is_over_names_anybody_in_any_table() {
    let server = MailServer::start().await;
    let cluster = Cluster::builder("anonymised everywhere")
        .mails_to(&server)
        .set(Service::BookingCommand, "anonymise.every", "100ms")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let app = scene.cluster.app();
    let settings = |anonymise_after_days| TenantSettings {
        decline_allowed: Some(true),
        ..storing_titles(anonymise_after_days)
    };
    app.put_tenant("acme", true, settings(0)).await;
    let zoe = scene.colleague("zoe").await;
    scene.colleague("boss").await;
    // One of Google's and one of Flexopus', both declined by somebody else, which Zoe gets a mail about.
    let meeting = scene.meeting(9).titled("Secret plan");
    zoe.insert_event(meeting).expect("Google takes it");
    let theirs = scene
        .wait_booking("Zoe's meeting", tomorrow(9), BookingState::Confirmed)
        .await;
    let own = NewBooking::by_user("aquarium", tomorrow(11), "u-zoe");
    let own = app.book("acme", own).await;
    for booking in [&theirs, &own] {
        let declined =
            app.delete_booking("acme", &booking.booking_id, administrator("u-boss"), false);
        declined.await.expect("declined");
    }
    server.wait_taken(zoe.mail()).await;
    scene.cluster.calm().await;
    let words = ["u-zoe", zoe.mail(), "u-boss", "boss@", "Secret plan"];
    let before = tables_with(&scene.cluster, &words).await;
    for table in ["bookings", "changes", "history"] {
        let table = format!("booking.{table}");
        assert!(before.contains(&table), "{table} of {before:?}");
    }
    assert!(
        before.contains(&"notification.log".to_owned()),
        "{before:?}"
    );
    assert!(!before.contains(&"notification.mails".to_owned()));

    // Days go by.
    sqlx::query(
        "UPDATE booking.bookings
        SET starts_at = starts_at - interval '5 days', ends_at = ends_at - interval '5 days'",
    )
    .execute(scene.cluster.database().pool())
    .await
    .expect("days go by");
    app.put_tenant("acme", true, settings(1)).await;

    // The users themselves are the main app's; a token lives for an hour.
    let stays = [
        "booking.access_tokens",
        "booking.user_mails",
        "booking.users",
    ];
    let mut left = Vec::new();
    let forgotten = found_within(SOON, async || {
        left = tables_with(&scene.cluster, &words).await;
        (left == stays).then_some(())
    });
    assert!(forgotten.await.is_some(), "{left:?}");
    let told = app.history("acme", &own.booking_id).await;
    assert!(
        !told.expect("ListHistory").is_empty(),
        "what happened stays"
    );
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
