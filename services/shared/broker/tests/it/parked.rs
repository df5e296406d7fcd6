//! Parked messages: looked at, sent again, dropped.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use roomsync_broker::{
    Broker, Envelope, OptionExt, Parked, PublishError,
    parked::{ParkedError, ParkedMessage, REACH},
};
use roomsync_messages::{LinkDue, Message, ObjectChanged};
use serde_json::json;

use crate::support::{Scratch, Script, eventually, link_due};

const QUEUE: &str = LinkDue::QUEUE;

/// A handler that rejects everything until it was mended.
fn mendable() -> (Arc<Script<LinkDue>>, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let is = mended.clone();
    let handler = Script::new(move |_: &LinkDue, _| {
        let fine = is.load(Ordering::SeqCst).then_some(());
        fine.ok_or_reject("the link is not ours")
    });
    (handler, mended)
}

/// Parks so many messages by a consumer that ends then, and returns their ids in the order of their queue.
pub(crate) async fn park(scratch: &Scratch, broker: &Broker, count: u16) -> Vec<String> {
    let (handler, _) = mendable();
    let consuming = scratch.tasks.spawn(broker.consume::<LinkDue, _>(handler));
    let envelopes = (0..count).map(|number| Envelope::of(&link_due(number)).expect("it works"));
    for result in broker
        .publisher()
        .publish_in_order(envelopes.collect())
        .await
    {
        result.expect("it works");
    }
    let parked = broker.parked();
    let ids = eventually("they are parked", async || {
        let ids = all(&parked).await;
        (ids.len() == usize::from(count)).then_some(ids)
    })
    .await;
    consuming.abort();
    ids
}

fn ids(messages: &[ParkedMessage]) -> Vec<String> {
    let ids = messages.iter().map(|message| message.message_id.clone());
    ids.collect()
}

async fn all(parked: &Parked) -> Vec<String> {
    ids(&parked
        .page(QUEUE, 0, REACH)
        .await
        .expect("it works")
        .messages)
}

/// Covers B16.
#[tokio::test(flavor = "multi_thread")]
async fn a_parked_message_is_listed_with_its_reason_and_shown_without_its_person() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &ObjectChanged, _| None.ok_or_reject("versions begin at 1"));
    scratch.consume(&broker, &handler);
    let id = "018f0000-0000-7000-8000-000000000001";
    let body = json!({
        "tenant": "acme", "object": "aquarium", "version": 0,
        "changed_at": "2026-11-22T08:00:00Z",
        "items": [{ "kind": "booking", "booking": {
            "id": id, "state": "confirmed", "booker": { "kind": "user", "user": "u-ana" },
            "starts_at": "2026-11-25T09:00:00Z", "ends_at": "2026-11-25T10:00:00Z",
            "created_at": "2026-11-22T08:00:00Z", "updated_at": "2026-11-22T08:00:00Z",
        }}],
    });
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let properties = json!({
        "type": "object.changed", "message_id": id, "headers": { "traceparent": trace },
    });
    scratch
        .publish_raw(ObjectChanged::QUEUE, properties, &body.to_string())
        .await;

    let parked = broker.parked();
    let queue = eventually("it is parked", async || {
        let queues = parked.queues().await.expect("it works");
        queues.into_iter().find(|queue| queue.messages == 1)
    })
    .await;
    assert_eq!(queue.queue, ObjectChanged::QUEUE);
    assert_eq!(queue.kept_for_seconds, Some(24 * 60 * 60));
    let page = parked.page(queue.queue, 0, 10).await.expect("it works");
    let message = &page.messages[0];
    assert_eq!(message.reason, "versions begin at 1");
    assert_eq!(message.parked_at, queue.oldest_parked_at);
    assert!(message.parked_at >= message.first_seen && message.first_seen.is_some());

    let shown = parked.show(id).await.expect("it works");
    assert_eq!(shown.message, *message);
    assert_eq!(shown.message.traceparent.as_deref(), Some(trace));
    let body = shown.body.expect("it works").to_string();
    assert!(
        !body.contains("u-ana") && body.contains("aquarium"),
        "{body}"
    );
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_many_gives_them_back_in_their_order() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let given = park(&scratch, &broker, 120).await;
    let parked = broker.parked();

    let first = parked.page(QUEUE, 0, 50).await.expect("it works");
    assert_eq!((first.lying, first.next), (120, Some(50)));
    assert_eq!(ids(&first.messages), given[..50]);
    let second = parked.page(QUEUE, 50, 100).await.expect("it works");
    assert_eq!(
        (ids(&second.messages), second.next),
        (given[50..].to_vec(), None)
    );
    assert_eq!(
        parked
            .show(&given[77])
            .await
            .expect("it works")
            .message
            .message_id,
        given[77]
    );
    assert_eq!(all(&parked).await, given);
    scratch.end().await;
}

