//! Odd events, each with its decided outcome: imported as a booking, or not, never in the way of others.

use chrono::{Days, TimeDelta};
use google_sim::{NewEvent, Oddity, UserControl, scopes};
use roomsync_proto::{
    booking::v1::{BookingFlag, BookingState},
    integration::v1::Object,
};
use roomsync_testkit::{Cluster, SOON, Service, app::window};
use serde_json::{Value, json};

use crate::{
    scene::{Scene, Watched as _, at, availability, end, ids, start, tomorrow, whose},
    weekly::{week, weeks},
};

/// The room's keeper, who changes the room's own copies of events.
fn keeper(scene: &Scene) -> UserControl {
    scene.cluster.google().user(scene.room.room.mail())
}

/// Covers D9, D10, D11.
#[tokio::test]
async fn every_oddity_of_an_event_has_its_outcome_and_none_is_in_the_way_of_others() {
    let scene = Scene::new("every oddity").await;
    let room = &scene.room.room;
    let hours: Vec<i64> = (1..).take(Oddity::ALL.len()).collect();
    let mut events = Vec::new();
    for hour in &hours {
        let made = scene.ana.insert_event(scene.meeting(*hour));
        events.push(made.expect("Google takes it"));
    }
    let all: Vec<_> = hours.iter().copied().map(tomorrow).collect();
    let before = scene.wait_starts("all of them", &all).await;

    for (event, oddity) in events.iter().zip(Oddity::ALL) {
        room.make_odd(event, &[oddity]).expect("odd from now on");
    }

    // Times that are none block nothing. What cannot be read stays as it is known, and whatever else
    // is missing or unheard of changes nothing about who has the room and when.
    let blocks_nothing = [Oddity::EndBeforeStart, Oddity::ZeroLength];
    let (ended, kept): (Vec<_>, Vec<_>) = before
        .iter()
        .zip(Oddity::ALL)
        .partition(|(_, oddity)| blocks_nothing.contains(oddity));
    let kept: Vec<_> = kept
        .into_iter()
        .map(|(booking, _)| booking.clone())
        .collect();
    let starts: Vec<_> = kept.iter().map(start).collect();
    for full_sync in [false, true] {
        if full_sync {
            room.expire_sync_tokens().expect("a full sync is due");
        }
        let hour = 20 + i64::from(full_sync);
        let (marker, _) = scene.given_meeting(hour).await;
        scene.ana.cancel_event(&marker).expect("cancelled");
        let after = scene.wait_starts("the readable ones", &starts).await;
        assert_eq!(ids(&after), ids(&kept));
        assert!(after.iter().all(|b| whose(b) == "u-ana"), "{after:?}");
        assert!(after.iter().all(|b| b.external_provider == "google"));
    }
    for (booking, oddity) in ended {
        let word = scene.room.last_word(booking);
        let gone = (BookingState::Removed, "NOT_BLOCKING".to_owned());
        assert_eq!(word, gone, "{oddity:?}");
    }

    for event in &events {
        room.make_odd(event, &[]).expect("plain again");
    }
    scene.wait_starts("all of them", &all).await;
    scene.cluster.finish().await;
}

/// Covers D10, D11.
#[tokio::test]
async fn what_the_room_shows_as_free_blocks_nothing_whatever_the_organizer_shows() {
    let scene = Scene::new("shown as free").await;
    let free = json!({"transparency": "transparent"});
    let (event, before) = scene.given_meeting(9).await;

    scene
        .ana
        .patch_event(&event, free.clone())
        .expect("free on Ana's own calendar only");
    scene.given_meeting(11).await;
    let still = scene
        .wait_starts("both", &[tomorrow(9), tomorrow(11)])
        .await;
    assert_eq!(still[0].booking_id, before.booking_id);

    keeper(&scene)
        .patch_event(&event, free)
        .expect("free on the room's calendar");
    scene.wait_starts("one is left", &[tomorrow(11)]).await;
    let ended = (BookingState::Removed, "NOT_BLOCKING".to_owned());
    assert_eq!(scene.room.last_word(&before), ended);

    keeper(&scene)
        .patch_event(&event, json!({"transparency": "opaque"}))
        .expect("and not free");
    let again = scene
        .wait_starts("both", &[tomorrow(9), tomorrow(11)])
        .await;
    assert_ne!(
        again[0].booking_id, before.booking_id,
        "what ended does not come back"
    );
    assert!(again.iter().all(|b| b.external_provider == "google"));
    scene.cluster.finish().await;
}

