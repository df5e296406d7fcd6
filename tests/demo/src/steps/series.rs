//! A weekly meeting, its exceptions, and "this and following".

use std::time::Instant;

use anyhow::{Context as _, ensure};
use google_sim::When;
use roomsync_proto::booking::v1::{Booking, BookingState};
use serde_json::json;

use crate::{
    scene::{Scene, start_of},
    teller::Teller,
};

/// How often it takes place.
const DATES: i64 = 5;
/// At which hour.
const HOUR: i64 = 7;

/// Ana's weekly meeting and the booking of each date.
pub(crate) struct Series {
    event: String,
    bookings: Vec<String>,
}

impl Scene<'_> {
    pub(crate) async fn a_series_comes(&self, teller: &mut Teller) -> anyhow::Result<Series> {
        let since = Instant::now();
        let weekly = self
            .meeting(&self.aquarium, HOUR)
            .titled("Stand-up")
            .repeating(&format!("FREQ=WEEKLY;COUNT={DATES}"));
        let event = self.ana.insert_event(weekly)?;
        let mut bookings = Vec::new();
        for week in 0..DATES {
            let booking = self
                .confirmed(&self.aquarium, self.in_weeks(week, HOUR))
                .await?;
            bookings.push(booking.booking_id);
        }
        teller.took(
            since,
            &format!("weekly series in Google → {DATES} bookings"),
        );
        Ok(Series { event, bookings })
    }

    pub(crate) async fn one_date_is_moved_another_cancelled(
        &self,
        series: &Series,
        teller: &mut Teller,
    ) -> anyhow::Result<()> {
        let place = &self.aquarium;
        let since = Instant::now();
        let (from, to) = (self.in_weeks(1, HOUR), self.in_weeks(1, 14));
        let ends = self.in_weeks(1, 15);
        self.ana
            .move_occurrence(&series.event, &When::at(from), When::at(to), When::at(ends))?;
        let moved = self.confirmed(place, to).await?;
        ensure!(
            moved.booking_id == series.bookings[1],
            "a moved date should keep its booking"
        );
        teller.took(since, "one date moved → moved here, the same booking");

        let since = Instant::now();
        let second = When::at(self.in_weeks(2, HOUR));
        self.ana.cancel_occurrence(&series.event, &second)?;
        self.gone(place, &series.bookings[2]).await?;
        let left = self.listed(place).await;
        for (week, hour) in [(0, HOUR), (1, 14), (3, HOUR), (4, HOUR)] {
            is_at(self, &left, series, week, hour)?;
        }
        teller.took(
            since,
            "one date cancelled → that booking is removed, the other dates stay as they are",
        );
        Ok(())
    }

    pub(crate) async fn this_and_following_moves(
        &self,
        series: &Series,
        teller: &mut Teller,
    ) -> anyhow::Result<()> {
        let place = &self.aquarium;
        let since = Instant::now();
        let later = json!({
            "start": When::at(self.in_weeks(3, 10)),
            "end": When::at(self.in_weeks(3, 11)),
        });
        let third = When::at(self.in_weeks(3, HOUR));
        self.ana.split_series(&series.event, &third, later)?;
        self.confirmed(place, self.in_weeks(3, 10)).await?;
        self.confirmed(place, self.in_weeks(4, 10)).await?;
        let old = |b: &Booking| {
            start_of(b)
                .is_some_and(|at| at == self.in_weeks(3, HOUR) || at == self.in_weeks(4, HOUR))
        };
        self.seen(place, "the old dates gone", |all| {
            (!all.iter().any(old)).then_some(())
        })
        .await?;
        let left = self.listed(place).await;
        for (week, hour) in [(0, HOUR), (1, 14), (3, 10), (4, 10)] {
            is_at(self, &left, series, week, hour)?;
        }
        teller.took(
            since,
            "\"this and following\" moved → two dates moved here, the same bookings",
        );
        Ok(())
    }
}

/// The booking that the series had in a week is listed, confirmed, at this hour of it.
fn is_at(
    scene: &Scene<'_>,
    listed: &[Booking],
    series: &Series,
    week: usize,
    hour: i64,
) -> anyhow::Result<()> {
    let start = scene.in_weeks(i64::try_from(week)?, hour);
    let booking = listed
        .iter()
        .find(|b| start_of(b) == Some(start))
        .with_context(|| format!("there should be a booking in week {week} at {hour}"))?;
    ensure!(
        booking.booking_id == series.bookings[week],
        "the date of week {week} should keep its booking"
    );
    ensure!(
        booking.state() == BookingState::Confirmed,
        "the date of week {week} should be confirmed"
    );
    Ok(())
}
