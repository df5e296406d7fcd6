//! Storms, downgrades, calendars that vanish and accounts that may not write.

use std::time::Duration;

use google_sim::{Answer, ControlClient, Effect, Fault, NewEvent, Oddity, Operation, Role};
use reqwest::Method;
use serde_json::json;

use crate::{
    hook::{Hook, text},
    support::{Acme, PATIENCE, between, body, hour},
};

#[tokio::test]
async fn a_storm_of_new_times_ends_with_the_last_and_its_answer() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let (id, _) = acme.meeting(between(12, 13)).await;
    let mut times: Vec<_> = (0..20).map(|n| (hour(n % 12), hour(n % 12 + 1))).collect();
    times.push((hour(9), hour(10)));
    acme.alice.move_event_often(&id, times).unwrap();
    let said = acme.room.wait_answered(&id, PATIENCE).await.unwrap();
    assert_eq!(said, Answer::Declined);
    assert_eq!(acme.room.event(&id).unwrap()["sequence"], 21);
}

#[tokio::test]
async fn a_room_can_decline_after_it_accepted_and_accept_after_it_declined() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    let token = acme.list("").await.text("nextSyncToken");
    acme.room.respond(&id, Answer::Declined).unwrap();
    let delta = acme.list(&format!("?syncToken={token}")).await;
    let own = |event: &serde_json::Value| {
        let entries = event["attendees"].as_array().unwrap();
        let own = entries.iter().find(|entry| entry["self"] == true).unwrap();
        own["responseStatus"].clone()
    };
    assert_eq!(own(&delta.items()[0]), "declined");
    assert_eq!(delta.items()[0]["status"], "confirmed");
    let token = delta.text("nextSyncToken");
    acme.room.respond(&id, Answer::Accepted).unwrap();
    let delta = acme.list(&format!("?syncToken={token}")).await;
    assert_eq!(own(&delta.items()[0]), "accepted");
}

async fn pages(acme: &Acme) {
    acme.control
        .configure(|settings| settings.forced_page_size = Some(1));
    for hour in [9, 11] {
        acme.meeting(between(hour, hour + 1)).await;
    }
    acme.room
        .share("bob@acme.test", Role::Owner)
        .expect("Google takes it");
}

fn downgrade(tokens_survive: bool) -> Fault {
    Fault::next(Effect::Share {
        with: "bob@acme.test".to_owned(),
        role: Some(Role::Reader),
        tokens_survive,
    })
    .on(Operation::List)
    .on_later_pages()
}

#[tokio::test]
async fn a_role_can_be_downgraded_in_the_middle_of_a_sync() {
    for tokens_survive in [true, false] {
        let acme = Acme::start().await;
        pages(&acme).await;
        acme.control.add_fault(downgrade(tokens_survive));
        let path = format!("calendars/{}/events", acme.room.mail());
        let first = acme.call("bob@acme.test", Method::GET, &path, None).await;
        assert_eq!(first.body["accessRole"], "owner");
        let next = format!("{path}?pageToken={}", first.text("nextPageToken"));
        let second = acme.call("bob@acme.test", Method::GET, &next, None).await;
        if tokens_survive {
            assert_eq!(second.body["accessRole"], "reader");
        } else {
            assert_eq!(
                (second.status.as_u16(), second.reason()),
                (410, "fullSyncRequired")
            );
        }
    }
}

#[tokio::test]
async fn a_calendar_can_be_gone_while_the_directory_still_lists_the_room() {
    let acme = Acme::start().await;
    acme.room.take_calendar_away(true).unwrap();
    let reply = acme.list("").await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (404, "notFound"));
    let admin = acme.token("admin@acme.test");
    assert_eq!(acme.directory(&admin, "").await.items().len(), 1);
    acme.room.take_calendar_away(false).unwrap();
    assert_eq!(acme.list("").await.status, 200);
}