/// Covers D10.
#[tokio::test]
async fn an_event_that_takes_no_time_blocks_nothing_until_it_does() {
    let scene = Scene::new("no time at all").await;
    let point = NewEvent::timed(tomorrow(9), tomorrow(9)).in_room(scene.room.room.mail());
    let event = scene.ana.insert_event(point).expect("Google takes it");
    // Google refuses such times, and has shown some all the same.
    let backwards = json!({
        "id": "backwards",
        "status": "confirmed",
        "start": {"dateTime": tomorrow(9)},
        "end": {"dateTime": tomorrow(8)},
        "organizer": {"email": scene.ana.mail()},
        "attendees": [{
            "email": scene.room.room.mail(),
            "self": true,
            "responseStatus": "accepted",
        }],
    });
    scene.room.room.inject_item(backwards).expect("injected");
    scene.given_meeting(11).await;
    assert_eq!(scene.listed().await.len(), 1);

    scene.ana.move_event(&event, at(9), at(10)).expect("longer");
    let longer = scene
        .wait_starts("an hour", &[tomorrow(9), tomorrow(11)])
        .await;
    scene.ana.move_event(&event, at(9), at(9)).expect("nothing");
    scene.wait_starts("nothing again", &[tomorrow(11)]).await;
    let ended = (BookingState::Removed, "NOT_BLOCKING".to_owned());
    assert_eq!(scene.room.last_word(&longer[0]), ended);
    scene.cluster.finish().await;
}

/// Covers R26, D10.
#[tokio::test]
async fn an_event_over_several_days_occupies_the_room_all_the_time() {
    let scene = Scene::new("several days").await;
    let days = NewEvent::timed(tomorrow(9), tomorrow(9) + TimeDelta::days(3));
    let event = days.in_room(scene.room.room.mail());
    scene.ana.insert_event(event).expect("Google takes it");
    let booking = scene.wait_starts("three days", &[tomorrow(9)]).await;
    assert!(!booking[0].all_day);
    assert_eq!(end(&booking[0]) - start(&booking[0]), TimeDelta::days(3));

    let night = tomorrow(2) + TimeDelta::days(1);
    let hour = TimeDelta::hours(1);
    let answer = availability(&scene.room, &scene.cluster, night, night + hour).await;
    assert_eq!(
        (answer.free, answer.busy),
        (false, vec![window(night, night + hour)])
    );

    let first = tomorrow(0).date_naive() + Days::new(7);
    let event = NewEvent::all_day(first, first + Days::new(2)).in_room(scene.room.room.mail());
    scene.ana.insert_event(event).expect("Google takes it");
    let starts = [tomorrow(9), tomorrow(0) + TimeDelta::days(7)];
    let bookings = scene.wait_starts("two whole days", &starts).await;
    assert!(bookings[1].all_day);
    assert_eq!(end(&bookings[1]) - start(&bookings[1]), TimeDelta::days(2));
    scene.cluster.finish().await;
}

/// Covers D9, D10.
#[tokio::test]
async fn a_guest_list_that_is_kept_from_the_room_changes_nothing_about_its_booking() {
    let scene = Scene::new("hidden guests").await;
    let bob = scene.colleague("bob").await;
    let secret = scene
        .meeting(9)
        .with_guest(bob.mail())
        .with("guestsCanSeeOtherGuests", json!(false));
    scene.ana.insert_event(secret).expect("Google takes it");
    let (large, _) = scene.given_meeting(11).await;
    let before = scene
        .wait_starts("both", &[tomorrow(9), tomorrow(11)])
        .await;
    assert_eq!(before.iter().map(whose).collect::<Vec<_>>(), ["u-ana"; 2]);

    let room = &scene.room.room;
    room.hide_fields(&large, &["attendees"]).expect("hidden");
    scene.given_meeting(13).await;
    room.expire_sync_tokens().expect("a full sync is due");
    scene.given_meeting(15).await;

    let hours = [9, 11, 13, 15].map(tomorrow);
    let after = scene.wait_starts("all four", &hours).await;
    assert_eq!(ids(&after)[..2], ids(&before));
    assert_eq!(whose(&after[1]), "u-ana");
    scene.ana.cancel_event(&large).expect("cancelled");
    scene
        .wait_starts("without it", &[9, 13, 15].map(tomorrow))
        .await;
    scene.cluster.finish().await;
}

/// A secondary calendar of somebody's, as Google makes it.
async fn secondary_calendar(scene: &Scene, owner: &UserControl) -> String {
    let google = scene.cluster.google();
    let client = reqwest::Client::builder().timeout(SOON).build();
    let made = client
        .expect("a client")
        .post(format!("{}calendars", google.urls().calendar_url))
        .bearer_auth(google.user_token(owner.mail(), &[scopes::CALENDAR]))
        .json(&json!({"summary": "Projects"}))
        .send();
    let made = made.await.expect("an answer").json::<Value>().await;
    let made = made.expect("a calendar");
    made["id"].as_str().expect("an id").to_owned()
}

