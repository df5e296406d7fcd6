//! What most journeys begin with, and how they look at bookings.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{NewEvent, NewRoom, RoomControl, Settings, UserControl, When};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{
    Availability, Booking, BookingState, CheckAvailabilityRequest, booker,
};
use roomsync_testkit::{
    Cluster, LinkedRoom,
    app::{instant, window},
};

/// Tomorrow at this hour, UTC.
pub(crate) fn tomorrow(hour: i64) -> DateTime<Utc> {
    let today = SystemClock
        .now()
        .duration_trunc(TimeDelta::days(1))
        .expect("a day");
    today + TimeDelta::days(1) + TimeDelta::hours(hour)
}

/// A cluster with a linked room, and Ana, who is a user of the main app and of Google.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) room: LinkedRoom,
    pub(crate) ana: UserControl,
}

impl Scene {
    pub(crate) async fn new(name: &str) -> Self {
        Self::with(Cluster::start(name).await).await
    }

    /// The same where Google behaves in a certain way.
    pub(crate) async fn at_google(name: &str, change: impl FnOnce(&mut Settings)) -> Self {
        Self::with(Cluster::builder(name).google(change).start().await).await
    }

    pub(crate) async fn with(cluster: Cluster) -> Self {
        let room = cluster
            .app()
            .given_linked_room(cluster.google(), "acme", "Aquarium")
            .await;
        let ana = room.organisation.given_user("ana");
        cluster.app().given_user("acme", "u-ana", ana.mail()).await;
        Self { cluster, room, ana }
    }

    /// A further linked room of the same tenant.
    pub(crate) async fn another_room(&self, name: &str) -> LinkedRoom {
        let app = self.cluster.app();
        app.given_linked_room(self.cluster.google(), "acme", name)
            .await
    }

    /// Links a room that exists at Google with an object, and waits until it is imported.
    pub(crate) async fn link(&self, object: &str, room: RoomControl) -> LinkedRoom {
        let app = self.cluster.app();
        app.given_object("acme", object).await;
        let link = app.link_object("acme", object, room.mail()).await;
        let link = app.wait_imported("acme", &link.link_id).await;
        let link = app.acknowledge("acme", &link.link_id).await;
        let link = link.expect("AcknowledgeReset");
        LinkedRoom {
            object: object.to_owned(),
            link,
            room,
            ..self.room.clone()
        }
    }

    /// A further linked room, whose calendar goes by the clock of Berlin.
    pub(crate) async fn room_in_berlin(&self) -> LinkedRoom {
        let room = NewRoom::named("Spree").in_zone("Europe/Berlin");
        let room = self.room.organisation.org.add_room(room).expect("a room");
        self.link("spree", room).await
    }

    /// A user of Google whom the main app knows, too.
    pub(crate) async fn colleague(&self, name: &str) -> UserControl {
        let user = self.room.organisation.given_user(name);
        let id = format!("u-{name}");
        self.cluster
            .app()
            .given_user("acme", &id, user.mail())
            .await;
        user
    }

    /// A meeting of Ana's in the room, one hour long.
    pub(crate) fn meeting(&self, hour: i64) -> NewEvent {
        NewEvent::timed(tomorrow(hour), tomorrow(hour + 1)).in_room(self.room.room.mail())
    }

    /// Ana makes a meeting in the room, and it is seen by the subscriber as confirmed.
    pub(crate) async fn given_meeting(&self, hour: i64) -> (String, Booking) {
        let event = self
            .ana
            .insert_event(self.meeting(hour))
            .expect("Google takes the event");
        let booking = self
            .wait_booking("the meeting", tomorrow(hour), BookingState::Confirmed)
            .await;
        (event, booking)
    }

    /// Waits until the subscriber knows a booking of the room that starts then, in this state.
    pub(crate) async fn wait_booking(
        &self,
        what: &str,
        starts_at: DateTime<Utc>,
        state: BookingState,
    ) -> Booking {
        self.room.wait_booking(what, starts_at, state).await
    }

    /// Waits until the subscriber knows exactly so many bookings of the room.
    pub(crate) async fn wait_count(&self, what: &str, count: usize) {
        self.room.wait_count(what, count).await;
    }

    /// See [`Watched::wait_starts`].
    pub(crate) async fn wait_starts(&self, what: &str, starts: &[DateTime<Utc>]) -> Vec<Booking> {
        self.room.wait_starts(what, starts).await
    }

