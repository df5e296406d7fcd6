use chrono::{DateTime, Utc};
use roomsync_domain::{CalendarId, ChannelId};
use serde::{Deserialize, Serialize};

use crate::{Exchange, Message};

/// Google told us that a resource calendar has changes. It does not say which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarChanged {
    /// Whose calendar, from the channel's signed token.
    pub calendar: CalendarId,
    /// The channel the push came through.
    pub channel: ChannelId,
    /// Google's id of the watched resource (`X-Goog-Resource-ID`).
    pub resource: String,
    /// True for the first push of a channel, which only says that the channel works.
    #[serde(default)]
    pub sync: bool,
    /// When webhook-ingest got the push.
    pub received_at: DateTime<Utc>,
}

impl Message for CalendarChanged {
    const TYPE: &'static str = "calendar.changed";
    const EXCHANGE: Exchange = Exchange::Events;
    const QUEUE: &'static str = "sync-worker.calendar-changed";
}
