//! A tenant whose module is turned off while it is connected (D23).

use google_sim::{NewEvent, Operation};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{ConnectionState, TenantSettings},
};
use roomsync_testkit::{
    Cluster, NewBooking, SOON, Service,
    app::{administrator, user},
    eventually,
};
use tonic::{Code, Status};

use crate::{
    disconnect::{count, kept, wait_connection},
    scene::{Scene, Watched as _, tomorrow},
};

/// Covers R2, D23.
#[tokio::test]
async fn while_the_module_is_off_nothing_is_synced_or_booked_and_on_again_everything_is_caught_up()
{
    let cluster = Cluster::builder("module off and on")
        .with_every_push("one of them is waited for")
        .start()
        .await;
    let mut scene = Scene::with(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let (_, booking) = scene.given_meeting(9).await;
    let mut display = app.display("acme", "aquarium").await.expect("WatchObject");
    display
        .wait_for("what may be booked", |it| !it.book_now.is_empty())
        .await;
    app.put_tenant("acme", false, TenantSettings::default())
        .await;
    let dark = display
        .wait_for("that nothing may be booked", |it| it.book_now.is_empty())
        .await;
    assert!(dark.free, "{dark:?}");
    assert_eq!(dark.book_now_reason, "MODULE_MISSING");
    assert_eq!(
        dark.next.map(|next| next.booking_id).as_ref(),
        Some(&booking.booking_id),
        "what was there is shown"
    );

    let is_off = |status: Status| {
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(grpc::reason(&status).as_deref(), Some("MODULE_MISSING"));
    };
    is_off(app.connection_status("acme").await.expect_err("it is off"));
    let wishes = [
        NewBooking::by_user("aquarium", tomorrow(14), "u-ana"),
        NewBooking::by_device("aquarium", tomorrow(14), "door-1"),
    ];
    for wish in wishes {
        is_off(
            app.create_booking("acme", wish)
                .await
                .expect_err("it is off"),
        );
    }
    for who in [user("u-ana"), administrator("u-ana")] {
        let id = &booking.booking_id;
        let answer = app.delete_booking("acme", id, who, false).await;
        is_off(answer.expect_err("it is off"));
    }
    let written = [Operation::Insert, Operation::Patch, Operation::Delete];
    for operation in written {
        assert!(google.calls(operation).is_empty(), "{operation:?}");
    }

    // A lease that sync-worker has in hand lasts for five seconds; one that starts has none.
    scene.cluster.stop(Service::SyncWorker).await;
    scene.cluster.restart(Service::SyncWorker).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let room = scene.room.room.mail().to_owned();
    let listed = || {
        let lists = google.calls(Operation::List);
        let of_room = lists
            .iter()
            .filter(|it| it.calendar.as_ref() == Some(&room));
        of_room.count()
    };
    let before = listed();
    let sent = google.pushes().len();
    let meeting = NewEvent::timed(tomorrow(11), tomorrow(12)).in_room(&room);
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
    // What came later for another tenant is there.
    let other = app.given_linked_room(google, "other", "Lagoon").await;
    let bob = other.organisation.given_user("bob");
    let theirs = NewEvent::timed(tomorrow(11), tomorrow(12)).in_room(other.room.mail());
    bob.insert_event(theirs).expect("Google takes it");
    other
        .wait_booking("another tenant's", tomorrow(11), BookingState::Confirmed)
        .await;
    assert_eq!(listed(), before, "nobody looks at the calendar");
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
    display
        .wait_for("what may be booked again", |it| !it.book_now.is_empty())
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
