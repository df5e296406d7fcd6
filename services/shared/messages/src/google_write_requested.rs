use roomsync_domain::{BookingId, TenantId};
use serde::{Deserialize, Serialize};

use crate::{Exchange, Message};

/// Bring Google to what the booking's row says now. A hint: a row that asks for nothing any more is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoogleWriteRequested {
    /// Whose booking.
    pub tenant: TenantId,
    /// Which booking.
    pub booking: BookingId,
}

impl Message for GoogleWriteRequested {
    const TYPE: &'static str = "google-write.requested";
    const EXCHANGE: Exchange = Exchange::Commands;
    const QUEUE: &'static str = "booking-command.google-write-requested";
}
