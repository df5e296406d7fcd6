//! Cursors that die. A full sync is a difference: whoever looks, at the API or at the stream, sees
//! every booking all the time, with the same id, and hears of none that did not change.

use google_sim::{Effect, Fault, Operation, Role, Settings};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::app::instant;

use crate::{
    scene::{Scene, ids, tomorrow},
    watch::Watch,
};

/// How a journey spoils the cursor, with a change that brings roomsync to use it.
type Spoil = fn(&Scene);

/// Two meetings and a series stand; the cursor dies with the next change; nobody notices anything
/// but that change.
async fn heals(name: &str, settings: fn(&mut Settings), spoil: Spoil) {
    let scene = Scene::at_google(name, settings).await;
    scene.given_meeting(9).await;
    scene.given_meeting(11).await;
    let weekly = scene.meeting(15).repeating("FREQ=WEEKLY;COUNT=5");
    scene.ana.insert_event(weekly).expect("Google takes it");
    scene.wait_count("the series, too", 7).await;
    scene
        .room
        .subscriber
        .wait_for("all confirmed", |journal| {
            let bookings = journal.bookings(&scene.room.object);
            bookings
                .iter()
                .all(|b| b.state() == BookingState::Confirmed)
                .then_some(())
        })
        .await;
    let before = scene.listed().await;
    let watch = Watch::start(&scene).await;
    let since = SystemClock.now();
    spoil(&scene);

    let new = scene.meeting(18);
    scene.ana.insert_event(new).expect("Google takes it");

    scene
        .wait_booking("the change", tomorrow(18), BookingState::Confirmed)
        .await;
    wait_full_sync_after(&scene, since).await;
    watch.saw_nothing_change().await;
    let after = scene.listed().await;
    let kept: Vec<_> = ids(&after)
        .into_iter()
        .filter(|id| ids(&before).contains(id))
        .collect();
    assert_eq!(kept, ids(&before), "a full sync keeps ids");
    assert_eq!(after.len(), before.len() + 1);
    scene.cluster.finish().await;
}

async fn wait_full_sync_after(scene: &Scene, since: chrono::DateTime<chrono::Utc>) {
    let link = &scene.room.link.link_id;
    scene
        .cluster
        .app()
        .wait_link("a full sync is reported", "acme", link, |link| {
            let coverage = link.coverage.as_ref();
            let last = coverage.and_then(|it| instant(it.last_full_sync_at.as_ref()));
            last.is_some_and(|last| last > since)
        })
        .await;
}

fn next_listing(scene: &Scene, fault: Fault) {
    let fault = fault
        .on(Operation::List)
        .of_calendar(scene.room.room.mail());
    scene.cluster.google().add_fault(fault);
}

fn usual(_: &mut Settings) {}

fn one_item_on_a_page(settings: &mut Settings) {
    settings.forced_page_size = Some(1);
}

/// Covers R53, D12.
#[tokio::test]
async fn a_cursor_that_google_has_forgotten() {
    heals("fullSyncRequired", usual, |scene| {
        next_listing(scene, Fault::answer(410, "fullSyncRequired"));
    })
    .await;
}

/// Covers R53.
#[tokio::test]
async fn a_cursor_that_is_too_old() {
    heals("updatedMinTooLongAgo", usual, |scene| {
        next_listing(scene, Fault::answer(410, "updatedMinTooLongAgo"));
    })
    .await;
}

/// Covers R53.
#[tokio::test]
async fn a_cursor_that_dies_of_a_change_of_rights() {
    heals("410 after an ACL change", usual, |scene| {
        let room = &scene.room.room;
        room.share("somebody@acme.example", Role::Reader)
            .expect("shared");
    })
    .await;
}

/// Covers R53.
#[tokio::test]
async fn a_cursor_that_dies_between_two_pages() {
    heals("410 in mid-paging", one_item_on_a_page, |scene| {
        next_listing(
            scene,
            Fault::answer(410, "fullSyncRequired").on_later_pages(),
        );
        expire_and_change(scene);
    })
    .await;
}

/// Covers R53.
#[tokio::test]
async fn a_full_sync_that_google_breaks_off_begins_again() {
    heals("410 in a full sync", one_item_on_a_page, |scene| {
        // The delta, then the listing for the cursor, then the one of the window.
        next_listing(scene, Fault::answer(410, "fullSyncRequired"));
        next_listing(
            scene,
            Fault::answer(410, "fullSyncRequired").on_later_pages(),
        );
        next_listing(
            scene,
            Fault::answer(410, "fullSyncRequired")
                .on_later_pages()
                .after(9),
        );
    })
    .await;
}

/// Covers R53.
#[tokio::test]
async fn an_answer_without_any_token() {
    heals("neither token", usual, |scene| {
        next_listing(scene, Fault::next(Effect::WithoutSyncToken));
        scene.room.room.expire_sync_tokens().expect("expired");
    })
    .await;
}

/// Covers R53.
#[tokio::test]
async fn a_listing_by_cursor_that_ends_without_a_token_is_not_believed() {
    let scene = Scene::new("a delta without a token").await;
    scene.given_meeting(9).await;
    let watch = Watch::start(&scene).await;
    next_listing(&scene, Fault::next(Effect::WithoutSyncToken));

    scene.given_meeting(11).await;

    watch.saw_nothing_change().await;
    scene.cluster.finish().await;
}

/// Several changes at once, so that the delta has several pages whoever lists it first.
fn expire_and_change(scene: &Scene) {
    for hour in [20, 21] {
        let event = scene.meeting(hour);
        let event = scene.ana.insert_event(event).expect("Google takes it");
        scene.ana.cancel_event(&event).expect("cancelled");
    }
}
