//! The control API over HTTP, and seeds.

use google_sim::{
    Answer, Command, ControlClient, ControlError, Fault, NewRoom, NewUser, Operation, Role, Sim,
    SimConfig, scopes,
};
use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, PATIENCE, between, hour};

#[tokio::test]
async fn everything_can_be_done_over_http() {
    let sim = Sim::start(SimConfig::default()).await.unwrap();
    let control = ControlClient::new(&sim.base_url);
    control.wait_until_up(PATIENCE).await.unwrap();
    assert_eq!(control.urls().calendar_url, sim.urls.calendar_url);
    control.add_org("acme.test").await.unwrap();
    let alice = control
        .add_user("acme.test", NewUser::new("Alice@acme.test"))
        .await
        .unwrap();
    let a = control
        .add_room("acme.test", NewRoom::named("Aquarium"))
        .await
        .unwrap();
    let b = control
        .add_room("acme.test", NewRoom::named("Birdcage"))
        .await
        .unwrap();
    control.share(&a, &alice, Role::Writer).await.unwrap();
    let key = control.service_account("roomsync").await.unwrap();
    assert_eq!(key["type"], "service_account");
    assert_eq!(key["token_uri"], sim.urls.token_url.as_str());
    let client_id = key["client_id"].as_str().unwrap();
    control
        .delegate("acme.test", client_id, &[scopes::EVENTS])
        .await
        .unwrap();
    let event = control
        .insert_event(&alice, between(9, 10).in_room(&a))
        .await
        .unwrap();
    let said = control
        .wait_room_answered(&a, &event, PATIENCE)
        .await
        .unwrap();
    assert_eq!(said, Answer::Accepted);
    control
        .move_event(&alice, &event, hour(11), hour(12))
        .await
        .unwrap();
    control.invite_room(&alice, &event, &b).await.unwrap();
    control
        .wait_room_answered(&b, &event, PATIENCE)
        .await
        .unwrap();
    control.uninvite_room(&alice, &event, &a).await.unwrap();
    assert_eq!(
        control.event(&a, &event).await.unwrap()["status"],
        "cancelled"
    );
    control.swap_room(&alice, &event, &b, &a).await.unwrap();
    control.cancel_event(&alice, &event).await.unwrap();
    assert_eq!(control.events(&a).await.unwrap().len(), 1);
    control
        .add_fault(Fault::answer(500, "backendError"))
        .await
        .unwrap();
    assert!(control.ledger().await.unwrap().is_empty());
    assert!(control.pushes().await.unwrap().is_empty());
    sim.shutdown().await;
}

#[tokio::test]
async fn what_goes_wrong_over_http_is_told_in_the_same_words() {
    let acme = Acme::start().await;
    let control = ControlClient::new(&acme.sim.base_url);
    let unknown = control
        .add_user("nowhere.test", NewUser::new("a@nowhere.test"))
        .await;
    assert!(matches!(unknown, Err(ControlError::Unknown { .. })));
    let refused = control.event("alice@acme.test", "nothing").await;
    assert!(matches!(
        refused,
        Err(ControlError::Refused { status: 404, .. })
    ));
    let settings = json!({"no_such_switch": 1}).as_object().unwrap().clone();
    let invalid = control.execute(&Command::Configure { settings }).await;
    assert!(matches!(invalid, Err(ControlError::Invalid(_))));
}

#[tokio::test]
async fn a_call_can_be_held_over_http() {
    let acme = Acme::start().await;
    let control = ControlClient::new(&acme.sim.base_url);
    let hold = control
        .hold(Operation::List, acme.room.mail())
        .await
        .unwrap();
    let director = async {
        control.wait_held(hold, PATIENCE).await.unwrap();
        control.release(hold).await.unwrap();
    };
    let (reply, ()) = tokio::join!(acme.list(""), director);
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn switches_can_be_changed_over_http() {
    let acme = Acme::start().await;
    let control = ControlClient::new(&acme.sim.base_url);
    let settings = json!({"quota_per_user_per_minute": 0})
        .as_object()
        .unwrap()
        .clone();
    control
        .execute(&Command::Configure { settings })
        .await
        .unwrap();
    assert_eq!(acme.list("").await.status, 403);
}

#[tokio::test]
async fn a_seed_is_carried_out_before_the_first_request() {
    let seed = serde_json::from_value(json!([
        {"action": "add_org", "domain": "acme.test"},
        {"action": "add_user", "org": "acme.test", "user": {"mail": "alice@acme.test"}},
        {"action": "add_room", "org": "acme.test", "room": {"name": "Aquarium", "mail": "aquarium@resource.calendar.google.com"}},
        {"action": "insert_event", "calendar": "alice@acme.test", "event": {
            "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
            "rooms": ["aquarium@resource.calendar.google.com"]}},
    ]))
    .unwrap();
    let sim = Sim::start(SimConfig {
        seed,
        ..SimConfig::default()
    })
    .await
    .unwrap();
    let events = sim
        .control
        .events("aquarium@resource.calendar.google.com")
        .unwrap();
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_wait_ends_at_its_deadline() {
    let acme = Acme::start().await;
    let short = std::time::Duration::from_millis(20);
    let never = acme.control.wait_for(short, |_| None::<()>).await;
    assert!(matches!(never, Err(ControlError::Timeout(_))));
    let reply = acme
        .call("rooms@acme.test", Method::GET, "nowhere", None)
        .await;
    assert_eq!(reply.status, 404);
}
