//! Whatever Google answers while a booking is made, answer by answer: either nothing of it is left and the slot is
//! free again, or there is one event and one booking, however often it was sent.

use std::time::Duration;

use chrono::TimeDelta;
use google_sim::{Call, Effect, Fault, Operation, UserControl, scopes};
use roomsync_proto::{
    booking::v1::{Booking, BookingState},
    integration::v1::ConnectionState,
};
use roomsync_testkit::{Cluster, NewBooking, Organisation, Service};
use serde_json::Value;

use crate::{
    booking_user::{event_of, live},
    disconnect::wait_connection,
    scene::{Scene, start, tomorrow, whose},
};

/// Long enough to be told of the request, too short for what takes time.
const IMPATIENT: Duration = Duration::from_secs(3);

async fn asked(scene: &Scene, new: NewBooking) -> Booking {
    let answer = scene.cluster.app().create_booking("acme", new).await;
    answer.expect("CreateBooking").booking.expect("a booking")
}

async fn wait_state(scene: &Scene, booking: &Booking, state: BookingState) -> Booking {
    let app = scene.cluster.app();
    let what = format!("{booking:?} becomes {state:?}");
    let is = |booking: &Booking| booking.state() == state;
    app.wait_booking(&what, "acme", &booking.booking_id, is)
        .await
}

/// A user of another organisation: booked through the shared calendar.
async fn stranger(scene: &Scene) -> UserControl {
    let org = scene.cluster.google().add_org("partner.example");
    let eve = org.add_user("eve@partner.example", false).expect("Eve");
    let app = scene.cluster.app();
    app.given_user("acme", "u-eve", eve.mail()).await;
    eve
}

fn organizer(event: &Value) -> &str {
    event["organizer"]["email"].as_str().unwrap_or_default()
}

/// The room's live events, by start.
fn of_room(scene: &Scene) -> Vec<Value> {
    let events = scene.room.room.events().expect("a calendar");
    let mut events: Vec<Value> = live(&events).into_iter().cloned().collect();
    events.sort_by_key(|event| event["start"]["dateTime"].to_string());
    events
}

/// One event of each of these bookings in the room's calendar, and no other.
fn one_event_each(scene: &Scene, bookings: &[Booking]) {
    let events = of_room(scene);
    let ids: Vec<&str> = events.iter().filter_map(|it| it["id"].as_str()).collect();
    let expected: Vec<String> = bookings.iter().map(event_of).collect();
    assert_eq!(ids, expected, "{events:#?}");
}

/// Covers D1, R28.
#[tokio::test]
async fn what_google_will_never_take_leaves_nothing_and_frees_the_slot_whoever_books() {
    let scene = Scene::new("never taken").await;
    stranger(&scene).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let nine = tomorrow(9);
    let by_user = |user: &str| NewBooking::by_user("aquarium", nine, user);
    let answers = [
        (400, "invalid"),
        (403, "requiredAccessLevel"),
        (403, "forbidden"),
        (403, "forbiddenForServiceAccounts"),
        (403, "forbiddenForNonOrganizer"),
        (403, "accessNotConfigured"),
        (403, "aReasonThatNobodyKnows"),
        (410, "deleted"),
        (412, "conditionNotMet"),
    ];
    // Of a subject of ours it would be the connection that lacks the scope.
    let of_users = [(403, "insufficientPermissions")];
    // Of a user it would mean that Google does not know the user.
    let of_rooms = [(403, "notACalendarUser"), (404, "notFound")];
    let bookers = [
        (by_user("u-ana"), &of_users[..]),
        (by_user("u-eve"), &of_users[..]),
        (
            NewBooking::by_device("aquarium", nine, "d-1"),
            &of_rooms[..],
        ),
    ];
    for (new, further) in bookers {
        for &(status, reason) in answers.iter().chain(further) {
            let what = format!("{status} {reason} to {:?}", new.booker);
            google.add_fault(Fault::answer(status, reason).on(Operation::Insert));
            // All of them want the same slot.
            let new = new.clone().request_id(&uuid::Uuid::new_v4().to_string());
            let booking = asked(&scene, new.clone()).await;
            let told = (booking.state(), booking.cause.as_str());
            assert_eq!(told, (BookingState::Rejected, "REFUSED"), "{what}");
            assert_eq!(booking.external_provider, "", "{what}");
            // The same request again is answered the same, and Google is not asked again.
            let inserted = google.calls(Operation::Insert).len();
            assert_eq!(asked(&scene, new).await, booking, "{what}");
            assert_eq!(google.calls(Operation::Insert).len(), inserted, "{what}");
        }
    }
    assert!(of_room(&scene).is_empty(), "{:?}", of_room(&scene));
    let status = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(status.state(), ConnectionState::Active);

    let booking = app.book("acme", by_user("u-ana")).await;
    one_event_each(&scene, &[booking]);
    scene.cluster.finish().await;
}

