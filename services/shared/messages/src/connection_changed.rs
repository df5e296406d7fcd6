use chrono::{DateTime, Utc};
use roomsync_domain::TenantId;
use serde::{Deserialize, Serialize};

use crate::{Exchange, Message};

/// The state of a tenant's connection changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionChanged {
    /// Whose connection.
    pub tenant: TenantId,
    /// `active`, `lost`, `disconnecting` or `disconnected`.
    pub state: String,
    /// Why it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When (booking-command's database clock).
    pub changed_at: DateTime<Utc>,
}

impl Message for ConnectionChanged {
    const TYPE: &'static str = "connection.changed";
    const EXCHANGE: Exchange = Exchange::Events;
    const QUEUE: &'static str = "notification.connection-changed";
}
