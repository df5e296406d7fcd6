//! Who plays, and how the steps look at bookings: always at the stream first, then at the API, which
//! must agree.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{Control, NewEvent, RoomControl, UserControl};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{Booking, BookingState, booker};
use roomsync_testkit::{
    Cluster, Operator,
    app::{FakeBookingApp, Organisation, Subscriber, instant},
};

use crate::teller::Teller;

pub(crate) const TENANT: &str = "acme";

/// How long a step may take before the story is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A room of Google's and the object that it is linked with.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) object: &'static str,
    pub(crate) room: RoomControl,
    pub(crate) link: String,
}

/// Two rooms, Ana who books them, and somebody whom the main app does not know.
pub(crate) struct Scene<'a> {
    pub(crate) app: &'a FakeBookingApp,
    pub(crate) google: &'a Control,
    pub(crate) organisation: Organisation,
    /// What the operator of roomsync has registered at Google.
    pub(crate) operator: Operator,
    pub(crate) subscriber: Subscriber,
    pub(crate) aquarium: Place,
    pub(crate) terrarium: Place,
    pub(crate) ana: UserControl,
    pub(crate) stranger: UserControl,
    /// Midnight, UTC, of the day after the one on which the story began.
    tomorrow: DateTime<Utc>,
}

impl<'a> Scene<'a> {
    /// Sets everything up, and tells what linking did with the meetings that were there before.
    pub(crate) async fn begin(cluster: &'a Cluster, teller: &mut Teller) -> anyhow::Result<Self> {
        let (app, google) = (cluster.app(), cluster.google());
        let organisation = Organisation::given(google, "acme.example");
        let place = |name, object| Place {
            name,
            object,
            room: organisation.given_room(name),
            link: String::new(),
        };
        let aquarium = place("Aquarium", "aquarium");
        let terrarium = place("Terrarium", "terrarium");
        let ana = organisation.given_user("ana");
        let stranger = organisation.given_user("stranger");
        let tomorrow = tomorrow(SystemClock.now());
        for hour in [9, 11, 13] {
            let hour = tomorrow + TimeDelta::hours(hour);
            let event = NewEvent::timed(hour, hour + TimeDelta::hours(1))
                .titled("Jour fixe")
                .in_room(aquarium.room.mail());
            let event = ana.insert_event(event)?;
            let answer = aquarium.room.wait_answered(&event, PATIENCE).await?;
            ensure!(
                answer == google_sim::Answer::Accepted,
                "the room should take the meeting"
            );
        }
        teller.says("Google: an organisation, two rooms, three meetings in one of them tomorrow");

        app.given_tenant(TENANT).await;
        app.given_user(TENANT, "u-ana", ana.mail()).await;
        let since = Instant::now();
        let connected = app
            .connect_by_consent(TENANT, organisation.admin.mail())
            .await?;
        let status = connected.status.context("a status")?;
        teller.took(
            since,
            &format!("connected with {} on Google's consent page", status.domain),
        );
        let subscriber = app.subscribe(TENANT).await;
        let mut scene = Self {
            app,
            google,
            organisation,
            operator: cluster.operator(),
            subscriber,
            aquarium,
            terrarium,
            ana,
            stranger,
            tomorrow,
        };
        scene.aquarium.link = scene.link(&scene.aquarium, 3, teller).await?;
        scene.terrarium.link = scene.link(&scene.terrarium, 0, teller).await?;
        Ok(scene)
    }

    async fn link(
        &self,
        place: &Place,
        bookings: usize,
        teller: &mut Teller,
    ) -> anyhow::Result<String> {
        let (app, name) = (self.app, place.name);
        app.given_object(TENANT, place.object).await;
        let since = Instant::now();
        let link = app
            .link_object(TENANT, place.object, place.room.mail())
            .await;
        teller.took(since, &format!("{name}: linked"));
        app.wait_verified(TENANT, &link.link_id).await;
        teller.took(since, &format!("{name}: verified"));
        app.wait_imported(TENANT, &link.link_id).await;
        self.seen(place, "the import", |all| {
            (all.len() == bookings).then_some(())
        })
        .await?;
        teller.took(
            since,
            &format!("{name}: imported {bookings} bookings, and watched"),
        );
        Ok(link.link_id)
    }

    /// Tomorrow at this hour.
    pub(crate) fn at(&self, hour: i64) -> DateTime<Utc> {
        self.tomorrow + TimeDelta::hours(hour)
    }

    /// So many weeks after tomorrow, at this hour.
    pub(crate) fn in_weeks(&self, weeks: i64, hour: i64) -> DateTime<Utc> {
        self.at(hour) + TimeDelta::weeks(weeks)
    }

    /// One hour tomorrow in a room.
    pub(crate) fn meeting(&self, place: &Place, hour: i64) -> NewEvent {
        NewEvent::timed(self.at(hour), self.at(hour + 1)).in_room(place.room.mail())
    }

    /// Waits until stream and API both have a confirmed booking that starts then.
    pub(crate) async fn confirmed(
        &self,
        place: &Place,
        start: DateTime<Utc>,
    ) -> anyhow::Result<Booking> {
        let is = |b: &Booking| start_of(b) == Some(start) && b.state() == BookingState::Confirmed;
        let heard = self
            .seen(place, "the booking confirmed", |all| {
                all.into_iter().find(is)
            })
            .await?;
        let listed = self.listed(place).await.into_iter().find(is);
        let listed = listed.context("the API should list what the stream said")?;
        ensure!(
            listed.booking_id == heard.booking_id,
            "stream and API should agree"
        );
        Ok(heard)
    }

    /// Waits until neither stream nor API has the booking.
    pub(crate) async fn gone(&self, place: &Place, id: &str) -> anyhow::Result<()> {
        let none = |all: Vec<Booking>| all.iter().all(|b| b.booking_id != id).then_some(());
        self.seen(place, "the booking gone", none).await?;
        none(self.listed(place).await).context("the API still lists it")
    }

    /// Waits until the stream has told something about a place's bookings.
    pub(crate) async fn seen<T>(
        &self,
        place: &Place,
        what: &str,
        mut look: impl FnMut(Vec<Booking>) -> Option<T>,
    ) -> anyhow::Result<T> {
        self.subscriber
            .found_within(PATIENCE, |journal| look(journal.bookings(place.object)))
            .await
            .with_context(|| {
                format!(
                    "the stream did not show {what} in {} within {PATIENCE:?}",
                    place.name
                )
            })
    }

    /// What the API lists of a place, by start.
    pub(crate) async fn listed(&self, place: &Place) -> Vec<Booking> {
        self.app.bookings_of(TENANT, place.object).await
    }
}

/// The next midnight, UTC.
fn tomorrow(now: DateTime<Utc>) -> DateTime<Utc> {
    now.duration_trunc(TimeDelta::days(1)).unwrap_or(now) + TimeDelta::days(1)
}

/// When a booking starts.
pub(crate) fn start_of(booking: &Booking) -> Option<DateTime<Utc>> {
    instant(booking.window.as_ref().and_then(|w| w.starts_at.as_ref()))
}

/// The user or device whose booking it is, or `anonymous`.
pub(crate) fn whose(booking: &Booking) -> &str {
    match booking.booker.as_ref().and_then(|b| b.booker.as_ref()) {
        Some(booker::Booker::UserId(id) | booker::Booker::DeviceId(id)) => id,
        _ => "anonymous",
    }
}
