//! The calendar of our own in `booking.connections`, and the claim of whoever makes it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_postgres::Database;

use super::connections::Connection;
use crate::status::CommandError;

/// The right to make it until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim(DateTime<Utc>);

/// Claims the making, unless there is one, or somebody else makes it.
pub(super) async fn claim(
    database: &Database,
    connection: &Connection,
    lasts: Duration,
) -> Result<Option<Claim>, CommandError> {
    let query = sqlx::query_scalar!(
        r#"
        -- booking.connections.claim_shared_calendar
        UPDATE booking.connections
        SET calendar_until = clock_timestamp() + make_interval(secs => $3)
        WHERE tenant_id = $1
          AND connected_at = $2
          AND shared_calendar IS NULL
          AND (calendar_until IS NULL OR calendar_until <= clock_timestamp())
        RETURNING calendar_until AS "until!"
        "#,
        connection.tenant.as_str(),
        connection.connected_at,
        lasts.as_secs_f64(),
    )
    .fetch_optional(database.pool());
    Ok(database.answer(query).await?.map(Claim))
}

/// Gives a claim back: nothing was made.
pub(super) async fn give_back(
    database: &Database,
    connection: &Connection,
    claim: Claim,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.connections.give_back_shared_calendar
        UPDATE booking.connections
        SET calendar_until = NULL
        WHERE tenant_id = $1
          AND connected_at = $2
          AND calendar_until = $3
        ",
        connection.tenant.as_str(),
        connection.connected_at,
        claim.0,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}

/// Stores it, unless there is one already; answers the one that is stored, `None` when the tenant connected anew.
pub(super) async fn store(
    database: &Database,
    connection: &Connection,
    calendar: &str,
) -> Result<Option<String>, CommandError> {
    let query = sqlx::query_scalar!(
        "
        -- booking.connections.store_shared_calendar
        UPDATE booking.connections
        SET shared_calendar = coalesce(shared_calendar, $3),
            calendar_until = NULL
        WHERE tenant_id = $1
          AND connected_at = $2
        RETURNING shared_calendar
        ",
        connection.tenant.as_str(),
        connection.connected_at,
        calendar,
    )
    .fetch_optional(database.pool());
    Ok(database.answer(query).await?.flatten())
}

/// It is gone at Google: another one will be made when it is needed.
pub(super) async fn forget(
    database: &Database,
    connection: &Connection,
    calendar: &str,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.connections.forget_shared_calendar
        UPDATE booking.connections
        SET shared_calendar = NULL
        WHERE tenant_id = $1
          AND connected_at = $2
          AND shared_calendar = $3
        ",
        connection.tenant.as_str(),
        connection.connected_at,
        calendar,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}
