//! People are told by mail, through a real mail server, and calendars never are.

use google_sim::{Answer, NewEvent, Operation, scopes};
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{ConnectionState, TenantSettings},
};
use roomsync_testkit::{
    Cluster, MailServer, NewBooking, SOON, Service,
    app::{administrator, user},
    smtp::{Encryption, Mail, Reply},
};

use crate::{
    scene::{Scene, Watched as _, at, tomorrow},
    weekly::Weekly,
};

/// A scene whose mails go to a server that takes them encrypted only, in this language.
async fn telling(name: &str, locale: &str) -> (Scene, MailServer) {
    let server = MailServer::encrypting(Encryption::StartTls).await;
    let cluster = Cluster::builder(name)
        .mails_to(&server)
        .set(Service::Notification, "mail.gather", "2s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let settings = TenantSettings {
        decline_allowed: Some(true),
        administrator_mails: vec!["it@acme.example".to_owned(), "ops@acme.example".to_owned()],
        locale: Some(locale.to_owned()),
        ..TenantSettings::default()
    };
    scene.cluster.app().put_tenant("acme", true, settings).await;
    (scene, server)
}

/// Ends the test and answers everything that was sent: finishing waits until no mail is due any more.
async fn sent(scene: Scene, server: &MailServer) -> Vec<Mail> {
    scene.cluster.finish().await;
    let mails = server.everything();
    for mail in &mails {
        assert!(!mail.to.ends_with("calendar.google.com"), "{mail:#?}");
        assert!(mail.encrypted, "{mail:#?}");
    }
    mails
}

fn says(mail: &Mail, words: &[&str]) {
    for words in words {
        assert!(mail.body.contains(words), "`{words}` in {mail:#?}");
    }
}

/// Covers B11, D26.
#[tokio::test]
async fn whoever_moves_a_meeting_into_another_is_told_that_the_room_is_lost() {
    let (scene, server) = telling("a lost room", "de").await;
    let bob = scene.colleague("bob").await;
    let theirs = scene.meeting(11);
    bob.insert_event(theirs).expect("Google takes it");
    scene
        .wait_booking("bob's", tomorrow(11), BookingState::Confirmed)
        .await;
    // What Ana ends herself is no news to her.
    let (cancelled, _) = scene.given_meeting(14).await;
    scene.ana.cancel_event(&cancelled).expect("cancelled");
    let (event, booking) = scene.given_meeting(9).await;
    scene.ana.move_event(&event, at(11), at(12)).expect("moved");

    let mail = server.wait_taken(scene.ana.mail()).await;
    assert!(
        mail.subject.starts_with("Nicht mehr gebucht: aquarium, "),
        "{mail:#?}"
    );
    says(&mail, &["Objekt: aquarium (HQ)", " Uhr (Europe/Berlin)"]);
    assert_eq!(
        scene.room.last_word(&booking),
        (BookingState::Removed, "ROOM_DECLINED".to_owned())
    );
    assert_eq!(sent(scene, &server).await, [mail]);
}

/// Covers B11, D26.
#[tokio::test]
async fn a_room_that_declines_a_whole_series_is_one_mail() {
    let (scene, server) = telling("a lost series", "en").await;
    let series = Weekly::of(scene).await;
    let room = &series.scene.room.room;
    room.respond(&series.id, Answer::Declined)
        .expect("declined");
    series.scene.wait_count("no date left", 0).await;

    let mail = server.wait_taken(series.scene.ana.mail()).await;
    assert!(
        mail.subject.starts_with("No longer booked: aquarium, "),
        "{mail:#?}"
    );
    says(&mail, &["several dates of the series"]);
    assert_eq!(sent(series.scene, &server).await, [mail]);
}

/// Covers B11, D26.
#[tokio::test]
async fn who_loses_several_bookings_of_a_room_is_told_in_one_mail() {
    let (scene, server) = telling("a closed room", "de").await;
    let bob = scene.colleague("bob").await;
    let of_ana = [9, 11, 13].map(|hour| scene.ana.insert_event(scene.meeting(hour)));
    let of_bob = bob.insert_event(scene.meeting(15));
    scene
        .wait_starts("all four", &[9, 11, 13, 15].map(tomorrow))
        .await;
    // Whoever keeps the room closes it, one booking after the other.
    for event in of_ana.into_iter().chain([of_bob]) {
        let event = event.expect("Google takes it");
        let closed = scene.room.room.respond(&event, Answer::Declined);
        closed.expect("declined");
    }
    scene.wait_count("nothing is left", 0).await;

    let mail = server.wait_taken(scene.ana.mail()).await;
    assert_eq!(mail.subject, "Nicht mehr gebucht: aquarium, 3 Termine");
    let dates = mail.body.lines().filter(|line| line.starts_with("- "));
    assert_eq!(dates.count(), 3, "{mail:#?}");
    let of_bob = server.wait_taken(bob.mail()).await;
    says(&of_bob, &["Wann: ", "hat Ihren Termin in Google abgelehnt"]);
    assert_eq!(sent(scene, &server).await.len(), 2);
}

