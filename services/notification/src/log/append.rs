//! Appending one change, whatever waited for it, and the mails that they call for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{ObjectId, TenantId};
use roomsync_messages::ObjectChanged;
use sqlx::{PgConnection, postgres::types::PgInterval, types::Json};

use super::{NOTIFY_CHANNEL, forget};
use crate::{
    mail::{notices, store as mails},
    webhooks::queue,
};

/// One change as it arrived, by message or by fetching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Equal for every delivery of the same change.
    pub change_id: String,
    /// What changed.
    pub body: ObjectChanged,
}

/// How long what comes of a change waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// How long a new gap may stay open before it is fetched.
    pub gap: Duration,
    /// How long a mail waits for others that it can be told with.
    pub mails: Duration,
}

/// A change that is in the log now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its version of the object.
    pub version: i64,
    /// Its position in the tenant's log.
    pub position: i64,
    /// When it was appended (our database's clock).
    pub appended_at: DateTime<Utc>,
    /// When the push behind it reached us; absent for polls and changes of our own.
    pub received_at: Option<DateTime<Utc>>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log, followed by the held ones that waited for it.
    Appended(Vec<Entry>),
    /// Its predecessor is missing: it waits.
    Held,
    /// The log has that version.
    Duplicate,
}

/// Where an object stands; its row is locked until the end of the transaction.
struct Standing {
    last_version: i64,
    gapped: bool,
}

/// Appends `change` if it is the next of its object, holds it if it is a later one.
pub async fn append(
    tx: &mut PgConnection,
    change: &Change,
    waits: Waits,
) -> Result<Outcome, sqlx::Error> {
    let (tenant, object) = (change.body.tenant.as_str(), change.body.object.as_str());
    let standing = lock(tx, tenant, object).await?;
    if change.body.version <= standing.last_version {
        return Ok(Outcome::Duplicate);
    }
    if change.body.version > standing.last_version + 1 {
        hold(tx, change, waits).await?;
        return Ok(Outcome::Held);
    }
    let mut entries = vec![append_one(tx, change, waits).await?];
    if standing.gapped {
        append_held(tx, tenant, object, &mut entries, waits).await?;
    }
    tell_readers(tx, &change.body.tenant, &change.body.object, &entries).await?;
    Ok(Outcome::Appended(entries))
}

/// Gives up the versions before the oldest held one, and appends from there. Only for a gap that
/// nobody can fill any more.
pub async fn skip_to_oldest_held(
    tx: &mut PgConnection,
    tenant_id: &TenantId,
    object_id: &ObjectId,
    waits: Waits,
) -> Result<Vec<Entry>, sqlx::Error> {
    let (tenant, object) = (tenant_id.as_str(), object_id.as_str());
    lock(tx, tenant, object).await?;
    sqlx::query!(
        "-- notification.objects.skip_to_oldest_held
        UPDATE notification.objects o
        SET last_version = h.version - 1
        FROM (
            SELECT min(version) AS version
            FROM notification.held
            WHERE tenant_id = $1 AND object_id = $2
        ) h
        WHERE o.tenant_id = $1 AND o.object_id = $2
            AND o.last_version < h.version - 1",
        tenant,
        object,
    )
    .execute(&mut *tx)
    .await?;
    let mut entries = Vec::new();
    append_held(tx, tenant, object, &mut entries, waits).await?;
    tell_readers(tx, tenant_id, object_id, &entries).await?;
    Ok(entries)
}

async fn lock(tx: &mut PgConnection, tenant: &str, object: &str) -> Result<Standing, sqlx::Error> {
    sqlx::query_as!(
        Standing,
        r#"-- notification.objects.lock
        INSERT INTO notification.objects AS o (tenant_id, object_id)
        VALUES ($1, $2)
        ON CONFLICT (tenant_id, object_id) DO UPDATE
        SET last_version = o.last_version
        RETURNING last_version, gap_due_at IS NOT NULL AS "gapped!""#,
        tenant,
        object,
    )
    .fetch_one(tx)
    .await
}

