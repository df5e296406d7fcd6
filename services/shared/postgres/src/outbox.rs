//! Messages that leave with the commit of the transaction that wrote them. The relay publishes them
//! in the order of their position and deletes them on the broker's confirm.

use std::time::Duration;

use roomsync_messages::Message;
use sqlx::{PgConnection, postgres::types::PgInterval};
use uuid::Uuid;

use crate::trace;

/// The channel on which a schema's relay is woken.
pub fn channel(schema: &str) -> String {
    format!("roomsync_outbox_{schema}")
}

/// Publishes the message when the transaction has committed. Returns the message's id.
pub async fn push<M: Message>(tx: &mut PgConnection, message: &M) -> Result<Uuid, sqlx::Error> {
    push_after(tx, message, Duration::ZERO).await
}

/// The same, but not before `delay` has passed.
pub async fn push_after<M: Message>(
    tx: &mut PgConnection,
    message: &M,
    delay: Duration,
) -> Result<Uuid, sqlx::Error> {
    let body = serde_json::to_value(message).map_err(|error| sqlx::Error::Encode(error.into()))?;
    // An interval of PostgreSQL has whole microseconds.
    let microseconds = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
    let message_id = new_message_id();
    sqlx::query(
        "-- outbox.push
        INSERT INTO outbox (message_id, message_type, exchange, body, traceparent, publish_after)
        VALUES ($1, $2, $3, $4, $5, now() + $6)",
    )
    .bind(message_id)
    .bind(M::TYPE)
    .bind(M::EXCHANGE.name())
    .bind(body)
    .bind(trace::current_traceparent())
    .bind(PgInterval {
        months: 0,
        days: 0,
        microseconds,
    })
    .execute(&mut *tx)
    .await?;
    if delay.is_zero() {
        notify(tx).await?;
    }
    Ok(message_id)
}

/// Publishes the messages when the transaction has committed, in their order, with one statement however
/// many they are. Returns their ids, one for each.
pub async fn push_all<M: Message>(
    tx: &mut PgConnection,
    messages: &[M],
) -> Result<Vec<Uuid>, sqlx::Error> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let bodies: Vec<_> = messages
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    let ids: Vec<_> = messages.iter().map(|_| new_message_id()).collect();
    sqlx::query(
        "-- outbox.push_all
        INSERT INTO outbox (message_id, message_type, exchange, body, traceparent)
        SELECT message_id, $3, $4, body, $5
        FROM unnest($1::uuid[], $2::jsonb[]) WITH ORDINALITY AS m (message_id, body, place)
        ORDER BY place",
    )
    .bind(&ids)
    .bind(bodies)
    .bind(M::TYPE)
    .bind(M::EXCHANGE.name())
    .bind(trace::current_traceparent())
    .execute(&mut *tx)
    .await?;
    notify(tx).await?;
    Ok(ids)
}

/// Takes back a message that has not left yet; `false` when it has, or never was.
pub async fn take_back(tx: &mut PgConnection, message_id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- outbox.take_back
        DELETE FROM outbox
        WHERE message_id = $1",
    )
    .bind(message_id)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// PostgreSQL delivers this at the commit, once however often it is called in a transaction.
async fn notify(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- outbox.notify
        SELECT pg_notify('roomsync_outbox_' || current_schema(), '')",
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes ids of messages in the outbox"
)]
fn new_message_id() -> Uuid {
    Uuid::now_v7()
}