/// Covers R28, B6.
#[tokio::test]
async fn what_google_takes_later_is_booked_once_in_the_users_own_calendar() {
    let scene = Scene::new("taken later").await;
    let google = scene.cluster.google();
    let answer = Fault::answer;
    let faults = [
        answer(500, "backendError"),
        answer(503, "backendError"),
        answer(429, "rateLimitExceeded"),
        answer(403, "rateLimitExceeded"),
        answer(403, "userRateLimitExceeded"),
        answer(401, "authError"),
        answer(401, "authError").times(2),
        // Of an event that is not there.
        answer(409, "duplicate"),
        // Said to whom named no cursor.
        answer(410, "fullSyncRequired"),
        Fault::next(Effect::Html502),
        Fault::next(Effect::Garbage),
        Fault::next(Effect::CloseConnection),
        Fault::next(Effect::CommitThenClose),
    ];
    let mut wishes = Vec::new();
    for (hour, fault) in faults.into_iter().enumerate() {
        let booker = scene.colleague(&format!("booker{hour}")).await;
        google.add_fault(fault.on(Operation::Insert).of_calendar(booker.mail()));
        let start = tomorrow(0) + TimeDelta::hours(i64::try_from(hour).expect("few"));
        let new = NewBooking::by_user("aquarium", start, &format!("u-booker{hour}"));
        wishes.push((booker, new.waiting(IMPATIENT)));
    }
    let mut bookings = Vec::new();
    for (_, new) in &wishes {
        bookings.push(asked(&scene, new.clone()).await);
    }
    for ((booker, new), booking) in wishes.iter().zip(&bookings) {
        wait_state(&scene, booking, BookingState::Confirmed).await;
        let again = asked(&scene, new.clone()).await;
        assert_eq!(again.booking_id, booking.booking_id);
        let own = google.events(booker.mail()).expect("a calendar");
        let own = live(&own);
        assert_eq!(own.len(), 1, "{new:?}: {own:?}");
        assert_eq!(organizer(own[0]), booker.mail(), "{new:?}");
    }
    one_event_each(&scene, &bookings);
    scene.cluster.finish().await;
}

/// Covers R28, R42, B6.
#[tokio::test]
async fn devices_and_guests_are_booked_once_too_whatever_is_lost() {
    let scene = Scene::new("lost for devices and guests").await;
    stranger(&scene).await;
    let google = scene.cluster.google();
    let lost = [
        Fault::next(Effect::CommitThenClose).on(Operation::Insert),
        Fault::next(Effect::CloseConnection).on(Operation::Insert),
        Fault::answer(503, "backendError").on(Operation::Insert),
        Fault::answer(409, "duplicate").on(Operation::Insert),
        Fault::answer(401, "authError").on(Operation::Insert),
        Fault::answer(429, "rateLimitExceeded").on(Operation::Insert),
    ];
    let mut bookings = Vec::new();
    for (number, fault) in lost.into_iter().enumerate() {
        let begins = |further: usize| {
            let hour = i64::try_from(2 * number + further).expect("few");
            tomorrow(0) + TimeDelta::hours(hour)
        };
        for new in [
            NewBooking::by_user("aquarium", begins(0), "u-eve"),
            NewBooking::by_device("aquarium", begins(1), "d-1"),
        ] {
            google.add_fault(fault.clone());
            let booking = asked(&scene, new.waiting(IMPATIENT)).await;
            bookings.push(wait_state(&scene, &booking, BookingState::Confirmed).await);
        }
    }
    one_event_each(&scene, &bookings);
    for (event, booking) in of_room(&scene).iter().zip(&bookings) {
        let on_ours = organizer(event).ends_with("@group.calendar.google.com");
        assert_eq!(on_ours, whose(booking) == "u-eve", "{event}");
    }
    scene.cluster.finish().await;
}

/// A cluster whose calls to Google end after a second.
async fn hasty(name: &str) -> Scene {
    let cluster = Cluster::builder(name)
        .set(Service::BookingCommand, "google.connect_timeout", "1s")
        .set(Service::BookingCommand, "google.timeout", "1s")
        .start()
        .await;
    Scene::with(cluster).await
}

/// Covers R28, B6.
#[tokio::test]
async fn an_answer_that_comes_too_late_is_looked_up_and_not_made_twice() {
    let scene = hasty("answers too late").await;
    stranger(&scene).await;
    let google = scene.cluster.google();
    let mut bookings = Vec::new();
    let bookers = |hour: i64| {
        [
            NewBooking::by_user("aquarium", tomorrow(hour), "u-ana"),
            NewBooking::by_user("aquarium", tomorrow(hour + 1), "u-eve"),
            NewBooking::by_device("aquarium", tomorrow(hour + 2), "d-1"),
        ]
    };
    // Carried out and not answered; then neither.
    for (hour, carried_out) in [(6, true), (12, false)] {
        for new in bookers(hour) {
            let held = if carried_out {
                google.hold_any_answer(Operation::Insert)
            } else {
                google.hold_any(Operation::Insert)
            };
            let booking = asked(&scene, new).await;
            let confirmed = wait_state(&scene, &booking, BookingState::Confirmed).await;
            assert!(held.is_reached(), "the first answer never came");
            held.release();
            bookings.push(confirmed);
        }
    }
    one_event_each(&scene, &bookings);
    scene.cluster.finish().await;
}

