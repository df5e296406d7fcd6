//! The other way to hear of changes: webhooks, verified by a receiver that knows the specification alone.

use std::collections::BTreeMap;

use roomsync_proto::{
    booking::v1::{Booking, BookingState},
    notification::v1::{
        CreateWebhookRequest, ListWebhooksRequest, RotateWebhookSecretRequest, Webhook,
    },
};
use roomsync_testkit::{Cluster, Posted, Proxy, SOON, Service, WebhookReceiver, eventually};

use crate::scene::{Scene, Watched as _, at, tomorrow};

/// A webhook of the scene's tenant at this address; the receiver trusts its secret.
pub(crate) async fn given_webhook(scene: &Scene, receiver: &WebhookReceiver, url: &str) -> Webhook {
    let request = CreateWebhookRequest {
        tenant_id: scene.room.tenant.clone(),
        name: "Rooms".to_owned(),
        url: url.to_owned(),
    };
    let mut rpcs = scene.cluster.app().subscriptions();
    let made = rpcs.create_webhook(request).await;
    let made = made.expect("CreateWebhook").into_inner();
    receiver.trust(&made.secret);
    made.webhook.expect("a webhook")
}

pub(crate) async fn shown(scene: &Scene) -> Webhook {
    let request = ListWebhooksRequest {
        tenant_id: scene.room.tenant.clone(),
    };
    let mut rpcs = scene.cluster.app().subscriptions();
    let listed = rpcs.list_webhooks(request).await;
    let listed = listed.expect("ListWebhooks").into_inner();
    listed.webhooks.into_iter().next().expect("a webhook")
}

/// Waits until `ListWebhooks` says something.
pub(crate) async fn wait_shown(scene: &Scene, what: &str, is: impl Fn(&Webhook) -> bool) {
    eventually(SOON, what, async || is(&shown(scene).await).then_some(())).await;
}

/// Waits until nothing is left to send, so that no request is under way.
pub(crate) async fn wait_caught_up(scene: &Scene) {
    wait_shown(scene, "a webhook that has everything", |webhook| {
        webhook.objects_behind == 0
    })
    .await;
}

/// Waits until the receiver has been told of all of them.
pub(crate) async fn wait_told(receiver: &WebhookReceiver, bookings: &[Booking]) {
    receiver
        .wait_for("all of them", |taken| {
            let is_told = |it: &Booking| state_of(taken, &it.booking_id).is_some();
            bookings.iter().all(is_told).then_some(())
        })
        .await;
}

/// The receiver's state of a booking: what the last change that named it said.
pub(crate) fn state_of(taken: &[Posted], booking: &str) -> Option<String> {
    let said = taken.iter().rev().find_map(|posted| {
        let items = posted.body["data"]["items"].as_array()?;
        let mut bookings = items.iter().rev().map(|item| &item["booking"]);
        bookings.find(|it| it["booking_id"] == booking).cloned()
    });
    Some(said?["state"].as_str()?.to_owned())
}

/// What the receiver was posted, repeats too: per object every version in order and without a gap. A
/// version comes again, under the same id, only when it was refused the last time.
pub(crate) fn assert_in_order(posted: &[Posted]) {
    let mut last: BTreeMap<&str, &Posted> = BTreeMap::new();
    for next in posted {
        if let Some(before) = last.insert(&next.object, next) {
            let again = !before.is_taken();
            let expected = before.version + i64::from(before.is_taken());
            assert_eq!(next.version, expected, "after {before:#?} came {next:#?}");
            assert_eq!(next.id == before.id, again, "{before:#?}, then {next:#?}");
        }
    }
}

/// The same where nothing was refused and no request died: so every version came once.
pub(crate) fn assert_each_once_in_order(posted: &[Posted]) {
    assert!(!posted.is_empty());
    for posted in posted {
        assert!(posted.is_taken(), "{posted:#?}");
    }
    assert_in_order(posted);
}

