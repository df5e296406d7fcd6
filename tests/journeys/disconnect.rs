//! Ending a connection: what is removed, what is kept, and that nothing is changed in Google.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::{Effect, Fault, NewEvent, Operation};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::integration::v1::{
    ConnectionState, ConnectionStatus, HandOver, Link, LinkState, PreviewDisconnectRequest,
    PreviewDisconnectResponse,
};
use roomsync_testkit::{
    Cluster, FakeBookingApp, Organisation, SOON, Service, eventually, found_within,
};

use crate::scene::{Scene, Watched as _, tomorrow};

async fn preview(app: &FakeBookingApp) -> PreviewDisconnectResponse {
    let request = PreviewDisconnectRequest {
        tenant_id: "acme".to_owned(),
    };
    let answer = app.connections().preview_disconnect(request).await;
    answer.expect("PreviewDisconnect").into_inner()
}

/// Waits until the tenant's connection is in this state.
pub(crate) async fn wait_connection(
    app: &FakeBookingApp,
    state: ConnectionState,
) -> ConnectionStatus {
    app.wait_for(state.as_str_name(), async || {
        let status = app.connection_status("acme").await?;
        Ok((status.state() == state).then_some(status))
    })
    .await
}

/// The one link of the tenant, which waits for it to connect again.
pub(crate) async fn kept(app: &FakeBookingApp) -> Link {
    let mut links = app.list_links("acme").await.expect("links");
    assert_eq!(links.len(), 1, "{links:?}");
    let link = links.remove(0);
    assert_eq!(
        (link.state(), link.reason.as_str()),
        (LinkState::Pending, "DISCONNECTED")
    );
    link
}

/// How many rows a query counts.
pub(crate) async fn count(cluster: &Cluster, query: &str) -> i64 {
    let counted = sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()));
    counted
        .fetch_one(cluster.database().pool())
        .await
        .expect("a number")
}

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// A tenant that an administrator connected by consent.
async fn consented(cluster: Cluster) -> Scene {
    let organisation = Organisation::given(cluster.google(), "acme.example");
    cluster.app().given_tenant("acme").await;
    let connected = cluster
        .app()
        .connect_by_consent("acme", organisation.admin.mail());
    connected.await.expect("connected");
    Scene::with(cluster).await
}

/// Three meetings of Ana's: one is over, one is running, one is tomorrow.
async fn given_meetings(scene: &Scene) {
    let hour = TimeDelta::hours(1);
    let meetings = [
        (now() - hour * 50, now() - hour * 49),
        (now() - hour, now() + hour),
        (tomorrow(12), tomorrow(13)),
    ];
    for (from, to) in meetings {
        let meeting = NewEvent::timed(from, to).in_room(scene.room.room.mail());
        scene.ana.insert_event(meeting).expect("Google takes it");
    }
    scene.wait_count("all three", 3).await;
    let accepted = async || {
        let listed = scene.listed().await;
        let confirmed = listed
            .iter()
            .all(|booking| booking.state().as_str_name() == "BOOKING_STATE_CONFIRMED");
        (listed.len() == 3 && confirmed).then_some(())
    };
    eventually(SOON, "the room has accepted", accepted).await;
}

/// Covers R79, R80, B1, D6, D7, D23.
#[tokio::test]
async fn disconnecting_stops_the_channels_then_revokes_the_grant_and_removes_every_booking() {
    let cluster = Cluster::builder("disconnect")
        .offering_consent()
        .start()
        .await;
    let scene = consented(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    given_meetings(&scene).await;
    let bookings = scene.listed().await;
    let before = scene.room.room.events().expect("events");
    let own = google.events(scene.ana.mail()).expect("events");

    let counted = preview(app).await;
    assert_eq!(preview(app).await, counted, "nothing changes by looking");
    let expected = PreviewDisconnectResponse {
        links: 1,
        past_bookings: 1,
        running_bookings: 1,
        future_bookings: 1,
        occupancy_facts: 2,
    };
    assert_eq!(counted, expected);

    let status = app.disconnect("acme").await.expect("Disconnect");
    assert_eq!(status.state(), ConnectionState::Disconnecting);
    let status = wait_connection(app, ConnectionState::Disconnected).await;
    assert_eq!((status.linked_objects, status.domain.as_str()), (1, ""));

    assert!(google.channels().is_empty());
    assert!(google.consents().is_empty(), "{:?}", google.consents());
    let stopped = google.calls(Operation::Stop);
    let revoked = google.calls(Operation::Revoke);
    let (stopped, revoked) = (
        stopped.last().expect("stopped"),
        revoked.first().expect("revoked"),
    );
    assert!(
        stopped.number < revoked.number,
        "channels are stopped first"
    );

    scene.wait_count("no booking", 0).await;
    assert!(scene.listed().await.is_empty());
    for booking in &bookings {
        assert_eq!(scene.room.last_word(booking).1, "LINK_CLOSED");
    }
    assert_eq!(scene.room.room.events().expect("events"), before);
    assert_eq!(google.events(scene.ana.mail()).expect("events"), own);

    let link = kept(app).await;
    assert_eq!(link.resource_email, scene.room.room.mail());
    assert_ne!(link.link_id, scene.room.link.link_id);
    nobody_is_left(&scene.cluster).await;
    assert_eq!(
        count(
            &scene.cluster,
            "SELECT count(*) FROM booking.occupancy_facts"
        )
        .await,
        2
    );
    let secrets = "SELECT count(*) FROM booking.connections WHERE sealed_key IS NOT NULL";
    assert_eq!(count(&scene.cluster, secrets).await, 0);
    assert_eq!(
        count(&scene.cluster, "SELECT count(*) FROM booking.access_tokens").await,
        0
    );

    // Again: nothing happens. The address can be given up, at once.
    let again = app.disconnect("acme").await.expect("no fault");
    assert_eq!(again.state(), ConnectionState::Disconnected);
    let refused = app.recheck("acme", &link.link_id).await;
    let refused = refused.expect_err("there is no connection");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("NOT_CONNECTED"));
    let gone = app.unlink("acme", &link.link_id).await.expect("unlinked");
    assert_eq!(gone.state(), LinkState::Removed);
    scene.cluster.finish().await;
}

