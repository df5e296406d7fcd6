//! Waiting for Google on a caller's behalf, in PostgreSQL.

use std::time::Duration;

use roomsync_domain::{BookingState as State, Placement};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::time::{Instant, timeout};

use crate::{
    bookings::{Booking, Desk, get},
    mirror::tests::{ours::given, world::World},
};

fn is_confirmed(booking: &Booking) -> bool {
    booking.state == State::Confirmed
}

#[sqlx::test(migrations = false)]
async fn who_waits_is_answered_in_time_although_no_connection_is_free(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let tenant = &world.ours.tenant;
    let id = given(&world, Placement::UserCalendar, State::Pending).await;
    let booking = get::find(&world.database, tenant, id).await;
    let booking = booking.unwrap().unwrap();
    let pool = world.database.pool();
    let mut taken = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        taken.push(pool.acquire().await.unwrap());
    }
    let deadline = Instant::now() + Duration::from_millis(100);
    let desk = Desk::of_tests(world.database.clone());
    let waited = desk.wait_until(tenant, booking.clone(), deadline, is_confirmed);
    let answer = timeout(Duration::from_secs(2), waited).await;
    assert_eq!(answer.unwrap().unwrap(), booking);
}
