//! What is Google's alone: the title, the guests, the description and the video call of an event, and its whole
//! management. Ours is the room's place in it (R6 to R10).

use google_sim::{Answer, Call, Control, Operation};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{Booking, BookingState, UpdateBookingRequest},
    integration::v1::TenantSettings,
};
use roomsync_testkit::{
    LinkedRoom, NewBooking, SOON,
    app::{administrator, user, window},
    found_within,
};
use serde_json::{Value, json};

use crate::{
    booking_user::event_of,
    scene::{Scene, Watched as _, at, tomorrow},
};

/// Fields of an event that nobody but its people writes.
const GOOGLES: [&str; 10] = [
    "summary",
    "description",
    "location",
    "conferenceData",
    "hangoutLink",
    "attachments",
    "recurrence",
    "colorId",
    "transparency",
    "visibility",
];

/// Everything that was written at Google, by whomever calls its API: that is us.
fn writes(google: &Control) -> Vec<Call> {
    let ledger = google.ledger().into_iter();
    let is_write = |call: &Call| {
        use Operation::{CalendarInsert, Delete, Insert, Move, Patch, Update};
        let writes = [Insert, Patch, Update, Delete, Move, CalendarInsert];
        writes.contains(&call.operation)
    };
    ledger.filter(is_write).collect()
}

/// A copy of an event without what the room's answer changes.
fn but_the_answer_of(mut copy: Value, room: &str) -> Value {
    for field in ["etag", "updated"] {
        copy[field] = Value::Null;
    }
    let guests = copy["attendees"].as_array_mut().into_iter().flatten();
    for guest in guests.filter(|guest| guest["email"] == room) {
        guest["responseStatus"] = Value::Null;
    }
    copy
}

/// Addresses of the guests of a copy, sorted.
fn guests(copy: &Value) -> Vec<String> {
    let entries = copy["attendees"].as_array().into_iter().flatten();
    let mut mails: Vec<String> = entries
        .map(|entry| entry["email"].as_str().unwrap_or_default().to_owned())
        .collect();
    mails.sort();
    mails
}

fn settings() -> TenantSettings {
    TenantSettings {
        decline_allowed: Some(true),
        store_titles: Some(true),
        neutral_title: Some("Flexopus booking".to_owned()),
        ..TenantSettings::default()
    }
}

async fn refuses_an_edit(scene: &Scene, booking: &Booking) {
    let request = UpdateBookingRequest {
        tenant_id: "acme".to_owned(),
        booking_id: booking.booking_id.clone(),
        window: Some(window(tomorrow(16), tomorrow(17))),
    };
    let app = scene.cluster.app();
    let refused = app.bookings().update_booking(request).await;
    let refused = refused.expect_err("an edit");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("MANAGED_IN_GOOGLE"));
}

