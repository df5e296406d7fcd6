//! Bookings made in Flexopus that Google took so shortly before a listing began that the room's own copy of
//! the event may come after it: inviting makes a copy for each guest's calendar (documented), and nothing says
//! that it is there when the insert is answered (guessed: it mostly is, and always within seconds).
//!
//! That everything was listed without them says nothing, so it ends none of them. Should the event really be
//! gone, no later delta need say so: a listing of everything that comes after them finds out.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use roomsync_domain::{
    BookingId, LinkId,
    decide::{Change, Listing},
};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use super::{request::Apply, store::Reach};
use crate::bookings::Booking;

/// How long the room's copy of an event may take (guessed, well above what is usual).
const COPY_TAKES: Duration = Duration::from_secs(10);

/// The bookings whose room's copy may come after a listing.
#[derive(Debug, Default)]
pub(super) struct JustWritten(HashSet<BookingId>);

/// Reads those that wait for their room. Only of windows: a delta that names an event has seen it.
pub(super) async fn load(
    tx: &mut PgConnection,
    apply: &Apply,
    reach: &Reach,
) -> Result<JustWritten, sqlx::Error> {
    if reach.from().is_none() {
        return Ok(JustWritten::default());
    }
    let ids = sqlx::query_scalar!(
        "
        -- booking.bookings.just_written
        SELECT booking_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND link_id = $2
          AND placement IS NOT NULL
          AND state IN ('pending', 'undecided')
          AND written_at > $3::timestamptz - make_interval(secs => $4)
        ",
        apply.tenant.as_str(),
        apply.link.0,
        apply.listed_since,
        COPY_TAKES.as_secs_f64(),
    )
    .fetch_all(tx)
    .await?;
    Ok(JustWritten(ids.into_iter().map(BookingId).collect()))
}

/// Has everything listed once more, when the copies are there.
pub(super) async fn look_again(tx: &mut PgConnection, link: LinkId) -> Result<(), sqlx::Error> {
    let refresh = CalendarRefresh {
        calendar: link.into(),
        why: RefreshWhy::Reconcile,
        lane: RefreshLane::Background,
    };
    outbox::push_after(tx, &refresh, COPY_TAKES).await?;
    Ok(())
}

impl JustWritten {
    /// Which ones.
    pub(super) fn ids(&self) -> &HashSet<BookingId> {
        &self.0
    }

    /// Whether one of them is neither shown nor changed.
    pub(super) fn is_missed(
        &self,
        known: &[Booking],
        listings: &[Listing],
        decided: &[Change],
    ) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let seen = listings.iter().flat_map(|listing| &listing.seen);
        let shown: BTreeSet<&str> = seen.map(|seen| seen.event_id.as_str()).collect();
        let changes = |booking: &Booking| {
            decided.iter().any(|change| match change {
                Change::Update { id, .. } | Change::End { id, .. } => *id == booking.id,
                Change::Create { .. } => false,
            })
        };
        known.iter().any(|booking| {
            self.0.contains(&booking.id)
                && !shown.contains(booking.details.event_id.as_str())
                && !changes(booking)
        })
    }
}