/// Covers D9.
#[tokio::test]
async fn an_event_of_a_shared_calendar_is_its_only_guests_else_its_creators() {
    let scene = Scene::new("a shared calendar").await;
    let bob = scene.colleague("bob").await;
    let shared = secondary_calendar(&scene, &scene.ana).await;
    let shared = scene.cluster.google().room(&shared);
    let events = [
        scene.meeting(9),
        scene.meeting(11).with_guest(bob.mail()),
        scene
            .meeting(13)
            .with_guest(bob.mail())
            .with_guest(scene.ana.mail()),
    ];
    for event in events {
        let made = shared.insert_event(scene.ana.mail(), event);
        made.expect("Google takes it");
    }

    let hours = [9, 11, 13].map(tomorrow);
    let bookings = scene.wait_starts("three", &hours).await;
    let owners: Vec<_> = bookings.iter().map(whose).collect();
    assert_eq!(owners, ["u-ana", "u-bob", "u-ana"]);
    scene.cluster.finish().await;
}

/// Covers D10, R16.
#[tokio::test]
async fn event_types_and_zones_that_nobody_knows_are_no_obstacle() {
    for zone in ["Mars/Olympus", "GMT+01:00"] {
        let scene = Scene::at_google(&format!("unknown {zone}"), |settings| {
            settings.shown_event_type = Some("telepathy".to_owned());
            settings.shown_time_zone = Some(zone.to_owned());
        })
        .await;
        let series = scene.meeting(9).repeating("FREQ=WEEKLY;COUNT=3");
        scene.ana.insert_event(series).expect("Google takes it");
        scene.wait_starts("a series", &weeks(0..3, 9)).await;
        scene.given_meeting(11).await;
        let day = tomorrow(0).date_naive() + Days::new(2);
        let event = NewEvent::all_day(day, day + Days::new(1)).in_room(scene.room.room.mail());
        scene.ana.insert_event(event).expect("Google takes it");
        let day = tomorrow(0) + TimeDelta::days(2);
        let starts = [week(0, 9), tomorrow(11), day, week(1, 9), week(2, 9)];
        let bookings = scene.wait_starts("and two single ones", &starts).await;
        let all_day: Vec<_> = bookings.iter().map(|b| b.all_day).collect();
        assert_eq!(all_day, [false, false, true, false, false]);
        scene.cluster.finish().await;
    }
}

/// Covers R12, R71, D9.
#[tokio::test]
async fn addresses_are_the_same_in_any_case() {
    let scene = Scene::at_google("mixed case", |settings| {
        settings.mixed_case_mails = true;
    })
    .await;
    let app = scene.cluster.app();
    let bob = scene.room.organisation.given_user("bob");
    app.given_user("acme", "u-bob", "Bob@ACME.Example").await;
    let room = scene.room.organisation.given_room("Lagoon");
    app.given_object("acme", "lagoon").await;
    let shouted = room.mail().to_uppercase();
    let link = app.link_object("acme", "lagoon", &shouted).await;
    let link = app.wait_imported("acme", &link.link_id).await;
    assert_eq!(link.resource_email, shouted, "as it was entered");

    let event = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(&shouted);
    bob.insert_event(event).expect("Google takes it");

    let lagoon = roomsync_testkit::LinkedRoom {
        object: "lagoon".to_owned(),
        link,
        room,
        ..scene.room.clone()
    };
    let booking = lagoon.wait_starts("Bob's", &[tomorrow(9)]).await;
    assert_eq!(whose(&booking[0]), "u-bob");
    scene.cluster.finish().await;
}

/// Covers R52, R53.
#[tokio::test]
async fn thousands_of_events_on_many_pages_some_of_them_empty_are_all_imported() {
    const EVENTS: i32 = 2_600;
    let cluster = Cluster::builder("many pages")
        .google(|settings| settings.empty_pages = true)
        .set(Service::SyncWorker, "sync.page_size", 2500)
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let room = scene.room.organisation.given_room("Lagoon");
    let starts: Vec<_> = (0..EVENTS)
        .map(|number| tomorrow(0) + TimeDelta::minutes(5) * number)
        .collect();
    for start in &starts {
        let event = NewEvent::timed(*start, *start + TimeDelta::minutes(5));
        let made = room.insert_event(scene.ana.mail(), event);
        made.expect("Google takes it");
    }

    let room = scene.link("lagoon", room).await;

    let listed = scene.cluster.app().bookings_of("acme", "lagoon").await;
    assert!(listed.iter().map(start).eq(starts.iter().copied()));
    room.wait_starts("all of them", &starts).await;
    scene.cluster.finish().await;
}

