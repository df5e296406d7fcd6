//! The rows of `notification.webhook_objects`: which change of an object is next for a webhook, who sends
//! it now, and which message stands for it.
//!
//! * The row knows its one message. Another one, of before, finds that it is not meant and goes.
//! * Whether there is something to send is read after the row is locked, in a statement of its own; the
//!   log's writer locks the row too. So a change that is appended while the last one is stored as taken is
//!   either seen by the one or announced by the other.
//! * Locks are taken in the order object, tenant, webhook, row.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{ObjectId, TenantId};
use roomsync_messages::{DeliveryDue, ObjectChanged};
use roomsync_postgres::outbox;
use roomsync_sealing::Sealed;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::log::append::interval;

/// Whoever finds the row leased looks again soon: the other one may be done.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A change that is to be sent, and where.
#[derive(Debug)]
pub struct Due {
    /// Whoever holds it may store what became of the change.
    pub lease: Uuid,
    /// Where to.
    pub url: String,
    /// What signs: the secret, and the one before for a day.
    pub secrets: Vec<Sealed>,
    /// The object's version after the change.
    pub version: i64,
    /// Its id.
    pub change_id: String,
    /// The change.
    pub change: ObjectChanged,
    /// When it was appended.
    pub appended_at: DateTime<Utc>,
    /// PostgreSQL's time.
    pub now: DateTime<Utc>,
}

/// What a message finds.
#[derive(Debug)]
pub enum Next {
    /// Nothing to do for it: all is taken, the webhook is disabled or deleted, or another message stands
    /// for the row. Carries how many versions the log no longer had.
    Nothing {
        /// So many.
        skipped: i64,
    },
    /// Not now.
    Later(Duration),
    /// This.
    Change(Box<Due>),
}

/// Changes of an object, from `version` on, are in the log: every webhook of the tenant gets its place,
/// and a message where none is under way.
pub async fn announce(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    version: i64,
) -> Result<(), sqlx::Error> {
    // A disabled webhook keeps its place too. The lock makes enabling wait for us, or us for it.
    let webhooks: Vec<Uuid> = sqlx::query_scalar!(
        r#"-- notification.webhook_objects.announce
        WITH hooks AS (
            SELECT tenant_id, webhook_id, enabled
            FROM notification.webhooks
            WHERE tenant_id = $1
            ORDER BY webhook_id
            FOR SHARE
        ), told AS (
            INSERT INTO notification.webhook_objects AS w
                (tenant_id, webhook_id, object_id, delivered_version, message_seen_at)
            SELECT tenant_id, webhook_id, $2, $3::bigint - 1, CASE WHEN enabled THEN now() END
            FROM hooks
            ON CONFLICT (tenant_id, webhook_id, object_id) DO UPDATE
            SET message_seen_at = excluded.message_seen_at,
                failing_since = NULL
            WHERE w.message_seen_at IS NULL AND excluded.message_seen_at IS NOT NULL
            RETURNING webhook_id, message_seen_at
        )
        SELECT webhook_id
        FROM told
        WHERE message_seen_at IS NOT NULL"#,
        tenant.as_str(),
        object.as_str(),
        version,
    )
    .fetch_all(&mut *tx)
    .await?;
    let messages: Vec<_> = webhooks
        .into_iter()
        .map(|webhook| DeliveryDue {
            tenant: tenant.clone(),
            webhook,
            object: object.clone(),
        })
        .collect();
    publish_all(tx, &messages).await
}

/// Publishes a message for each of these rows at once. A few statements however many they are: whoever
/// appends holds the tenant's log meanwhile.
async fn publish_all(tx: &mut PgConnection, messages: &[DeliveryDue]) -> Result<(), sqlx::Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let ids = outbox::push_all(&mut *tx, messages).await?;
    let tenants: Vec<_> = messages.iter().map(|it| it.tenant.to_string()).collect();
    let webhooks: Vec<_> = messages.iter().map(|it| it.webhook).collect();
    let objects: Vec<_> = messages.iter().map(|it| it.object.to_string()).collect();
    sqlx::query!(
        "-- notification.webhook_objects.publish_all
        UPDATE notification.webhook_objects w
        SET message_id = m.message_id,
            message_seen_at = now()
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[])
            AS m (tenant_id, webhook_id, object_id, message_id)
        WHERE w.tenant_id = m.tenant_id AND w.webhook_id = m.webhook_id
            AND w.object_id = m.object_id",
        &tenants,
        &webhooks,
        &objects,
        &ids,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Publishes a message for a row, which is the row's one message from now on. Somebody who sends under an
