//! Bringing Google to what a booking's row says.

use roomsync_postgres::Database;

use crate::access::Lender;

/// Writes to Google. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    /// Where bookings are.
    pub(crate) database: Database,
    /// Access to Google.
    pub(crate) lender: Lender,
}
