use std::{sync::Arc, time::Duration};

use roomsync_broker::{Broker, BrokerConfig, Envelope, PublishError};
use roomsync_messages::{LinkDue, Message};
use tokio_util::sync::CancellationToken;

use crate::support::{Scratch, Script, link_due, wait_connected};

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_message_reaches_its_handler_once() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    broker.publisher().publish(&link_due(1)).await.unwrap();
    scratch.consume(&broker, &handler);

    let seen = handler.wait_for(1).await;
    assert_eq!(seen[0].0, link_due(1));
    assert_eq!((seen[0].1.attempt, seen[0].1.redelivered), (1, false));
    assert_eq!(seen[0].1.message_id.get_version_num(), 7);
    scratch.end().await;
    assert_eq!(handler.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_publishes_are_under_way_at_once_on_one_channel() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    scratch.consume(&broker, &handler);
    let publisher = broker.publisher();
    let all = (0..500).map(|number| {
        let publisher = publisher.clone();
        async move { publisher.publish(&link_due(number)).await }
    });
    for result in futures_util::future::join_all(all).await {
        result.unwrap();
    }
    handler.wait_for(500).await;
    scratch.end().await;
    assert_eq!(handler.seen().len(), 500, "acknowledged, each");
}

#[tokio::test]
async fn a_message_that_no_queue_takes_is_an_error_and_the_others_go_on() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let nowhere = Envelope {
        message_type: "no.such".to_owned(),
        ..envelope(0)
    };
    let error = broker
        .publisher()
        .publish_envelope(nowhere.clone())
        .await
        .unwrap_err();
    assert!(matches!(error, PublishError::Returned { message_type } if message_type == "no.such"));

    let results = broker
        .publisher()
        .publish_in_order(vec![envelope(1), nowhere, envelope(2)])
        .await;
    assert!(
        matches!(
            results[..],
            [Ok(()), Err(PublishError::Returned { .. }), Ok(())]
        ),
        "{results:?}"
    );
    scratch.end().await;
}

#[tokio::test]
async fn an_exchange_that_is_gone_comes_back_with_the_next_connection() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    scratch
        .delete(&format!("exchanges/{}/roomsync.commands", scratch.name))
        .await;
    // The broker closes the channel; the message goes out again over the next connection.
    broker.publisher().publish(&link_due(1)).await.unwrap();
    scratch.end().await;
}

#[tokio::test]
async fn publishing_without_a_broker_fails_in_time() {
    let config = BrokerConfig {
        publish_timeout: Duration::from_millis(300),
        ..BrokerConfig::new("amqp://guest:guest@127.0.0.1:1/none")
    };
    let broker = Broker::start("spec", "it", &config, CancellationToken::new());
    let error = broker.publisher().publish(&link_due(1)).await.unwrap_err();
    assert!(matches!(error, PublishError::Unreachable));
    assert!(!broker.is_connected());
    let results = broker.publisher().publish_in_order(vec![envelope(1)]).await;
    assert!(matches!(results[..], [Err(PublishError::Unreachable)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_later_is_waited_for() {
    let scratch = Scratch::without_vhost();
    let broker = scratch.broker();
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    scratch.consume(&broker, &handler);
    assert!(!broker.is_connected());
    scratch.create_vhost().await;
    wait_connected(&broker).await;
    broker.publisher().publish(&link_due(1)).await.unwrap();
    handler.wait_for(1).await;
    scratch.end().await;
}

#[tokio::test]
async fn the_connection_closes_with_the_last_handle() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let mut changes = broker.connected_changes();
    let publisher = broker.publisher();
    drop(broker);
    publisher.publish(&link_due(1)).await.unwrap();
    drop(publisher);
    changes.wait_for(|connected| !connected).await.unwrap();
    scratch.end().await;
}

fn envelope(number: u16) -> Envelope {
    let envelope = Envelope::of(&link_due(number)).expect("it serializes");
    assert_eq!(envelope.message_type, LinkDue::TYPE);
    envelope
}

#[test]
fn handles_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn sendable<T: Send + 'static>(_: T) {}
    shared::<Broker>();
    shared::<roomsync_broker::Publisher>();
    let _: fn(Broker, Arc<Script<LinkDue>>) = |broker, handler| sendable(broker.consume(handler));
}
