//! What an administrator does with links: look before linking, hand an object over, change an address,
//! take a link down, mend rights, synchronise by hand.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::{Fault, NewEvent, Operation, PushEffect, PushFault, Role};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{Availability, CheckAvailabilityRequest, change_item::Item},
    integration::v1::{
        ConnectionStatus, GetStatusRequest, HandOver, Link, LinkCapability, LinkState,
    },
};
use roomsync_testkit::{
    Cluster, Service,
    app::{FakeBookingApp, Journal, Organisation, instant, window},
};

use crate::scene::{Scene, Watched as _, end, start, tomorrow};

async fn availability(app: &FakeBookingApp, object: &str, hour: i64) -> Availability {
    let request = CheckAvailabilityRequest {
        tenant_id: "acme".to_owned(),
        object_ids: vec![object.to_owned()],
        window: Some(window(tomorrow(hour), tomorrow(hour + 1))),
    };
    let answer = app.bookings().check_availability(request).await;
    answer
        .expect("CheckAvailability")
        .into_inner()
        .objects
        .remove(0)
}

async fn status(app: &FakeBookingApp) -> ConnectionStatus {
    let request = GetStatusRequest {
        tenant_id: "acme".to_owned(),
    };
    let answer = app.connections().get_status(request).await;
    answer
        .expect("GetStatus")
        .into_inner()
        .status
        .expect("a status")
}

async fn wait_state(app: &FakeBookingApp, link: &Link, state: LinkState) -> Link {
    let is = |link: &Link| link.state() == state;
    app.wait_link(state.as_str_name(), "acme", &link.link_id, is)
        .await
}

/// A connected tenant `acme` without objects.
async fn connected(cluster: &Cluster) -> Organisation {
    let organisation = Organisation::given(cluster.google(), "acme.example");
    cluster.app().given_tenant("acme").await;
    cluster.app().connect("acme", &organisation).await;
    organisation
}

fn starts(journal: &Journal, object: &str) -> Vec<DateTime<Utc>> {
    journal.bookings(object).iter().map(start).collect()
}