/// Covers B14.
#[tokio::test]
async fn a_webhook_gets_signed_changes_without_anything_personal() {
    let scene = Scene::new("a webhook").await;
    let receiver = WebhookReceiver::start().await;
    given_webhook(&scene, &receiver, &receiver.url()).await;

    let (event, booking) = scene.given_meeting(9).await;
    scene.ana.move_event(&event, at(10), at(11)).expect("moved");
    let moved = scene
        .wait_booking("moved", tomorrow(10), BookingState::Confirmed)
        .await;
    assert_eq!(moved.booking_id, booking.booking_id);
    scene.ana.cancel_event(&event).expect("cancelled");

    let taken = receiver
        .wait_for("the end of the booking", |taken| {
            (state_of(taken, &booking.booking_id)? == "BOOKING_STATE_REMOVED")
                .then(|| taken.to_vec())
        })
        .await;
    for posted in receiver.posted() {
        assert_eq!(
            (posted.signatures, posted.signed_by.as_slice()),
            (1, &[0][..])
        );
        assert_eq!(posted.body["type"], "object.changed");
        assert_eq!(posted.body["data"]["change_id"], posted.id.as_str());
        let text = posted.body.to_string();
        assert!(!text.contains('@') && !text.contains("title"), "{text}");
    }
    // The same change has the same id in the stream.
    let heard = scene.room.subscriber.journal(|journal| {
        let heard = journal.heard.iter();
        heard
            .map(|heard| (heard.change.change_id.clone(), heard.change.version))
            .collect::<Vec<_>>()
    });
    for posted in &taken {
        assert!(
            heard.contains(&(posted.id.clone(), posted.version)),
            "{posted:?}"
        );
    }
    wait_shown(&scene, "a webhook that has everything", |webhook| {
        webhook.objects_behind == 0 && webhook.last_success_at.is_some()
    })
    .await;
    scene.cluster.finish().await;
    assert_each_once_in_order(&receiver.posted());
}

/// Covers B14.
#[tokio::test]
async fn an_object_whose_change_is_refused_waits_and_the_others_go_on() {
    let scene = Scene::new("a refusing receiver").await;
    let lagoon = scene.room.organisation.given_room("Lagoon");
    let lagoon = scene.link("lagoon", lagoon).await;
    let receiver = WebhookReceiver::start().await;
    // The aquarium's first change is refused until the lagoon's is there, and a few times more.
    let mut refusals_left = 3;
    let mut lagoon_came = false;
    receiver.answer(move |posted| {
        if posted.object == "lagoon" {
            lagoon_came = true;
        } else if !lagoon_came || refusals_left > 0 {
            refusals_left -= i32::from(lagoon_came);
            return 500;
        }
        200
    });
    given_webhook(&scene, &receiver, &receiver.url()).await;

    let (event, booking) = scene.given_meeting(9).await;
    receiver
        .wait_posted("a change that it refuses", |posted| {
            posted.iter().any(|it| it.answered == 500).then_some(())
        })
        .await;
    scene.ana.move_event(&event, at(10), at(11)).expect("moved");
    scene
        .wait_booking("moved", tomorrow(10), BookingState::Confirmed)
        .await;
    wait_shown(&scene, "a webhook in trouble", |webhook| {
        webhook.last_failure == "HTTP_500" && webhook.objects_behind == 1
    })
    .await;
    let meeting =
        google_sim::NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(lagoon.room.mail());
    scene.ana.insert_event(meeting).expect("Google takes it");
    lagoon
        .wait_booking("the other", tomorrow(9), BookingState::Confirmed)
        .await;

    let taken = receiver
        .wait_for("the aquarium's last change", |taken| {
            let moved = taken.iter().any(|posted| {
                let items = posted.body["data"]["items"].as_array();
                items.is_some_and(|items| {
                    items.iter().any(|item| {
                        let it = &item["booking"];
                        it["booking_id"] == booking.booking_id.as_str()
                            && it["window"]["starts_at"] == rfc3339(tomorrow(10))
                    })
                })
            });
            moved.then(|| taken.to_vec())
        })
        .await;
    assert_eq!(taken[0].object, "lagoon", "it went on: {taken:#?}");
    wait_shown(&scene, "a webhook that is well again", |webhook| {
        webhook.last_failure.is_empty() && webhook.objects_behind == 0
    })
    .await;
    scene.cluster.finish().await;
    assert_in_order(&receiver.posted());
}

