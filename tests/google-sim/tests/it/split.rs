//! "This and following".

use google_sim::{Answer, Command, ControlClient};
use serde_json::{Map, json};

use crate::support::{Acme, PATIENCE, at, repeated};

#[tokio::test]
async fn the_old_series_ends_and_a_new_one_begins_with_an_id_of_its_own() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let moved = acme
        .alice
        .move_occurrence(&id, &at(4, 9), at(4, 15), at(4, 16))
        .unwrap();
    let token = acme.list("").await.text("nextSyncToken");
    let new = acme
        .alice
        .split_series(&id, &at(3, 9), json!({"summary": "Standup"}))
        .unwrap();
    assert_eq!(new, format!("{id}_R20270303T090000"));
    assert_eq!(
        acme.room.wait_answered(&new, PATIENCE).await.unwrap(),
        Answer::Accepted
    );
    assert_eq!(
        acme.room.answer(&id),
        Some(Answer::Accepted),
        "what is left was not asked again"
    );
    assert_eq!(
        acme.room.event(&id).unwrap()["recurrence"],
        json!(["RRULE:FREQ=DAILY;UNTIL=20270303T085959Z"])
    );
    let following = acme.room.event(&new).unwrap();
    assert_eq!(following["recurrence"], json!(["RRULE:FREQ=DAILY;COUNT=3"]));
    assert_eq!(following["summary"], "Standup");
    let single = acme.list("?singleEvents=true").await;
    assert_eq!(single.ids().len(), 5);
    assert_eq!(single.ids()[2], format!("{new}_20270303T090000Z"));
    let delta = acme.list(&format!("?syncToken={token}")).await;
    let mut ids = delta.ids();
    ids.sort_unstable();
    let mut wanted = [id.as_str(), moved.as_str(), new.as_str()];
    wanted.sort_unstable();
    assert_eq!(ids, wanted);
}

#[tokio::test]
async fn a_split_can_leave_stale_exceptions_behind() {
    let acme = Acme::with(|settings| settings.stale_exceptions_survive = true).await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let stale = acme
        .alice
        .move_occurrence(&id, &at(4, 9), at(4, 15), at(4, 16))
        .unwrap();
    acme.alice.split_series(&id, &at(3, 9), json!({})).unwrap();
    assert_eq!(acme.room.event(&stale).unwrap()["status"], "confirmed");
    assert_eq!(acme.list("?singleEvents=true").await.ids().len(), 6);
}

#[tokio::test]
async fn series_can_be_driven_over_http() {
    let acme = Acme::start().await;
    let client = ControlClient::new(&acme.sim.base_url);
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let mail = acme.alice.mail();
    let cancelled = client.cancel_occurrence(mail, &id, at(2, 9)).await.unwrap();
    assert_eq!(acme.room.event(&cancelled).unwrap()["status"], "cancelled");
    let new = client
        .split_series(mail, &id, at(4, 9), Map::new())
        .await
        .unwrap();
    assert!(new.contains("_R"));
    let occurrences = client
        .execute(&Command::Occurrences {
            calendar: acme.room.mail().to_owned(),
            from: "2027-03-01T00:00:00Z".parse().unwrap(),
            to: "2027-04-01T00:00:00Z".parse().unwrap(),
        })
        .await
        .unwrap();
    assert_eq!(occurrences.as_array().unwrap().len(), 4);
}