/// Covers B1, R68, R73, D5.
#[tokio::test]
async fn what_the_preview_counts_is_what_the_import_brings_and_the_object_opens_afterwards() {
    let cluster = Cluster::start("preview and hand-over").await;
    let app = cluster.app();
    let organisation = connected(&cluster).await;
    let room = organisation.given_room("Aquarium");
    let ana = organisation.given_user("ana");
    let meeting = |hour| NewEvent::timed(tomorrow(hour), tomorrow(hour + 1)).in_room(room.mail());
    let yesterday = tomorrow(9) - TimeDelta::days(2);
    let events = [
        meeting(9),
        meeting(11).repeating("FREQ=DAILY;COUNT=5"),
        NewEvent::timed(yesterday, yesterday + TimeDelta::hours(1)).in_room(room.mail()),
    ];
    for event in events {
        let event = ana.insert_event(event).expect("Google takes it");
        let answered = std::time::Duration::from_secs(10);
        room.wait_answered(&event, answered)
            .await
            .expect("an answer");
    }
    // Stands on the room's calendar and blocks nothing: neither counted nor imported.
    let free =
        NewEvent::timed(tomorrow(13), tomorrow(14)).with("transparency", "transparent".into());
    room.insert_event(organisation.admin.mail(), free)
        .expect("Google takes it");
    app.given_object("acme", "aquarium").await;
    let subscriber = app.subscribe("acme").await;
    assert!(availability(app, "aquarium", 20).await.open);

    let preview = || app.preview_link("acme", "aquarium", room.mail(), 4);
    let first = preview().await.expect("a preview");
    assert_eq!(
        preview().await.expect("a preview"),
        first,
        "nothing changes by looking"
    );
    assert_eq!((first.bookings_to_import, first.more_to_import), (6, false));
    assert_eq!((first.bookings_to_delete, first.obstacles.len()), (4, 0));
    assert_eq!(first.resource.expect("a resource").name, "Aquarium");
    assert!(app.list_links("acme").await.expect("links").is_empty());

    let link = app.link_object("acme", "aquarium", room.mail()).await;
    assert_eq!(link.hand_over(), HandOver::WaitingForImport);
    assert!(!availability(app, "aquarium", 20).await.open);

    let link = app.wait_imported("acme", &link.link_id).await;
    assert_eq!(link.hand_over(), HandOver::WaitingForAcknowledgement);
    let imported = app.bookings_of("acme", "aquarium").await;
    let imported_at = instant(link.imported_at.as_ref()).expect("imported");
    let ahead = imported.iter().filter(|booking| end(booking) > imported_at);
    assert_eq!(ahead.count(), 6);
    let closed = availability(app, "aquarium", 20).await;
    assert!(!closed.open && !closed.free && closed.busy.is_empty());

    let count = imported.len();
    let import = subscriber.wait_for("reset, then import", |journal| {
        (journal.bookings("aquarium").len() == count).then(|| {
            let changes = journal.heard.iter().flat_map(|heard| &heard.change.items);
            let items = changes.filter_map(|item| item.item.as_ref());
            items
                .skip_while(|item| !matches!(item, Item::Reset(_)))
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let Some(Item::Reset(reset)) = import.await.into_iter().next() else {
        panic!("no reset before the import")
    };
    assert_eq!(reset.link_id, link.link_id);

    let open = app
        .acknowledge("acme", &link.link_id)
        .await
        .expect("opened");
    assert_eq!(open.hand_over(), HandOver::Open);
    let free = availability(app, "aquarium", 20).await;
    assert!(free.open && free.free && free.mirrored);
    assert!(!availability(app, "aquarium", 9).await.free);
    cluster.finish().await;
}

/// Covers R75, R76, D4.
#[tokio::test]
async fn the_status_page_follows_linking_and_unlinking() {
    let cluster = Cluster::start("status of links").await;
    let app = cluster.app();
    let scene = app
        .given_linked_room(cluster.google(), "acme", "Aquarium")
        .await;
    app.given_object("acme", "lagoon").await;
    let nowhere = "c_nowhere@resource.calendar.google.com";
    let link = app.link_object("acme", "lagoon", nowhere).await;
    let failed = wait_state(app, &link, LinkState::Failed).await;
    let told = status(app).await;
    assert_eq!((told.linked_objects, told.not_verified), (2, 1));
    assert_eq!(told.not_verified_links, std::slice::from_ref(&failed));
    assert!(failed.last_attempt_at.is_some() && failed.reason == "NOT_IN_ORGANISATION");
    // Nothing was reset: the object is open.
    assert!(availability(app, "lagoon", 9).await.free);

    let links = app.list_links("acme").await.expect("links");
    let objects: Vec<_> = links.iter().map(|link| link.object_id.as_str()).collect();
    assert_eq!(objects, ["aquarium", "lagoon"]);
    assert_eq!(links[0].hand_over(), HandOver::Open);
    assert!(links[0].missing_capabilities.is_empty());
    assert_eq!(links[1].missing_capabilities.len(), 4);

    app.unlink("acme", &failed.link_id).await.expect("closing");
    wait_state(app, &failed, LinkState::Removed).await;
    let told = status(app).await;
    assert_eq!((told.linked_objects, told.not_verified), (1, 0));
    assert_eq!(app.list_links("acme").await.expect("links").len(), 1);
    assert_eq!(scene.link.state(), LinkState::Verified);
    cluster.finish().await;
}

/// Covers D4.
#[tokio::test]
async fn a_link_that_google_does_not_answer_about_is_pending_then_failed_then_rechecked() {
    let cluster = Cluster::builder("pending for too long")
        .set(Service::BookingCommand, "links.pending_for", "2s")
        .set(Service::BookingCommand, "links.look_every", "100ms")
        .start()
        .await;
    let app = cluster.app();
    let organisation = connected(&cluster).await;
    let room = organisation.given_room("Aquarium");
    app.given_object("acme", "aquarium").await;
    let away = Fault::answer(503, "backendError").on(Operation::ResourcesList);
    cluster.google().add_fault(away.always());
    let link = app.link_object("acme", "aquarium", room.mail()).await;
    let waits = |link: &Link| link.state() == LinkState::Pending && !link.reason.is_empty();
    let pending = app
        .wait_link("it says why it waits", "acme", &link.link_id, waits)
        .await;
    assert_eq!(pending.reason, "GOOGLE_UNAVAILABLE");
    let failed = wait_state(app, &link, LinkState::Failed).await;
    assert_eq!(failed.reason, "GOOGLE_UNAVAILABLE");

    cluster.google().clear_faults();
    let again = app.recheck("acme", &link.link_id).await.expect("rechecked");
    assert_eq!(again.state(), LinkState::Pending);
    app.wait_imported("acme", &link.link_id).await;
    cluster.finish().await;
}

/// Covers D4.
#[tokio::test]
async fn rights_that_were_mended_count_after_a_recheck() {
    let cluster = Cluster::start("rechecked rights").await;
    let app = cluster.app();
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let room = organisation.given_room("Aquarium");
    cluster
        .google()
        .configure(|settings| settings.super_admins_own_rooms = false);
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    app.given_object("acme", "aquarium").await;
    let preview = app.preview_link("acme", "aquarium", room.mail(), 0).await;
    assert_eq!(
        preview.expect("a preview").obstacles,
        ["NO_CALENDAR_ACCESS"]
    );
    let link = app.link_object("acme", "aquarium", room.mail()).await;
    let failed = wait_state(app, &link, LinkState::Failed).await;
    assert_eq!(failed.reason, "NO_CALENDAR_ACCESS");

    let admin = organisation.admin.mail();
    room.share(admin, Role::Reader).expect("shared");
    app.recheck("acme", &link.link_id).await.expect("rechecked");
    let link = app.wait_imported("acme", &link.link_id).await;
    assert_eq!(
        link.capabilities().collect::<Vec<_>>(),
        [LinkCapability::Read, LinkCapability::BookAsUser]
    );
    let missing = &link.missing_capabilities[0];
    assert_eq!(missing.capability(), LinkCapability::Decline);
    assert_eq!(missing.reason, "READER_ROLE");

    room.share(admin, Role::Writer).expect("shared");
    let row = app.recheck("acme", &link.link_id).await.expect("rechecked");
    assert_eq!(row.state(), LinkState::Verified, "it stays so meanwhile");
    app.wait_link("it may decline", "acme", &link.link_id, |link| {
        link.capabilities.len() == 4 && link.missing_capabilities.is_empty()
    })
    .await;
    cluster.finish().await;
}

/// Covers D23.
#[tokio::test]
async fn unlinking_removes_the_bookings_and_changes_nothing_at_google() {
    let scene = Scene::new("unlink").await;
    let app = scene.cluster.app();
    let (event, booking) = scene.given_meeting(9).await;
    let before = scene.room.room.events().expect("events");

    let link = &scene.room.link;
    let closing = app.unlink("acme", &link.link_id).await.expect("closing");
    assert_eq!(closing.state(), LinkState::Closing);
    wait_state(app, link, LinkState::Removed).await;

    scene.wait_count("no booking", 0).await;
    assert_eq!(scene.room.last_word(&booking).1, "LINK_CLOSED");
    assert_eq!(scene.room.room.events().expect("events"), before);
    assert!(scene.cluster.google().channels().is_empty());
    // What happens there is nobody's business any more, and the object is the main app's alone.
    scene.ana.cancel_event(&event).expect("cancelled");
    assert!(availability(app, "aquarium", 9).await.free);
    // The same room again is another link, with everything that comes with it.
    let again = app
        .link_object("acme", "aquarium", scene.room.room.mail())
        .await;
    assert_ne!(again.link_id, link.link_id);
    let again = app.wait_imported("acme", &again.link_id).await;
    assert_eq!(again.hand_over(), HandOver::WaitingForAcknowledgement);
    scene.cluster.finish().await;
}

/// How many live bookings there were at an hour after each change that was heard, from the first.
fn live_at(journal: &Journal, object: &str, at: DateTime<Utc>) -> Vec<usize> {
    let mut replayed = Journal::default();
    let mut counts = Vec::new();
    for heard in journal
        .heard
        .iter()
        .filter(|it| it.change.object_id == object)
    {
        replayed.hear(heard.change.clone(), heard.at);
        counts.push(
            starts(&replayed, object)
                .iter()
                .filter(|it| **it == at)
                .count(),
        );
    }
    counts.into_iter().skip_while(|count| *count == 0).collect()
}

/// Covers D23.
#[tokio::test]
async fn a_change_of_address_swaps_the_rooms_bookings_and_the_object_never_looks_free() {
    let scene = Scene::new("change of address").await;
    let app = scene.cluster.app();
    let (_, old_booking) = scene.given_meeting(9).await;
    let reef = scene.room.organisation.given_room("Reef");
    let at_reef = |hour| NewEvent::timed(tomorrow(hour), tomorrow(hour + 1)).in_room(reef.mail());
    for hour in [9, 11] {
        let event = scene
            .ana
            .insert_event(at_reef(hour))
            .expect("Google takes it");
        let answered = std::time::Duration::from_secs(10);
        reef.wait_answered(&event, answered)
            .await
            .expect("an answer");
    }

    let old = &scene.room.link;
    let new = app.change_resource("acme", "aquarium", reef.mail()).await;
    let new = new.expect("a second link");
    assert_eq!(new.replaces_link_id, old.link_id);
    assert!(
        availability(app, "aquarium", 20).await.open,
        "all the while"
    );
    let in_place = |link: &Link| link.imported_at.is_some() && link.replaces_link_id.is_empty();
    let new = app
        .wait_link("it takes the place", "acme", &new.link_id, in_place)
        .await;
    app.now_linked(&new);
    assert_eq!(new.hand_over(), HandOver::Open, "no second hand-over");
    wait_state(app, old, LinkState::Removed).await;

    let hours = [9, 11].map(tomorrow);
    let confirmed = scene.room.wait_starts("the new room's", &hours).await;
    assert!(
        confirmed
            .iter()
            .all(|it| it.booking_id != old_booking.booking_id)
    );
    assert_eq!(scene.room.last_word(&old_booking).1, "LINK_CLOSED");
    let counts = scene
        .room
        .subscriber
        .journal(|journal| live_at(journal, "aquarium", tomorrow(9)));
    assert!(counts.iter().all(|count| *count == 1), "{counts:?}");
    assert!(availability(app, "aquarium", 20).await.free);

    // From now on the new room counts, the old one does not.
    scene
        .ana
        .insert_event(scene.meeting(15))
        .expect("Google takes it");
    scene
        .ana
        .insert_event(at_reef(17))
        .expect("Google takes it");
    let hours = [9, 11, 17].map(tomorrow);
    scene.room.wait_starts("only the new room's", &hours).await;
    scene.cluster.finish().await;
}

/// Covers D23.
#[tokio::test]
async fn a_new_address_that_fails_leaves_the_old_link_as_it_is() {
    let scene = Scene::new("a change that fails").await;
    let app = scene.cluster.app();
    scene.given_meeting(9).await;
    let nowhere = "c_nowhere@resource.calendar.google.com";
    let new = app.change_resource("acme", "aquarium", nowhere).await;
    let new = wait_state(app, &new.expect("a second link"), LinkState::Failed).await;
    assert_eq!(new.reason, "NOT_IN_ORGANISATION");
    let told = status(app).await;
    assert_eq!((told.linked_objects, told.not_verified), (1, 1));
    assert_eq!(app.list_links("acme").await.expect("links").len(), 2);

    // The old room goes on, before and after the new one is given up.
    scene.given_meeting(11).await;
    assert!(availability(app, "aquarium", 20).await.free);
    app.unlink("acme", &new.link_id).await.expect("given up");
    wait_state(app, &new, LinkState::Removed).await;
    scene.given_meeting(13).await;
    let link = app.link("acme", &scene.room.link.link_id).await;
    assert_eq!(link.expect("the old link").state(), LinkState::Verified);
    let listed: Vec<DateTime<Utc>> = scene.listed().await.iter().map(start).collect();
    assert_eq!(listed, [9, 11, 13].map(tomorrow));
    scene.cluster.finish().await;
}

/// Covers B3.
#[tokio::test]
async fn the_room_picker_shows_the_organisations_rooms_and_which_are_linked() {
    let cluster = Cluster::start("room picker").await;
    let app = cluster.app();
    let linked = app
        .given_linked_room(cluster.google(), "acme", "Reef")
        .await;
    for name in ["lagoon", "Aquarium"] {
        linked.organisation.given_room(name);
    }
    let all = app.list_resources("acme", "").await.expect("a list");
    let names: Vec<_> = all.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Aquarium", "lagoon", "Reef"]);
    let marked: Vec<_> = all.iter().filter(|it| !it.link_id.is_empty()).collect();
    assert_eq!(marked.len(), 1);
    assert_eq!(
        (marked[0].object_id.as_str(), &marked[0].link_id),
        ("reef", &linked.link.link_id)
    );
    let found = app.list_resources("acme", "LAG").await.expect("a list");
    assert_eq!(found.len(), 1);
    // What was picked can be linked.
    app.given_object("acme", "o2").await;
    let link = app
        .link_object("acme", "o2", &found[0].resource_email)
        .await;
    app.wait_imported("acme", &link.link_id).await;
    cluster.finish().await;
}

/// Covers R77, R78, R76.
#[tokio::test]
async fn what_was_missed_is_found_by_synchronising_by_hand() {
    let scene = Scene::new("synchronised by hand").await;
    let app = scene.cluster.app();
    let lagoon = app
        .given_linked_room(scene.cluster.google(), "acme", "Lagoon")
        .await;
    // By itself it comes by push; then pushes are lost, and polls are far away.
    scene.given_meeting(9).await;
    scene.cluster.calm().await;
    scene
        .cluster
        .google()
        .add_push_fault(PushFault::always(PushEffect::Drop));
    scene
        .ana
        .insert_event(scene.meeting(11))
        .expect("Google takes it");
    let event = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(lagoon.room.mail());
    let event = scene.ana.insert_event(event).expect("Google takes it");
    let answered = std::time::Duration::from_secs(10);
    let answer = lagoon.room.wait_answered(&event, answered).await;
    answer.expect("an answer");

    let asked = app.sync_now("acme", "").await.expect("all of them");
    assert_eq!((asked.links, asked.merged), (2, false));
    // Another one is merged while it is under way, and refused shortly after.
    match app.sync_now("acme", "").await {
        Ok(second) => assert!(second.merged && second.started_at == asked.started_at),
        Err(status) => assert_eq!(grpc::reason(&status).as_deref(), Some("TOO_OFTEN")),
    }
    let hours = [9, 11].map(tomorrow);
    scene.room.wait_starts("both meetings", &hours).await;
    lagoon.wait_starts("the other room's", &[tomorrow(9)]).await;
    let started = instant(asked.started_at.as_ref()).expect("a start");
    for link in [&scene.room.link, &lagoon.link] {
        app.wait_link("it was looked at", "acme", &link.link_id, |link| {
            let coverage = link.coverage.as_ref();
            let checked = coverage.and_then(|it| instant(it.last_check_at.as_ref()));
            checked.is_some_and(|at| at > started)
        })
        .await;
    }

    // One object is compared without its cursor, and says so in its coverage.
    scene
        .ana
        .insert_event(scene.meeting(13))
        .expect("Google takes it");
    let asked = app.sync_now("acme", "aquarium").await.expect("one of them");
    assert_eq!((asked.links, asked.merged), (1, false));
    let hours = [9, 11, 13].map(tomorrow);
    scene.room.wait_starts("found by comparing", &hours).await;
    let started = instant(asked.started_at.as_ref()).expect("a start");
    let link = &scene.room.link.link_id;
    app.wait_link("it was compared", "acme", link, |link| {
        let coverage = link.coverage.as_ref();
        let compared = coverage.and_then(|it| instant(it.last_reconcile_at.as_ref()));
        compared.is_some_and(|at| at > started)
    })
    .await;
    scene.cluster.google().clear_push_faults();
    scene.cluster.finish().await;
}
