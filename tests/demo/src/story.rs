//! The story itself. Every sentence that is told is asserted first, from outside: by the gRPC API
//! and by the subscriber's stream.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{Answer, NewEvent, RoomControl, UserControl, When};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{Booking, BookingState, booker};
use roomsync_testkit::{
    Cluster,
    app::{FakeBookingApp, Organisation, Subscriber, instant},
};

use crate::teller::Teller;

const TENANT: &str = "acme";
const OBJECT: &str = "aquarium";

/// How long a step may take before the story is given up.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn play(cluster: &Cluster, teller: &mut Teller) -> anyhow::Result<()> {
    let (app, google) = (cluster.app(), cluster.google());

    let organisation = Organisation::given(google, "acme.example");
    let room = organisation.given_room("Aquarium");
    let ana = organisation.given_user("ana");
    let stranger = organisation.given_user("stranger");
    for hour in [9, 11, 13] {
        let event = ana.insert_event(meeting(&room, hour).titled("Jour fixe"))?;
        let answer = room.wait_answered(&event, PATIENCE).await?;
        ensure!(
            answer == Answer::Accepted,
            "the room should take the meeting"
        );
    }
    teller.says("Google: an organisation, a room, three meetings in it tomorrow");

    app.given_tenant(TENANT).await;
    app.given_user(TENANT, "u-ana", ana.mail()).await;
    app.given_object(TENANT, OBJECT).await;
    let since = Instant::now();
    let status = app.connect(TENANT, &organisation).await;
    teller.took(since, &format!("connected with {}", status.domain));
    let subscriber = app.subscribe(TENANT).await;

    let since = Instant::now();
    let link = app.link_object(TENANT, OBJECT, room.mail()).await;
    teller.took(since, "linked");
    app.wait_verified(TENANT, &link.link_id).await;
    teller.took(since, "verified");
    app.wait_imported(TENANT, &link.link_id).await;
    let imported = seen(&subscriber, "the import", |all| {
        (all.len() == 3).then_some(all.len())
    })
    .await?;
    teller.took(since, &format!("imported {imported} bookings"));

    let scene = Scene {
        app,
        subscriber: &subscriber,
        room: &room,
        ana: &ana,
    };
    scene.a_meeting_comes_moves_and_goes(teller).await?;
    scene.the_room_is_uninvited(teller).await?;
    scene.somebody_unknown_books(&stranger, teller).await?;

    teller.says("the same again, in short:");
    teller.sums_up();
    Ok(())
}

struct Scene<'a> {
    app: &'a FakeBookingApp,
    subscriber: &'a Subscriber,
    room: &'a RoomControl,
    ana: &'a UserControl,
}

impl Scene<'_> {
    async fn a_meeting_comes_moves_and_goes(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let since = Instant::now();
        let event = self
            .ana
            .insert_event(meeting(self.room, 15).titled("Planning"))?;
        let created = self.seen_at(15).await?;
        ensure!(whose(&created) == "u-ana", "the booking should be Ana's");
        teller.took(since, "created in Google → visible as Ana's booking");

        let since = Instant::now();
        self.ana
            .move_event(&event, When::at(tomorrow(17)), When::at(tomorrow(18)))?;
        let moved = self.seen_at(17).await?;
        ensure!(
            moved.booking_id == created.booking_id,
            "a moved meeting should keep its booking"
        );
        teller.took(since, "moved in Google → moved here, the same booking");

        let since = Instant::now();
        self.ana.cancel_event(&event)?;
        self.gone(&created.booking_id).await?;
        teller.took(since, "cancelled in Google → the booking is removed");
        Ok(())
    }

    async fn the_room_is_uninvited(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let event = self
            .ana
            .insert_event(meeting(self.room, 15).titled("Workshop"))?;
        let booking = self.seen_at(15).await?;
        let since = Instant::now();
        self.ana.uninvite_room(&event, self.room.mail())?;
        self.gone(&booking.booking_id).await?;
        let event = self.ana.event(&event)?;
        ensure!(
            event["status"] == "confirmed",
            "the meeting itself should remain"
        );
        teller.took(
            since,
            "room uninvited → booking removed, the meeting remains",
        );
        Ok(())
    }

    async fn somebody_unknown_books(
        &self,
        stranger: &UserControl,
        teller: &mut Teller,
    ) -> anyhow::Result<()> {
        let since = Instant::now();
        stranger.insert_event(meeting(self.room, 15))?;
        let booking = self.seen_at(15).await?;
        ensure!(
            whose(&booking) == "anonymous",
            "a stranger's booking should be anonymous"
        );
        teller.took(
            since,
            "booked by somebody Flexopus does not know → anonymous booking",
        );
        Ok(())
    }

    /// Waits until stream and API both have a confirmed booking that starts then.
    async fn seen_at(&self, hour: i64) -> anyhow::Result<Booking> {
        let is =
            |b: &Booking| start(b) == Some(tomorrow(hour)) && b.state() == BookingState::Confirmed;
        let heard = seen(self.subscriber, "the booking", |all| {
            all.into_iter().find(is)
        })
        .await?;
        let listed = self
            .app
            .bookings_of(TENANT, OBJECT)
            .await
            .into_iter()
            .find(is);
        let listed = listed.context("the API should list what the stream said")?;
        ensure!(
            listed.booking_id == heard.booking_id,
            "stream and API should agree"
        );
        Ok(heard)
    }

    /// Waits until neither stream nor API has the booking.
    async fn gone(&self, id: &str) -> anyhow::Result<()> {
        let none = |all: Vec<Booking>| all.iter().all(|b| b.booking_id != id).then_some(());
        seen(self.subscriber, "the booking gone", none).await?;
        none(self.app.bookings_of(TENANT, OBJECT).await).context("the API still lists it")
    }
}

async fn seen<T>(
    subscriber: &Subscriber,
    what: &str,
    mut look: impl FnMut(Vec<Booking>) -> Option<T>,
) -> anyhow::Result<T> {
    subscriber
        .found_within(PATIENCE, |journal| look(journal.bookings(OBJECT)))
        .await
        .with_context(|| format!("the stream did not show {what} within {PATIENCE:?}"))
}

fn meeting(room: &RoomControl, hour: i64) -> NewEvent {
    NewEvent::timed(tomorrow(hour), tomorrow(hour + 1)).in_room(room.mail())
}

fn tomorrow(hour: i64) -> DateTime<Utc> {
    let now = SystemClock.now();
    let today = now.duration_trunc(TimeDelta::days(1)).unwrap_or(now);
    today + TimeDelta::days(1) + TimeDelta::hours(hour)
}

fn start(booking: &Booking) -> Option<DateTime<Utc>> {
    instant(booking.window.as_ref().and_then(|w| w.starts_at.as_ref()))
}

fn whose(booking: &Booking) -> &str {
    match booking.booker.as_ref().and_then(|b| b.booker.as_ref()) {
        Some(booker::Booker::UserId(id) | booker::Booker::DeviceId(id)) => id,
        _ => "anonymous",
    }
}
