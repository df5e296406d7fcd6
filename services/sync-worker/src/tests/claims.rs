//! Claims for tests of what follows from them.

use roomsync_domain::CalendarId;

use crate::store::rows::{Calendar, Claim};

/// A claim with what tells claims apart.
pub(crate) fn claim(cursor: Option<&str>, full: Option<i64>, role: Option<&str>) -> Claim {
    Claim {
        calendar: Calendar {
            id: CalendarId::new(),
            tenant: "t".parse().unwrap(),
            resource: "room@resource.calendar.google.com".parse().unwrap(),
            horizon_days: 400,
        },
        epoch: 1,
        generation: 7,
        cursor: cursor.map(ToOwned::to_owned),
        full,
        full_wanted: 1,
        reconcile: false,
        reconcile_failures: 0,
        reconcile_wanted: 0,
        mirrored_until: None,
        cursor_age: None,
        failures: 0,
        access_role: role.map(ToOwned::to_owned),
        pushed_at: None,
        claimed_at: chrono::DateTime::UNIX_EPOCH,
    }
}
