//! A tenant whose module is turned off while it is connected (D23).

use google_sim::NewEvent;
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{ConnectionState, TenantSettings},
};
use roomsync_testkit::{Cluster, NewBooking, SOON, Service, eventually};

use crate::{
    disconnect::{count, kept, wait_connection},
    scene::{Scene, tomorrow},
};

/// Covers R2, D23.
#[tokio::test]
async fn while_the_module_is_off_nothing_is_synced_or_booked_and_on_again_everything_is_caught_up()
{
    let scene = Scene::new("module off and on").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    scene.given_meeting(9).await;
    app.put_tenant("acme", false, TenantSettings::default())
        .await;

    let refused = app.connection_status("acme").await.expect_err("it is off");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("MODULE_MISSING"));
    let wish = NewBooking::by_user("aquarium", tomorrow(14), "u-ana");
    let refused = app
        .create_booking("acme", wish)
        .await
        .expect_err("it is off");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("MODULE_MISSING"));

    let sent = google.pushes().len();
    let meeting = NewEvent::timed(tomorrow(11), tomorrow(12)).in_room(scene.room.room.mail());
    scene.ana.insert_event(meeting).expect("Google takes it");
    let pushed = google.wait_for(SOON, |google| {
        let pushes = google.pushes();
        pushes
            .iter()
            .skip(sent)
            .any(|push| push.answers.contains(&Some(200)))
            .then_some(())
    });
    pushed.await.expect("a push");
    assert_eq!(
        scene.listed().await.len(),
        1,
        "what was there stays, nothing comes"
    );

    app.put_tenant("acme", true, TenantSettings::default())
        .await;
    scene
        .wait_booking("what was missed", tomorrow(11), BookingState::Confirmed)
        .await;
    scene.cluster.finish().await;
}

/// Covers D23.
#[tokio::test]
async fn a_module_that_stays_off_ends_the_connection() {
    let cluster = Cluster::builder("module off for long")
        .set(Service::BookingCommand, "module.keep_for", "1s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    scene.given_meeting(9).await;
    app.put_tenant("acme", false, TenantSettings::default())
        .await;

    scene.wait_count("no booking", 0).await;
    let ended = "SELECT count(*) FROM booking.connections WHERE state = 'disconnected'";
    eventually(SOON, "disconnected", async || {
        (count(&scene.cluster, ended).await == 1).then_some(())
    })
    .await;
    assert!(google.channels().is_empty(), "its channels are stopped");

    app.put_tenant("acme", true, TenantSettings::default())
        .await;
    wait_connection(app, ConnectionState::Disconnected).await;
    let link = kept(app).await;
    app.now_linked(&link);
    scene.cluster.finish().await;
}
