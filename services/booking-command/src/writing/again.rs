//! Asking again for writes that nobody works on any more.
//!
//! The message of a write is tried for a day and then parked; a broker that loses its data loses the message. The
//! row still says what Google has to be told, so it is the row that counts: one that nobody has claimed for longer
//! than any message waits between two tries, or not since the tenant connected anew, is asked for once more.
//! While the connection is lost nothing is: it would only be parked again. A request that has not reached Google
//! needs no connection to be given up.
//!
//! Every replica looks: rows that another one is at are skipped.

use std::time::Duration;

use roomsync_domain::{BookingId, TenantId};
use roomsync_postgres::Database;
use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::request;
use crate::{config::BookingsConfig, status::CommandError};

/// How many writes are asked for in one transaction.
const BATCH: i64 = 100;
/// A request that was to be given up, and that nobody tried since then, is asked for after so long.
const OVERDUE: Duration = Duration::from_mins(1);

/// Looks at intervals until the soft shutdown.
pub async fn run(database: Database, config: BookingsConfig, soft: CancellationToken) {
    let mut ticks = interval(config.ask_again_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while soft.run_until_cancelled(ticks.tick()).await.is_some() {
        let asked = soft.run_until_cancelled(ask_again(&database, config.ask_again_after));
        if let Some(Err(error)) = asked.await {
            tracing::warn!(%error, "writes to google were not asked for again; next time");
        }
    }
}

/// Asks for every write that has rested for so long.
pub async fn ask_again(database: &Database, after: Duration) -> Result<(), CommandError> {
    loop {
        let asked = database
            .tx("ask_again", |tx| Box::pin(some(tx, after)))
            .await?;
        if asked > 0 {
            tracing::info!(asked, "writes to google are asked for again");
        }
        if i64::try_from(asked).unwrap_or(i64::MAX) < BATCH {
            return Ok(());
        }
    }
}

async fn some(tx: &mut PgConnection, after: Duration) -> Result<usize, CommandError> {
    // The time up to which it was claimed stays when a claim is given back: it tells when it was tried last.
    let rows = sqlx::query!(
        "
        -- booking.bookings.rested_writes
        SELECT b.booking_id, b.tenant_id
        FROM booking.bookings AS b
        JOIN booking.tenants AS tenant USING (tenant_id)
        JOIN booking.connections AS connection USING (tenant_id)
        WHERE b.google_write IS NOT NULL
          AND (
              (
                  connection.state = 'active'
                  AND tenant.module_enabled
                  AND coalesce(b.write_until, b.updated_at)
                      < greatest(now() - make_interval(secs => $1), connection.connected_at)
              )
              OR (
                  b.google_write = 'insert'
                  AND greatest(b.give_up_at, b.write_until) < now() - make_interval(secs => $3)
              )
          )
          AND (b.write_until IS NULL OR b.write_until <= now())
          AND NOT EXISTS (
              SELECT
              FROM booking.outbox AS waiting
              WHERE waiting.message_id = b.write_message
          )
        ORDER BY b.booking_id
        LIMIT $2
        FOR NO KEY UPDATE OF b SKIP LOCKED
        ",
        after.as_secs_f64(),
        BATCH,
        OVERDUE.as_secs_f64(),
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        let tenant: TenantId = row.tenant_id.parse().map_err(anyhow::Error::from)?;
        let booking = BookingId(row.booking_id);
        request(&mut *tx, &tenant, booking, Duration::ZERO).await?;
        rests_anew(&mut *tx, &tenant, booking).await?;
    }
    Ok(rows.len())
}

/// Whoever is asked gets the same time again.
async fn rests_anew(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: BookingId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        -- booking.bookings.rests_anew
        UPDATE booking.bookings
        SET write_until = clock_timestamp()
        WHERE tenant_id = $1
          AND booking_id = $2
        ",
        tenant.as_str(),
        booking.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}
