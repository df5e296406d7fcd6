use roomsync_domain::LinkId;
use serde::{Deserialize, Serialize};

use crate::{Exchange, Message};

/// Make this link what booking-command says it is. A hint: what it should be is asked, not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkDue {
    /// Which link.
    pub link: LinkId,
}

impl Message for LinkDue {
    const TYPE: &'static str = "link.due";
    const EXCHANGE: Exchange = Exchange::Commands;
    const QUEUE: &'static str = "sync-worker.link-due";
}
