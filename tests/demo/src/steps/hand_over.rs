//! A linked object is closed for local booking until the main app has deleted its own future bookings
//! of it and said so.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use roomsync_proto::{
    booking::v1::{Availability, CheckAvailabilityRequest},
    integration::v1::{AcknowledgeResetRequest, HandOver},
};
use roomsync_testkit::app::window;

use crate::{
    scene::{Place, Scene, TENANT},
    teller::Teller,
};

impl Scene<'_> {
    pub(crate) async fn the_object_is_handed_over(
        &self,
        teller: &mut Teller,
    ) -> anyhow::Result<()> {
        for place in [&self.aquarium, &self.terrarium] {
            self.hand_over(place).await?;
        }
        let since = Instant::now();
        for place in [&self.aquarium, &self.terrarium] {
            self.acknowledge(place).await?;
        }
        teller.took(
            since,
            "own bookings deleted as object.reset asked, and acknowledged → both objects are open",
        );
        Ok(())
    }

    /// The reset came before the first booking of the import, and the object is closed since.
    async fn hand_over(&self, place: &Place) -> anyhow::Result<()> {
        let resets = self.subscriber.journal(|j| j.resets(place.object));
        ensure!(
            resets.len() == 1,
            "{} should have been told to delete its own bookings once, not {} times",
            place.name,
            resets.len()
        );
        let availability = self.availability(place).await?;
        ensure!(
            !availability.open && !availability.free,
            "{} should be closed until the reset is acknowledged",
            place.name
        );
        Ok(())
    }

    async fn acknowledge(&self, place: &Place) -> anyhow::Result<()> {
        let request = AcknowledgeResetRequest {
            tenant_id: TENANT.to_owned(),
            link_id: place.link.clone(),
        };
        let answer = self.app.links().acknowledge_reset(request).await?;
        let link = answer.into_inner().link.context("the link")?;
        ensure!(
            link.hand_over() == HandOver::Open,
            "{} should be handed over",
            place.name
        );
        let availability = self.availability(place).await?;
        ensure!(
            availability.open && availability.free,
            "{} should be open and free in an hour without a meeting",
            place.name
        );
        Ok(())
    }

    /// Of an hour in which there is no meeting.
    async fn availability(&self, place: &Place) -> anyhow::Result<Availability> {
        let request = CheckAvailabilityRequest {
            tenant_id: TENANT.to_owned(),
            object_ids: vec![place.object.to_owned()],
            window: Some(window(self.at(15), self.at(16))),
        };
        let answer = self.app.bookings().check_availability(request).await?;
        answer
            .into_inner()
            .objects
            .pop()
            .context("an answer about the object")
    }
}
