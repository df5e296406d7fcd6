//! A calendar is dirty and no message says so: the worker that raised it died, or the message is lost.
//! The sweep finds it.

use chrono::TimeDelta;
use google_sim::{NewEvent, PushEffect, PushFault};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_testkit::{Cluster, SOON, eventually};

async fn dirty(cluster: &Cluster) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM sync.calendars WHERE generation_done < generation_wanted",
    )
    .fetch_one(cluster.database().pool())
    .await
    .expect("sync.calendars")
}

/// Covers R17.
#[tokio::test]
async fn a_dirty_calendar_that_nobody_has_a_message_for_is_swept() {
    let cluster = Cluster::builder("nobody told").start().await;
    let room = cluster.given_linked_room("acme", "Aquarium").await;
    let ana = room.organisation.given_user("ana");
    eventually(SOON, "the import is over", async || {
        (dirty(&cluster).await == 0).then_some(())
    })
    .await;

    let google = cluster.google();
    let lost = PushFault::always(PushEffect::Drop).of_calendar(room.room.mail());
    google.add_push_fault(lost);
    let before = google.pushes().len();
    let start = SystemClock.now() + TimeDelta::days(1);
    let meeting = NewEvent::timed(start, start + TimeDelta::hours(1)).in_room(room.room.mail());
    ana.insert_event(meeting).expect("Google takes it");
    // The meeting, and the room's answer.
    eventually(SOON, "both pushes are lost", async || {
        (google.pushes().len() >= before + 2).then_some(())
    })
    .await;
    google.clear_push_faults();

    // As a worker leaves it that dies after the raise: without a push, so that the wake does not look.
    sqlx::query("UPDATE sync.calendars SET generation_wanted = generation_wanted + 1")
        .execute(cluster.database().pool())
        .await
        .expect("raised");
    room.subscriber
        .wait_for("the meeting", |journal| {
            (journal.bookings("aquarium").len() == 1).then_some(())
        })
        .await;
    eventually(SOON, "the calendar is clean", async || {
        (dirty(&cluster).await == 0).then_some(())
    })
    .await;
    cluster.finish().await;
}