/// Covers D1, B6.
#[tokio::test]
async fn usage_limits_of_one_booker_reject_that_bookers_request_in_the_end_and_nobody_elses() {
    let cluster = Cluster::builder("usage limits")
        .set(Service::BookingCommand, "bookings.give_up_after", "6s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let mut waiting = Vec::new();
    for (hour, reason) in [(9, "quotaExceeded"), (11, "dailyLimitExceeded")] {
        let booker = scene.colleague(reason).await;
        let fault = Fault::answer(403, reason).on(Operation::Insert).always();
        google.add_fault(fault.of_calendar(booker.mail()));
        let new = NewBooking::by_user("aquarium", tomorrow(hour), &format!("u-{reason}"));
        waiting.push(asked(&scene, new.waiting(IMPATIENT)).await);
    }
    let new = NewBooking::by_user("aquarium", tomorrow(13), "u-ana");
    app.book("acme", new).await;

    for booking in &waiting {
        assert_eq!(booking.state(), BookingState::Requested);
        let given_up = wait_state(&scene, booking, BookingState::Rejected).await;
        assert_eq!(given_up.cause, "GOOGLE_UNAVAILABLE");
    }
    // Google has said that it took nothing: nothing is left to be taken back, which would be written, too.
    google.clear_faults();
    scene.cluster.calm().await;
    for user in waiting.iter().map(whose) {
        let mail = format!("{}@acme.example", user.trim_start_matches("u-"));
        let of_booker = |call: &&Call| {
            let calendar = call.calendar.as_deref();
            calendar.is_some_and(|it| it.eq_ignore_ascii_case(&mail))
        };
        let inserts = google.calls(Operation::Insert);
        assert_eq!(inserts.iter().filter(of_booker).count(), 1, "{user}");
    }
    for booking in waiting {
        let new = NewBooking::by_user("aquarium", start(&booking), "u-ana");
        app.book("acme", new).await;
    }
    scene.cluster.finish().await;
}

/// Covers D22, D19.
#[tokio::test]
async fn a_refusal_of_the_token_endpoint_is_about_the_booker_and_a_fault_of_it_is_about_nobody() {
    let scene = Scene::new("tokens of bookers").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let bob = scene.colleague("bob").await;
    let token = |status, error| Fault::answer(status, error).on(Operation::Token);

    // Whatever is wrong with the endpoint: it is waited for.
    google.add_fault(token(503, "backendError").times(2));
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-bob");
    let booking = asked(&scene, new.waiting(IMPATIENT)).await;
    wait_state(&scene, &booking, BookingState::Confirmed).await;
    let event = bob.event(&event_of(&booking)).expect("Bob's event");
    assert_eq!(organizer(&event), bob.mail());

    // Google knows nobody of that name.
    google.add_fault(token(400, "invalid_grant"));
    let new = NewBooking::by_user("aquarium", tomorrow(11), "u-ana");
    let booking = app.book("acme", new).await;
    let event = scene.ana.event(&event_of(&booking)).expect("an invitation");
    assert!(organizer(&event).ends_with("@group.calendar.google.com"));
    let status = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(status.state(), ConnectionState::Active);

    // The same for the subject that reads the rooms.
    google.expire_access_tokens();
    google.add_fault(token(503, "backendError").times(2));
    let new = NewBooking::by_device("aquarium", tomorrow(13), "d-1");
    let booking = asked(&scene, new.waiting(IMPATIENT)).await;
    wait_state(&scene, &booking, BookingState::Confirmed).await;
    let status = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(status.state(), ConnectionState::Active);
    scene.cluster.finish().await;
}

fn delegate(organisation: &Organisation) {
    let all = [
        scopes::EVENTS,
        scopes::RESOURCES_READONLY,
        scopes::EVENTS_OWNED,
        scopes::APP_CREATED,
    ];
    let delegated = organisation.org.delegate(&organisation.account, &all);
    delegated.expect("delegated");
}

/// Covers D19, B6.
#[tokio::test]
async fn a_request_that_loses_the_connection_waits_until_it_is_connected_again() {
    let scene = Scene::new("lost while booking").await;
    let app = scene.cluster.app();
    let organisation = &scene.room.organisation;
    let withdrawn = organisation.org.revoke_delegation(&organisation.account);
    withdrawn.expect("withdrawn");
    scene.cluster.google().expire_access_tokens();

    let new = NewBooking::by_device("aquarium", tomorrow(9), "d-1");
    let booking = asked(&scene, new.waiting(IMPATIENT)).await;
    assert_eq!(booking.state(), BookingState::Requested);
    wait_connection(app, ConnectionState::Lost).await;
    assert_eq!(scene.listed().await.len(), 1, "it still blocks");

    delegate(organisation);
    app.connect("acme", organisation).await;
    let confirmed = wait_state(&scene, &booking, BookingState::Confirmed).await;
    one_event_each(&scene, &[confirmed]);
    scene.cluster.finish().await;
}
