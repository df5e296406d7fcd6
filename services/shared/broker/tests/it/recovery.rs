use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use roomsync_broker::{Broker, Delivery, Failure, Handler};
use roomsync_messages::{LinkDue, Message};
use tokio::sync::Notify;

use crate::support::{DEADLINE, Scratch, Script, eventually, link_due, wait_connected};

#[tokio::test(flavor = "multi_thread")]
async fn publisher_and_consumer_go_on_after_their_connection_is_closed() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    scratch.consume(&broker, &handler);

    let stop = Arc::new(AtomicBool::new(false));
    let publishing = scratch.tasks.spawn({
        let (stop, publisher) = (stop.clone(), broker.publisher());
        async move {
            let mut pace = tokio::time::interval(Duration::from_millis(2));
            let mut number = 0;
            while !stop.load(Ordering::SeqCst) {
                let result = publisher.publish(&link_due(number)).await;
                result.expect("published, if need be over a new connection");
                number += 1;
                pace.tick().await;
            }
            number
        }
    });
    let mut changes = broker.connected_changes();
    changes.mark_unchanged();
    assert_eq!(scratch.close_connections().await, 1);
    tokio::time::timeout(DEADLINE, changes.wait_for(|connected| !connected))
        .await
        .unwrap()
        .unwrap();
    wait_connected(&broker).await;
    handler.wait_for(handler.seen().len() + 50).await;
    stop.store(true, Ordering::SeqCst);
    let published = publishing.await.unwrap();

    let expected: HashSet<_> = (0..published).map(|number| link_due(number).link).collect();
    eventually("every confirmed message", async || {
        let seen: HashSet<_> = handler
            .seen()
            .iter()
            .map(|(message, ..)| message.link)
            .collect();
        (seen == expected).then_some(())
    })
    .await;
    scratch.end().await;
}

/// Holds every message until it is told to let go.
#[derive(Default)]
struct Holding {
    begun: Notify,
    release: Notify,
    done: AtomicBool,
}

#[async_trait]
impl Handler<LinkDue> for Holding {
    async fn handle(&self, _: LinkDue, _: &Delivery) -> Result<(), Failure> {
        self.begun.notify_one();
        self.release.notified().await;
        self.done.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_shutdown_finishes_what_is_in_hand_and_takes_nothing_more() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let holding = Arc::new(Holding::default());
    broker.publisher().publish(&link_due(1)).await.unwrap();
    let consuming = scratch
        .tasks
        .spawn(broker.consume::<LinkDue, _>(holding.clone()));
    holding.begun.notified().await;
    scratch.soft.cancel();
    eventually("the consumer is gone", async || {
        // Published after the shutdown: nobody takes it.
        broker.publisher().publish(&link_due(2)).await.unwrap();
        (!scratch.peek(LinkDue::QUEUE).await.is_empty()).then_some(())
    })
    .await;
    assert!(!consuming.is_finished());
    holding.release.notify_one();
    tokio::time::timeout(DEADLINE, consuming)
        .await
        .unwrap()
        .unwrap();
    assert!(holding.done.load(Ordering::SeqCst));
    let left = scratch.peek(LinkDue::QUEUE).await;
    assert!(
        left.iter()
            .all(|message| !message["payload"].as_str().unwrap().ends_with("01\"}"))
    );
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_without_connection_still_finishes_what_is_in_hand() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let holding = Arc::new(Holding::default());
    broker.publisher().publish(&link_due(1)).await.unwrap();
    let consuming = scratch
        .tasks
        .spawn(broker.consume::<LinkDue, _>(holding.clone()));
    holding.begun.notified().await;
    let mut changes = broker.connected_changes();
    scratch.delete(&format!("vhosts/{}", scratch.name)).await;
    tokio::time::timeout(DEADLINE, changes.wait_for(|connected| !connected))
        .await
        .unwrap()
        .unwrap();
    scratch.soft.cancel();
    holding.release.notify_one();
    tokio::time::timeout(DEADLINE, consuming)
        .await
        .unwrap()
        .unwrap();
    assert!(holding.done.load(Ordering::SeqCst));
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_had_in_hand_is_delivered_to_another() {
    let scratch = Scratch::new().await;
    let holding = Arc::new(Holding::default());
    let process = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (config, soft, handler) = (
        scratch.config.clone(),
        scratch.soft.clone(),
        holding.clone(),
    );
    process.spawn(async move {
        let broker = Broker::start("spec", "killed", &config, soft);
        broker.publisher().publish(&link_due(1)).await.unwrap();
        broker.consume::<LinkDue, _>(handler).await;
    });
    holding.begun.notified().await;
    process.shutdown_background();

    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    scratch.consume(&broker, &handler);
    let seen = handler.wait_for(1).await;
    assert!(seen[0].1.redelivered);
    assert_eq!(seen[0].1.attempt, 1, "a crash is no attempt");
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_deleted_is_declared_and_consumed_again() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    scratch.consume(&broker, &handler);
    broker.publisher().publish(&link_due(1)).await.unwrap();
    handler.wait_for(1).await;
    scratch
        .delete(&format!("queues/{}/{}", scratch.name, LinkDue::QUEUE))
        .await;
    eventually("the queue takes messages again", async || {
        broker.publisher().publish(&link_due(2)).await.ok()
    })
    .await;
    handler.wait_for(2).await;
    scratch.end().await;
}
