//! What the tables hold, in our words.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{CalendarId, ResourceEmail, TenantId};

use super::undecodable;

/// A calendar as a link wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// Equal to the link's id.
    pub(crate) id: CalendarId,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// The resource calendar at Google.
    pub(crate) resource: ResourceEmail,
    /// How far ahead bookings are mirrored.
    pub(crate) horizon_days: i32,
}

/// The right to list one calendar and apply what was listed, once.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// What was claimed.
    pub(crate) calendar: Calendar,
    /// Ours; a greater one in the row means that the claim is lost.
    pub(crate) epoch: i64,
    /// `generation_wanted` as it was before the first request.
    pub(crate) generation: i64,
    /// Google's sync token, if there is one.
    pub(crate) cursor: Option<String>,
    /// `full_wanted` when a full sync is asked for.
    pub(crate) full: Option<i64>,
    /// `full_wanted` as it was before the first request.
    pub(crate) full_wanted: i64,
    /// A reconcile is asked for, and not put off.
    pub(crate) reconcile: bool,
    /// `reconcile_wanted` as it was before the first request.
    pub(crate) reconcile_wanted: i64,
    /// Reconciles that failed in a row before this claim.
    pub(crate) reconcile_failures: i32,
    /// Up to where the window applied last reached.
    pub(crate) mirrored_until: Option<DateTime<Utc>>,
    /// How long ago the full sync was that the cursor comes from.
    pub(crate) cursor_age: Option<Duration>,
    /// Failures in a row before this claim.
    pub(crate) failures: i32,
    /// Google's role on the calendar as last reported; `None` when the link is reported failed.
    pub(crate) access_role: Option<String>,
    /// When the oldest push that this claim answers was received.
    pub(crate) pushed_at: Option<DateTime<Utc>>,
    /// When it was claimed (PostgreSQL's clock).
    pub(crate) claimed_at: DateTime<Utc>,
}

/// What a finished listing writes.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// The new cursor; `None`: it stays.
    pub(crate) cursor: Option<String>,
    /// Clean up to this generation; `None` after a full sync, which a pull has to follow: then the
    /// calendar is dirty, whatever it was claimed for.
    pub(crate) done: Option<i64>,
    /// The full sync that is done.
    pub(crate) full_done: Option<i64>,
    /// The reconcile that is done.
    pub(crate) reconcile_done: Option<i64>,
    /// The full sync was made because the cursor before is dead: counts as a failure until a pull
    /// from the new one succeeds.
    pub(crate) cursor_died: bool,
    /// The end of the window, if one was applied.
    pub(crate) mirrored_until: Option<DateTime<Utc>>,
    /// How long the calendar rests now.
    pub(crate) pause: Duration,
    /// The interval of the next reconcile, before jitter.
    pub(crate) reconcile_every: Duration,
    /// The interval of the next poll, before jitter.
    pub(crate) poll: Duration,
    /// Google's role on the calendar, where the page said it.
    pub(crate) access_role: Option<String>,
}

/// What a listing that did not succeed writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PutOff {
    /// Until the next attempt, before jitter.
    pub(crate) delay: Duration,
    /// It counts against the calendar.
    pub(crate) failed: bool,
    /// It counts against the link.
    pub(crate) not_found: bool,
    /// Google does not take the cursor any more.
    pub(crate) cursor_dead: bool,
}

/// How a calendar stands after an end.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// More was wanted meanwhile.
    pub(crate) more: bool,
    /// Its coverage was not reported for a while.
    pub(crate) coverage_due: bool,
}

/// What coverage is made of.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// `open`, `opening`, `silent`, `refused` or `none`.
    pub(crate) channel_state: String,
    /// When the open channel expires.
    pub(crate) channel_expires_at: Option<DateTime<Utc>>,
    /// When Google was last listed and the result applied.
    pub(crate) last_check_at: Option<DateTime<Utc>>,
    /// When the last full sync was applied.
    pub(crate) last_full_sync_at: Option<DateTime<Utc>>,
    /// Since when the chain of cursors is unbroken.
    pub(crate) cursor_since: Option<DateTime<Utc>>,
}

/// A dirty, free and due calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Which.
    pub(crate) calendar: CalendarId,
    /// A push waits to be applied, or somebody waits for what a look will show.
    pub(crate) live: bool,
}

/// A row as the comparison of links reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// The calendar as it is.
    pub(crate) calendar: Calendar,
    /// Neither closing nor closed.
    pub(crate) open: bool,
    /// Closed for good.
    pub(crate) closed: bool,
    /// Its link was reported verified and not failed since.
    pub(crate) verified: bool,
}

/// How many calendars there are, and how late they are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Counts {
    /// Open ones.
    pub(crate) open: i64,
    /// Open ones with something to do.
    pub(crate) dirty: i64,
    /// Open ones whose last look or last reconcile failed.
    pub(crate) failing: i64,
    /// How long the oldest push, or somebody who waits, has waited for what it shows; in seconds, 0 when
    /// nothing waits.
    pub(crate) oldest_live: f64,
    /// The same of every other look that is wanted.
    pub(crate) oldest_background: f64,
}

/// A calendar from its columns.
pub(super) fn decode(
    id: CalendarId,
    tenant: String,
    resource: String,
    horizon_days: i32,
) -> sqlx::Result<Calendar> {
    Ok(Calendar {
        id,
        tenant: tenant.try_into().map_err(undecodable)?,
        resource: resource.try_into().map_err(undecodable)?,
        horizon_days,
    })
}