fn rfc3339(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Covers B14.
#[tokio::test]
async fn a_receiver_that_was_down_gets_everything_once_and_in_order() {
    let scene = Scene::new("a receiver down").await;
    let receiver = WebhookReceiver::start().await;
    let network = Proxy::start(receiver.address().to_string())
        .await
        .expect("a proxy");
    let url = format!("http://{}/hook", network.address());
    given_webhook(&scene, &receiver, &url).await;
    scene.given_meeting(8).await;
    receiver
        .wait_for("the first", |taken| (!taken.is_empty()).then_some(()))
        .await;
    // No request dies on its way, so the receiver may count on once.
    wait_caught_up(&scene).await;

    network.refuse();
    network.cut();
    let mut bookings = Vec::new();
    for hour in 9..12 {
        bookings.push(scene.given_meeting(hour).await.1);
    }
    wait_shown(&scene, "a webhook in trouble", |webhook| {
        webhook.last_failure == "UNREACHABLE" && webhook.objects_behind == 1
    })
    .await;
    network.pass();

    wait_told(&receiver, &bookings).await;
    scene.cluster.finish().await;
    assert_each_once_in_order(&receiver.posted());
}

/// Covers B14.
#[tokio::test]
async fn a_rotated_secret_signs_beside_the_old_one() {
    let scene = Scene::new("a rotated secret").await;
    let receiver = WebhookReceiver::start().await;
    let webhook = given_webhook(&scene, &receiver, &receiver.url()).await;
    scene.given_meeting(9).await;
    let before = receiver
        .wait_for("the first", |taken| taken.last().cloned())
        .await;
    assert_eq!(before.signed_by, [0]);

    let request = RotateWebhookSecretRequest {
        tenant_id: scene.room.tenant.clone(),
        webhook_id: webhook.webhook_id.clone(),
    };
    let mut rpcs = scene.cluster.app().subscriptions();
    let rotated = rpcs.rotate_webhook_secret(request).await;
    let rotated = rotated.expect("RotateWebhookSecret").into_inner();
    receiver.trust(&rotated.secret);
    let (_, booking) = scene.given_meeting(11).await;

    let after = receiver
        .wait_for("the second", |taken| {
            state_of(taken, &booking.booking_id)?;
            taken.last().cloned()
        })
        .await;
    assert_eq!((after.signatures, after.signed_by), (2, vec![0, 1]));
    scene.cluster.finish().await;
    assert_each_once_in_order(&receiver.posted());
}

/// More objects than the consumer has hands, and a receiver that answers none of them.
///
/// Covers B14.
#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let cluster = Cluster::builder("a receiver that hangs")
        .set(Service::Notification, "broker.prefetch", 4)
        .set(Service::Notification, "webhooks.timeout", "2s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let mut rooms = Vec::new();
    for name in ["lagoon", "reef", "atoll", "strand", "dune"] {
        rooms.push(scene.another_room(name).await);
    }
    let (hanging, quick) = (
        WebhookReceiver::start().await,
        WebhookReceiver::start().await,
    );
    let network = Proxy::start(hanging.address().to_string()).await;
    let network = network.expect("a proxy");
    // Before there is a webhook: that the last room is open now may be told to it a moment later.
    network.stall();
    let url = format!("http://{}/hook", network.address());
    given_webhook(&scene, &hanging, &url).await;
    given_webhook(&scene, &quick, &quick.url()).await;

    let everywhere = async |hour| {
        for room in &rooms {
            let meeting = google_sim::NewEvent::timed(tomorrow(hour), tomorrow(hour + 1));
            let meeting = meeting.in_room(room.room.mail());
            scene.ana.insert_event(meeting).expect("Google takes it");
        }
    };
    let has = |taken: &[Posted], hour: i64| {
        let starts = rfc3339(tomorrow(hour));
        let of = |posted: &Posted| posted.body["data"].to_string().contains(&starts);
        let objects: std::collections::BTreeSet<_> = taken
            .iter()
            .filter(|posted| of(posted))
            .map(|posted| posted.object.clone())
            .collect();
        (objects.len() == rooms.len()).then_some(())
    };
    // The second round comes while requests of the first hang.
    for hour in [9, 10] {
        everywhere(hour).await;
        quick
            .wait_for("every room's meeting", |taken| has(taken, hour))
            .await;
    }
    // `ListWebhooks` shows the older one first.
    let behind = shown(&scene).await.objects_behind;
    assert_eq!(behind, i32::try_from(rooms.len()).expect("a few"));
    assert!(hanging.taken().is_empty());

    network.pass();
    hanging
        .wait_for("what it did not answer", |taken| has(taken, 10))
        .await;
    scene.cluster.finish().await;
}
