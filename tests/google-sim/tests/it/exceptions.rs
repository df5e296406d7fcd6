//! Changed, moved and cancelled occurrences, and what becomes of them.

use google_sim::{Answer, instance_id};
use serde_json::json;

use crate::support::{Acme, PATIENCE, answer, at, repeated};

#[tokio::test]
async fn a_changed_occurrence_is_an_event_of_its_own_on_all_calendars() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let changed = acme
        .alice
        .change_occurrence(&id, &at(3, 9), json!({"summary": "Review"}))
        .unwrap();
    assert_eq!(changed, format!("{id}_20270303T090000Z"));
    let listed = acme.list("").await;
    assert_eq!(listed.ids(), [id.as_str(), changed.as_str()]);
    let (master, exception) = (&listed.items()[0], &listed.items()[1]);
    assert_eq!(exception["summary"], "Review");
    assert_eq!(exception["recurringEventId"], json!(id));
    assert_ne!(exception["etag"], master["etag"]);
    assert_eq!(answer(exception, acme.room.mail()), Some("accepted"));
    let single = acme.list("?singleEvents=true").await;
    assert_eq!(single.ids().len(), 5, "it replaces its occurrence");
}

#[tokio::test]
async fn a_moved_occurrence_keeps_its_id_and_original_start_and_is_requested_again() {
    let acme = Acme::start().await;
    acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let event = crate::support::between(11, 12)
        .in_zone("Europe/Berlin")
        .repeating("FREQ=DAILY;COUNT=5");
    let (id, _) = acme.meeting(event).await;
    let moved = acme
        .alice
        .move_occurrence(&id, &at(3, 11), at(3, 9), at(3, 10))
        .unwrap();
    assert_eq!(
        acme.room.wait_answered(&moved, PATIENCE).await.unwrap(),
        Answer::Declined,
        "the other series has the room then"
    );
    acme.alice
        .move_occurrence(&id, &at(3, 11), at(4, 15), at(4, 16))
        .unwrap();
    assert_eq!(
        acme.room.wait_answered(&moved, PATIENCE).await.unwrap(),
        Answer::Accepted
    );
    let copy = acme.room.event(&moved).unwrap();
    assert_eq!(
        copy["originalStartTime"]["dateTime"],
        "2027-03-03T12:00:00+01:00"
    );
    assert_eq!(copy["start"]["dateTime"], "2027-03-04T16:00:00+01:00");
    assert_eq!(
        acme.room.answer(&id),
        Some(Answer::Accepted),
        "the series is untouched"
    );
}

#[tokio::test]
async fn a_cancelled_occurrence_is_an_exception_and_no_exdate() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=3")).await;
    let cancelled = acme.alice.cancel_occurrence(&id, &at(2, 9)).unwrap();
    let listed = acme.list("").await;
    assert_eq!(
        listed.ids(),
        [id.as_str(), cancelled.as_str()],
        "without showDeleted too"
    );
    assert_eq!(
        listed.items()[0]["recurrence"],
        json!(["RRULE:FREQ=DAILY;COUNT=3"])
    );
    let tombstone = &listed.items()[1];
    assert_eq!(tombstone["status"], "cancelled");
    assert_eq!(tombstone["recurringEventId"], json!(id));
    assert_eq!(
        tombstone["originalStartTime"]["dateTime"],
        "2027-03-02T10:00:00+01:00"
    );
    assert!(tombstone.get("summary").is_none());
    assert_eq!(acme.list("?singleEvents=true").await.ids().len(), 2);
    let with_deleted = acme.list("?singleEvents=true&showDeleted=true").await;
    assert_eq!(with_deleted.ids().len(), 3);
}

#[tokio::test]
async fn a_room_can_be_taken_off_one_date_and_another_put_in() {
    let acme = Acme::start().await;
    let board = acme.another_room("Board");
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=3")).await;
    let date = instance_id(&id, &at(2, 9));
    acme.alice
        .swap_room(&date, acme.room.mail(), board.mail())
        .unwrap();
    assert_eq!(
        board.wait_answered(&date, PATIENCE).await.unwrap(),
        Answer::Accepted
    );
    let gone = acme.room.event(&date).unwrap();
    assert_eq!(gone["status"], "cancelled");
    assert_eq!(gone["recurringEventId"], json!(id));
    assert_eq!(acme.room.answer(&id), Some(Answer::Accepted));
    assert_eq!(
        board.events().unwrap().len(),
        1,
        "an exception without its master"
    );
    assert_eq!(board.events().unwrap()[0]["recurringEventId"], json!(id));
}