/// Covers B16.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_again_is_tried_as_if_it_were_new() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let (handler, mended) = mendable();
    scratch.consume(&broker, &handler);
    broker
        .publisher()
        .publish(&link_due(1))
        .await
        .expect("it works");
    scratch.parked(QUEUE).await;
    let parked = broker.parked();
    let id = all(&parked).await.remove(0);

    mended.store(true, Ordering::SeqCst);
    let sent = parked
        .send_again(QUEUE, Some(&id), "ops")
        .await
        .expect("it works");
    assert_eq!((sent.sent, sent.left), (1, 0));
    let seen = handler.wait_for(2).await;
    let (before, after) = (&seen[0].1, &seen[1].1);
    assert_eq!(after.message_id, before.message_id);
    assert_eq!(after.message_id.to_string(), id);
    assert_eq!(after.attempt, 1);
    assert!(
        after.first_seen > before.first_seen,
        "its patience begins anew"
    );
    assert!(all(&parked).await.is_empty());
    let again = parked.send_again(QUEUE, Some(&id), "ops").await;
    assert!(
        matches!(again, Err(ParkedError::NotFound { .. })),
        "{again:?}"
    );
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_again_at_once_is_not_sent_twice_by_one_call() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let given: BTreeSet<_> = park(&scratch, &broker, 40).await.into_iter().collect();
    let (handler, _) = mendable();
    scratch.consume(&broker, &handler);
    let parked = broker.parked();

    let sent = parked
        .send_again(QUEUE, None, "ops")
        .await
        .expect("it works");
    assert_eq!((sent.sent, sent.left), (40, 0));
    eventually("they are parked again", async || {
        let back: BTreeSet<_> = all(&parked).await.into_iter().collect();
        (back == given).then_some(())
    })
    .await;
    assert_eq!(handler.seen().len(), 40);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_message_is_gone_and_the_others_keep_their_order() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let mut given = park(&scratch, &broker, 60).await;
    let parked = broker.parked();
    let gone = given.remove(41);
    let dropped = parked
        .drop_one("sync-worker.link-due.dead", &gone, "ops")
        .await;
    assert_eq!(dropped.expect("it works").message_id, gone);
    assert_eq!(all(&parked).await, given);
    let again = parked.drop_one(QUEUE, &gone, "ops").await;
    assert!(
        matches!(again, Err(ParkedError::NotFound { .. })),
        "{again:?}"
    );
    let elsewhere = parked.drop_one("sync-worker.nothing", &gone, "ops").await;
    assert!(matches!(elsewhere, Err(ParkedError::UnknownQueue { .. })));
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_again_stays_parked() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let given = park(&scratch, &broker, 3).await;
    let parked = broker.parked();
    scratch
        .delete(&format!("queues/{}/{QUEUE}", scratch.name))
        .await;
    let failed = parked.send_again(QUEUE, None, "ops").await;
    let Err(ParkedError::Interrupted { sent: 0, cause }) = failed else {
        panic!("unexpected {failed:?}");
    };
    assert!(matches!(cause, PublishError::Returned { .. }), "{cause}");
    assert_eq!(all(&parked).await, given);
    scratch.end().await;
}

/// Two processes, so that nothing but RabbitMQ stands between them.
#[tokio::test(flavor = "multi_thread")]
async fn two_operators_at_once_lose_nothing() {
    let scratch = Scratch::new().await;
    let (one, other) = (scratch.connected().await, scratch.connected().await);
    let given: BTreeSet<_> = park(&scratch, &one, 150).await.into_iter().collect();
    let dropped = given.iter().next().expect("it works").clone();
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    let (first, second) = (one.parked(), other.parked());

    // Whoever comes second waits, sees fewer, or is told to try again.
    let busy = |error: ParkedError| assert!(matches!(error, ParkedError::Busy { .. }), "{error}");
    let drop_one = async {
        eventually("the drop gets its turn", async || {
            match second.drop_one(QUEUE, &dropped, "two").await {
                Ok(message) => Some(message),
                Err(error) => {
                    busy(error);
                    None
                }
            }
        })
        .await;
    };
    let look = async {
        for _ in 0..5 {
            if let Err(error) = second.page(QUEUE, 0, REACH).await {
                busy(error);
            }
            if let Err(error) = first.queues().await {
                busy(error);
            }
        }
    };
    tokio::join!(drop_one, look);
    let send = async |parked: Parked, name: &'static str| {
        eventually("everything is sent", async || {
            match parked.send_again(QUEUE, None, name).await {
                Ok(sent) => Some(sent.sent),
                Err(error) => {
                    busy(error);
                    None
                }
            }
        })
        .await
    };
    let (by_first, by_second) = tokio::join!(send(first.clone(), "one"), send(second, "two"));
    assert_eq!(by_first + by_second, 149);

    scratch.consume(&one, &handler);
    let seen = handler.wait_for(149).await;
    let seen: BTreeSet<_> = seen
        .iter()
        .map(|(_, delivery, _)| delivery.message_id.to_string())
        .collect();
    let expected: BTreeSet<_> = given.into_iter().filter(|id| *id != dropped).collect();
    assert_eq!(seen, expected);
    assert!(all(&first).await.is_empty());
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rabbitmq_parked_itself_says_so_and_what_has_no_id_gets_a_name() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let parked = broker.parked();
    scratch
        .publish_raw(QUEUE, json!({ "type": "link.due" }), "no message at all")
        .await;
    scratch.reject(QUEUE).await;
    let message = eventually("it is parked", async || {
        parked
            .page(QUEUE, 0, 1)
            .await
            .expect("it works")
            .messages
            .pop()
    })
    .await;
    assert_eq!(message.reason, "parked by rabbitmq: rejected");
    assert!(message.parked_at.is_some());
    assert!(message.message_id.starts_with("no-id-"), "{message:?}");
    let shown = parked.show(&message.message_id).await.expect("it works");
    assert_eq!((shown.body, shown.message.size), (None, 17));
    let dropped = parked.drop_one(QUEUE, &message.message_id, "ops").await;
    assert_eq!(dropped.expect("it works").message_id, message.message_id);
    assert!(all(&parked).await.is_empty());
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rabbitmq_an_operator_is_told_so() {
    let mut scratch = Scratch::without_vhost();
    scratch.config.publish_timeout = Duration::from_millis(300);
    let parked = scratch.broker().parked();
    for answer in [
        parked.queues().await.map(|_| ()),
        parked.send_again(QUEUE, None, "ops").await.map(|_| ()),
    ] {
        assert!(
            matches!(answer, Err(ParkedError::Unreachable)),
            "{answer:?}"
        );
    }
}