/// Covers B11.
#[tokio::test]
async fn an_organizer_is_told_who_declined_in_flexopus() {
    let (scene, server) = telling("declined by whom", "de").await;
    let bob = scene.colleague("bob").await;
    let (app, ana) = (scene.cluster.app(), scene.ana.mail().to_owned());
    // One's own doing is no news.
    let (_, own) = scene.given_meeting(9).await;
    app.delete_booking("acme", &own.booking_id, user("u-ana"), false)
        .await
        .expect("the owner may");
    let (_, booking) = scene.given_meeting(11).await;
    app.delete_booking("acme", &booking.booking_id, administrator("u-bob"), false)
        .await
        .expect("an administrator may");

    let mail = server.wait_taken(&ana).await;
    assert!(
        mail.subject.starts_with("Abgelehnt: aquarium, "),
        "{mail:#?}"
    );
    says(
        &mail,
        &[&format!("in Flexopus abgelehnt, von {}.", bob.mail())],
    );
    assert_eq!(sent(scene, &server).await, [mail]);
}

/// Covers B11, D1.
#[tokio::test]
async fn whose_booking_is_refused_is_told_why() {
    let (scene, server) = telling("a refused booking", "en").await;
    let bob = scene.colleague("bob").await;
    // Bob's meeting stands on the room's calendar, and nobody has told us yet.
    let (google, room) = (scene.cluster.google(), &scene.room.room);
    let held = google.hold(Operation::List, room.mail());
    let theirs = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(room.mail());
    let theirs = bob.insert_event(theirs).expect("Google takes it");
    let answered = room.wait_answered(&theirs, SOON).await;
    assert_eq!(answered.expect("an answer"), Answer::Accepted);
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana")
        .waiting(std::time::Duration::from_secs(4));
    let asked = scene.cluster.app().create_booking("acme", new).await;
    asked.expect("CreateBooking");
    held.release();

    let mail = server.wait_taken(scene.ana.mail()).await;
    assert!(
        mail.subject.starts_with("Not booked: aquarium, "),
        "{mail:#?}"
    );
    says(&mail, &["Reason: the object "]);
    assert_eq!(sent(scene, &server).await, [mail]);
}

/// Covers B11, D19.
#[tokio::test]
async fn administrators_are_told_that_the_connection_is_lost_and_that_it_works_again() {
    let (scene, server) = telling("a lost connection", "de").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let organisation = scene.room.organisation.clone();
    // The mail server is busy at first.
    let mut busy = 2;
    server.answer(move |_| {
        busy -= 1;
        if busy >= 0 {
            Reply::Refuse(451)
        } else {
            Reply::Take
        }
    });
    organisation
        .org
        .revoke_delegation(&organisation.account)
        .expect("withdrawn");
    google.expire_access_tokens();
    // Whoever calls Google next finds out.
    app.wait_for("the lost connection", async || {
        let _ = app.list_resources("acme", "").await;
        let status = app.connection_status("acme").await?;
        Ok((status.state() == ConnectionState::Lost).then_some(()))
    })
    .await;

    for administrator in ["it@acme.example", "ops@acme.example"] {
        let mail = server.wait_taken(administrator).await;
        assert!(mail.subject.ends_with(" ist unterbrochen"), "{mail:#?}");
        says(
            &mail,
            &[organisation.org.domain(), "Domainweite Delegierung"],
        );
    }
    let delegated = [
        scopes::EVENTS,
        scopes::RESOURCES_READONLY,
        scopes::EVENTS_OWNED,
        scopes::APP_CREATED,
    ];
    organisation
        .org
        .delegate(&organisation.account, &delegated)
        .expect("delegated again");
    let status = app.connect("acme", &organisation).await;
    assert_eq!(status.state(), ConnectionState::Active);
    server
        .wait_for("that it works again", |mails| {
            let works = |mail: &&Mail| mail.subject.ends_with(" besteht wieder");
            (mails.iter().filter(works).count() == 2).then_some(())
        })
        .await;
    let taken = |mails: &[Mail]| {
        let taken = mails.iter().filter(|mail| mail.reply == Reply::Take);
        taken.count()
    };
    assert_eq!(taken(&sent(scene, &server).await), 4);
}
