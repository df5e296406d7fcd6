//! Google changes something and its push never arrives. Nobody presses a button.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use google_sim::{Operation, PushEffect, PushFault};
use roomsync_testkit::found_within;

use crate::{
    scene::{PATIENCE, Place, Scene, TENANT},
    teller::Teller,
};

impl Scene<'_> {
    pub(crate) async fn a_push_is_lost(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let place = &self.terrarium;
        let link = self.app.link(TENANT, &place.link).await?;
        let promised = link.coverage.context("coverage")?.poll_interval_seconds;
        self.nothing_is_left_to_look_at(place).await?;
        let fault = PushFault::always(PushEffect::Drop).of_calendar(place.room.mail());
        self.google.add_push_fault(fault);
        let before = self.google.pushes().len();

        let since = Instant::now();
        self.ana
            .insert_event(self.meeting(place, 21).titled("Evening talk"))?;
        self.confirmed(place, self.at(21)).await?;
        let took = since.elapsed();

        self.google.clear_push_faults();
        let pushes = self.google.pushes().split_off(before);
        let (lost, arrived): (Vec<_>, Vec<_>) = pushes
            .into_iter()
            .filter(|push| push.calendar == place.room.mail())
            .partition(|push| push.dropped);
        ensure!(arrived.is_empty(), "no push should have arrived");
        let lost_at = lost.first().context("a push should have been lost")?.at;
        let calls = self.google.calls(Operation::List);
        let found_by = calls
            .iter()
            .find(|call| call.at > lost_at && call.calendar.as_deref() == Some(place.room.mail()))
            .context("somebody should have looked at the calendar")?;
        ensure!(
            found_by.query.contains_key("syncToken"),
            "the cursor should have sufficed"
        );
        teller.took_in_all(
            took,
            &format!(
                "created in Google, {} of {} pushes lost → found by the poll (every {promised} s here)",
                lost.len(),
                lost.len()
            ),
        );
        Ok(())
    }

    /// Waits until a listing has begun after the last push and was answered: what finds the next change
    /// then is no late echo of the one before.
    async fn nothing_is_left_to_look_at(&self, place: &Place) -> anyhow::Result<()> {
        let looked = found_within(PATIENCE, async || {
            let pushes = self.google.pushes();
            let last = pushes
                .iter()
                .rfind(|push| push.calendar == place.room.mail())?;
            let calls = self.google.calls(Operation::List);
            calls
                .iter()
                .any(|call| {
                    call.at > last.at
                        && call.status == Some(200)
                        && call.calendar.as_deref() == Some(place.room.mail())
                })
                .then_some(())
        });
        looked
            .await
            .context("nobody looked at the calendar after its last push")
    }
}