/// Covers R6, R7, R8, R9, R10.
#[tokio::test]
async fn of_an_event_of_google_nothing_is_ever_changed_but_the_rooms_own_answer() {
    let scene = Scene::new("events left alone").await;
    let lagoon = scene.another_room("Lagoon").await;
    let bob = scene.colleague("bob").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let (aquarium, other) = (scene.room.room.mail(), lagoon.room.mail());
    let board = scene
        .meeting(9)
        .in_room(other)
        .titled("Board")
        .with("description", json!("The quarter"))
        .with("location", json!("HQ"))
        .with("conferenceData", json!({"conferenceId": "abc-defg-hij"}))
        .with_guest(bob.mail());
    let weekly = scene.meeting(11).repeating("FREQ=DAILY;COUNT=3");
    let board = scene.ana.insert_event(board).expect("made");
    let weekly = scene
        .ana
        .insert_event(weekly.titled("Daily"))
        .expect("made");
    let starts = [9, 11, 24 + 11, 48 + 11].map(tomorrow);
    scene.wait_starts("all of them accepted", &starts).await;
    let booking = scene
        .wait_booking("the board", tomorrow(9), BookingState::Confirmed)
        .await;
    lagoon.wait_starts("in both", &[tomorrow(9)]).await;
    scene.cluster.calm().await;
    let copies = || {
        let copies = [
            scene.ana.event(&board),
            bob.event(&board),
            lagoon.room.event(&board),
            scene.room.room.event(&board),
            scene.ana.event(&weekly),
            scene.room.room.event(&weekly),
        ];
        copies.map(|copy| copy.expect("a copy"))
    };
    let before = copies();
    assert_eq!(before[0]["conferenceData"]["conferenceId"], "abc-defg-hij");

    // Read again, asked about, and refused: not even the version of a copy changes.
    refuses_an_edit(&scene, &booking).await;
    let refused = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    let refused = refused.await.expect_err("not allowed yet");
    assert_eq!(
        grpc::reason(&refused).as_deref(),
        Some("DECLINE_NOT_ALLOWED")
    );
    app.put_tenant("acme", true, settings()).await;
    app.sync_now("acme", "").await.expect("SyncNow");
    app.recheck("acme", &scene.room.link.link_id)
        .await
        .expect("RecheckLink");
    scene.cluster.calm().await;
    assert_eq!(copies(), before);
    assert!(writes(google).is_empty(), "{:?}", writes(google));

    let actor = administrator("u-adm");
    let declined = app.delete_booking("acme", &booking.booking_id, actor, false);
    declined.await.expect("declined");
    app.unlink("acme", &lagoon.link.link_id)
        .await
        .expect("closing");
    lagoon.wait_count("unlinked", 0).await;
    scene.wait_count("the dates stay", 3).await;
    scene.cluster.calm().await;
    let bare = |copies: [Value; 6]| copies.map(|copy| but_the_answer_of(copy, aquarium));
    assert_eq!(bare(copies()), bare(before));
    let answer = |room: &LinkedRoom| room.room.answer(&board);
    let answers = (answer(&scene.room), answer(&lagoon));
    assert_eq!(answers, (Some(Answer::Declined), Some(Answer::Accepted)));
    let written = writes(google);
    assert_eq!(written.len(), 1, "{written:?}");
    assert_eq!(written[0].operation, Operation::Patch);
    assert_eq!(written[0].calendar.as_deref(), Some(aquarium));
    scene.cluster.finish().await;
}

/// Covers R5, R6, R7, R8, R9, R30, R41, D15.
#[tokio::test]
async fn what_flexopus_books_stands_in_google_with_its_room_and_its_booker_and_nothing_else() {
    let scene = Scene::new("all that we write").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let room = scene.room.room.mail();
    let org = google.add_org("partner.example");
    let eve = org.add_user("eve@partner.example", false).expect("Eve");
    app.given_user("acme", "u-eve", eve.mail()).await;
    let mut by_ana = vec![room.to_owned(), scene.ana.mail().to_owned()];
    by_ana.sort();
    let mut by_eve = vec![room.to_owned(), eve.mail().to_owned()];
    by_eve.sort();
    let cases = [
        (
            NewBooking::by_user("aquarium", tomorrow(9), "u-ana"),
            by_ana,
        ),
        (
            NewBooking::by_user("aquarium", tomorrow(11), "u-eve"),
            by_eve,
        ),
        (
            NewBooking::by_device("aquarium", tomorrow(13), "d-1"),
            vec![],
        ),
    ];
    for title in [None, Some("Flexopus booking")] {
        let settings = TenantSettings {
            neutral_title: title.map(str::to_owned),
            ..TenantSettings::default()
        };
        app.put_tenant("acme", true, settings).await;
        for (new, invited) in cases.clone() {
            let mut new = new.request_id(&uuid::Uuid::new_v4().to_string());
            if title.is_some() {
                let day = chrono::TimeDelta::days(1);
                new.window = (new.window.0 + day, new.window.1 + day);
            }
            let booking = app.book("acme", new).await;

            // It is seen on the resource's calendar, as the room has it.
            let copy = scene.room.room.event(&event_of(&booking));
            let copy = copy.expect("it is visible in Google");
            assert_eq!(copy["status"], "confirmed");
            for field in GOOGLES.iter().filter(|field| **field != "summary") {
                assert_eq!(copy.get(*field), None, "{field} of {copy}");
            }
            assert_eq!(copy.get("summary").and_then(Value::as_str), title);
            // A booker who is the organizer need not be a guest.
            let mut told = guests(&copy);
            let organizer = copy["organizer"]["email"].as_str().unwrap_or_default();
            if !invited.is_empty() && !told.iter().any(|mail| mail == organizer) {
                told.extend(invited.iter().filter(|mail| *mail == organizer).cloned());
                told.sort();
            }
            assert_eq!(told, invited, "{copy}");
        }
    }
    for call in google.calls(Operation::Insert) {
        assert!(
            !call.query.contains_key("conferenceDataVersion"),
            "{call:?}"
        );
    }
    // The event page names the resource that the object is linked with.
    let own = scene.listed().await;
    let page = scene.ana.event(&event_of(&own[0])).expect("Ana's event");
    let entries = page["attendees"].as_array().expect("guests").iter();
    let rooms: Vec<_> = entries
        .filter(|entry| entry["resource"] == true)
        .map(|entry| (&entry["email"], &entry["responseStatus"]))
        .collect();
    let link = &scene.room.link.resource_email;
    assert_eq!(rooms, [(&json!(link), &json!("accepted"))]);
    scene.cluster.finish().await;
}

