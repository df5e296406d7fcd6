//! A PostgreSQL of the test's own: it restarts and dies in the middle of changes and bookings.

use std::time::Instant;

use roomsync_testkit::{Cluster, Dice, OwnPostgres};

use super::{Rooms, all_ready, everything_agrees};

/// Covers R17, R78.
#[tokio::test]
async fn a_postgresql_that_restarts_and_dies_loses_nothing() {
    let postgres = OwnPostgres::start().await;
    let cluster = Cluster::builder("a postgresql of its own")
        .on_postgres(&postgres)
        .start()
        .await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of("a postgresql of its own");

    for how in ["a restart of PostgreSQL", "a death of PostgreSQL"] {
        let traffic = rooms.traffic(&cluster, dice.other());
        traffic.goes_on(15).await;
        if how.contains("death") {
            postgres.kill().await;
        } else {
            postgres.stop().await;
        }
        traffic.goes_on(15).await;
        postgres.start_again().await;
        let back = Instant::now();
        all_ready(&cluster).await;
        eprintln!("after {how}: ready in {:.1?}", back.elapsed());
        traffic.goes_on(15).await;
        traffic.stop().await;
        everything_agrees(&cluster, &rooms, how).await;
    }
    cluster.finish().await;
}
