//! How much rooms are occupied, by day and by hour of the week.

use chrono::{Datelike as _, TimeDelta, Timelike as _};
use chrono_tz::Europe::Berlin;
use google_sim::{NewEvent, NewRoom};
use roomsync_process::grpc;
use roomsync_proto::{booking::v1::ObjectOccupancy, integration::v1::TenantSettings};
use roomsync_testkit::NewBooking;

use crate::{
    booking_user::event_of,
    scene::{Scene, Watched as _, tomorrow},
};

/// Booked minutes, and bookings.
fn counted(occupancy: &ObjectOccupancy) -> (f64, i32) {
    (occupancy.booked_minutes, occupancy.bookings)
}

/// The same in parts: that of every day, and the sum of the heat map.
fn parts(occupancy: &ObjectOccupancy) -> (Vec<f64>, f64) {
    let days = occupancy.days.iter().map(|day| day.booked_minutes);
    (days.collect(), occupancy.heat_map_minutes.iter().sum())
}

/// Covers R43.
#[tokio::test]
async fn what_is_imported_booked_and_cancelled_is_counted_by_day_and_hour_of_the_rooms_clock() {
    let scene = Scene::new("occupancy").await;
    let app = scene.cluster.app();
    let room = NewRoom::named("Spree").in_zone("Europe/Berlin");
    let room = scene.room.organisation.org.add_room(room).expect("a room");
    let series = NewEvent::timed(tomorrow(9), tomorrow(10))
        .in_room(room.mail())
        .repeating("FREQ=DAILY;COUNT=3");
    scene.ana.insert_event(series).expect("Google takes it");
    let spree = scene.link("spree", room.clone()).await;
    let of_spree = async || {
        let of = app.occupancy_of("acme", "spree", tomorrow(0), tomorrow(96));
        of.await.expect("GetOccupancy")
    };

    let imported = of_spree().await;
    assert_eq!(counted(&imported), (180.0, 3));
    assert_eq!(imported.time_zone, "Europe/Berlin");
    // Four days from midnight in London on touch five in Berlin.
    assert_eq!(parts(&imported), (vec![60.0, 60.0, 60.0, 0.0, 0.0], 180.0));
    assert_eq!(
        imported.days[0].day,
        tomorrow(9).with_timezone(&Berlin).date_naive().to_string()
    );
    let local = tomorrow(9).with_timezone(&Berlin);
    let hour = local.weekday().num_days_from_monday() * 24 + local.hour();
    let hour = usize::try_from(hour).expect("an hour of the week");
    assert_eq!(
        imported.heat_map_minutes[hour].to_bits(),
        60.0_f64.to_bits()
    );
    assert!((imported.rate - 180.0 / (96.0 * 60.0)).abs() < 1e-9);

    let meeting = NewEvent::timed(tomorrow(23), tomorrow(24)).in_room(room.mail());
    let event = scene.ana.insert_event(meeting).expect("Google takes it");
    spree.wait_count("the meeting", 4).await;
    assert_eq!(counted(&of_spree().await), (240.0, 4));
    scene.ana.cancel_event(&event).expect("cancelled");
    spree.wait_count("no meeting", 3).await;
    assert_eq!(counted(&of_spree().await), (180.0, 3));

    // What is booked in Flexopus counts as well.
    let new = NewBooking::by_user("spree", tomorrow(23), "u-ana");
    let booking = app.book("acme", new).await;
    assert_eq!(counted(&of_spree().await), (240.0, 4));
    let cancelled = scene.ana.cancel_event(&event_of(&booking));
    cancelled.expect("hers");
    spree.wait_count("no booking", 3).await;
    assert_eq!(counted(&of_spree().await), (180.0, 3));

    // Reading needs no module, as elsewhere.
    app.put_tenant("acme", false, TenantSettings::default())
        .await;
    assert_eq!(of_spree().await, imported);
    app.put_tenant("acme", true, TenantSettings::default())
        .await;

    let long = app.occupancy_of(
        "acme",
        "spree",
        tomorrow(0),
        tomorrow(0) + TimeDelta::days(401),
    );
    let long = long.await.expect_err("too long");
    assert_eq!(grpc::reason(&long).as_deref(), Some("INVALID_FIELD"));
    assert_eq!(grpc::metadata(&long, "field").as_deref(), Some("window"));
    let unknown = app.occupancy_of("acme", "havel", tomorrow(0), tomorrow(1));
    let unknown = unknown.await.expect_err("unknown");
    assert_eq!(grpc::reason(&unknown).as_deref(), Some("OBJECT_NOT_FOUND"));
    scene.cluster.finish().await;
}

/// Covers R43, D7.
#[tokio::test]
async fn what_was_occupied_is_still_counted_when_the_link_is_gone_until_that_is_erased() {
    let scene = Scene::new("occupancy without a link").await;
    let app = scene.cluster.app();
    let room = scene.room.organisation.given_room("Spree");
    let yesterday = tomorrow(9) - TimeDelta::days(2);
    for start in [yesterday, tomorrow(9)] {
        let meeting = NewEvent::timed(start, start + TimeDelta::hours(1)).in_room(room.mail());
        scene.ana.insert_event(meeting).expect("Google takes it");
    }
    let spree = scene.link("spree", room.clone()).await;
    let counted = async || {
        let (from, to) = (yesterday - TimeDelta::hours(9), tomorrow(24));
        let of = app.occupancy_of("acme", "spree", from, to).await;
        counted(&of.expect("GetOccupancy"))
    };
    assert_eq!(counted().await, (120.0, 2));

    app.unlink("acme", &spree.link.link_id)
        .await
        .expect("UnlinkObject");
    spree.wait_count("nothing", 0).await;
    // What has not been yet will not have been.
    assert_eq!(counted().await, (60.0, 1));

    // Linked again, it is imported again, and nothing counts twice.
    let spree = scene.link("spree", room).await;
    assert_eq!(counted().await, (120.0, 2));
    app.unlink("acme", &spree.link.link_id)
        .await
        .expect("UnlinkObject");
    spree.wait_count("nothing", 0).await;
    assert_eq!(counted().await, (60.0, 1));

    assert_eq!(
        app.erase_facts("acme", &["aquarium"])
            .await
            .expect("EraseFacts"),
        0
    );
    assert_eq!(
        app.erase_facts("acme", &["spree"])
            .await
            .expect("EraseFacts"),
        1
    );
    assert_eq!(app.erase_facts("acme", &[]).await.expect("EraseFacts"), 0);
    assert_eq!(counted().await, (0.0, 0));
    scene.cluster.finish().await;
}
