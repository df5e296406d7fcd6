//! What happened to a booking: every change with time, actor and cause (B12).

use std::time::Duration;

use roomsync_proto::{
    booking::v1::{Booking, BookingState, HistoryEntry, ListHistoryRequest, history_actor::Actor},
    integration::v1::DeleteUsersRequest,
};
use roomsync_testkit::{
    NewBooking,
    app::{
        bookings::{administrator, device, user},
        instant,
    },
};
use tonic::Code;

use crate::{
    declining::{allow, allowing, refusal},
    scene::{Scene, at, tomorrow},
};

/// Who made a change, what the booking was then, and why.
type Line = (String, BookingState, String);

fn line(entry: &HistoryEntry) -> Line {
    let actor = entry.actor.as_ref().and_then(|it| it.actor.clone());
    let actor = match actor.expect("an actor") {
        Actor::Google(_) => "google".to_owned(),
        Actor::UserId(id) => format!("user {id}"),
        Actor::DeviceId(id) => format!("device {id}"),
        Actor::Administrator(it) => format!("administrator {}", it.user_id),
        Actor::System(_) => "system".to_owned(),
        Actor::Anonymous(_) => "anonymous".to_owned(),
    };
    (actor, entry.state(), entry.cause.clone())
}

async fn lines(scene: &Scene, booking: &Booking) -> Vec<Line> {
    let entries = scene.cluster.app().history("acme", &booking.booking_id);
    let entries = entries.await.expect("ListHistory");
    let mut times: Vec<_> = entries
        .iter()
        .map(|it| instant(it.changed_at.as_ref()))
        .collect();
    times.dedup();
    assert!(times.is_sorted());
    entries.iter().map(line).collect()
}

fn said(actor: &str, state: BookingState, cause: &str) -> Line {
    (actor.to_owned(), state, cause.to_owned())
}

/// Covers B12.
#[tokio::test]
async fn an_imported_booking_tells_its_moves_and_who_declined_it() {
    let scene = allowing("the history of a meeting").await;
    let (event, booking) = scene.given_meeting(9).await;
    scene.ana.move_event(&event, at(14), at(15)).expect("moved");
    scene.wait_starts("in the afternoon", &[tomorrow(14)]).await;
    let app = scene.cluster.app();
    app.delete_booking("acme", &booking.booking_id, administrator("u-adm"), false)
        .await
        .expect("declined");

    let told = lines(&scene, &booking).await;
    let (by_google, by_us) = told.split_at(told.len() - 2);
    assert!(
        by_google.len() >= 2 && by_google.iter().all(|(actor, ..)| actor == "google"),
        "{told:?}"
    );
    let declined = [
        said("administrator u-adm", BookingState::Declining, ""),
        said("administrator u-adm", BookingState::Removed, "DECLINED"),
    ];
    assert_eq!(by_us, declined);
    let entries = app.history("acme", &booking.booking_id).await;
    let entries = entries.expect("ListHistory");
    let starts = |entry: &HistoryEntry| {
        let window = entry.window.as_ref().expect("a window");
        instant(window.starts_at.as_ref()).expect("a start")
    };
    assert_eq!(starts(&entries[0]), tomorrow(9));
    assert_eq!(starts(entries.last().expect("an end")), tomorrow(14));

    // Page by page it is the same.
    let mut paged = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListHistoryRequest {
            tenant_id: "acme".to_owned(),
            booking_id: booking.booking_id.clone(),
            page_size: 1,
            page_token,
        };
        let page = app.bookings().list_history(request).await;
        let page = page.expect("a page").into_inner();
        assert_eq!(page.entries.len(), 1);
        paged.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, entries);
    let unknown = app.history("acme", "00000000-0000-7000-8000-000000000000");
    let unknown = refusal(unknown.await);
    assert_eq!(unknown, (Code::NotFound, "BOOKING_NOT_FOUND".to_owned()));
    scene.cluster.finish().await;
}

/// Covers B12, D24.
#[tokio::test]
async fn a_request_tells_who_asked_and_who_took_it_back() {
    let scene = Scene::at_google("the history of a request", |settings| {
        settings.room_answer_delay = Duration::from_mins(10);
    })
    .await;
    let app = scene.cluster.app();
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    let asked = app.create_booking("acme", new.waiting(Duration::from_secs(3)));
    let booking = asked.await.expect("CreateBooking").booking.expect("one");
    app.delete_booking("acme", &booking.booking_id, user("u-ana"), false)
        .await
        .expect("withdrawn");

    let told = lines(&scene, &booking).await;
    let first = said("user u-ana", BookingState::Requested, "");
    let last = said("user u-ana", BookingState::Rejected, "WITHDRAWN");
    assert_eq!((told.first(), told.last()), (Some(&first), Some(&last)));
    scene.cluster.finish().await;
}

/// Covers B12, R67.
#[tokio::test]
async fn a_devices_booking_names_devices() {
    let scene = Scene::new("the history of a device").await;
    let app = scene.cluster.app();
    let new = NewBooking::by_device("aquarium", tomorrow(9), "d-1");
    let booking = app.book("acme", new).await;
    app.delete_booking("acme", &booking.booking_id, device("d-2"), false)
        .await
        .expect("ended");

    let told = lines(&scene, &booking).await;
    let first = said("device d-1", BookingState::Requested, "");
    let last = said("device d-2", BookingState::Removed, "DECLINED");
    assert_eq!((told.first(), told.last()), (Some(&first), Some(&last)));
    let taken = said("google", BookingState::Confirmed, "");
    assert!(told.contains(&taken), "{told:?}");
    scene.cluster.finish().await;
}

/// Covers B12, B13, D23.
#[tokio::test]
async fn who_leaves_the_main_app_leaves_the_history() {
    let scene = allowing("a history without persons").await;
    let (_, booking) = scene.given_meeting(9).await;
    let app = scene.cluster.app();
    app.delete_booking("acme", &booking.booking_id, user("u-ana"), false)
        .await
        .expect("declined");
    allow(&scene, true).await;
    let (_, other) = scene.given_meeting(11).await;
    app.delete_booking("acme", &other.booking_id, administrator("u-ana"), false)
        .await
        .expect("declined");

    let request = DeleteUsersRequest {
        tenant_id: "acme".to_owned(),
        user_ids: vec!["u-ana".to_owned()],
    };
    app.people()
        .delete_users(request)
        .await
        .expect("DeleteUsers");

    let told = lines(&scene, &booking).await;
    assert!(!format!("{told:?}").contains("u-ana"), "{told:?}");
    let declined = said("anonymous", BookingState::Removed, "DECLINED");
    assert!(told.contains(&declined), "{told:?}");
    let told = lines(&scene, &other).await;
    assert!(!format!("{told:?}").contains("u-ana"), "{told:?}");
    let declined = said("administrator ", BookingState::Removed, "DECLINED");
    assert!(told.contains(&declined), "{told:?}");
    scene.cluster.finish().await;
}

/// Covers B12, R80.
#[tokio::test]
async fn a_booking_that_ended_with_its_link_says_so() {
    let scene = Scene::new("a history until unlinked").await;
    let (_, booking) = scene.given_meeting(9).await;
    let app = scene.cluster.app();
    app.unlink("acme", &scene.room.link.link_id)
        .await
        .expect("unlinked");
    scene.wait_count("no booking", 0).await;

    let told = lines(&scene, &booking).await;
    let last = said("system", BookingState::Removed, "LINK_CLOSED");
    assert_eq!(told.last(), Some(&last));
    scene.cluster.finish().await;
}
