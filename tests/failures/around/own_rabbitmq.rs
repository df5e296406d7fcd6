//! A RabbitMQ of the test's own: it restarts, dies and runs short of memory in the middle of changes and
//! bookings.

use std::time::Instant;

use roomsync_testkit::{Cluster, Dice, OwnRabbit, eventually};

use super::{RECOVERY, Rooms, all_ready, answered, everything_agrees};

/// Covers R17, R78.
#[tokio::test]
async fn a_rabbitmq_that_restarts_dies_and_runs_short_of_memory_loses_nothing() {
    let rabbit = OwnRabbit::start().await;
    let cluster = Cluster::builder("a rabbitmq of its own")
        .on_rabbit(&rabbit)
        // Long enough to outlive each outage: what Google gives up on is not ours to lose.
        .google(|settings| {
            settings.push_retries = 12;
            // That there is an answer is asked for, not that a busy machine is as fast as Google wants.
            settings.push_timeout = RECOVERY;
        })
        .start()
        .await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of("a rabbitmq of its own");

    for how in ["a restart of RabbitMQ", "a death of RabbitMQ"] {
        let traffic = rooms.traffic(&cluster, dice.other());
        traffic.goes_on(10).await;
        if how.contains("death") {
            rabbit.kill().await;
        } else {
            rabbit.stop().await;
        }
        traffic.goes_on(10).await;
        rabbit.start_again().await;
        let back = Instant::now();
        all_ready(&cluster).await;
        eprintln!("after {how}: ready in {:.1?}", back.elapsed());
        traffic.goes_on(10).await;
        traffic.stop().await;
        everything_agrees(&cluster, &rooms, how).await;
    }

    let traffic = rooms.traffic(&cluster, dice.other());
    traffic.goes_on(5).await;
    let before = answered(&cluster, 503);
    rabbit.runs_short_of_memory().await;
    eventually(
        RECOVERY,
        "a push is refused while publishers are blocked",
        async || (answered(&cluster, 503) > before).then_some(()),
    )
    .await;
    rabbit.has_memory().await;
    let accepted = answered(&cluster, 200);
    eventually(RECOVERY, "pushes are taken again", async || {
        (answered(&cluster, 200) > accepted).then_some(())
    })
    .await;
    traffic.stop().await;
    everything_agrees(&cluster, &rooms, "a memory alarm").await;
    // Google does not come again without an answer.
    let pushes = cluster.google().pushes();
    let unanswered = pushes.iter().filter(|push| push.answers.contains(&None));
    assert_eq!(unanswered.count(), 0, "every push had an answer");
    cluster.finish().await;
}
