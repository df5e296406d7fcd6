use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::anyhow;
use roomsync_broker::{Failure, Publisher};
use roomsync_messages::{Message, ObjectChanged};

use crate::support::{Scratch, Script, object_changed};

async fn publish(publisher: &Publisher, versions: std::ops::RangeInclusive<i64>) {
    for version in versions {
        publisher
            .publish(&object_changed(version))
            .await
            .expect("published");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_must_wait_is_not_overtaken() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|message: &ObjectChanged, delivery| {
        if message.version == 2 && delivery.attempt < 3 {
            return Err(Failure::retry(anyhow!("postgresql is away")));
        }
        Ok(())
    });
    scratch.consume(&broker, &handler);
    publish(&broker.publisher(), 1..=4).await;

    let seen = handler.wait_for(6).await;
    let versions: Vec<_> = seen.iter().map(|(message, ..)| message.version).collect();
    assert_eq!(versions, [1, 2, 2, 2, 3, 4]);
    let attempts: Vec<_> = seen[1..4]
        .iter()
        .map(|(_, delivery, _)| delivery.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3]);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_is_parked_and_the_queue_goes_on() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|message: &ObjectChanged, _| match message.version {
        1 => Err(Failure::reject(anyhow!("a version that cannot be"))),
        _ => Ok(()),
    });
    scratch.consume(&broker, &handler);
    publish(&broker.publisher(), 1..=2).await;
    let seen = handler.wait_for(2).await;
    assert_eq!(seen[1].0.version, 2);
    let headers = scratch.parked(ObjectChanged::QUEUE).await;
    assert_eq!(headers["roomsync-reason"], "a version that cannot be");
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_makes_its_handler_panic_again_and_again_is_parked_and_the_queue_goes_on() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|message: &ObjectChanged, _| {
        assert!(message.version != 1, "one");
        Ok(())
    });
    scratch.consume(&broker, &handler);
    publish(&broker.publisher(), 1..=2).await;
    let seen = handler.wait_for(11).await;
    let versions: Vec<_> = seen.iter().map(|(message, ..)| message.version).collect();
    assert_eq!(versions, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    let headers = scratch.parked(ObjectChanged::QUEUE).await;
    assert_eq!(headers["roomsync-reason"], "the handler panicked 10 times");
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_survives_a_lost_connection_and_a_second_replica() {
    let scratch = Scratch::new().await;
    let (broker, replica) = (scratch.connected().await, scratch.connected().await);
    let ready = Arc::new(AtomicBool::new(false));
    let gate = ready.clone();
    // Both replicas consume with the same handler, so what it writes down is in order of arrival.
    let handler = Script::new(move |message: &ObjectChanged, _| {
        if message.version == 3 && !gate.load(Ordering::SeqCst) {
            return Err(Failure::retry(anyhow!("not ready")));
        }
        Ok(())
    });
    scratch.consume(&broker, &handler);
    scratch.consume(&replica, &handler);
    publish(&broker.publisher(), 1..=20).await;
    handler.wait_for(4).await;
    scratch.close_connections().await;
    ready.store(true, Ordering::SeqCst);

    crate::support::eventually("the last version", async || {
        handler
            .seen()
            .iter()
            .any(|(message, ..)| message.version == 20)
            .then_some(())
    })
    .await;
    let mut versions: Vec<_> = handler
        .seen()
        .iter()
        .map(|(message, ..)| message.version)
        .collect();
    versions.dedup();
    assert_eq!(versions, (1..=20).collect::<Vec<_>>());
    scratch.end().await;
}