/// earlier one goes on undisturbed: the new one waits for the end of the lease.
pub async fn publish(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    after: Duration,
) -> Result<(), sqlx::Error> {
    let message_id = outbox::push_after(tx, message, after).await?;
    sqlx::query!(
        "-- notification.webhook_objects.publish
        UPDATE notification.webhook_objects
        SET message_id = $4,
            message_seen_at = now()
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        message_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The next change, leased for so long. `held` is the lease that the same handler has already.
pub async fn next(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    message_id: Uuid,
    held: Option<Uuid>,
    lease_for: Duration,
) -> Result<Next, sqlx::Error> {
    let (tenant, object) = (message.tenant.as_str(), message.object.as_str());
    let nothing = Ok(Next::Nothing { skipped: 0 });
    let row = sqlx::query!(
        r#"-- notification.webhook_objects.lock
        SELECT delivered_version, message_id,
            CASE WHEN leased_until > now() AND lease IS DISTINCT FROM $4
                THEN extract(epoch FROM leased_until - now())::float8
            END AS leased_for
        FROM notification.webhook_objects
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3
        FOR UPDATE"#,
        tenant,
        message.webhook,
        object,
        held,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return nothing };
    if row.message_id != Some(message_id) {
        if let Some(held) = held {
            give_back(tx, message, held).await?;
        }
        return nothing;
    }
    if let Some(seconds) = row.leased_for {
        let rest = Duration::from_secs_f64(seconds.max(0.0));
        return Ok(Next::Later(rest.min(LOOK_AGAIN)));
    }
    let webhook = where_to(tx, message).await?;
    let Some(webhook) = webhook.filter(|webhook| webhook.enabled) else {
        rest(tx, message, row.delivered_version).await?;
        return nothing;
    };
    if let Some(seconds) = webhook.paused_for {
        seen(tx, message, None).await?;
        return Ok(Next::Later(Duration::from_secs_f64(seconds.max(0.0))));
    }
    let log = next_of_object(tx, message, row.delivered_version).await?;
    let Some(log) = log else {
        rest(tx, message, row.delivered_version).await?;
        return nothing;
    };
    let (Some(version), Some(change_id), Some(body), Some(appended_at)) =
        (log.version, log.change_id, log.body, log.appended_at)
    else {
        // Up to date, or what is missing is too old for the log.
        rest(tx, message, log.last_version).await?;
        let skipped = log.last_version - row.delivered_version;
        return Ok(Next::Nothing { skipped });
    };
    let lease = held.unwrap_or_else(Uuid::new_v4);
    seen(tx, message, Some((lease, lease_for))).await?;
    let sealed = |bytes, key_id| Sealed { bytes, key_id };
    let old = webhook.old_secret.zip(webhook.old_sealed_with);
    let mut secrets = vec![sealed(webhook.secret, webhook.sealed_with)];
    secrets.extend(old.map(|(bytes, key_id)| sealed(bytes, key_id)));
    Ok(Next::Change(Box::new(Due {
        lease,
        url: webhook.url,
        secrets,
        version,
        change_id,
        change: body.0,
        appended_at,
        now: webhook.now,
    })))
}

/// A webhook, as far as sending needs it.
struct WhereTo {
    url: String,
    enabled: bool,
    secret: Vec<u8>,
    sealed_with: String,
    old_secret: Option<Vec<u8>>,
    old_sealed_with: Option<String>,
    now: DateTime<Utc>,
    paused_for: Option<f64>,
}

async fn where_to(
    tx: &mut PgConnection,
    message: &DeliveryDue,
) -> Result<Option<WhereTo>, sqlx::Error> {
    sqlx::query_as!(
        WhereTo,
        r#"-- notification.webhooks.where_to
        SELECT url, enabled, secret, sealed_with,
            CASE WHEN old_until > now() THEN old_secret END AS old_secret,
            old_sealed_with, now() AS "now!",
            CASE WHEN paused_until > now()
                THEN extract(epoch FROM paused_until - now())::float8
            END AS paused_for
        FROM notification.webhooks
        WHERE tenant_id = $1 AND webhook_id = $2"#,
        message.tenant.as_str(),
        message.webhook,
    )
    .fetch_optional(tx)
    .await
}

/// Where an object stands in the log, and its first change after a version.
struct NextInLog {
    last_version: i64,
    version: Option<i64>,
    change_id: Option<String>,
    body: Option<Json<ObjectChanged>>,
    appended_at: Option<DateTime<Utc>>,
}

async fn next_of_object(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    after: i64,
) -> Result<Option<NextInLog>, sqlx::Error> {
    sqlx::query_as!(
        NextInLog,
        r#"-- notification.log.next_of_object
        SELECT o.last_version, l.version AS "version?", l.change_id AS "change_id?",
            l.body AS "body?: Json<ObjectChanged>", l.appended_at AS "appended_at?"
        FROM notification.objects o
        LEFT JOIN LATERAL (
            SELECT version, change_id, body, appended_at
            FROM notification.log
            WHERE tenant_id = o.tenant_id AND object_id = o.object_id AND version > $3
            ORDER BY version
            LIMIT 1
        ) l ON true
        WHERE o.tenant_id = $1 AND o.object_id = $2"#,
        message.tenant.as_str(),
        message.object.as_str(),
        after,
    )
    .fetch_optional(tx)
    .await
}

/// The row's message was in hand, and perhaps somebody works on it now.
async fn seen(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    lease: Option<(Uuid, Duration)>,
) -> Result<(), sqlx::Error> {
    let (lease, lease_for) = lease.unzip();
    sqlx::query!(
        "-- notification.webhook_objects.seen
        UPDATE notification.webhook_objects
        SET message_seen_at = now(),
            lease = $4,
            leased_until = now() + $5::interval
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        lease,
        lease_for.map(interval),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The row needs no message any more; it stands at least at this version.
async fn rest(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhook_objects.rest
        UPDATE notification.webhook_objects
        SET delivered_version = greatest(delivered_version, $4),
            message_id = NULL,
            message_seen_at = NULL,
            failing_since = NULL,
            lease = NULL,
            leased_until = NULL
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        version,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives a lease back without any news.
pub async fn give_back(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    lease: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhook_objects.give_back
        UPDATE notification.webhook_objects
        SET lease = NULL,
            leased_until = NULL
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3 AND lease = $4",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        lease,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The receiver has the change. `None`: the lease was somebody else's by then, and nothing is stored.
/// Otherwise how many versions were left out before it, because the log did not have them.
pub async fn taken(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    due: &Due,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"-- notification.webhook_objects.taken
        UPDATE notification.webhook_objects w
        SET delivered_version = $5,
            failing_since = NULL
        FROM (
            SELECT delivered_version
            FROM notification.webhook_objects
            WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3
            FOR UPDATE
        ) before
        WHERE w.tenant_id = $1 AND w.webhook_id = $2 AND w.object_id = $3 AND w.lease = $4
        RETURNING $5 - before.delivered_version - 1 AS "skipped!""#,
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        due.lease,
        due.version,
    )
    .fetch_optional(tx)
    .await
}

/// What is to become of a change that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It is tried again.
    Again {
        /// It had not failed before.
        first: bool,
    },
    /// It has failed for too long: it waits for the next change of its object, or for a person.
    GivenUp,
    /// The lease was somebody else's by then, or another message stands for the row: that one goes on.
    NotOurs,
}

/// The receiver does not have the change. Where the row was hurried meanwhile, nothing but the lease is
/// touched: the sweep must find it.
pub async fn failed(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    message_id: Uuid,
    lease: Uuid,
    patience: Duration,
) -> Result<Failed, sqlx::Error> {
    let row = sqlx::query!(
        r#"-- notification.webhook_objects.lock_leased
        SELECT message_id, failing_since IS NULL AS "first!",
            coalesce(failing_since <= now() - $5::interval, false) AS "given_up!"
        FROM notification.webhook_objects
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3 AND lease = $4
        FOR UPDATE"#,
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        lease,
        interval(patience),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(Failed::NotOurs);
    };
    if row.message_id != Some(message_id) {
        give_back(tx, message, lease).await?;
        return Ok(Failed::NotOurs);
    }
    sqlx::query!(
        "-- notification.webhook_objects.failed
        UPDATE notification.webhook_objects
        SET failing_since = coalesce(failing_since, now()),
            message_id = CASE WHEN $4 THEN NULL ELSE message_id END,
            message_seen_at = CASE WHEN $4 THEN NULL ELSE now() END,
            lease = NULL,
            leased_until = NULL
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        row.given_up,
    )
    .execute(tx)
    .await?;
    Ok(if row.given_up {
        Failed::GivenUp
    } else {
        Failed::Again { first: row.first }
    })
}

/// Everything that the webhook has not taken is to be tried soon: the next sweep publishes it. Messages
/// that are under way are not meant any more.
pub async fn hurry(tx: &mut PgConnection, tenant: &str, webhook: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhook_objects.hurry
        UPDATE notification.webhook_objects w
        SET message_id = NULL,
            message_seen_at = 'epoch',
            failing_since = NULL
        FROM notification.objects o
        WHERE w.tenant_id = $1 AND w.webhook_id = $2
            AND o.tenant_id = w.tenant_id AND o.object_id = w.object_id
            AND o.last_version > w.delivered_version",
        tenant,
        webhook,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A row whose message is lost.
struct LostRow {
    tenant: String,
    webhook: Uuid,
    object: String,
}

/// Publishes anew for at most `limit` rows whose message nobody had in hand for so long. Answers how many.
pub async fn publish_lost(
    tx: &mut PgConnection,
    lost_after: Duration,
    limit: i64,
) -> Result<usize, sqlx::Error> {
    let lost = sqlx::query_as!(
        LostRow,
        "-- notification.webhook_objects.lost
        SELECT w.tenant_id AS tenant, w.webhook_id AS webhook, w.object_id AS object
        FROM notification.webhook_objects w
        JOIN notification.webhooks h USING (tenant_id, webhook_id)
        WHERE w.message_seen_at < now() - $1::interval AND h.enabled
        ORDER BY w.message_seen_at
        LIMIT $2
        FOR UPDATE OF w SKIP LOCKED",
        interval(lost_after),
        limit,
    )
    .fetch_all(&mut *tx)
    .await?;
    let message = |row: &LostRow| {
        Some(DeliveryDue {
            tenant: row.tenant.parse().ok()?,
            webhook: row.webhook,
            object: row.object.parse().ok()?,
        })
    };
    let messages: Vec<_> = lost.iter().filter_map(message).collect();
    publish_all(tx, &messages).await?;
    Ok(lost.len())
}