#[tokio::test]
async fn a_room_invited_to_one_date_knows_no_series() {
    let acme = Acme::start().await;
    let board = acme.another_room("Board");
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=3")).await;
    let date = acme
        .alice
        .invite_room_to_occurrence(&id, &at(2, 9), board.mail())
        .unwrap();
    board.wait_answered(&date, PATIENCE).await.unwrap();
    for path in [format!("{id}/instances"), id.clone()] {
        let path = format!("calendars/{}/events/{path}", board.mail());
        let reply = acme
            .call("rooms@acme.test", reqwest::Method::GET, &path, None)
            .await;
        assert_eq!(reply.status, 404, "{path}");
    }
    acme.alice.uninvite_room(&date, board.mail()).unwrap();
    let copy = board.event(&date).unwrap();
    assert_eq!(copy["status"], "cancelled");
    assert!(
        copy.get("recurringEventId").is_none(),
        "only the id is left"
    );
}

#[tokio::test]
async fn titles_and_guests_of_a_series_reach_the_exceptions_that_did_not_differ() {
    let acme = Acme::start().await;
    let board = acme.another_room("Board");
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=4")).await;
    let named = acme
        .alice
        .change_occurrence(&id, &at(2, 9), json!({"summary": "Review"}))
        .unwrap();
    let moved = acme
        .alice
        .move_occurrence(&id, &at(3, 9), at(3, 15), at(3, 16))
        .unwrap();
    let cancelled = acme.alice.cancel_occurrence(&id, &at(4, 9)).unwrap();
    acme.alice.retitle_event(&id, "Standup").unwrap();
    acme.alice.invite_room(&id, board.mail()).unwrap();
    assert_eq!(acme.room.event(&named).unwrap()["summary"], "Review");
    assert_eq!(acme.room.event(&moved).unwrap()["summary"], "Standup");
    let copy = board.event(&moved).unwrap();
    assert_eq!(copy["start"]["dateTime"], "2027-03-03T16:00:00+01:00");
    assert_eq!(
        board.event(&cancelled).unwrap()["status"],
        "cancelled",
        "who joins later does not see it either"
    );
    acme.alice.uninvite_room(&id, board.mail()).unwrap();
    let all = board.events().unwrap();
    assert!(
        all.iter().all(|copy| copy["status"] == "cancelled"),
        "{all:?}"
    );
}

#[tokio::test]
async fn new_times_of_a_series_undo_its_exceptions_unless_the_switch_keeps_them() {
    for reset in [true, false] {
        let acme = Acme::with(|settings| settings.moved_series_reset_exceptions = reset).await;
        let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=4")).await;
        let moved = acme
            .alice
            .move_occurrence(&id, &at(3, 9), at(3, 15), at(3, 16))
            .unwrap();
        acme.alice.move_series(&id, at(1, 11), at(1, 12)).unwrap();
        assert_eq!(
            acme.room.wait_answered(&id, PATIENCE).await.unwrap(),
            Answer::Accepted
        );
        let copy = acme.room.event(&moved).unwrap();
        let single = acme.list("?singleEvents=true").await.ids().len();
        if reset {
            assert_eq!((copy["status"].as_str(), single), (Some("cancelled"), 4));
        } else {
            assert_eq!((copy["status"].as_str(), single), (Some("confirmed"), 5));
        }
    }
}

#[tokio::test]
async fn a_reset_exception_whose_date_the_series_still_has_is_as_the_series_says() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=4")).await;
    let cancelled = acme.alice.cancel_occurrence(&id, &at(3, 9)).unwrap();
    acme.alice.move_series(&id, at(2, 9), at(2, 10)).unwrap();
    assert_eq!(
        acme.room.wait_answered(&cancelled, PATIENCE).await.unwrap(),
        Answer::Accepted
    );
    assert_eq!(acme.room.event(&cancelled).unwrap()["status"], "confirmed");
}

#[tokio::test]
async fn deleting_a_series_leaves_tombstones_of_it_and_its_exceptions() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=4")).await;
    let moved = acme
        .alice
        .move_occurrence(&id, &at(3, 9), at(3, 15), at(3, 16))
        .unwrap();
    let cancelled = acme.alice.cancel_occurrence(&id, &at(2, 9)).unwrap();
    let token = acme.list("").await.text("nextSyncToken");
    acme.alice.cancel_series(&id).unwrap();
    let delta = acme.list(&format!("?syncToken={token}")).await;
    let mut ids = delta.ids();
    ids.sort_unstable();
    assert_eq!(ids, [id.as_str(), cancelled.as_str(), moved.as_str()]);
    for item in delta.items() {
        assert_eq!(item["status"], "cancelled");
        assert!(item.get("recurringEventId").is_none());
    }
    assert!(acme.list("").await.ids().is_empty());
}
