//! The other direction: booked at a display, booked by a user, declined by its owner.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::{DurationRound as _, TimeDelta};
use google_sim::When;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::{
    booking::v1::{Booking, BookingState},
    integration::v1::TenantSettings,
};
use roomsync_testkit::{NewBooking, app::user};

use crate::{
    scene::{PATIENCE, Place, Scene, TENANT, start_of, whose},
    teller::Teller,
};

/// How long a display books.
const QUARTER: TimeDelta = TimeDelta::minutes(15);

impl Scene<'_> {
    pub(crate) async fn a_display_books_now(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let place = &self.terrarium;
        let now = SystemClock.now().duration_trunc(TimeDelta::minutes(1))?;
        let since = Instant::now();
        let new = NewBooking::by_device(place.object, now, "door-1").until(now + QUARTER);
        let booking = self.book(new).await?;
        teller.took(since, "booked at the display, now → confirmed");
        let event = self.google.event(place.room.mail(), &event_of(&booking))?;
        ensure!(
            event["status"] == "confirmed" && event["organizer"]["self"] == true,
            "the room's own calendar should have the event"
        );
        self.confirmed(place, now).await?;
        teller.took(
            since,
            "… the event is on the room's calendar, the stream says so",
        );
        Ok(())
    }

    pub(crate) async fn booking_as_users_is_enabled(
        &self,
        teller: &mut Teller,
    ) -> anyhow::Result<()> {
        self.operator.is_delegated_by(&self.organisation);
        let since = Instant::now();
        let status = self.app.enable_delegation(TENANT).await?;
        ensure!(
            status.books_as_users,
            "bookings should be made as the users"
        );
        teller.took(
            since,
            "the administrator delegates: bookings are the users' own events",
        );
        Ok(())
    }

    /// Answers the booking, and the id of its event.
    pub(crate) async fn a_user_books(
        &self,
        teller: &mut Teller,
    ) -> anyhow::Result<(Booking, String)> {
        let place = &self.aquarium;
        let since = Instant::now();
        let booking = self
            .book(NewBooking::by_user(place.object, self.at(3), "u-ana"))
            .await?;
        teller.took(since, "booked by Ana in Flexopus → confirmed");
        let id = event_of(&booking);
        let event = self.ana.event(&id)?;
        ensure!(
            event["organizer"]["email"] == self.ana.mail(),
            "the event should be in Ana's own calendar, and hers"
        );
        let listed = self.confirmed(place, self.at(3)).await?;
        ensure!(whose(&listed) == "u-ana", "the booking should be Ana's");

        let since = Instant::now();
        self.ana
            .move_event(&id, When::at(self.at(4)), When::at(self.at(5)))?;
        let moved = self.confirmed(place, self.at(4)).await?;
        ensure!(
            moved.booking_id == booking.booking_id,
            "a moved meeting should keep its booking"
        );
        teller.took(since, "moved by Ana in Google → the booking follows");
        Ok((moved, id))
    }

    pub(crate) async fn its_owner_declines(
        &self,
        (booking, id): &(Booking, String),
        teller: &mut Teller,
    ) -> anyhow::Result<()> {
        let place = &self.aquarium;
        let settings = TenantSettings {
            decline_allowed: Some(true),
            ..TenantSettings::default()
        };
        self.app.put_tenant(TENANT, true, settings).await;
        let before = self.ana.event(id)?;
        let since = Instant::now();
        let removed = self
            .app
            .delete_booking(TENANT, &booking.booking_id, user("u-ana"), false)
            .await?;
        ensure!(
            removed.state() == BookingState::Removed,
            "the booking should be removed, not {:?}",
            removed.state()
        );
        self.gone(place, &booking.booking_id).await?;
        teller.took(
            since,
            "declined by its owner in Flexopus → the room is free",
        );
        let after = self.ana.event(id)?;
        for unchanged in ["status", "start", "end", "organizer"] {
            ensure!(
                after[unchanged] == before[unchanged],
                "{unchanged} of Ana's event should be as it was"
            );
        }
        let answer = place.room.answer(id);
        ensure!(
            answer == Some(google_sim::Answer::Declined),
            "the room should have declined"
        );
        teller.says("… Ana's event is as it was; only the room has declined");
        Ok(())
    }

    async fn book(&self, new: NewBooking) -> anyhow::Result<Booking> {
        let (start, patience) = (new.window.0, Duration::from_secs(10));
        let answer = self
            .app
            .create_booking(TENANT, new.waiting(patience.min(PATIENCE)))
            .await?;
        let booking = answer.booking.context("a booking")?;
        ensure!(
            booking.state() == BookingState::Confirmed && start_of(&booking) == Some(start),
            "the room should have confirmed it: {:?} {}",
            booking.state(),
            booking.cause
        );
        Ok(booking)
    }

    /// Nothing is booked any more: neither by the stream nor by the API.
    pub(crate) async fn nothing_is_booked(&self, place: &Place) -> anyhow::Result<()> {
        self.seen(place, "no booking", |all| all.is_empty().then_some(()))
            .await?;
        let listed = self.listed(place).await;
        ensure!(listed.is_empty(), "the API still lists {}", listed.len());
        Ok(())
    }
}

/// The id of the event that we made for a booking.
fn event_of(booking: &Booking) -> String {
    booking.booking_id.replace('-', "")
}
