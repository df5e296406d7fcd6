use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Exchange, Message};

/// A mail waits to be sent. A hint: one that is done is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailDue {
    /// Which one, as notification's table knows it.
    pub id: Uuid,
}

impl Message for MailDue {
    const TYPE: &'static str = "mail.due";
    const EXCHANGE: Exchange = Exchange::Commands;
    const QUEUE: &'static str = "notification.mail-due";
}
