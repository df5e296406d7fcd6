//! Reading several tables as of one moment.

use roomsync_postgres::Database;
use sqlx::{Postgres, Transaction};

/// A read-only transaction whose statements all see the same moment, so that an object's version and
/// its bookings belong together. What is read in it is waited for as a whole, with
/// [`Database::answer`], by the rpc.
pub(crate) async fn begin(
    database: &Database,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    database
        .pool()
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await
}
