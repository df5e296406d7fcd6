//! A replica of the version before meets rows that a later one wrote, with words that it does not know.

use roomsync_proto::booking::v1::BookingState;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tonic::Code;

use super::world::{World, accepted, event, window};
use crate::{convert, mirror::apply::apply};

/// It decides nothing about what it cannot read: the listing is refused as a fault of ours, which sync-worker
/// tries again, and nothing of it is kept. A replica that knows the word then takes the same listing.
#[sqlx::test(migrations = false)]
async fn a_listing_about_a_booking_in_a_state_of_a_later_version_waits_for_one_who_knows_it(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    let state = |state: &'static str| {
        sqlx::query("UPDATE booking.bookings SET state = $1")
            .bind(state)
            .execute(world.database.pool())
    };
    state("of_a_later_version").await.unwrap();
    let moved = world.listing(vec![event(accepted("a", 11, 12))]);
    let refused = apply(&world.database, &world.ring, &moved).await;
    let status = tonic::Status::from(refused.unwrap_err());
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(world.log().await.len(), 1, "nothing was published");

    state("confirmed").await.unwrap();
    apply(&world.database, &world.ring, &moved).await.unwrap();
    let booking = world.booking().await;
    assert_eq!(booking.state(), BookingState::Confirmed);
    assert_eq!(booking.window, Some(convert::window(window(11, 12))));
}
