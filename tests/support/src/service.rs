//! The four services, by name.

use std::fmt;

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// The API, the bookings.
    BookingCommand,
    /// Changes to subscribers.
    Notification,
    /// Hears Google's pushes.
    WebhookIngest,
    /// Keeps the mirror.
    SyncWorker,
}

impl Service {
    /// Every service, in the order in which they are started: each finds those it calls.
    pub const ALL: [Self; 4] = [
        Self::BookingCommand,
        Self::Notification,
        Self::WebhookIngest,
        Self::SyncWorker,
    ];

    /// The name of its crate, its binary and its queues.
    pub fn name(self) -> &'static str {
        match self {
            Self::BookingCommand => "booking-command",
            Self::Notification => "notification",
            Self::WebhookIngest => "webhook-ingest",
            Self::SyncWorker => "sync-worker",
        }
    }

    /// The ports it announces, each with the section of its configuration that says `listen`.
    pub(crate) fn ports(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::BookingCommand => &[
                ("admin", "admin"),
                ("public", "public"),
                ("internal", "internal"),
            ],
            Self::Notification => &[("admin", "admin"), ("public", "public")],
            Self::WebhookIngest => &[("admin", "admin"), ("public", "http")],
            Self::SyncWorker => &[("admin", "admin")],
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
