use std::time::{Duration, Instant};

use roomsync_messages::{LinkDue, Message};

use crate::support::{Scratch, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_in_order_and_leave_the_outbox() {
    let scratch = Scratch::new().await;
    scratch.push(1..=50).await;
    let broker = scratch.relay();
    let versions = scratch.consume(&broker);
    scratch.push(51..=100).await;
    assert_eq!(versions.wait_for(100).await, (1..=100).collect::<Vec<_>>());
    scratch.wait_until_empty().await;
    assert_eq!(versions.twice(), 0);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_neither_double_nor_reorder() {
    let scratch = Scratch::new().await;
    let brokers = [scratch.relay(), scratch.relay(), scratch.relay()];
    let versions = scratch.consume(&brokers[0]);
    scratch.push(1..=150).await;
    assert_eq!(versions.wait_for(150).await, (1..=150).collect::<Vec<_>>());
    scratch.wait_until_empty().await;
    assert_eq!(versions.twice(), 0);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_whose_connection_dies_loses_nothing_and_keeps_the_order() {
    let scratch = Scratch::new().await;
    let brokers = [scratch.relay(), scratch.relay()];
    let versions = scratch.consume(&brokers[0]);
    for from in [1, 101, 201] {
        scratch.push(from..=from + 99).await;
        eventually("the relays are killed", async || {
            let killed = scratch.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'roomsync-spec-relay' AND datname = current_database()",
            );
            (killed.await > 0).then_some(())
        })
        .await;
    }
    assert_eq!(versions.wait_for(300).await, (1..=300).collect::<Vec<_>>());
    scratch.wait_until_empty().await;
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_stay_while_the_broker_is_away() {
    let scratch = Scratch::without_vhost().await;
    scratch.push(1..=3).await;
    let broker = scratch.relay();
    let versions = scratch.consume(&broker);
    // Longer than a publish may take: the relay has met the missing broker.
    let mut changes = broker.connected_changes();
    let connected = changes.wait_for(|connected| *connected);
    assert!(
        tokio::time::timeout(Duration::from_secs(3), connected)
            .await
            .is_err()
    );
    assert_eq!(scratch.rows().await, 3);
    scratch.create_vhost().await;
    assert_eq!(versions.wait_for(3).await, [1, 2, 3]);
    scratch.wait_until_empty().await;
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_does_not_leave_before_its_time() {
    let scratch = Scratch::new().await;
    let broker = scratch.relay();
    let versions = scratch.consume(&broker);
    let started = Instant::now();
    scratch.push_after(2, Duration::from_secs(2)).await;
    scratch.push(1..=1).await;
    assert_eq!(versions.wait_for(2).await, [1, 2]);
    assert!(started.elapsed() >= Duration::from_secs(2));
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_is_woken_and_does_not_wait_for_its_tick() {
    let scratch = Scratch::new().await;
    let broker = scratch.relay();
    let versions = scratch.consume(&broker);
    scratch.push(1..=1).await;
    versions.wait_for(1).await;
    let started = Instant::now();
    for version in 2..=21 {
        scratch.push(version..=version).await;
        versions.wait_for(usize::try_from(version).unwrap()).await;
    }
    // By its tick alone each of the twenty would take about a second.
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_no_queue_takes_stays_and_does_not_hold_up_the_others() {
    let scratch = Scratch::new().await;
    scratch
        .execute(
            "INSERT INTO spec.outbox (message_id, message_type, exchange, body)
            VALUES (gen_random_uuid(), 'no.such', 'roomsync.events', '{}')",
        )
        .await;
    scratch.push(1..=2).await;
    let broker = scratch.relay();
    let versions = scratch.consume(&broker);
    assert_eq!(versions.wait_for(2).await, [1, 2]);
    eventually("only the odd one is left", async || {
        (scratch.rows().await == 1).then_some(())
    })
    .await;
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_envelope_travels_with_the_message() {
    let scratch = Scratch::new().await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    scratch
        .execute(
            "INSERT INTO spec.outbox (message_id, message_type, exchange, body, traceparent)
            VALUES (gen_random_uuid(), 'link.due', 'roomsync.commands', '{}',
                '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')",
        )
        .await;
    let _broker = scratch.relay();
    scratch.wait_until_empty().await;
    let message = scratch.peek(LinkDue::QUEUE).await;
    assert_eq!(message["properties"]["headers"]["traceparent"], traceparent);
    assert_eq!(message["properties"]["type"], "link.due");
    assert_eq!(message["properties"]["app_id"], "spec");
    assert_eq!(message["properties"]["content_type"], "application/json");
    assert_eq!(message["exchange"], "roomsync.commands");
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_shuts_down_hands_its_turn_over() {
    let scratch = Scratch::new().await;
    let first = scratch.relay();
    scratch.push(1..=1).await;
    scratch.wait_until_empty().await;
    // The second replica outlives the first: it has a shutdown of its own.
    let soft = tokio_util::sync::CancellationToken::new();
    let publisher = first.publisher();
    let running = scratch.tasks.spawn(roomsync_relay::run(
        scratch.database.clone(),
        publisher,
        soft.clone(),
    ));
    scratch.soft.cancel();
    scratch.push(2..=2).await;
    scratch.wait_until_empty().await;
    soft.cancel();
    running.await.unwrap();
    scratch.end().await;
}

/// A relay dies after RabbitMQ has confirmed and before the outbox has forgotten. The first arrivals keep the
/// order, and whoever consumes knows the others by their ids.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_dies_between_publish_and_delete_loses_nothing_and_keeps_the_order() {
    let scratch = Scratch::new().await;
    // What a sequence has given is not taken back: the first three deletes end their connection.
    scratch.execute("CREATE SEQUENCE spec.deletes").await;
    scratch
        .execute(
            "CREATE FUNCTION spec.dies() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('spec.deletes') <= 3 THEN
                    PERFORM pg_terminate_backend(pg_backend_pid());
                END IF;
                RETURN NULL;
            END $$",
        )
        .await;
    scratch
        .execute(
            "CREATE TRIGGER dies BEFORE DELETE ON spec.outbox
            FOR EACH STATEMENT EXECUTE FUNCTION spec.dies()",
        )
        .await;
    scratch.push(1..=50).await;
    let brokers = [scratch.relay(), scratch.relay()];
    let versions = scratch.consume(&brokers[0]);
    scratch.push(51..=100).await;
    scratch.wait_until_empty().await;
    assert_eq!(versions.wait_for(100).await, (1..=100).collect::<Vec<_>>());
    assert!(versions.twice() > 0, "no relay died in between");
    scratch.end().await;
}
