use std::time::Duration;

use anyhow::anyhow;
use roomsync_broker::{Failure, OptionExt, ResultExt};
use roomsync_messages::{LinkDue, Message};
use serde_json::json;

use crate::support::{Scratch, Script, link_due};

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_climbs_the_ladder_and_its_attempts_are_counted() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, delivery| match delivery.attempt {
        1..=3 => Err::<(), _>(anyhow!("not yet")).or_retry(),
        _ => Ok(()),
    });
    scratch.consume(&broker, &handler);
    broker.publisher().publish(&link_due(1)).await.unwrap();

    let seen = handler.wait_for(4).await;
    let attempts: Vec<_> = seen
        .iter()
        .map(|(_, delivery, _)| delivery.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    let waits: Vec<_> = seen.windows(2).map(|pair| pair[1].2 - pair[0].2).collect();
    for (wait, rung) in waits.iter().zip([200, 600, 600]) {
        assert!(*wait >= Duration::from_millis(rung), "{waits:?}");
    }
    let (first, last) = (&seen[0].1, &seen[3].1);
    assert_eq!(first.message_id, last.message_id);
    assert!(
        (first.first_seen - last.first_seen)
            .num_milliseconds()
            .abs()
            <= 1
    );
    scratch.end().await;
    assert_eq!(handler.seen().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_back_early_goes_on_waiting_without_an_attempt() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let after = Duration::from_secs(1);
    let handler = Script::new(move |_: &LinkDue, delivery| match delivery.attempt {
        1 => Err::<(), _>(anyhow!("google asked us to slow down")).or_retry_after(after),
        _ => Ok(()),
    });
    scratch.consume(&broker, &handler);
    broker.publisher().publish(&link_due(1)).await.unwrap();

    // 1000 ms are more than one rung: the message passes through several.
    let seen = handler.wait_for(2).await;
    assert!(
        seen[1].2 - seen[0].2 >= after,
        "never before the time asked for"
    );
    assert_eq!(seen[1].1.attempt, 2);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_not_tried_comes_back_as_often_as_it_takes_without_an_attempt() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let handler = Script::new(move |_: &LinkDue, _| {
        match turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0..=4 => Err(Failure::not_now(anyhow!("others first"), Duration::ZERO)),
            5 => Err::<(), _>(anyhow!("not yet")).or_retry(),
            _ => Ok(()),
        }
    });
    scratch.consume(&broker, &handler);
    broker.publisher().publish(&link_due(1)).await.unwrap();
    let seen = handler.wait_for(7).await;
    let attempts: Vec<_> = seen
        .iter()
        .map(|(_, delivery, _)| delivery.attempt)
        .collect();
    assert_eq!(attempts, [1, 1, 1, 1, 1, 1, 2]);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_far_ahead_does_not_hold_a_message_back() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    scratch.consume(&broker, &handler);
    // Due in the year 2100, says the clock of whoever wrote it; it also says that nothing is left to wait.
    let properties = json!({
        "type": "link.due",
        "message_id": "018f0000-0000-7000-8000-000000000001",
        "headers": { "roomsync-due": 4_102_444_800_000_i64, "roomsync-left": 0 },
    });
    let body = serde_json::to_string(&link_due(1)).unwrap();
    scratch.publish_raw(LinkDue::QUEUE, properties, &body).await;
    handler.wait_for(1).await;
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_message_is_parked_at_once_with_its_reason() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| None.ok_or_reject("the link is not ours"));
    scratch.consume(&broker, &handler);
    broker.publisher().publish(&link_due(1)).await.unwrap();

    let headers = scratch.parked(LinkDue::QUEUE).await;
    assert_eq!(headers["roomsync-reason"], "the link is not ours");
    assert!(headers["roomsync-parked-at"].is_number());
    assert_eq!(handler.seen().len(), 1);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_parked_when_its_patience_ends() {
    let mut scratch = Scratch::new().await;
    scratch.config.patience = Some(Duration::from_millis(500));
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Err(Failure::retry(anyhow!("google is away"))));
    scratch.consume(&broker, &handler);
    broker.publisher().publish(&link_due(1)).await.unwrap();

    let headers = scratch.parked(LinkDue::QUEUE).await;
    let attempts = handler.seen().len();
    assert!(attempts >= 2, "{attempts}");
    assert_eq!(
        headers["roomsync-reason"],
        format!("gave up after {attempts} attempts: google is away")
    );
    assert_eq!(headers["roomsync-attempt"], attempts);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_parked_without_a_handler() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|_: &LinkDue, _| Ok(()));
    scratch.consume(&broker, &handler);
    let id = "018f0000-0000-7000-8000-000000000001";
    for (properties, body, reason) in [
        (
            json!({ "type": "link.due", "message_id": id }),
            "{",
            "the message cannot be read",
        ),
        (
            json!({ "type": "link.due" }),
            "{}",
            "the message has no readable id",
        ),
        (
            json!({ "type": "other", "message_id": id }),
            "{}",
            "expected a message of type",
        ),
    ] {
        scratch.publish_raw(LinkDue::QUEUE, properties, body).await;
        let headers = scratch.parked(LinkDue::QUEUE).await;
        let given = headers["roomsync-reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(given.starts_with(reason), "{given}");
        scratch
            .delete(&format!(
                "queues/{}/{}.dead/contents",
                scratch.name,
                LinkDue::QUEUE
            ))
            .await;
    }
    assert!(handler.seen().is_empty());
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_is_tried_again_and_does_not_end_the_loop() {
    let scratch = Scratch::new().await;
    let broker = scratch.connected().await;
    let handler = Script::new(|message: &LinkDue, delivery| {
        assert!(*message != link_due(13) || delivery.attempt > 1, "thirteen");
        Ok(())
    });
    scratch.consume(&broker, &handler);
    broker.publisher().publish(&link_due(13)).await.unwrap();
    broker.publisher().publish(&link_due(14)).await.unwrap();
    let seen = handler.wait_for(3).await;
    let thirteen = seen
        .iter()
        .filter(|(message, ..)| *message == link_due(13))
        .count();
    assert_eq!(thirteen, 2);
    scratch.end().await;
}