async fn hold(tx: &mut PgConnection, change: &Change, waits: Waits) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.held.insert
        WITH gap AS (
            UPDATE notification.objects
            SET gap_due_at = coalesce(gap_due_at, now() + $6)
            WHERE tenant_id = $1 AND object_id = $2
        )
        INSERT INTO notification.held (tenant_id, object_id, version, change_id, body)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING",
        change.body.tenant.as_str(),
        change.body.object.as_str(),
        change.body.version,
        change.change_id,
        Json(&change.body) as _,
        interval(waits.gap),
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn append_one(
    tx: &mut PgConnection,
    change: &Change,
    waits: Waits,
) -> Result<Entry, sqlx::Error> {
    forget::persons(&mut *tx, &change.body).await?;
    let row = sqlx::query!(
        "-- notification.log.append
        WITH place AS (
            INSERT INTO notification.tenants AS t (tenant_id, last_position)
            VALUES ($1, 1)
            ON CONFLICT (tenant_id) DO UPDATE
            SET last_position = t.last_position + 1
            RETURNING last_position
        ), object AS (
            UPDATE notification.objects
            SET last_version = $3
            WHERE tenant_id = $1 AND object_id = $2
        )
        INSERT INTO notification.log (tenant_id, position, object_id, version, change_id, body)
        SELECT $1, last_position, $2, $3, $4, $5
        FROM place
        RETURNING position, appended_at",
        change.body.tenant.as_str(),
        change.body.object.as_str(),
        change.body.version,
        change.change_id,
        Json(&change.body) as _,
    )
    .fetch_one(&mut *tx)
    .await?;
    mails::add(
        tx,
        &change.body.tenant,
        Some(&change.body.object),
        &notices::notices_of(&change.body),
        waits.mails,
    )
    .await?;
    Ok(Entry {
        version: change.body.version,
        position: row.position,
        appended_at: row.appended_at,
        received_at: change.body.received_at,
    })
}

/// Appends the held versions that follow without a hole, drops those the log has, and says when the
/// gap behind them, if there is one, is to be fetched.
async fn append_held(
    tx: &mut PgConnection,
    tenant: &str,
    object: &str,
    entries: &mut Vec<Entry>,
    waits: Waits,
) -> Result<(), sqlx::Error> {
    while let Some(change) = take_next_held(tx, tenant, object).await? {
        entries.push(append_one(tx, &change, waits).await?);
    }
    sqlx::query!(
        "-- notification.held.tidy
        WITH known AS (
            DELETE FROM notification.held h
            USING notification.objects o
            WHERE o.tenant_id = $1 AND o.object_id = $2
                AND h.tenant_id = $1 AND h.object_id = $2
                AND h.version <= o.last_version
        )
        UPDATE notification.objects o
        SET gap_due_at = CASE WHEN EXISTS (
            SELECT FROM notification.held h
            WHERE h.tenant_id = $1 AND h.object_id = $2 AND h.version > o.last_version
        ) THEN now() + $3 END
        WHERE o.tenant_id = $1 AND o.object_id = $2",
        tenant,
        object,
        interval(waits.gap),
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn take_next_held(
    tx: &mut PgConnection,
    tenant: &str,
    object: &str,
) -> Result<Option<Change>, sqlx::Error> {
    let row = sqlx::query!(
        r#"-- notification.held.take_next
        DELETE FROM notification.held h
        USING notification.objects o
        WHERE o.tenant_id = $1 AND o.object_id = $2
            AND h.tenant_id = $1 AND h.object_id = $2
            AND h.version = o.last_version + 1
        RETURNING h.change_id, h.body AS "body: Json<ObjectChanged>""#,
        tenant,
        object,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| Change {
        change_id: row.change_id,
        body: row.body.0,
    }))
}

/// Streams are woken by the commit, webhooks get their messages with it.
async fn tell_readers(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    entries: &[Entry],
) -> Result<(), sqlx::Error> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Ok(());
    };
    queue::announce(&mut *tx, tenant, object, first.version).await?;
    sqlx::query(
        "-- notification.log.wake_readers
        SELECT pg_notify($1, $2)",
    )
    .bind(NOTIFY_CHANNEL)
    .bind(format!("{} {tenant}", last.position))
    .execute(tx)
    .await?;
    Ok(())
}

/// A duration for PostgreSQL, to the microsecond.
pub(crate) fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval {
        months: 0,
        days: 0,
        microseconds,
    }
}