    /// The room's live bookings as the API lists them.
    pub(crate) async fn listed(&self) -> Vec<Booking> {
        self.cluster
            .app()
            .bookings_of(&self.room.tenant, &self.room.object)
            .await
    }
}

/// How journeys look at a linked room.
pub(crate) trait Watched {
    /// Waits until the subscriber knows a booking that starts then, in this state.
    async fn wait_booking(
        &self,
        what: &str,
        starts_at: DateTime<Utc>,
        state: BookingState,
    ) -> Booking;

    /// Waits until the subscriber knows exactly so many bookings.
    async fn wait_count(&self, what: &str, count: usize);

    /// Waits until the subscriber knows confirmed bookings at exactly these times, in this order,
    /// and no others; returns them.
    async fn wait_starts(&self, what: &str, starts: &[DateTime<Utc>]) -> Vec<Booking>;

    /// Everything that was said about a booking so far.
    fn history(&self, booking: &Booking) -> Vec<Booking>;

    /// State and cause of the last thing that was said about a booking.
    fn last_word(&self, booking: &Booking) -> (BookingState, String);
}

impl Watched for LinkedRoom {
    async fn wait_booking(
        &self,
        what: &str,
        starts_at: DateTime<Utc>,
        state: BookingState,
    ) -> Booking {
        self.subscriber
            .wait_for(what, |journal| {
                journal
                    .bookings(&self.object)
                    .into_iter()
                    .find(|b| start(b) == starts_at && b.state() == state)
            })
            .await
    }

    async fn wait_count(&self, what: &str, count: usize) {
        self.subscriber
            .wait_for(what, |journal| {
                (journal.bookings(&self.object).len() == count).then_some(())
            })
            .await;
    }

    async fn wait_starts(&self, what: &str, starts: &[DateTime<Utc>]) -> Vec<Booking> {
        self.subscriber
            .wait_for(what, |journal| {
                let known = journal.bookings(&self.object);
                let confirmed = known.iter().all(|b| b.state() == BookingState::Confirmed);
                let there = known.iter().map(start).eq(starts.iter().copied());
                (confirmed && there).then_some(known)
            })
            .await
    }

    fn history(&self, booking: &Booking) -> Vec<Booking> {
        self.subscriber
            .journal(|journal| journal.history(&booking.booking_id))
    }

    fn last_word(&self, booking: &Booking) -> (BookingState, String) {
        let history = self.history(booking);
        let last = history.last().expect("something was said");
        (last.state(), last.cause.clone())
    }
}

/// Whether an object is free in a window, as the API says it.
pub(crate) async fn availability(
    room: &LinkedRoom,
    cluster: &Cluster,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Availability {
    let request = CheckAvailabilityRequest {
        tenant_id: room.tenant.clone(),
        object_ids: vec![room.object.clone()],
        window: Some(window(from, to)),
    };
    let answer = cluster.app().bookings().check_availability(request).await;
    let mut objects = answer.expect("CheckAvailability").into_inner().objects;
    objects.remove(0)
}

/// The ids of bookings, in their order.
pub(crate) fn ids(bookings: &[Booking]) -> Vec<&str> {
    bookings.iter().map(|b| b.booking_id.as_str()).collect()
}

/// When a booking ends.
pub(crate) fn end(booking: &Booking) -> DateTime<Utc> {
    instant(booking.window.as_ref().and_then(|w| w.ends_at.as_ref())).expect("an end")
}

/// When a booking starts.
pub(crate) fn start(booking: &Booking) -> DateTime<Utc> {
    instant(booking.window.as_ref().and_then(|w| w.starts_at.as_ref())).expect("a start")
}

/// The user id of a booking, or `anonymous`.
pub(crate) fn whose(booking: &Booking) -> String {
    match booking.booker.as_ref().and_then(|b| b.booker.as_ref()) {
        Some(booker::Booker::UserId(id) | booker::Booker::DeviceId(id)) => id.clone(),
        Some(booker::Booker::Anonymous(_)) => "anonymous".to_owned(),
        None => "nobody".to_owned(),
    }
}

/// An instant for Google.
pub(crate) fn at(hour: i64) -> When {
    When::at(tomorrow(hour))
}
