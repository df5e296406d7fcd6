use roomsync_domain::CalendarId;
use serde::{Deserialize, Serialize};

use crate::{Exchange, Message};

/// Why a calendar should be looked at without a push. sync-worker sends `Import` and `Sweep` to itself
/// and understands all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshWhy {
    /// First fill of a new link.
    Import,
    /// The regular look, in case a push was lost.
    Poll,
    /// A comparison without cursor.
    Reconcile,
    /// The sweep found it dirty and free.
    Sweep,
    /// A booking made in Flexopus waits for its room's answer.
    Booking,
    /// An administrator asked; or for a reason that only a later version knows: the most is done for both.
    #[serde(other)]
    ByHand,
}

/// Whose budget lane the work runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshLane {
    /// A change made at Google, or a booking that waits for its room.
    Live,
    /// Everything else.
    #[default]
    #[serde(other)]
    Background,
}

/// Look at a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarRefresh {
    /// Which calendar.
    pub calendar: CalendarId,
    /// Why.
    pub why: RefreshWhy,
    /// In which lane.
    #[serde(default)]
    pub lane: RefreshLane,
}

impl Message for CalendarRefresh {
    const TYPE: &'static str = "calendar.refresh";
    const EXCHANGE: Exchange = Exchange::Commands;
    const QUEUE: &'static str = "sync-worker.calendar-refresh";
}
