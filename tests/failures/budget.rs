//! Google's quota is a budget that all replicas share: no call is made without it, and none is refused.
//!
//! The simulator enforces the limits by a sliding minute, as Google does (documented), of each quota user and
//! of the project, and charges the service account where a call names no `quotaUser`. Its minute has six
//! seconds here, and so has the budget's: what a bucket grants follows from the minute and the limit by the
//! same arithmetic (`access/lanes.rs`), while the five seconds in which a grant may be used stay as they are.

use std::time::Duration;

use google_sim::{Call, Operation};
use roomsync_testkit::{Cluster, Service, app::NewBooking};

use crate::crowd::{Crowd, heard, in_hours, is_rejected, latencies};

/// A tenth of a large organisation's.
const ROOMS: usize = 200;
/// Requests a minute of one user: few enough that also a slow machine has to wait for them.
const LIMIT: u32 = 300;
const MINUTE: Duration = Duration::from_secs(6);
/// The import takes as long as its calls do at that rate, and machines are slow.
const PATIENCE: Duration = Duration::from_mins(8);

/// Covers B8.
#[tokio::test]
async fn an_import_live_changes_and_bookings_together_never_exceed_googles_limits() {
    let cluster = Cluster::builder("budget")
        .replicas(Service::SyncWorker, 2)
        .replicas(Service::BookingCommand, 2)
        .google(|settings| {
            settings.quota_per_user_per_minute = Some(LIMIT);
            settings.quota_directory_per_user_per_minute = Some(LIMIT);
            settings.quota_per_project_per_minute = Some(2 * LIMIT);
            settings.quota_minute = MINUTE;
        })
        .set(Service::BookingCommand, "budget.per_user_per_minute", LIMIT)
        .set(
            Service::BookingCommand,
            "budget.directory_per_user_per_minute",
            LIMIT,
        )
        .set(
            Service::BookingCommand,
            "budget.per_project_per_minute",
            2 * LIMIT,
        )
        .set(Service::BookingCommand, "budget.minute", "6s")
        .with_every_push("latencies are measured")
        .start()
        .await;
    let (app, google) = (cluster.app(), cluster.google());
    let room = app.given_linked_room(google, "acme", "Aquarium").await;
    let ana = room.organisation.given_user("ana");
    app.given_user("acme", "u-ana", ana.mail()).await;
    let crowd = Crowd::given(&cluster, "acme", &room.organisation, ROOMS).await;
    let idle = latencies(&room, 0, 8).await;

    let other_replica = cluster.app_at(1);
    let mut live = Vec::new();
    // It begins with the first link, and on a slow machine it is nearly over with the last one.
    let import = async {
        crowd.link(&cluster).await;
        crowd.imported(&cluster, PATIENCE).await;
    };
    let changes = async {
        for number in 0_usize.. {
            live.push(heard(&room, in_hours(10 + 3 * number)).await);
        }
    };
    let bookings = async {
        for number in 0_usize.. {
            let at = |hour: usize| in_hours(10 + 3 * number + hour);
            // The one by a call in the user's name, the other in that of whoever keeps the rooms.
            let by_user = NewBooking::by_user(&room.object, at(1), "u-ana");
            let by_device = NewBooking::by_device(&room.object, at(2), "d-door");
            tokio::join!(
                app.book("acme", by_user),
                other_replica.book("acme", by_device)
            );
        }
    };
    tokio::select! {
        () = import => {}
        () = changes => {}
        () = bookings => {}
    }
    live.sort_unstable();

    let calls = google.ledger();
    let rejected: Vec<&Call> = calls.iter().filter(|call| is_rejected(call)).collect();
    assert!(
        rejected.is_empty(),
        "{} calls: {:?}",
        rejected.len(),
        rejected[0]
    );
    let anonymous = |call: &&Call| {
        let pays = !matches!(call.operation, Operation::Token | Operation::Certs);
        pays && !call.query.contains_key("quotaUser")
    };
    assert_eq!(calls.iter().find(anonymous).map(|it| it.operation), None);
    assert!(somebody_waited(&cluster).await, "the limits were no limits");

    assert!(
        live.len() >= 3,
        "too few to tell: {live:?} during the import, {idle:?} before it"
    );
    let (usual, slowest) = (idle[idle.len() / 2], live[live.len() * 95 / 100]);
    let peak = busiest(&calls);
    eprintln!(
        "{} calls, none rejected, {peak} of {LIMIT} in the busiest minute of a user; heard after p50 \
         {usual:?} when idle, p50 {:?} p95 {slowest:?} of {} during the import",
        calls.len(),
        live[live.len() / 2],
        live.len()
    );
    cluster.finish().await;
}

/// Whether anything was ever told to come back later: a slot is reserved for whoever gets no unit.
async fn somebody_waited(cluster: &Cluster) -> bool {
    sqlx::query_scalar("SELECT bool_or(slot_background IS NOT NULL) FROM booking.buckets")
        .fetch_one(cluster.database().pool())
        .await
        .expect("booking.buckets")
}

/// The most calls about calendars that anybody was charged with within a minute.
fn busiest(calls: &[Call]) -> usize {
    let calls: Vec<&Call> = calls
        .iter()
        .filter(|call| call.calendar.is_some())
        .collect();
    let within = |first: &Call, call: &Call| {
        let passed = (call.at - first.at).to_std().unwrap_or_default();
        call.quota_user == first.quota_user && call.number >= first.number && passed < MINUTE
    };
    let counted = |first: &&Call| calls.iter().filter(|call| within(first, call)).count();
    calls.iter().map(counted).max().unwrap_or_default()
}
