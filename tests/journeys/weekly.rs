//! A weekly series of Ana's in the scene's room, and how journeys name its dates.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::{NewEvent, Settings, When};
use roomsync_proto::booking::v1::Booking;

use crate::scene::{Scene, tomorrow};

/// A scene with a series: Ana's meeting at nine, five weeks long.
pub(crate) struct Weekly {
    pub(crate) scene: Scene,
    /// Google's id of the series.
    pub(crate) id: String,
    /// Its bookings, by date.
    pub(crate) bookings: Vec<Booking>,
}

impl Weekly {
    pub(crate) async fn new(name: &str) -> Self {
        Self::of(Scene::new(name).await).await
    }

    /// The same where Google behaves in a certain way.
    pub(crate) async fn at_google(name: &str, change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(Scene::at_google(name, change).await).await
    }

    pub(crate) async fn of(scene: Scene) -> Self {
        let id = scene
            .ana
            .insert_event(weekly(&scene))
            .expect("Google takes the series");
        let bookings = scene.wait_starts("five bookings", &weeks(0..5, 9)).await;
        Self {
            scene,
            id,
            bookings,
        }
    }

    /// Ana moves a date to the afternoon, and its booking follows.
    pub(crate) async fn given_afternoon(&self, number: i64) {
        let (start, end) = hour_of(number, 14);
        self.scene
            .ana
            .move_occurrence(&self.id, &date(number), start, end)
            .expect("moved");
        let what = "the date in the afternoon";
        let state = roomsync_proto::booking::v1::BookingState::Confirmed;
        let booking = self.scene.wait_booking(what, week(number, 14), state).await;
        let index = usize::try_from(number).expect("a date");
        assert_eq!(
            booking.booking_id, self.bookings[index].booking_id,
            "a moved date keeps its booking"
        );
    }

    /// The ids of the bookings of these dates, as they were at first.
    pub(crate) fn ids<const N: usize>(&self, dates: [usize; N]) -> [&str; N] {
        dates.map(|date| self.bookings[date].booking_id.as_str())
    }
}

/// Ana's weekly meeting at nine, five times.
pub(crate) fn weekly(scene: &Scene) -> NewEvent {
    scene.meeting(9).repeating("FREQ=WEEKLY;COUNT=5")
}

/// Tomorrow at this hour, so many weeks later.
pub(crate) fn week(number: i64, hour: i64) -> DateTime<Utc> {
    tomorrow(hour) + TimeDelta::weeks(number)
}

/// This hour in these weeks.
pub(crate) fn weeks(numbers: std::ops::Range<i64>, hour: i64) -> Vec<DateTime<Utc>> {
    numbers.map(|number| week(number, hour)).collect()
}

/// The date of the series in that week, as its rule has it.
pub(crate) fn date(number: i64) -> When {
    When::at(week(number, 9))
}

/// An hour in that week, for Google.
pub(crate) fn hour_of(number: i64, hour: i64) -> (When, When) {
    (
        When::at(week(number, hour)),
        When::at(week(number, hour + 1)),
    )
}
