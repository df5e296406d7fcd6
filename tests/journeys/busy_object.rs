//! Somebody holds an object's row for long: whoever wants to book it, or to end a booking, hears that in time.

use std::time::Duration;

use roomsync_proto::booking::v1::{BookingState, DeleteBookingRequest};
use roomsync_testkit::{NewBooking, app::bookings::user};
use sqlx::{Postgres, Transaction};
use tonic::{Code, Request};

use crate::{
    declining::{allow, refusal, said},
    scene::{Scene, tomorrow},
};

/// Far less than a statement may take.
const IMPATIENT: Duration = Duration::from_secs(2);

async fn held(scene: &Scene) -> Transaction<'static, Postgres> {
    let pool = scene.cluster.database().pool();
    let mut holder = pool.begin().await.expect("a transaction");
    sqlx::query("SELECT version FROM booking.objects FOR UPDATE")
        .execute(&mut *holder)
        .await
        .expect("the object's row");
    holder
}

/// Covers B7, R27, R36.
#[tokio::test]
async fn nobody_waits_for_others_at_the_object_longer_than_the_own_deadline() {
    let scene = Scene::new("busy object").await;
    allow(&scene, true).await;
    let app = scene.cluster.app();
    let busy = (Code::Unavailable, "OBJECT_BUSY".to_owned());
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");

    let holder = held(&scene).await;
    let answer = app.create_booking("acme", new.clone().waiting(IMPATIENT));
    assert_eq!(refusal(answer.await), busy);
    holder.rollback().await.expect("let go");
    scene.wait_count("nothing is stored", 0).await;
    let booking = app.book("acme", new).await;

    let holder = held(&scene).await;
    let mut request = Request::new(DeleteBookingRequest {
        tenant_id: "acme".to_owned(),
        booking_id: booking.booking_id.clone(),
        actor: Some(user("u-ana")),
        series: false,
    });
    request.set_timeout(IMPATIENT);
    assert_eq!(refusal(app.bookings().delete_booking(request).await), busy);
    holder.rollback().await.expect("let go");
    let ended = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    let ended = ended.await.expect("declined");
    assert_eq!(said(&ended), (BookingState::Removed, "DECLINED"));
    scene.cluster.finish().await;
}
