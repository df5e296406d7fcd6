//! What a row remembers of the tries to make its event.

use roomsync_domain::Booker;

use super::{Claimed, WriteError, Writer, place::Place};

impl Writer {
    /// Before the first call: from now on an event may be there. Nothing is sent for a request that was
    /// withdrawn, or that somebody else claimed since.
    pub(super) async fn note_attempt(
        &self,
        claimed: &Claimed,
        place: &Place,
    ) -> Result<(), WriteError> {
        let query = sqlx::query!(
            "
            -- booking.bookings.note_attempt
            UPDATE booking.bookings
            SET write_attempted = true,
                placement = $4,
                event_calendar = $5
            WHERE tenant_id = $1
              AND booking_id = $2
              AND write_epoch = $3
              AND google_write = 'insert'
              AND state = 'requested'
            ",
            claimed.tenant.as_str(),
            claimed.booking.id.0,
            claimed.epoch,
            place.placement.as_str(),
            place.calendar,
        )
        .execute(self.database.pool());
        let noted = self.database.answer(query).await?;
        if noted.rows_affected() == 1 {
            Ok(())
        } else {
            Err(WriteError::Overtaken)
        }
    }

    /// Google has said that it took nothing there. If nothing was sent before this claim either, the next try is
    /// free to choose another place, whatever comes in between.
    pub(super) async fn forget_attempt(&self, claimed: &Claimed) -> Result<(), WriteError> {
        if claimed.attempted {
            return Ok(());
        }
        let query = sqlx::query!(
            "
            -- booking.bookings.forget_attempt
            UPDATE booking.bookings
            SET write_attempted = false
            WHERE tenant_id = $1
              AND booking_id = $2
              AND write_epoch = $3
            ",
            claimed.tenant.as_str(),
            claimed.booking.id.0,
            claimed.epoch,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// For a while this booker's bookings take the other place at once (D22).
    pub(super) async fn remember_unknown(&self, claimed: &Claimed) -> Result<(), WriteError> {
        let Booker::User { user } = &claimed.booking.details.booker else {
            return Ok(());
        };
        let query = sqlx::query!(
            "
            -- booking.unknown_bookers.remember
            INSERT INTO booking.unknown_bookers (tenant_id, user_id, until)
            SELECT tenant_id, user_id, now() + make_interval(secs => $3)
            FROM booking.users
            WHERE tenant_id = $1
              AND user_id = $2
            ON CONFLICT (tenant_id, user_id) DO UPDATE
            SET until = excluded.until
            ",
            claimed.tenant.as_str(),
            user.as_str(),
            self.config.unknown_for.as_secs_f64(),
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }
}
