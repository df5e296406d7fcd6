//! What most journeys begin with, and how they look at bookings.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{NewEvent, UserControl, When};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{Booking, BookingState, booker};
use roomsync_testkit::{Cluster, LinkedRoom, app::instant};

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

    pub(crate) async fn with(cluster: Cluster) -> Self {
        let room = cluster
            .app()
            .given_linked_room(cluster.google(), "acme", "Aquarium")
            .await;
        let ana = room.organisation.given_user("ana");
        cluster.app().given_user("acme", "u-ana", ana.mail()).await;
        Self { cluster, room, ana }
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
        self.room
            .subscriber
            .wait_for(what, |journal| {
                journal
                    .bookings(&self.room.object)
                    .into_iter()
                    .find(|b| start(b) == starts_at && b.state() == state)
            })
            .await
    }

    /// Waits until the subscriber knows exactly so many bookings of the room.
    pub(crate) async fn wait_count(&self, what: &str, count: usize) {
        self.room
            .subscriber
            .wait_for(what, |journal| {
                (journal.bookings(&self.room.object).len() == count).then_some(())
            })
            .await;
    }

    /// The room's live bookings as the API lists them.
    pub(crate) async fn listed(&self) -> Vec<Booking> {
        self.cluster
            .app()
            .bookings_of(&self.room.tenant, &self.room.object)
            .await
    }
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
