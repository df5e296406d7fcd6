//! What this service hears from the broker: a file for each message.

mod google_write_requested;
mod shares;

pub(crate) use shares::Shares;

use crate::writing::Writer;

/// Handles messages.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Writes to Google.
    pub(crate) writer: Writer,
    /// Whose turn it is.
    pub(crate) shares: Shares,
}
