//! How rooms answer series.

use google_sim::{Answer, instance_id};
use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, PATIENCE, answer, at, between, repeated};

#[tokio::test]
async fn a_room_accepts_a_series_and_declines_the_dates_on_which_it_is_taken() {
    let acme = Acme::start().await;
    acme.meeting(repeated("FREQ=DAILY;INTERVAL=2;COUNT=2"))
        .await;
    let (id, said) = acme.meeting(repeated("FREQ=DAILY;COUNT=4")).await;
    assert_eq!(said, Answer::Accepted);
    let answers: Vec<_> = (1..=4)
        .map(|day| acme.room.answer(&instance_id(&id, &at(day, 9))).unwrap())
        .collect();
    let (no, yes) = (Answer::Declined, Answer::Accepted);
    assert_eq!(answers, [no, yes, no, yes]);
    let exception = acme.room.event(&instance_id(&id, &at(1, 9))).unwrap();
    assert_eq!(exception["status"], "confirmed");
    let own = acme.alice.event(&instance_id(&id, &at(1, 9))).unwrap();
    assert_eq!(answer(&own, acme.room.mail()), Some("declined"));
    let listed = acme.list("").await;
    assert_eq!(listed.ids().len(), 4, "two masters and two exceptions");
}

#[tokio::test]
async fn a_room_declines_a_series_whole_when_fewer_than_half_of_its_dates_are_free() {
    let acme = Acme::start().await;
    acme.meeting(repeated("FREQ=DAILY;COUNT=3")).await;
    let (id, said) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    assert_eq!(said, Answer::Declined);
    assert_eq!(acme.room.event(&id).unwrap()["status"], "confirmed");
    assert_eq!(
        acme.meeting(repeated("FREQ=DAILY;COUNT=6")).await.1,
        Answer::Accepted
    );
}

#[tokio::test]
async fn a_room_declines_a_series_whole_when_more_than_eight_dates_are_taken() {
    let acme = Acme::start().await;
    acme.meeting(repeated("FREQ=DAILY;COUNT=9")).await;
    let (_, said) = acme.meeting(repeated("FREQ=DAILY;COUNT=100")).await;
    assert_eq!(said, Answer::Declined);
    acme.control
        .configure(|settings| settings.series_conflict_limit = 9);
    let (_, said) = acme.meeting(repeated("FREQ=DAILY;COUNT=100")).await;
    assert_eq!(said, Answer::Accepted);
}

#[tokio::test]
async fn a_series_takes_the_room_from_single_events_on_its_dates_only() {
    let acme = Acme::start().await;
    acme.meeting(repeated("FREQ=DAILY;INTERVAL=2")).await;
    let on = |day: u32| {
        let mut event = between(9, 10);
        (event.start, event.end) = (at(day, 9), at(day, 10));
        event
    };
    assert_eq!(acme.meeting(on(3)).await.1, Answer::Declined);
    assert_eq!(acme.meeting(on(4)).await.1, Answer::Accepted);
}

#[tokio::test]
async fn a_cancelled_or_moved_date_frees_the_room() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY")).await;
    acme.alice.cancel_occurrence(&id, &at(1, 9)).unwrap();
    assert_eq!(acme.meeting(between(9, 10)).await.1, Answer::Accepted);
    acme.room
        .respond_occurrence(&id, &at(2, 9), Answer::Declined)
        .unwrap();
    let mut event = between(9, 10);
    (event.start, event.end) = (at(2, 9), at(2, 10));
    assert_eq!(acme.meeting(event).await.1, Answer::Accepted);
}

#[tokio::test]
async fn one_date_or_the_whole_series_can_be_declined_on_the_rooms_calendar() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=4")).await;
    let decline = async |event: &str| {
        let path = format!(
            "calendars/{}/events/{event}?sendUpdates=none",
            acme.room.mail()
        );
        let changes = json!({
            "attendeesOmitted": true,
            "attendees": [{"email": acme.room.mail(), "responseStatus": "declined"}],
        });
        let reply = acme
            .call("rooms@acme.test", Method::PATCH, &path, Some(changes))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    };
    let second = instance_id(&id, &at(2, 9));
    decline(&second).await;
    assert_eq!(acme.room.answer(&second), Some(Answer::Declined));
    assert_eq!(acme.room.answer(&id), Some(Answer::Accepted));
    assert_eq!(
        answer(&acme.alice.event(&second).unwrap(), acme.room.mail()),
        Some("declined")
    );
    let third = acme
        .alice
        .change_occurrence(&id, &at(3, 9), json!({"summary": "Review"}))
        .unwrap();
    decline(&id).await;
    assert_eq!(acme.room.answer(&id), Some(Answer::Declined));
    let first = instance_id(&id, &at(1, 9));
    assert_eq!(
        acme.room.answer(&first),
        Some(Answer::Declined),
        "by the series"
    );
    assert_eq!(
        acme.room.answer(&third),
        Some(Answer::Accepted),
        "an exception keeps its own answer"
    );
}

#[tokio::test]
async fn a_date_that_a_guest_declines_before_the_room_answered_is_answered_too() {
    let acme = Acme::with(|settings| {
        settings.room_answer_delay = std::time::Duration::from_millis(200);
    })
    .await;
    let event = repeated("FREQ=DAILY;COUNT=3")
        .with_guest(acme.bob.mail())
        .in_room(acme.room.mail());
    let id = acme.alice.insert_event(event).unwrap();
    let second = instance_id(&id, &at(2, 9));
    acme.bob.respond(&second, Answer::Declined).unwrap();
    assert_eq!(acme.room.answer(&second), Some(Answer::NeedsAction));
    let said = acme.room.wait_answered(&second, PATIENCE).await.unwrap();
    assert_eq!(said, Answer::Accepted);
    assert_eq!(acme.room.answer(&id), Some(Answer::Accepted));
}

#[tokio::test]
async fn a_date_deleted_from_the_rooms_calendar_is_declined_for_that_date() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=4")).await;
    let second = instance_id(&id, &at(2, 9));
    let path = format!("calendars/{}/events/{second}", acme.room.mail());
    let reply = acme
        .call("rooms@acme.test", Method::DELETE, &path, None)
        .await;
    assert_eq!(reply.status, 204);
    assert_eq!(acme.room.event(&second).unwrap()["status"], "cancelled");
    let own = acme.alice.event(&second).unwrap();
    assert_eq!(own["status"], "confirmed");
    assert_eq!(answer(&own, acme.room.mail()), Some("declined"));
    assert_eq!(acme.list("?singleEvents=true").await.ids().len(), 3);
}