/// Nobody stands in what is kept of the bookings, nor in the logs that subscribers replay.
async fn nobody_is_left(cluster: &Cluster) {
    let rows = "SELECT count(*) FROM booking.bookings
        WHERE booker_kind = 'user' OR organizer_mail IS NOT NULL OR title IS NOT NULL";
    assert_eq!(count(cluster, rows).await, 0);
    for log in ["booking.changes", "notification.log"] {
        let query = format!("SELECT count(*) FROM {log} WHERE body::text LIKE '%u-ana%'");
        let forgotten = async || (count(cluster, &query).await == 0).then_some(());
        eventually(SOON, log, forgotten).await;
    }
}

/// Covers R51, R52, D23.
#[tokio::test]
async fn connecting_again_verifies_the_kept_addresses_and_imports_again() {
    let scene = Scene::new("connect again").await;
    let app = scene.cluster.app();
    given_meetings(&scene).await;
    let before = scene.listed().await;
    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    let link = kept(app).await;
    let resets = scene
        .room
        .subscriber
        .journal(|journal| journal.resets(&scene.room.object).len());

    app.connect("acme", &scene.room.organisation).await;
    let imported = app.wait_imported("acme", &link.link_id).await;
    assert_eq!(imported.hand_over(), HandOver::WaitingForAcknowledgement);
    assert_eq!(imported.reason, "");
    app.now_linked(&imported);
    scene.wait_count("imported again", 3).await;
    let after = scene.listed().await;
    assert!(
        before
            .iter()
            .all(|old| after.iter().all(|new| new.booking_id != old.booking_id)),
        "an ended booking does not come back"
    );
    let told = scene
        .room
        .subscriber
        .journal(|journal| journal.resets(&scene.room.object).len());
    assert_eq!(told, resets + 1, "the main app deletes its own again");
    // What is a booking again is not counted a second time.
    assert_eq!(
        count(
            &scene.cluster,
            "SELECT count(*) FROM booking.occupancy_facts"
        )
        .await,
        0
    );
    scene.cluster.finish().await;
}

