//! The schema `sync`: what this service remembers. Every statement that ends or renews work carries
//! `epoch = mine`, so whoever lost its lease changes nothing any more. All times are PostgreSQL's.
//! Every statement is waited for with `Database::answer`: a server that vanished hangs nobody.
//!
//! To add a statement: a method beside its table's others, its SQL opening with `-- sync.<table>.<method>`.

pub(crate) mod calendars;
pub(crate) mod channel_work;
pub(crate) mod channels;
pub(crate) mod jobs;
mod raise;
pub(crate) mod rows;
mod sweep;
#[cfg(test)]
mod tests;
mod upkeep;

use std::time::Duration;

/// Seconds as `make_interval(secs => …)` takes them.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// A stored text that does not parse: somebody else wrote into our table.
fn undecodable<E>(error: E) -> sqlx::Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    sqlx::Error::Decode(Box::new(error))
}
