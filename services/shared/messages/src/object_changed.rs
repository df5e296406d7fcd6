use chrono::{DateTime, Utc};
use roomsync_domain::{Booker, BookingId, BookingState, LinkId, LinkState, ObjectId, TenantId};
use serde::{Deserialize, Serialize};

use crate::{Exchange, Message};

/// Something about an object changed: its bookings, its link. One version of the object, gapless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectChanged {
    /// Whose object.
    pub tenant: TenantId,
    /// Which object.
    pub object: ObjectId,
    /// The object's version after this change; the change before had one less.
    pub version: i64,
    /// When it was committed (booking-command's database clock).
    pub changed_at: DateTime<Utc>,
    /// When the push that caused it reached us; absent for polls and changes of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<DateTime<Utc>>,
    /// What changed, at most 100 items.
    pub items: Vec<ChangedItem>,
    /// Bookings whose persons have left: whoever keeps earlier changes of the object forgets there, too, whose
    /// they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forgotten: Vec<BookingId>,
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChangedItem {
    /// A booking as it is now.
    Booking {
        /// As it is now.
        booking: BookingSnapshot,
    },
    /// Bookings that start after `from` are Google's from now on: the import follows.
    Reset {
        /// From when.
        from: DateTime<Utc>,
        /// The link to acknowledge it for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<LinkId>,
    },
    /// The object's link changed.
    Link {
        /// Which link.
        link: LinkId,
        /// Its state now.
        state: LinkState,
        /// Why, for failed and pending ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// A booking without anything personal: ids only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct BookingSnapshot {
    /// Which booking.
    pub id: BookingId,
    /// Its state now.
    pub state: BookingState,
    /// Start.
    pub starts_at: DateTime<Utc>,
    /// End, exclusive.
    pub ends_at: DateTime<Utc>,
    /// Made as an all-day event.
    #[serde(default)]
    pub all_day: bool,
    /// Whose it is.
    pub booker: Booker,
    /// Who and what are for the owner and administrators only.
    #[serde(default)]
    pub private: bool,
    /// `conflict`, `object_blocked`, `awaiting_approval`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The series it belongs to, as Google calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// Made in Flexopus.
    #[serde(default, skip_serializing_if = "is_false")]
    pub from_flexopus: bool,
    /// A request that Google never had, or does not have yet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub not_at_google: bool,
    /// It ended here, and its event stays in Google.
    #[serde(default, skip_serializing_if = "is_false")]
    pub event_kept: bool,
    /// When it was first recorded.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(it: &bool) -> bool {
    !it
}

impl Message for ObjectChanged {
    const TYPE: &'static str = "object.changed";
    const EXCHANGE: Exchange = Exchange::Events;
    const QUEUE: &'static str = "notification.object-changed";
}
