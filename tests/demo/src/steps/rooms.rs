//! Meetings that change their room, or have several.

use std::time::Instant;

use anyhow::ensure;

use crate::{
    scene::{Scene, whose},
    teller::Teller,
};

impl Scene<'_> {
    pub(crate) async fn the_room_is_swapped(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let (from, to) = (&self.aquarium, &self.terrarium);
        let event = self
            .ana
            .insert_event(self.meeting(from, 17).titled("Retrospective"))?;
        let before = self.confirmed(from, self.at(17)).await?;

        let since = Instant::now();
        self.ana
            .swap_room(&event, from.room.mail(), to.room.mail())?;
        self.gone(from, &before.booking_id).await?;
        let after = self.confirmed(to, self.at(17)).await?;
        ensure!(
            whose(&after) == "u-ana",
            "the booking in the other room should be Ana's too"
        );
        teller.took(
            since,
            "room swapped in Google → removed in the Aquarium, booked in the Terrarium",
        );
        Ok(())
    }

    pub(crate) async fn one_event_takes_two_rooms(
        &self,
        teller: &mut Teller,
    ) -> anyhow::Result<()> {
        let (one, other) = (&self.aquarium, &self.terrarium);
        let since = Instant::now();
        let event = self.ana.insert_event(
            self.meeting(one, 19)
                .in_room(other.room.mail())
                .titled("All hands"),
        )?;
        let here = self.confirmed(one, self.at(19)).await?;
        let there = self.confirmed(other, self.at(19)).await?;
        ensure!(
            here.booking_id != there.booking_id,
            "each room should have a booking of its own"
        );
        teller.took(since, "two rooms in one event → a booking in each");

        let since = Instant::now();
        self.ana.uninvite_room(&event, one.room.mail())?;
        self.gone(one, &here.booking_id).await?;
        let kept = self.confirmed(other, self.at(19)).await?;
        ensure!(
            kept.booking_id == there.booking_id,
            "the other room's booking should stay as it is"
        );
        teller.took(
            since,
            "one of the two uninvited → its booking is removed, the other stays",
        );
        Ok(())
    }
}