#[tokio::test]
async fn an_account_that_wrote_too_much_is_read_only_for_a_while() {
    let acme = Acme::start().await;
    acme.alice.exceed_usage_limits(Duration::from_hours(1));
    let primary = "calendars/primary/events";
    let alice = "alice@acme.test";
    let reply = acme
        .call(alice, Method::POST, primary, Some(body(9, 10)))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "quotaExceeded")
    );
    let message = "Calendar usage limits exceeded.";
    assert_eq!(reply.body["error"]["message"], message);
    let reading = acme.call(alice, Method::GET, primary, None).await;
    assert_eq!(reading.status, 200);
    acme.room.share(alice, Role::Writer).unwrap();
    let room = format!("calendars/{}/events", acme.room.mail());
    let reply = acme
        .call(alice, Method::POST, &room, Some(body(9, 10)))
        .await;
    assert_eq!(reply.status, 403, "it is the acting account that counts");
    acme.alice.exceed_usage_limits(Duration::ZERO);
    let reply = acme
        .call(alice, Method::POST, primary, Some(body(9, 10)))
        .await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_stopped_channel_can_go_on_until_it_expires() {
    let acme = Acme::with(|settings| settings.push_after_stop = true).await;
    let mut hook = Hook::start().await;
    let path = format!("calendars/{}/events/watch", acme.room.mail());
    let request = json!({"id": "channel-1", "type": "web_hook", "address": hook.address});
    let keeper = "rooms@acme.test";
    let reply = acme.call(keeper, Method::POST, &path, Some(request)).await;
    hook.next().await;
    let stop = json!({"id": "channel-1", "resourceId": reply.text("resourceId")});
    let reply = acme
        .call(keeper, Method::POST, "channels/stop", Some(stop))
        .await;
    assert_eq!(reply.status, 204);
    acme.meeting(between(9, 10)).await;
    assert_eq!(text(&hook.next().await, "x-goog-channel-id"), "channel-1");
    assert!(acme.control.channels().is_empty());
}

#[tokio::test]
async fn neighbouring_calls_can_be_gone_in_both_senses() {
    let acme = Acme::start().await;
    let full = Fault::answer(410, "fullSyncRequired").on(Operation::List);
    acme.control.add_fault(full);
    acme.control
        .add_fault(Fault::answer(410, "deleted").on(Operation::Get));
    let path = format!("calendars/{}/events/whatever", acme.room.mail());
    let keeper = "rooms@acme.test";
    assert_eq!(acme.list("").await.reason(), "fullSyncRequired");
    let reply = acme.call(keeper, Method::GET, &path, None).await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (410, "deleted"));
}

#[tokio::test]
async fn mischief_can_be_made_over_http() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    let client = ControlClient::new(&acme.sim.base_url);
    let room = acme.room.mail();
    let odd = [Oddity::WithoutSummary];
    client.make_odd(room, &id, &odd).await.unwrap();
    assert!(acme.room.event(&id).unwrap().get("summary").is_none());
    let times = vec![(hour(11), hour(12)), (hour(13), hour(14))];
    let alice = "alice@acme.test";
    client.move_event_often(alice, &id, times).await.unwrap();
    let start = &acme.alice.event(&id).unwrap()["start"]["dateTime"];
    assert_eq!(start, "2027-03-01T13:00:00Z");
    client.auto_accept(room, false).await.unwrap();
    let waiting = NewEvent::in_room(between(15, 16), room);
    let waiting = client.insert_event(alice, waiting).await.unwrap();
    client
        .respond(room, &waiting, Answer::Tentative)
        .await
        .unwrap();
    assert_eq!(acme.room.answer(&waiting), Some(Answer::Tentative));
    client.take_calendar_away(room, true).await.unwrap();
    assert_eq!(acme.list("").await.status, 404);
    let hour = Duration::from_hours(1);
    client.exceed_usage_limits(alice, hour).await.unwrap();
    let settings = json!({"push_chaos": {"drop": 0.5, "seed": 4}, "call_chaos": {"operations": ["list"], "html": 1.0}});
    let settings = settings.as_object().unwrap().clone();
    client.configure(settings).await.unwrap();
    assert_eq!(acme.list("").await.status, 502);
}