/// Covers D14, R26.
#[tokio::test]
async fn what_begins_beyond_the_horizon_is_not_mirrored_and_availability_says_so() {
    let scene = Scene::new("beyond the horizon").await;
    let beyond = tomorrow(9) + TimeDelta::days(450);
    let hour = TimeDelta::hours(1);
    let event = NewEvent::timed(beyond, beyond + hour).in_room(scene.room.room.mail());
    let far = scene.ana.insert_event(event).expect("Google takes it");
    let answered = scene.room.room.wait_answered(&far, SOON).await;
    answered.expect("an answer");
    let (near, before) = scene.given_meeting(11).await;
    assert_eq!(scene.listed().await.len(), 1, "600 days are asked for");

    let of = |from| availability(&scene.room, &scene.cluster, from, from + hour);
    assert!(!of(beyond).await.mirrored);
    assert!(of(tomorrow(9) + TimeDelta::days(300)).await.mirrored);

    let to = google_sim::When::at;
    scene
        .ana
        .move_event(&near, to(beyond + hour), to(beyond + hour * 2))
        .expect("out of reach");
    scene.wait_starts("nothing within reach", &[]).await;
    assert_eq!(scene.room.last_word(&before).0, BookingState::Removed);
    scene
        .ana
        .move_event(&far, at(9), at(10))
        .expect("within reach");
    scene
        .wait_starts("the far one is near", &[tomorrow(9)])
        .await;

    let series = scene.meeting(13).repeating("FREQ=WEEKLY;COUNT=3");
    let series = scene.ana.insert_event(series).expect("Google takes it");
    let mut starts = weeks(0..3, 13);
    starts.insert(0, tomorrow(9));
    let dates = scene.wait_starts("a series", &starts).await;
    scene
        .ana
        .move_occurrence(&series, &to(week(1, 13)), to(beyond), to(beyond + hour))
        .expect("one date goes out of reach");
    let kept = [tomorrow(9), week(0, 13), week(2, 13)];
    let after = scene.wait_starts("two dates", &kept).await;
    let kept = [0, 1, 3].map(|index| dates[index].booking_id.as_str());
    assert_eq!(ids(&after), kept);
    scene.cluster.finish().await;
}

/// Covers D17.
#[tokio::test]
async fn an_event_in_a_blocked_time_is_imported_and_flagged() {
    let scene = Scene::new("a blocked time").await;
    let app = scene.cluster.app();
    let (_, before) = scene.given_meeting(9).await;
    let block = |from, to| Object {
        object_id: scene.room.object.clone(),
        name: "Aquarium".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        blocked: vec![window(tomorrow(from), tomorrow(to))],
        ..Object::default()
    };
    let flags = async |what: &str, hour, flagged: bool| {
        let flag = BookingFlag::ObjectBlocked;
        let booking = scene.room.subscriber.wait_for(what, |journal| {
            let all = journal.bookings(&scene.room.object);
            all.into_iter()
                .find(|b| start(b) == tomorrow(hour) && b.flags().any(|f| f == flag) == flagged)
        });
        booking.await
    };

    app.upsert_objects("acme", vec![block(8, 12)]).await;
    let flagged = flags("what is there is flagged", 9, true).await;
    assert_eq!(flagged.booking_id, before.booking_id);
    scene.given_meeting(11).await;
    flags("what comes is flagged", 11, true).await;

    app.upsert_objects("acme", vec![block(8, 10)]).await;
    flags("no longer", 11, false).await;
    flags("still", 9, true).await;
    assert_eq!(scene.listed().await.len(), 2);
    scene.cluster.finish().await;
}

/// Covers D11, D18.
#[tokio::test]
async fn two_events_at_once_are_both_imported_and_both_flagged() {
    let scene = Scene::new("an overlap").await;
    let (_, first) = scene.given_meeting(9).await;
    let second = scene.ana.insert_event(scene.meeting(9));
    let second = second.expect("Google takes the second, too");
    let answered = scene.room.room.wait_answered(&second, SOON).await;
    answered.expect("an answer");
    scene
        .room
        .room
        .respond(&second, google_sim::Answer::Accepted)
        .expect("the keeper says yes to both");

    let conflict = |starts: [_; 2], flags: &'static [BookingFlag]| {
        scene
            .room
            .subscriber
            .wait_for("both, and their flags", move |journal| {
                let both = journal.bookings("aquarium");
                let there = both.iter().map(start).eq(starts);
                let flagged = both.iter().all(|b| b.flags().eq(flags.iter().copied()));
                (there && flagged).then_some(both)
            })
    };
    let both = conflict([tomorrow(9); 2], &[BookingFlag::Conflict]).await;
    assert!(ids(&both).contains(&first.booking_id.as_str()));
    assert!(both.iter().all(|b| b.external_provider == "google"));
    assert!(both.iter().all(|b| b.state() == BookingState::Confirmed));

    scene
        .ana
        .move_event(&second, at(11), at(12))
        .expect("moved");
    let both = conflict([tomorrow(9), tomorrow(11)], &[]).await;
    assert_eq!(both[0].booking_id, first.booking_id);
    scene.cluster.finish().await;
}