/// Covers R79, R80.
#[tokio::test]
async fn google_in_trouble_holds_up_disconnecting_and_changes_nothing_of_it() {
    let cluster = Cluster::builder("disconnect in trouble")
        .offering_consent()
        .start()
        .await;
    let scene = consented(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    scene.given_meeting(9).await;
    let before = google.events(scene.ana.mail()).expect("events");
    for operation in [Operation::Stop, Operation::Revoke] {
        for fault in [
            Fault::answer(503, "backendError"),
            Fault::answer(429, "rateLimitExceeded"),
            Fault::next(Effect::Html502),
            Fault::next(Effect::CloseConnection),
            // It is done, and who asks again is told that there is nothing to do.
            Fault::next(Effect::CommitThenClose),
        ] {
            google.add_fault(fault.on(operation));
        }
    }

    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    assert!(google.channels().is_empty());
    assert!(google.consents().is_empty(), "{:?}", google.consents());
    let done = |operation| {
        let calls = google.calls(operation);
        calls.iter().map(|call| call.number).max().expect("calls")
    };
    let revoked = google.calls(Operation::Revoke);
    assert!(revoked.len() > 5, "{revoked:?}");
    assert!(done(Operation::Stop) < revoked[0].number, "channels first");
    scene.wait_count("no booking", 0).await;
    assert_eq!(google.events(scene.ana.mail()).expect("events"), before);
    scene.cluster.finish().await;
}

/// Covers R79, R80.
#[tokio::test]
async fn a_google_that_stays_away_keeps_nobody_connected() {
    let cluster = Cluster::builder("disconnect without google")
        .offering_consent()
        .set(Service::BookingCommand, "disconnect.force_after", "2s")
        .start()
        .await;
    let scene = consented(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    scene.given_meeting(9).await;
    google.add_fault(
        Fault::answer(503, "backendError")
            .on(Operation::Revoke)
            .always(),
    );

    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    assert!(google.calls(Operation::Revoke).len() > 1, "it was tried");
    scene.wait_count("no booking", 0).await;
    let secrets = "SELECT count(*) FROM booking.connections WHERE sealed_key IS NOT NULL";
    assert_eq!(count(&scene.cluster, secrets).await, 0);
    scene.cluster.finish().await;
}

/// Covers R79, R80.
#[tokio::test]
async fn what_google_refuses_for_good_ends_by_itself() {
    let cluster = Cluster::builder("disconnect refused")
        .offering_consent()
        .start()
        .await;
    let scene = consented(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    scene.given_meeting(9).await;
    google.add_fault(Fault::answer(403, "forbidden").on(Operation::Stop).always());
    google.add_fault(Fault::answer(400, "invalid_token").on(Operation::Revoke));

    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    assert_eq!(google.channels().len(), 1, "its pushes are dropped");
    assert_eq!(google.calls(Operation::Revoke).len(), 1);
    scene.wait_count("no booking", 0).await;
    scene.cluster.finish().await;
}

/// Covers R79, R80, D19.
#[tokio::test]
async fn a_lost_connection_can_be_disconnected() {
    let scene = Scene::new("disconnect while lost").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    scene.given_meeting(9).await;
    let organisation = &scene.room.organisation;
    organisation
        .org
        .revoke_delegation(&organisation.account)
        .expect("withdrawn");
    google.expire_access_tokens();
    // Whoever calls Google finds out, unless the token is so new that a refusal may be of the one before.
    app.wait_for("the connection is lost", async || {
        let preview = app.preview_link("acme", "aquarium", scene.room.room.mail(), 0);
        let refused = preview.await.is_err();
        let status = app.connection_status("acme").await?;
        let lost = refused && status.state() == ConnectionState::Lost;
        Ok(lost.then_some(()))
    })
    .await;

    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    scene.wait_count("no booking", 0).await;
    kept(app).await;
    scene.cluster.finish().await;
}

/// Covers R79, R80.
#[tokio::test]
async fn calendars_that_nobody_closes_hold_up_no_disconnecting_and_late_pushes_are_dropped() {
    let cluster = Cluster::builder("disconnect by force")
        .with_every_push("the one push of a change is waited for")
        .set(Service::BookingCommand, "disconnect.force_after", "1s")
        .replicas(Service::BookingCommand, 2)
        .start()
        .await;
    let mut scene = Scene::with(cluster).await;
    let (event, _) = scene.given_meeting(9).await;
    scene.cluster.calm().await;
    scene.cluster.stop(Service::SyncWorker).await;

    let app = scene.cluster.app();
    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    scene.wait_count("no booking", 0).await;
    kept(app).await;
    assert!(
        !scene.cluster.google().channels().is_empty(),
        "nobody stopped it"
    );

    // A push through the channel that is left: it is taken, and changes nothing.
    let sent = scene.cluster.google().pushes().len();
    scene.ana.retitle_event(&event, "later").expect("changed");
    let google = scene.cluster.google();
    let pushed = google.wait_for(SOON, |google| {
        let pushes = google.pushes();
        pushes
            .iter()
            .skip(sent)
            .any(|push| push.answers.contains(&Some(200)))
            .then_some(())
    });
    pushed.await.expect("a push");
    scene.cluster.restart(Service::SyncWorker).await;
    scene.cluster.calm().await;
    assert!(scene.listed().await.is_empty());
    scene.cluster.finish().await;
}

/// Covers R79, R80.
#[tokio::test]
async fn a_crash_while_the_grant_is_revoked_costs_only_time() {
    let cluster = Cluster::builder("crash while disconnecting")
        .offering_consent()
        .set(Service::BookingCommand, "disconnect.claim", "500ms")
        .start()
        .await;
    let mut scene = consented(cluster).await;
    scene.given_meeting(9).await;
    let held = scene.cluster.google().hold_any_answer(Operation::Revoke);
    scene
        .cluster
        .app()
        .disconnect("acme")
        .await
        .expect("Disconnect");
    let reached = tokio::time::timeout(SOON, held.wait_until_reached()).await;
    reached.expect("it is being revoked");
    scene.cluster.kill(Service::BookingCommand).await;
    held.release();
    scene.cluster.restart(Service::BookingCommand).await;

    let app = scene.cluster.app();
    let done = found_within(SOON, async || {
        let status = app.connection_status("acme").await.ok()?;
        (status.state() == ConnectionState::Disconnected).then_some(())
    });
    done.await.expect("disconnected");
    assert!(scene.cluster.google().consents().is_empty());
    assert!(scene.listed().await.is_empty());
    kept(app).await;
    scene.cluster.finish().await;
}
