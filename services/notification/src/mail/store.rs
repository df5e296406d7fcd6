//! The mails that wait, and what became of them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{ObjectId, TenantId};
use roomsync_messages::MailDue;
use roomsync_postgres::outbox;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::notices::Notice;
use crate::log::append::interval;

/// How many mails are told together.
const TOGETHER: i64 = 200;

/// A mail that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub mail_id: Uuid,
    /// Whose.
    pub tenant_id: String,
    /// What it is about, by name.
    pub kind: String,
    /// The booking it is about.
    pub booking_id: Option<Uuid>,
    /// The webhook it is about.
    pub webhook_id: Option<Uuid>,
    /// Why that ended, by name.
    pub cause: Option<String>,
    /// About several dates of one series.
    pub several: bool,
    /// It has been tried for as long as patience lasts.
    pub is_late: bool,
    /// The time.
    pub now: DateTime<Utc>,
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
    /// What it would say is not so any more, or is told too late.
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
/// stays as it is. One about a booking waits so long for others about the same object and for the same cause;
/// they have no message of their own.
pub async fn add(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: Option<&ObjectId>,
    notices: &[Notice],
    gather: Duration,
) -> Result<(), sqlx::Error> {
    for notice in notices {
        let joins = match object {
            Some(object) => gathering(tx, tenant, object, notice).await?,
            None => None,
        };
        let gathers = joins.is_none() && object.is_some() && !gather.is_zero();
        let added = sqlx::query_scalar!(
            "-- notification.mails.add
            INSERT INTO notification.mails (
                tenant_id, kind, booking_id, webhook_id, cause, several, dedup,
                object_id, told_with, gathers_until
            )
            VALUES (
                $1, $2, $3, $11, $4, $5, $6, $7, $8,
                CASE WHEN $9 THEN now() + $10::interval END
            )
            ON CONFLICT (tenant_id, dedup) DO NOTHING
            RETURNING mail_id",
            tenant.as_str(),
            notice.kind.as_str(),
            notice.booking.map(|booking| booking.0),
            notice.cause.map(roomsync_domain::Cause::as_str),
            notice.several,
            notice.dedup,
            object.map(ObjectId::as_str),
            joins,
            gathers,
            interval(gather),
            notice.webhook,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = added.filter(|_| joins.is_none()) else {
            continue;
        };
        let after = if gathers { gather } else { Duration::ZERO };
        outbox::push_after(tx, &MailDue { id }, after).await?;
    }
    Ok(())
}

/// The mail that this one can be told with. Its row is locked until the commit: whoever sends it waits for
/// what joins it, see [`close`].
async fn gathering(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    notice: &Notice,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "-- notification.mails.gathering
        SELECT mail_id
        FROM notification.mails AS first
        WHERE tenant_id = $1
            AND object_id = $2
            AND kind = $3
            AND cause IS NOT DISTINCT FROM $4
            AND gathers_until > now()
            AND (
                SELECT count(*)
                FROM notification.mails AS other
                WHERE other.told_with = first.mail_id
            ) < $5
        ORDER BY gathers_until
        LIMIT 1
        FOR UPDATE",
        tenant.as_str(),
        object.as_str(),
        notice.kind.as_str(),
        notice.cause.map(roomsync_domain::Cause::as_str),
        TOGETHER - 1,
    )
    .fetch_optional(tx)
    .await
}

/// Nothing joins this mail any more.
pub async fn close(executor: impl PgExecutor<'_>, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.mails.close
        UPDATE notification.mails
        SET gathers_until = NULL
        WHERE mail_id = $1 AND gathers_until IS NOT NULL",
        id,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// The mail and those that are told with it, as far as they still wait; the oldest first. Patience is counted by
/// the database's clock alone.
pub async fn waiting(
    executor: impl PgExecutor<'_>,
    id: Uuid,
    patience: Duration,
) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"-- notification.mails.waiting
        SELECT mail_id, tenant_id, kind, booking_id, webhook_id, cause, several,
            created_at + $2 < now() AS "is_late!", now() AS "now!"
        FROM notification.mails
        WHERE (mail_id = $1 OR told_with = $1) AND done_at IS NULL
        ORDER BY created_at, mail_id"#,
        id,
        interval(patience),
    )
    .fetch_all(executor)
    .await
}

/// Notes what became of mails.
pub async fn done(
    executor: impl PgExecutor<'_>,
    ids: &[Uuid],
    outcome: Outcome,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.mails.done
        UPDATE notification.mails
        SET done_at = now(),
            outcome = $2
        WHERE mail_id = ANY($1) AND done_at IS NULL",
        ids,
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
