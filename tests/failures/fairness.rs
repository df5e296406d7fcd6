//! No tenant holds up another one: not by a large import, not by a Google that answers it slowly or not at
//! all for a while.

use std::time::Duration;

use google_sim::{Call, Fault, HoldGuard, Operation};
use roomsync_testkit::{Cluster, LinkedRoom, SOON, Service, eventually};

use crate::crowd::{Crowd, heard, hears, in_hours, is_rejected};

/// A tenant with a room, and another one with a room and more of them that are not linked yet.
async fn two_tenants(cluster: &Cluster, more: usize) -> (LinkedRoom, LinkedRoom, Crowd) {
    let (app, google) = (cluster.app(), cluster.google());
    let quiet = app.given_linked_room(google, "globex", "Garden").await;
    let busy = app.given_linked_room(google, "acme", "Aquarium").await;
    let crowd = Crowd::given(cluster, "acme", &busy.organisation, more).await;
    (quiet, busy, crowd)
}

/// Covers B8. How long it takes beside an idle system is measured by the bench (`bench budget`); here it counts
/// that nobody waits until the import is over.
#[tokio::test]
async fn a_tenants_changes_are_heard_in_the_middle_of_another_ones_large_import() {
    let cluster = Cluster::builder("a large import")
        // As in production, an import takes as long as its calls do at the rate that Google allows.
        .set(Service::BookingCommand, "budget.per_user_per_minute", 60)
        .set(Service::BookingCommand, "budget.minute", "6s")
        .with_every_push("polls would bring what is late")
        .start()
        .await;
    let (quiet, _, crowd) = two_tenants(&cluster, 15).await;

    crowd.link(&cluster).await;
    eventually(SOON, "the import is under way", async || {
        let imports = |call: &Call| call.query.contains_key("timeMax");
        let calls = cluster.google().calls(Operation::List);
        (calls.into_iter().filter(imports).count() > 4).then_some(())
    })
    .await;
    for hour in 0..3 {
        heard(&quiet, in_hours(hour)).await;
    }
    let missing = crowd.missing(&cluster).await;
    assert!(missing > 0, "they waited until the import was over");

    crowd.imported(&cluster, Duration::from_mins(2)).await;
    assert!(!cluster.google().ledger().iter().any(is_rejected));
    cluster.finish().await;
}

/// So many messages of a queue are in hand at once: few, so that few rooms can have them all.
const HANDS: usize = 8;

/// The next listing of each room stands still.
fn hold_all(cluster: &Cluster, crowd: &Crowd) -> Vec<HoldGuard> {
    let rooms = crowd.all.iter();
    rooms
        .map(|(_, room)| cluster.google().hold(Operation::List, room.mail()))
        .collect()
}

/// Listings that stand still, since none of these holds was released.
fn standing(holds: &[HoldGuard]) -> usize {
    holds.iter().filter(|hold| hold.is_reached()).count()
}

async fn all_hands_stand(holds: &[HoldGuard]) {
    eventually(SOON, "the tenant has its share of hands", async || {
        (standing(holds) >= HANDS / 2).then_some(())
    })
    .await;
}

/// Covers B8.
#[tokio::test]
async fn a_tenant_whose_google_does_not_answer_leaves_hands_for_the_others() {
    let cluster = Cluster::builder("a slow google")
        .set(Service::SyncWorker, "broker.prefetch", 8)
        // Whoever stands still keeps its calendar to the end of the test.
        .set(Service::SyncWorker, "sync.lease", "60s")
        .with_every_push("polls would bring what hangs")
        .start()
        .await;
    let (quiet, busy, crowd) = two_tenants(&cluster, 2 * HANDS).await;
    crowd.link(&cluster).await;
    crowd.imported(&cluster, Duration::from_mins(1)).await;
    cluster.calm().await;

    // Pushes: twice as many calendars stand still as there are hands.
    let holds = hold_all(&cluster, &crowd);
    crowd.change(in_hours(1));
    all_hands_stand(&holds).await;
    heard(&quiet, in_hours(1)).await;
    heard(&quiet, in_hours(2)).await;
    assert_eq!(standing(&holds), HANDS / 2, "it has no more than its share");
    drop(holds);
    for (object, _) in &crowd.all {
        hears(&busy, object, in_hours(1)).await;
    }
    cluster.calm().await;

    // What an administrator asked for goes through the other queue.
    let holds = hold_all(&cluster, &crowd);
    cluster
        .app()
        .sync_now("acme", "")
        .await
        .expect("it is asked for");
    all_hands_stand(&holds).await;
    let before = listings(&cluster, &quiet);
    let asked = cluster.app().sync_now("globex", &quiet.object).await;
    asked.expect("it is asked for");
    eventually(SOON, "the other tenant's room is listed", async || {
        (listings(&cluster, &quiet) > before).then_some(())
    })
    .await;
    assert_eq!(standing(&holds), HANDS / 2, "it has no more than its share");
    drop(holds);
    cluster.finish().await;
}

/// Covers B8.
#[tokio::test]
async fn a_tenant_whose_links_stand_still_leaves_hands_for_another_ones_link() {
    let cluster = Cluster::builder("links that stand still")
        .set(Service::SyncWorker, "broker.prefetch", 8)
        .start()
        .await;
    let (app, google) = (cluster.app(), cluster.google());
    let busy = app.given_linked_room(google, "acme", "Aquarium").await;
    let crowd = Crowd::given(&cluster, "acme", &busy.organisation, 2 * HANDS).await;

    // Whether a room can be read is asked with the first listing of it.
    let holds = hold_all(&cluster, &crowd);
    crowd.link(&cluster).await;
    all_hands_stand(&holds).await;
    app.given_linked_room(google, "globex", "Garden").await;
    assert_eq!(standing(&holds), HANDS / 2, "it has no more than its share");
    drop(holds);
    crowd.imported(&cluster, Duration::from_mins(2)).await;
    cluster.finish().await;
}

/// Covers B8.
#[tokio::test]
async fn a_tenant_that_google_throttles_holds_up_nobody_else() {
    let cluster = Cluster::builder("a throttled tenant")
        .set(Service::SyncWorker, "broker.prefetch", 4)
        .with_every_push("polls would bring what is late")
        .start()
        .await;
    let (quiet, busy, crowd) = two_tenants(&cluster, 8).await;
    crowd.link(&cluster).await;
    crowd.imported(&cluster, Duration::from_mins(1)).await;
    cluster.calm().await;

    for (_, room) in &crowd.all {
        let refused = Fault::answer(429, "rateLimitExceeded");
        let refused = refused
            .on(Operation::List)
            .of_calendar(room.mail())
            .always();
        cluster.google().add_fault(refused);
    }
    crowd.change(in_hours(1));
    for hour in 1..=5 {
        heard(&quiet, in_hours(hour)).await;
    }
    let of_busy = busy.subscriber.journal(|journal| {
        let objects = crowd.all.iter();
        objects
            .map(|(object, _)| journal.bookings(object).len())
            .sum::<usize>()
    });
    assert_eq!(of_busy, 0, "it is throttled all the while");

    cluster.google().clear_faults();
    for (object, _) in &crowd.all {
        hears(&busy, object, in_hours(1)).await;
    }
    cluster.finish().await;
}

fn listings(cluster: &Cluster, room: &LinkedRoom) -> usize {
    let calls = cluster.google().calls(Operation::List);
    let of_room = |call: &&Call| call.calendar.as_deref() == Some(room.room.mail());
    calls.iter().filter(of_room).count()
}
