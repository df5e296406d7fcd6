//! The end of a write, in one transaction: the object's lock, the row if nobody claimed it since, what
//! the outcome makes of it, and the message that is no longer needed.

use roomsync_domain::{Actor, Booker, BookingState, GoogleWrite};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};
use roomsync_postgres::outbox;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Claimed, Outcome, WriteError, Writer,
    outcome::{self, FIRST_LOOK},
};
use crate::{
    anonymise,
    bookings::{Booking, record::Row, write},
    changes::{self, LockedObject},
    mirror,
    status::CommandError,
};

impl Writer {
    /// Writes what came of it. [`WriteError::Overtaken`] when somebody else claimed the row since.
    pub(super) async fn settle(
        &self,
        claimed: &Claimed,
        outcome: &Outcome,
    ) -> Result<(), WriteError> {
        let undecided_after = self.config.undecided_after.as_secs_f64();
        let settled = self
            .database
            .tx("settle_write", |tx| {
                Box::pin(settle(tx, claimed, outcome, undecided_after))
            })
            .await
            .map_err(WriteError::Command)?;
        if settled {
            Ok(())
        } else {
            Err(WriteError::Overtaken)
        }
    }
}

async fn settle(
    tx: &mut PgConnection,
    claimed: &Claimed,
    outcome: &Outcome,
    undecided_after: f64,
) -> Result<bool, CommandError> {
    let object = changes::lock(tx, &claimed.tenant, &claimed.booking.object).await?;
    let Some((before, message)) = locked(tx, claimed).await? else {
        return Ok(false);
    };
    let object = object.by(actor(&before, outcome));
    let after = outcome::after(
        &before,
        outcome,
        claimed.attempted,
        claimed.answers_by_itself,
    );
    note(tx, claimed, &object, &after, outcome, undecided_after).await?;
    if after.google_write.is_none()
        && let Some(message) = message
    {
        outbox::take_back(&mut *tx, message).await?;
    }
    // What was live was mirrored all the while.
    let was_left_out = *outcome == Outcome::Kept && !after.state.blocks();
    publish(tx, object, before, after).await?;
    if was_left_out {
        look_anew(tx, claimed).await?;
    }
    anonymise::after_write(tx, &claimed.tenant, claimed.booking.id).await?;
    Ok(true)
}

/// The mirror left the event out while it was to be taken back. It stays: if its room took it meanwhile, it
/// is a booking after all.
async fn look_anew(tx: &mut PgConnection, claimed: &Claimed) -> Result<(), sqlx::Error> {
    let refresh = CalendarRefresh {
        calendar: claimed.link.into(),
        why: RefreshWhy::Reconcile,
        lane: RefreshLane::Background,
    };
    outbox::push(tx, &refresh).await?;
    Ok(())
}

/// Who made the change, for the history.
fn actor(before: &Booking, outcome: &Outcome) -> Actor {
    let by_google = matches!(
        outcome,
        Outcome::Made {
            confirmed: true,
            ..
        }
    );
    match &before.details.booker {
        _ if by_google => Actor::Google,
        Booker::User { user } if before.state == BookingState::Requested && made(outcome) => {
            Actor::User(user.clone())
        }
        _ => Actor::System,
    }
}

fn made(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Made { .. })
}

async fn publish(
    tx: &mut PgConnection,
    object: LockedObject,
    before: Booking,
    mut after: Booking,
) -> Result<(), CommandError> {
    let told = Booking {
        google_write: before.google_write,
        ..after.clone()
    };
    if told == before {
        return Ok(());
    }
    let mut items = Vec::new();
    after.stage(&object, &mut items);
    let (freed, window) = (!after.state.blocks(), after.details.window);
    write::update(&mut *tx, object.tenant(), &[after]).await?;
    if freed && before.state.blocks() {
        let mut neighbours = mirror::flagged_anew(tx, &object, window).await?;
        for neighbour in &mut neighbours {
            neighbour.stage(&object, &mut items);
        }
        write::update(&mut *tx, object.tenant(), &neighbours).await?;
    }
    object.publish(tx, items, None).await?;
    Ok(())
}

/// The row, unless somebody claimed it since, and the message that waits for it.
async fn locked(
    tx: &mut PgConnection,
    claimed: &Claimed,
) -> Result<Option<(Booking, Option<Uuid>)>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.written
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause,
            placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
          AND write_epoch = $3
        FOR NO KEY UPDATE
        ",
        claimed.tenant.as_str(),
        claimed.booking.id.0,
        claimed.epoch,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let message = sqlx::query_scalar!(
        "
        -- booking.bookings.message_of_write
        SELECT write_message
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
        ",
        claimed.tenant.as_str(),
        claimed.booking.id.0,
    )
    .fetch_one(tx)
    .await?;
    Ok(Some((row.try_into()?, message)))
}

/// What only writes know of a row: a listing that began before now is too old for it, and while the room has
/// not answered its calendar is looked at.
async fn note(
    tx: &mut PgConnection,
    claimed: &Claimed,
    object: &LockedObject,
    after: &Booking,
    outcome: &Outcome,
    undecided_after: f64,
) -> Result<(), sqlx::Error> {
    let etag = match outcome {
        Outcome::Made { etag, .. } => etag.as_deref(),
        _ => None,
    };
    let waits = after.state == BookingState::Pending && made(outcome);
    // Somebody who has to approve it has time until it starts (D10).
    let has_deadline = waits && !after.flags.awaiting_approval;
    sqlx::query!(
        "
        -- booking.bookings.note_written
        UPDATE booking.bookings
        SET google_write = $4,
            write_until = NULL,
            write_message = CASE WHEN $4::text IS NOT NULL THEN write_message END,
            written_at = $5::timestamptz,
            event_etag = coalesce($6, event_etag),
            look_at = CASE
                WHEN $7 THEN coalesce(look_at, $5::timestamptz + make_interval(secs => $9))
                ELSE look_at
            END,
            answer_due_at = CASE
                WHEN $8 THEN coalesce(answer_due_at, $5::timestamptz + make_interval(secs => $10))
                ELSE answer_due_at
            END
        WHERE tenant_id = $1
          AND booking_id = $2
          AND write_epoch = $3
        ",
        claimed.tenant.as_str(),
        claimed.booking.id.0,
        claimed.epoch,
        after.google_write.map(GoogleWrite::as_str),
        object.now(),
        etag,
        waits,
        has_deadline,
        FIRST_LOOK.as_secs_f64(),
        undecided_after,
    )
    .execute(tx)
    .await?;
    Ok(())
}
