//! Bringing Google to what a booking's row says.
//!
//! A row that has something to say holds it in `google_write`; whoever sets it also calls [`request`] in the
//! same transaction, so that a message brings it up however often a process dies; should that be parked or lost,
//! the row is found by itself (`again.rs`). [`Writer::bring`] claims the row
//! (`claim.rs`), makes the calls (a file for each kind of write), and settles the row in one transaction
//! (`settle.rs`) that also takes the message back. Whoever was overtaken meanwhile writes nothing.
//!
//! To add a kind of write: its word in the domain, a file with `async fn x(&Writer, &Claimed) ->
//! Result<Outcome, WriteError>`, its arm in `bring.rs`, and what its outcome makes of a booking in
//! `outcome.rs`.

mod again;
mod attempt;
mod bring;
mod claim;
mod decline;
mod decline_series;
mod decline_settle;
mod decline_step;
mod insert;
mod outcome;
mod place;
mod request;
mod settle;
mod slot;
#[cfg(test)]
mod tests;
mod undo;
mod withdraw;

use std::time::Duration;

use roomsync_postgres::Database;

pub use self::{
    again::{ask_again, run},
    bring::Brought,
    request::{GRACE, request},
};
pub(crate) use self::{claim::Claimed, outcome::Outcome, slot::blockers};
use crate::{access::Lender, config::BookingsConfig, status::CommandError};

/// Writes to Google. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    /// Where bookings are.
    pub(crate) database: Database,
    /// Access to Google.
    pub(crate) lender: Lender,
    /// Deadlines.
    pub(crate) config: BookingsConfig,
}

/// What people are told when Google has a fault and does not say when to come back. Writes have delays of
/// their own then, which begin sooner and grow.
const UNSAID: Duration = Duration::from_secs(5);

/// Why Google was not brought to what the row says.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Not now: Google is away, its quota is used up, the connection is lost, or another replica is at it.
    #[error("google cannot be told now")]
    Later {
        /// When to come back, if that is known.
        after: Option<Duration>,
    },
    /// Not now: the connection is lost. It may be connected anew.
    #[error("google cannot be told without a connection")]
    NotConnected,
    /// The row asks for something else by now.
    #[error("the write was overtaken")]
    Overtaken,
    /// Our own fault, or the database's.
    #[error(transparent)]
    Command(CommandError),
}

impl WriteError {
    /// At once, with the delays of whoever tries again.
    pub(crate) fn later() -> Self {
        Self::Later { after: None }
    }
}

impl From<CommandError> for WriteError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Exhausted { retry_after, .. } => Self::Later {
                after: Some(retry_after),
            },
            CommandError::Unavailable { retry_after, .. } => Self::Later {
                after: (retry_after > UNSAID).then_some(retry_after),
            },
            CommandError::Precondition { .. } => Self::NotConnected,
            error => Self::Command(error),
        }
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Command(CommandError::Database(error))
    }
}
