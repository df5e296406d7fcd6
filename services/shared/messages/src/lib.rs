//! Every message on the broker, a file each.
//!
//! One name travels everywhere: [`CalendarChanged`] = `calendar_changed.rs` = type
//! `calendar.changed` = queue `sync-worker.calendar-changed` = `consumers/calendar_changed.rs` =
//! span `consume calendar.changed`.
//!
//! The body is the JSON of the message alone; everything else is the envelope's (AMQP properties and
//! headers, see the broker crate). No message carries a person, a mail address or a title: ids only.
//!
//! To add a message: a file here, `impl Message`, a row in [`QUEUES`], a golden file under
//! `tests/contracts/golden/`. To change one: add optional fields only; a new meaning is a new type.

mod calendar_changed;
mod calendar_refresh;
mod connection_changed;
mod delivery_due;
mod google_write_requested;
mod link_due;
mod mail_due;
mod object_changed;

use std::time::Duration;

pub use calendar_changed::CalendarChanged;
pub use calendar_refresh::{CalendarRefresh, RefreshLane, RefreshWhy};
pub use connection_changed::ConnectionChanged;
pub use delivery_due::DeliveryDue;
pub use google_write_requested::GoogleWriteRequested;
pub use link_due::LinkDue;
pub use mail_due::MailDue;
pub use object_changed::{BookingSnapshot, ChangedItem, ObjectChanged};
use serde::{Serialize, de::DeserializeOwned};

/// What travels through the broker.
pub trait Message:
    Serialize + DeserializeOwned + Clone + std::fmt::Debug + Send + Sync + 'static
{
    /// Its type, e.g. `calendar.changed`; also its routing key.
    const TYPE: &'static str;
    /// Where it is published.
    const EXCHANGE: Exchange;
    /// The queue it is consumed from.
    const QUEUE: &'static str;
}

/// The exchanges that messages are published to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// `roomsync.events`: something happened.
    Events,
    /// `roomsync.commands`: somebody should do something.
    Commands,
}

impl Exchange {
    /// Its name on the broker.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "roomsync.events",
            Self::Commands => "roomsync.commands",
        }
    }
}

/// One queue, what feeds it and how long its messages are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSpec {
    /// Name of the queue.
    pub queue: &'static str,
    /// Type of its messages, and their routing key.
    pub message_type: &'static str,
    /// Exchange it is bound to.
    pub exchange: Exchange,
    /// How long a message is tried through the retry ladder before it is parked; `None`: no ladder,
    /// a message that cannot be handled stays at the head until it can (order matters more).
    pub patience: Option<Duration>,
    /// How long a parked message is kept; `None`: until an operator sends it again or drops it.
    pub parked_for: Option<Duration>,
}

const fn queue<M: Message>(patience: Option<Duration>) -> QueueSpec {
    QueueSpec {
        queue: M::QUEUE,
        message_type: M::TYPE,
        exchange: M::EXCHANGE,
        patience,
        parked_for: None,
    }
}

impl QueueSpec {
    const fn parked_for(mut self, parked_for: Duration) -> Self {
        self.parked_for = Some(parked_for);
        self
    }
}

const DAY: Duration = Duration::from_hours(24);

/// Every queue. The broker's topology is made from this table.
pub const QUEUES: &[QueueSpec] = &[
    queue::<CalendarChanged>(Some(DAY)),
    queue::<CalendarRefresh>(Some(DAY)),
    queue::<LinkDue>(Some(DAY)),
    queue::<GoogleWriteRequested>(Some(DAY)),
    // It names users by id, who may have to be forgotten, and is only a copy: notification fetches
    // from booking-command what it misses.
    queue::<ObjectChanged>(None).parked_for(DAY),
    queue::<ConnectionChanged>(None),
    // Three days for a change, counted by the handler, and time for its last try.
    queue::<DeliveryDue>(Some(Duration::from_hours(74))),
    queue::<MailDue>(Some(DAY)),
];
