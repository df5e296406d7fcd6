//! The end of the integration: no channel, no grant, no booking, and Google's calendars as they were.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use roomsync_proto::integration::v1::{ConnectionState, PreviewDisconnectRequest};
use roomsync_testkit::found_within;

use crate::{
    scene::{PATIENCE, Scene, TENANT},
    teller::Teller,
};

impl Scene<'_> {
    pub(crate) async fn the_tenant_disconnects(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let places = [&self.aquarium, &self.terrarium];
        let request = PreviewDisconnectRequest {
            tenant_id: TENANT.to_owned(),
        };
        let preview = self.app.connections().preview_disconnect(request).await?;
        let preview = preview.into_inner();
        let booked = preview.past_bookings + preview.running_bookings + preview.future_bookings;
        ensure!(
            preview.links == 2 && booked > 0,
            "the preview should count what goes: {preview:?}"
        );
        teller.says(&format!(
            "disconnecting would remove {} links and {booked} bookings",
            preview.links
        ));
        let events = || places.map(|place| place.room.events().map_err(|error| error.to_string()));
        let before = events();

        let since = Instant::now();
        self.app.disconnect(TENANT).await?;
        found_within(PATIENCE, async || {
            let status = self.app.connection_status(TENANT).await.ok()?;
            (status.state() == ConnectionState::Disconnected).then_some(())
        })
        .await
        .context("the tenant should be disconnected")?;
        for place in places {
            self.nothing_is_booked(place).await?;
        }
        let (channels, grants) = (self.google.channels().len(), self.google.consents().len());
        ensure!(channels == 0, "{channels} channels should be stopped");
        ensure!(grants == 0, "the grant should be revoked");
        ensure!(
            before == events(),
            "nothing should be changed in Google's calendars"
        );
        teller.took(
            since,
            "disconnected → 0 channels, the grant revoked, 0 bookings; Google's calendars are as they were",
        );
        Ok(())
    }
}
