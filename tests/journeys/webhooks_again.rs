//! Webhooks that stopped: enabled again, with a change that was given up, and disabled after days without an answer.

use roomsync_proto::notification::v1::{
    RedeliverChangeRequest, ReplayWebhookRequest, UpdateWebhookRequest, Webhook,
    replay_webhook_request::From,
};
use roomsync_testkit::{Cluster, Posted, SOON, Service, WebhookReceiver, eventually};

use crate::{
    scene::Scene,
    slow_streams::slow_stream,
    webhooks::{
        assert_each_once_in_order, assert_in_order, given_webhook, shown, state_of, wait_caught_up,
        wait_shown, wait_told,
    },
};

async fn enable(scene: &Scene, webhook: &Webhook, enabled: bool) {
    let request = UpdateWebhookRequest {
        tenant_id: scene.room.tenant.clone(),
        webhook_id: webhook.webhook_id.clone(),
        enabled: Some(enabled),
        ..UpdateWebhookRequest::default()
    };
    let mut rpcs = scene.cluster.app().subscriptions();
    let updated = rpcs.update_webhook(request).await;
    updated.expect("UpdateWebhook");
}

/// Covers B14.
#[tokio::test]
async fn a_webhook_that_is_enabled_again_goes_on_where_it_stopped() {
    let scene = Scene::new("a disabled webhook").await;
    let receiver = WebhookReceiver::start().await;
    let webhook = given_webhook(&scene, &receiver, &receiver.url()).await;
    let (_, first) = scene.given_meeting(8).await;
    receiver
        .wait_for("the first", |taken| {
            (state_of(taken, &first.booking_id)? == "BOOKING_STATE_CONFIRMED").then_some(())
        })
        .await;
    // Otherwise a request could still be under way.
    wait_caught_up(&scene).await;
    enable(&scene, &webhook, false).await;
    let before = receiver.posted().len();
    let mut bookings = Vec::new();
    for hour in 9..11 {
        bookings.push(scene.given_meeting(hour).await.1);
    }
    let disabled = shown(&scene).await;
    assert_eq!((disabled.enabled, disabled.objects_behind), (false, 1));
    assert_eq!(receiver.posted().len(), before);

    enable(&scene, &webhook, true).await;
    wait_told(&receiver, &bookings).await;
    scene.cluster.finish().await;
    assert_each_once_in_order(&receiver.posted());
}

/// Covers B14.
#[tokio::test]
async fn a_change_that_is_given_up_is_parked_and_its_webhook_keeps_its_place() {
    let cluster = Cluster::builder("a change given up")
        .set(Service::Notification, "webhooks.patience", "1s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let receiver = WebhookReceiver::start().await;
    receiver.answer(|_| 500);
    given_webhook(&scene, &receiver, &receiver.url()).await;
    let (_, first) = scene.given_meeting(9).await;
    let dead = "notification.delivery-due.dead";
    eventually(SOON, "the message is parked", async || {
        let left = scene.cluster.vhost().left().await.ok()?;
        left.iter().any(|left| left.queue == dead).then_some(())
    })
    .await;
    assert_eq!(shown(&scene).await.objects_behind, 1);

    receiver.answer(|_| 200);
    let (_, second) = scene.given_meeting(11).await;
    let taken = receiver
        .wait_for("both", |taken| {
            state_of(taken, &second.booking_id)?;
            Some(taken.to_vec())
        })
        .await;
    assert!(state_of(&taken, &first.booking_id).is_some());
    scene.cluster.finish_leaving(&[dead]).await;
    assert_in_order(&receiver.posted());
}

/// Covers B14.
#[tokio::test]
async fn a_receiver_that_was_down_for_long_is_disabled_and_replays_what_it_missed() {
    let cluster = Cluster::builder("a receiver down for long")
        .set(Service::Notification, "webhooks.disable_after", "1s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let receiver = WebhookReceiver::start().await;
    let webhook = given_webhook(&scene, &receiver, &receiver.url()).await;
    scene.given_meeting(8).await;
    receiver
        .wait_for("the first", |taken| (!taken.is_empty()).then_some(()))
        .await;
    wait_caught_up(&scene).await;
    let stream = slow_stream(&scene, "").await.message().await;
    let cursor = stream.expect("a greeting").expect("open").cursor;

    receiver.answer(|_| 500);
    let (_, first) = scene.given_meeting(9).await;
    wait_shown(&scene, "a disabled webhook", |webhook| {
        !webhook.enabled && webhook.disabled_because == "NOT_TAKING"
    })
    .await;
    assert_eq!(shown(&scene).await.last_failure, "HTTP_500");
    let (_, second) = scene.given_meeting(10).await;

    // It takes everything now, and loses it: its operator asks for it again.
    receiver.answer(|_| 200);
    enable(&scene, &webhook, true).await;
    wait_shown(&scene, "a webhook that has everything again", |webhook| {
        webhook.enabled && webhook.objects_behind == 0
    })
    .await;
    let before = receiver.posted().len();
    let mut rpcs = scene.cluster.app().subscriptions();
    let request = ReplayWebhookRequest {
        tenant_id: scene.room.tenant.clone(),
        webhook_id: webhook.webhook_id.clone(),
        from: Some(From::Cursor(cursor)),
    };
    let replayed = rpcs.replay_webhook(request).await.expect("ReplayWebhook");
    let changes = usize::try_from(replayed.into_inner().changes).expect("a count");
    wait_shown(&scene, "a replay that is through", |webhook| {
        webhook.objects_replaying == 0 && webhook.objects_behind == 0
    })
    .await;
    let posted = receiver.posted();
    let (earlier, again) = posted.split_at(before);
    assert_eq!(again.len(), changes);
    for booking in [&first, &second] {
        assert!(state_of(again, &booking.booking_id).is_some());
    }
    let place = |posted: &Posted| (posted.version, posted.id.clone());
    let sent_before = earlier.iter().filter(|posted| posted.is_taken());
    let sent_before: Vec<_> = sent_before.map(place).collect();
    let sent_before = &sent_before[sent_before.len() - changes..];
    let sent_again: Vec<_> = again.iter().map(place).collect();
    assert_eq!(
        sent_again, sent_before,
        "the same changes in the same order"
    );

    let request = RedeliverChangeRequest {
        tenant_id: scene.room.tenant.clone(),
        webhook_id: webhook.webhook_id.clone(),
        change_id: again[0].id.clone(),
    };
    let redelivered = rpcs
        .redeliver_change(request)
        .await
        .expect("RedeliverChange");
    assert!(redelivered.into_inner().taken);
    let last = receiver.posted().pop().expect("a change");
    assert_eq!(place(&last), sent_again[0]);
    scene.cluster.finish().await;
}
