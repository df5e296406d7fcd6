//! The mails that wait, and what became of them.

use std::time::Duration;

use roomsync_messages::MailDue;
use roomsync_postgres::outbox;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::notices::Notice;
use crate::log::append::interval;

/// A mail that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub tenant_id: String,
    /// What it is about, by name.
    pub kind: String,
    /// The booking it is about.
    pub booking_id: Option<Uuid>,
    /// Why that ended, by name.
    pub cause: Option<String>,
    /// About several dates of one series.
    pub several: bool,
    /// It has been tried for as long as patience lasts.
    pub is_late: bool,
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A mail server took it.
    Sent,
    /// There is nobody to send it to.
    Nobody,
    /// A mail server refused it for good.
    Refused,
    /// No mail server took it for as long as patience lasts.
    GivenUp,
    /// What it would say is not so any more.
    Outdated,
    /// No mails are sent by this installation.
    Off,
}

impl Outcome {
    /// Its name in SQL, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Nobody => "nobody",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
            Self::Outdated => "outdated",
            Self::Off => "off",
        }
    }
}

/// Adds the mails that are called for, and their messages with the same commit. One that is known already
/// stays as it is.
pub async fn add(
    tx: &mut PgConnection,
    tenant: &str,
    notices: &[Notice],
) -> Result<(), sqlx::Error> {
    for notice in notices {
        let added = sqlx::query_scalar!(
            "-- notification.mails.add
            INSERT INTO notification.mails (tenant_id, kind, booking_id, cause, several, dedup)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (tenant_id, dedup) DO NOTHING
            RETURNING mail_id",
            tenant,
            notice.kind.as_str(),
            notice.booking.map(|booking| booking.0),
            notice.cause.map(roomsync_domain::Cause::as_str),
            notice.several,
            notice.dedup,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(id) = added {
            outbox::push(tx, &MailDue { id }).await?;
        }
    }
    Ok(())
}

/// The mail, if it still waits. Patience is counted by the database's clock alone.
pub async fn waiting(
    executor: impl PgExecutor<'_>,
    id: Uuid,
    patience: Duration,
) -> Result<Option<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"-- notification.mails.waiting
        SELECT tenant_id, kind, booking_id, cause, several,
            created_at + $2 < now() AS "is_late!"
        FROM notification.mails
        WHERE mail_id = $1 AND done_at IS NULL"#,
        id,
        interval(patience),
    )
    .fetch_optional(executor)
    .await
}

/// Notes what became of a mail.
pub async fn done(
    executor: impl PgExecutor<'_>,
    id: Uuid,
    outcome: Outcome,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.mails.done
        UPDATE notification.mails
        SET done_at = now(),
            outcome = $2
        WHERE mail_id = $1 AND done_at IS NULL",
        id,
        outcome.as_str(),
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Forgets mails that are older than `keep`, at most `limit`; answers how many. One that still waits by then
/// has lost its message, and what it would say is old.
pub async fn cleanup(
    executor: impl PgExecutor<'_>,
    keep: Duration,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query!(
        "-- notification.mails.cleanup
        DELETE FROM notification.mails
        WHERE mail_id IN (
            SELECT mail_id
            FROM notification.mails
            WHERE created_at < now() - $1::interval
            ORDER BY created_at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )",
        interval(keep),
        limit,
    )
    .execute(executor)
    .await?;
    Ok(gone.rows_affected())
}
