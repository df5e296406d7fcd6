use roomsync_domain::{ObjectId, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Exchange, Message};

/// Send this webhook the oldest change of this object that it has not taken, then the next. A hint: what
/// that is stands in notification's log and in the webhook's place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDue {
    /// Whose webhook.
    pub tenant: TenantId,
    /// Which webhook.
    pub webhook: Uuid,
    /// Which object.
    pub object: ObjectId,
}

impl Message for DeliveryDue {
    const TYPE: &'static str = "delivery.due";
    const EXCHANGE: Exchange = Exchange::Commands;
    const QUEUE: &'static str = "notification.delivery-due";
}
