//! Channels and notifications.

use std::time::Duration;

use google_sim::{PushEffect, PushFault, Role, Settings};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    hook::{Hook, number, text},
    support::{Acme, PATIENCE, Reply, between},
};

async fn watch_with(acme: &Acme, user: &str, body: Value) -> Reply {
    let path = format!("calendars/{}/events/watch", acme.room.mail());
    acme.call(user, Method::POST, &path, Some(body)).await
}

fn request(hook: &Hook, id: &str) -> Value {
    json!({"id": id, "type": "web_hook", "address": hook.address, "token": "c=42&s=x"})
}

async fn watched(change: impl FnOnce(&mut Settings)) -> (Acme, Hook, Reply) {
    let acme = Acme::with(change).await;
    let mut hook = Hook::start().await;
    let reply = watch_with(&acme, "rooms@acme.test", request(&hook, "channel-1")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let sync = hook.next().await;
    assert_eq!(text(&sync, "x-goog-resource-state"), "sync");
    assert_eq!(number(&sync), 1);
    (acme, hook, reply)
}

#[tokio::test]
async fn a_watch_is_answered_with_the_channel_and_followed_by_a_sync_message() {
    let (acme, _hook, reply) = watched(|_| {}).await;
    assert_eq!(reply.body["kind"], "api#channel");
    assert_eq!(reply.body["token"], "c=42&s=x");
    assert!(reply.text("resourceUri").contains("?alt=json"));
    let expiration: i64 = reply.text("expiration").parse().unwrap();
    let channels = acme.control.channels();
    assert_eq!(channels[0].expires.timestamp_millis(), expiration);
    assert_eq!(channels[0].subject, "rooms@acme.test");
}

#[tokio::test]
async fn the_sync_message_can_come_before_the_watch_is_answered() {
    let acme = Acme::with(|settings| settings.sync_message_first = true).await;
    let mut hook = Hook::start().await;
    watch_with(&acme, "rooms@acme.test", request(&hook, "channel-1")).await;
    assert_eq!(hook.pending(), 1);
}

#[tokio::test]
async fn a_change_is_notified_with_googles_headers_and_growing_numbers() {
    let (acme, mut hook, reply) = watched(|_| {}).await;
    let id = acme
        .alice
        .insert_event(between(9, 10).in_room(acme.room.mail()))
        .unwrap();
    let first = hook.next().await;
    assert_eq!(text(&first, "x-goog-channel-id"), "channel-1");
    assert_eq!(text(&first, "x-goog-channel-token"), "c=42&s=x");
    assert_eq!(text(&first, "x-goog-resource-id"), reply.text("resourceId"));
    assert_eq!(
        text(&first, "x-goog-resource-uri"),
        reply.text("resourceUri")
    );
    assert_eq!(text(&first, "x-goog-resource-state"), "exists");
    assert!(text(&first, "x-goog-channel-expiration").ends_with(" GMT"));
    assert_eq!(text(&first, "content-length"), "0");
    assert!(text(&first, "user-agent").starts_with("APIs-Google"));
    let second = hook.next().await;
    assert!(number(&second) > number(&first) && number(&first) > 1);
    acme.room.wait_answered(&id, PATIENCE).await.unwrap();
    acme.alice.cancel_event(&id).unwrap();
    assert_eq!(text(&hook.next().await, "x-goog-resource-state"), "exists");
}

#[tokio::test]
async fn notifications_are_retried_after_500_502_503_and_504_only() {
    let (acme, mut hook, _) =
        watched(|settings| settings.room_answer_delay = Duration::from_mins(1)).await;
    hook.answers
        .lock()
        .unwrap()
        .extend([500, 502, 503, 504, 204]);
    acme.alice
        .insert_event(between(9, 10).in_room(acme.room.mail()))
        .unwrap();
    for _ in 0..5 {
        hook.next().await;
    }
    for refused in [404, 429, 401] {
        hook.answers.lock().unwrap().push_back(refused);
        acme.alice
            .insert_event(between(9, 10).in_room(acme.room.mail()))
            .unwrap();
        hook.next().await;
    }
    let pushes = acme
        .control
        .wait_for(PATIENCE, |control| {
            let answered = |push: &google_sim::Push| !push.answers.is_empty();
            Some(control.pushes()).filter(|all| all.len() == 5 && all.iter().all(answered))
        })
        .await
        .unwrap();
    let answers: Vec<Vec<u16>> = pushes
        .iter()
        .map(|push| push.answers.iter().flatten().copied().collect())
        .collect();
    assert_eq!(answers[1], [500, 502, 503, 504, 204]);
    assert_eq!(answers[2..], [vec![404], vec![429], vec![401]]);
    assert_eq!(hook.pending(), 0);
}

#[tokio::test]
async fn a_stopped_channel_is_silent_and_unknown_afterwards() {
    let (acme, mut hook, reply) = watched(|_| {}).await;
    let body = json!({"id": "channel-1", "resourceId": reply.text("resourceId")});
    let stop = || {
        acme.call(
            "rooms@acme.test",
            Method::POST,
            "channels/stop",
            Some(body.clone()),
        )
    };
    assert_eq!(stop().await.status, 204);
    acme.meeting(between(9, 10)).await;
    assert_eq!(hook.pending(), 0);
    assert_eq!(stop().await.status, 404);
    assert!(acme.control.channels().is_empty());
}

#[tokio::test]
async fn only_the_subject_that_made_a_channel_can_stop_it() {
    let (acme, _hook, reply) = watched(|_| {}).await;
    let body = json!({"id": "channel-1", "resourceId": reply.text("resourceId")});
    let other = acme
        .call(
            "admin@acme.test",
            Method::POST,
            "channels/stop",
            Some(body.clone()),
        )
        .await;
    assert_eq!((other.status.as_u16(), other.reason()), (404, "notFound"));
    assert_eq!(acme.control.channels().len(), 1);
    let wrong = json!({"id": "channel-1", "resourceId": "other"});
    let reply = acme
        .call(
            "rooms@acme.test",
            Method::POST,
            "channels/stop",
            Some(wrong),
        )
        .await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn a_channel_id_cannot_be_used_twice() {
    let (acme, hook, reply) = watched(|_| {}).await;
    let again = watch_with(&acme, "rooms@acme.test", request(&hook, "channel-1")).await;
    assert_eq!(
        (again.status.as_u16(), again.reason()),
        (400, "channelIdNotUnique")
    );
    let second = watch_with(&acme, "rooms@acme.test", request(&hook, "channel-2")).await;
    assert_eq!(
        second.text("resourceId"),
        reply.text("resourceId"),
        "one calendar, one resource"
    );
}

#[tokio::test]
async fn ids_tokens_and_addresses_have_limits() {
    let acme = Acme::start().await;
    let hook = Hook::start().await;
    let with = |field: &str, value: &str| {
        let mut body = request(&hook, "channel-1");
        body[field] = json!(value);
        body
    };
    let bad = [
        with("id", &"x".repeat(65)),
        with("token", &"x".repeat(257)),
        with("address", "http://example.test/hook"),
        with("address", "nowhere"),
        with("type", "carrier_pigeon"),
        with("id", ""),
    ];
    for body in bad {
        assert_eq!(watch_with(&acme, "rooms@acme.test", body).await.status, 400);
    }
    for body in [
        with("id", &"x".repeat(64)),
        with("address", "https://example.test/hook"),
    ] {
        assert_eq!(watch_with(&acme, "rooms@acme.test", body).await.status, 200);
    }
}

#[tokio::test]
async fn watching_needs_access_and_a_calendar_that_can_be_watched() {
    let acme = Acme::start().await;
    let hook = Hook::start().await;
    let reply = watch_with(&acme, "bob@acme.test", request(&hook, "channel-1")).await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (404, "notFound"));
    acme.room.share("bob@acme.test", Role::Reader).unwrap();
    acme.room.support_push(false).unwrap();
    let reply = watch_with(&acme, "bob@acme.test", request(&hook, "channel-1")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (400, "pushNotSupportedForRequestedResource")
    );
}

#[tokio::test]
async fn an_expired_channel_is_silent() {
    let acme = Acme::with(|settings| settings.channel_ttl_limit = Duration::from_millis(50)).await;
    let hook = Hook::start().await;
    let mut body = request(&hook, "channel-1");
    body["params"] = json!({"ttl": "604800"});
    let reply = watch_with(&acme, "rooms@acme.test", body).await;
    let expires: u64 = reply.text("expiration").parse().unwrap();
    let now = jsonwebtoken::get_current_timestamp() * 1000;
    assert!(expires < now + 60_000, "the stricter of wish and limit");
    timeout(PATIENCE, async {
        while !acme.control.channels().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    acme.meeting(between(9, 10)).await;
    assert!(
        acme.control
            .pushes()
            .iter()
            .all(|push| push.state == "sync")
    );
}

#[tokio::test]
async fn expiration_is_text_or_a_number_and_wishes_are_respected() {
    let acme = Acme::with(|settings| settings.expiration_as_number = true).await;
    let hook = Hook::start().await;
    let mut body = request(&hook, "channel-1");
    body["params"] = json!({"ttl": 60});
    let reply = watch_with(&acme, "rooms@acme.test", body).await;
    let by_ttl = reply.body["expiration"].as_i64().unwrap();
    let mut body = request(&hook, "channel-2");
    body["expiration"] = json!((by_ttl + 60_000).to_string());
    let reply = watch_with(&acme, "rooms@acme.test", body).await;
    assert_eq!(reply.body["expiration"], by_ttl + 60_000);
}

#[tokio::test]
async fn notifications_can_be_dropped_and_duplicated() {
    let (acme, mut hook, _) =
        watched(|settings| settings.room_answer_delay = Duration::from_mins(1)).await;
    let change = || {
        acme.alice
            .insert_event(between(9, 10).in_room(acme.room.mail()))
            .unwrap()
    };
    acme.control
        .add_push_fault(PushFault::next(1, PushEffect::Drop));
    change();
    acme.control
        .wait_for(PATIENCE, |control| {
            control
                .pushes()
                .iter()
                .any(|push| push.dropped)
                .then_some(())
        })
        .await
        .unwrap();
    assert_eq!(hook.pending(), 0);
    acme.control
        .add_push_fault(PushFault::next(1, PushEffect::Duplicate).of_calendar(acme.room.mail()));
    change();
    let (first, second) = (hook.next().await, hook.next().await);
    assert_eq!(number(&first), number(&second));
}

#[tokio::test]
async fn notifications_can_be_delayed_and_reordered() {
    let (acme, mut hook, _) =
        watched(|settings| settings.room_answer_delay = Duration::from_mins(1)).await;
    let change = || {
        acme.alice
            .insert_event(between(9, 10).in_room(acme.room.mail()))
            .unwrap()
    };
    let delay = Duration::from_millis(30);
    acme.control
        .add_push_fault(PushFault::next(1, PushEffect::Delay { delay }));
    change();
    hook.next().await;
    acme.control
        .add_push_fault(PushFault::always(PushEffect::Reorder { of: 3 }));
    for _ in 0..3 {
        change();
    }
    let numbers = [
        number(&hook.next().await),
        number(&hook.next().await),
        number(&hook.next().await),
    ];
    assert!(numbers[0] > numbers[1] && numbers[1] > numbers[2]);
    change();
    acme.control.clear_push_faults();
    hook.next().await;
}

#[tokio::test]
async fn notifications_can_carry_a_wrong_token_or_an_unknown_channel() {
    let (acme, mut hook, _) =
        watched(|settings| settings.room_answer_delay = Duration::from_mins(1)).await;
    let change = || {
        acme.alice
            .insert_event(between(9, 10).in_room(acme.room.mail()))
            .unwrap()
    };
    acme.control
        .add_push_fault(PushFault::next(1, PushEffect::WrongToken));
    change();
    assert_ne!(text(&hook.next().await, "x-goog-channel-token"), "c=42&s=x");
    acme.control
        .add_push_fault(PushFault::next(1, PushEffect::UnknownChannel));
    change();
    assert_ne!(text(&hook.next().await, "x-goog-channel-id"), "channel-1");
}
