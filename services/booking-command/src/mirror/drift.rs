//! How many bookings had drifted from Google: what a reconcile has to change although the pull before
//! it saw everything that Google told us (B4). Pure.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use roomsync_domain::{
    BookingId,
    decide::{Change, Details},
};

use crate::bookings::Booking;

/// Counts what drifted among the changes that a reconcile decided.
///
/// A new booking that starts at or after `mirrored_until` was not there to be seen before: that is the
/// horizon rolling. When nobody knows how far the window reached before, no new one counts. Nor does an
/// update that concerns only whose booking it is or its title: both depend on the tenant's users and
/// settings, not on Google alone.
pub(super) fn drift(
    known: &[Booking],
    changes: &[Change],
    mirrored_until: Option<DateTime<Utc>>,
) -> i32 {
    let before: HashMap<BookingId, &Booking> =
        known.iter().map(|booking| (booking.id, booking)).collect();
    let drifted = changes.iter().filter(|change| match change {
        Change::Create { details, .. } => {
            mirrored_until.is_some_and(|until| details.window.starts_at() < until)
        }
        Change::Update {
            id,
            key,
            state,
            details,
        } => before.get(id).is_none_or(|before| {
            before.key != *key || before.state != *state || differs(&before.details, details)
        }),
        Change::End { .. } => true,
    });
    i32::try_from(drifted.count()).unwrap_or(i32::MAX)
}

fn differs(before: &Details, now: &Details) -> bool {
    let times = |details: &Details| (details.window, details.all_day, details.private);
    times(before) != times(now)
        || before.event_id != now.event_id
        || before.organizer_mail != now.organizer_mail
}
