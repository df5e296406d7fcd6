//! Troubles at random.

use std::time::Duration;

use google_sim::{CallChaos, Operation, PushChaos};
use reqwest::Method;
use serde_json::json;

use crate::{
    hook::{Hook, number, text},
    support::{Acme, PATIENCE, between, body},
};

async fn watched(chaos: PushChaos) -> (Acme, Hook) {
    let acme = Acme::start().await;
    let mut hook = Hook::start().await;
    let path = format!("calendars/{}/events/watch", acme.room.mail());
    let request =
        json!({"id": "channel-1", "type": "web_hook", "address": hook.address, "token": "t"});
    acme.call("rooms@acme.test", Method::POST, &path, Some(request))
        .await;
    hook.next().await;
    acme.control
        .configure(|settings| settings.push_chaos = Some(chaos));
    (acme, hook)
}

/// Inserts meetings straight on the room's calendar: one notification each.
fn insert(acme: &Acme, count: u32) {
    for hour in 0..count {
        acme.room
            .insert_event("rooms@acme.test", between(hour, hour + 1))
            .expect("Google takes it");
    }
}

#[tokio::test]
async fn notifications_can_be_lost_at_random() {
    let (acme, mut hook) = watched(PushChaos {
        drop: 0.5,
        seed: 3,
        ..PushChaos::default()
    })
    .await;
    insert(&acme, 20);
    let all = acme
        .control
        .wait_for(PATIENCE, |control| {
            let pushes = control.pushes();
            let settled = pushes.iter().all(|p| p.dropped || !p.answers.is_empty());
            (pushes.len() == 21 && settled).then_some(pushes)
        })
        .await
        .unwrap();
    let lost = all.iter().filter(|push| push.dropped).count();
    assert!((1..20).contains(&lost), "{lost}");
    assert_eq!(hook.pending(), 20 - lost);
}

#[tokio::test]
async fn notifications_can_be_doubled_at_random() {
    let (acme, mut hook) = watched(PushChaos {
        duplicate: 1.0,
        ..PushChaos::default()
    })
    .await;
    insert(&acme, 1);
    assert_eq!(number(&hook.next().await), number(&hook.next().await));
}

#[tokio::test]
async fn notifications_overtake_each_other_at_random() {
    let (acme, mut hook) = watched(PushChaos {
        delay: 0.5,
        longest_delay: Duration::from_millis(50),
        seed: 1,
        ..PushChaos::default()
    })
    .await;
    insert(&acme, 20);
    let mut numbers = Vec::new();
    for _ in 0..20 {
        numbers.push(number(&hook.next().await));
    }
    let mut in_order = numbers.clone();
    in_order.sort_unstable();
    assert_ne!(numbers, in_order);
}

#[tokio::test]
async fn notifications_can_carry_a_wrong_token_or_an_unknown_channel_at_random() {
    let (acme, mut hook) = watched(PushChaos {
        wrong_token: 0.5,
        unknown_channel: 0.5,
        ..PushChaos::default()
    })
    .await;
    insert(&acme, 10);
    for _ in 0..10 {
        let push = hook.next().await;
        let wrong = text(&push, "x-goog-channel-token") != "t";
        let unknown = text(&push, "x-goog-channel-id") != "channel-1";
        assert!(wrong != unknown);
    }
}

#[tokio::test]
async fn calls_of_chosen_operations_meet_random_faults() {
    let acme = Acme::start().await;
    let chaos = CallChaos {
        too_many_requests: 0.25,
        unavailable: 0.25,
        html: 0.25,
        rate_limited: 0.25,
        ..CallChaos::default()
    };
    acme.control
        .configure(|settings| settings.call_chaos = Some(chaos.on(&[Operation::List])));
    let mut statuses = std::collections::BTreeSet::new();
    for _ in 0..40 {
        statuses.insert(acme.list("").await.status.as_u16());
    }
    assert_eq!(statuses, [403, 429, 502, 503].into());
    let insert = acme
        .call(
            "alice@acme.test",
            Method::POST,
            "calendars/primary/events",
            Some(body(9, 10)),
        )
        .await;
    assert_eq!(insert.status, 200);
    acme.control
        .configure(|settings| settings.call_chaos = None);
    assert_eq!(acme.list("").await.status, 200);
}

#[tokio::test]
async fn a_write_can_be_carried_out_without_an_answer_at_random_and_its_retry_is_a_duplicate() {
    let acme = Acme::start().await;
    acme.control.configure(|settings| {
        settings.call_chaos = Some(CallChaos {
            commit_then_close: 1.0,
            ..CallChaos::default()
        });
    });
    let mut event = body(9, 10);
    event["id"] = json!("0123456789abcdef");
    let path = "calendars/primary/events";
    assert!(acme.broken_call(Method::POST, path, event.clone()).await);
    assert!(acme.alice.event("0123456789abcdef").is_ok());
    acme.control
        .configure(|settings| settings.call_chaos = None);
    let retry = acme
        .call("alice@acme.test", Method::POST, path, Some(event))
        .await;
    assert_eq!((retry.status.as_u16(), retry.reason()), (409, "duplicate"));
}
