//! One meeting: made, moved, cancelled; the room uninvited; made by somebody unknown.

use std::time::Instant;

use anyhow::ensure;
use google_sim::When;

use crate::{
    scene::{Scene, start_of, whose},
    teller::Teller,
};

impl Scene<'_> {
    pub(crate) async fn a_meeting_comes_moves_and_goes(
        &self,
        teller: &mut Teller,
    ) -> anyhow::Result<()> {
        let place = &self.aquarium;
        let since = Instant::now();
        let event = self
            .ana
            .insert_event(self.meeting(place, 15).titled("Planning"))?;
        let first = self
            .seen(place, "the booking", |all| {
                all.into_iter().find(|b| start_of(b) == Some(self.at(15)))
            })
            .await?;
        teller.took(since, "created in Google → visible");
        let created = self.confirmed(place, self.at(15)).await?;
        ensure!(
            created.booking_id == first.booking_id && whose(&created) == "u-ana",
            "the booking should be Ana's"
        );
        teller.took(since, "created in Google → confirmed as Ana's booking");

        let since = Instant::now();
        self.ana
            .move_event(&event, When::at(self.at(17)), When::at(self.at(18)))?;
        let moved = self.confirmed(place, self.at(17)).await?;
        ensure!(
            moved.booking_id == created.booking_id,
            "a moved meeting should keep its booking"
        );
        teller.took(since, "moved in Google → moved here, the same booking");

        let since = Instant::now();
        self.ana.cancel_event(&event)?;
        self.gone(place, &created.booking_id).await?;
        teller.took(since, "cancelled in Google → the booking is removed");
        Ok(())
    }

    pub(crate) async fn the_room_is_uninvited(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let place = &self.aquarium;
        let event = self
            .ana
            .insert_event(self.meeting(place, 15).titled("Workshop"))?;
        let booking = self.confirmed(place, self.at(15)).await?;
        let since = Instant::now();
        self.ana.uninvite_room(&event, place.room.mail())?;
        self.gone(place, &booking.booking_id).await?;
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

    pub(crate) async fn somebody_unknown_books(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let since = Instant::now();
        self.stranger
            .insert_event(self.meeting(&self.aquarium, 15))?;
        let booking = self.confirmed(&self.aquarium, self.at(15)).await?;
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
}