/// Covers R6, R7, R8, R9, R10, R31, R63.
#[tokio::test]
async fn what_the_user_makes_of_a_booked_event_stays_as_the_user_made_it() {
    let scene = Scene::new("our event in their hands").await;
    let bob = scene.colleague("bob").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    let booking = app.book("acme", new).await;
    let event = event_of(&booking);
    let (room, ana) = (scene.room.room.mail(), scene.ana.mail());

    let changes = json!({
        "summary": "Planning",
        "description": "All of it",
        "conferenceData": {"conferenceId": "abc-defg-hij"},
        "attendees": [
            {"email": ana, "responseStatus": "accepted"},
            {"email": bob.mail()},
            {"email": room, "responseStatus": "accepted"},
        ],
    });
    scene.ana.patch_event(&event, changes).expect("hers");
    scene.ana.move_event(&event, at(14), at(15)).expect("moved");
    let moved = scene.wait_starts("it follows", &[tomorrow(14)]).await;
    assert_eq!(moved[0].booking_id, booking.booking_id);
    app.put_tenant("acme", true, settings()).await;
    app.sync_now("acme", "").await.expect("SyncNow");
    scene.cluster.calm().await;
    refuses_an_edit(&scene, &booking).await;
    let before = but_the_answer_of(scene.ana.event(&event).expect("hers"), room);
    assert_eq!(before["summary"], "Planning");
    let inserted = writes(google);
    assert_eq!(inserted.len(), 1, "nothing but the event: {inserted:?}");

    let declined = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    let declined = declined.await.expect("declined");
    assert_eq!(declined.state(), BookingState::Removed);
    let left = found_within(SOON, async || {
        (scene.room.room.answer(&event) == Some(Answer::Declined)).then_some(())
    });
    assert!(left.await.is_some(), "the room left");
    let after = scene.ana.event(&event).expect("it is still hers");
    assert_eq!(but_the_answer_of(after, room), before);
    assert_eq!(bob.event(&event).expect("Bob's")["status"], "confirmed");
    scene.cluster.finish().await;
}

/// Covers R35, R10.
#[tokio::test]
async fn what_was_booked_in_flexopus_is_cancelled_in_google() {
    let scene = Scene::new("our events cancelled").await;
    let app = scene.cluster.app();
    let by_ana = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    let by_ana = app.book("acme", by_ana).await;
    let by_door = NewBooking::by_device("aquarium", tomorrow(11), "d-1");
    let by_door = app.book("acme", by_door).await;

    scene.ana.cancel_event(&event_of(&by_ana)).expect("hers");
    let room = &scene.room.room;
    room.cancel_event(&event_of(&by_door)).expect("the room's");

    scene.wait_count("both are free", 0).await;
    for booking in [by_ana, by_door] {
        let told = scene.room.last_word(&booking);
        assert_eq!(told, (BookingState::Removed, "CANCELLED".to_owned()));
    }
    let written = writes(scene.cluster.google());
    assert_eq!(written.len(), 2, "nothing but the two: {written:?}");
    scene.cluster.finish().await;
}
