//! What a message finds: the oldest change that the webhook has not taken of the object, leased to whoever
//! asks; or why there is nothing to send now.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_messages::{DeliveryDue, ObjectChanged};
use roomsync_sealing::Sealed;
use sqlx::{PgConnection, PgExecutor, types::Json};
use uuid::Uuid;

use super::row::{give_back, rest, seen};

/// Whoever finds the row leased looks again soon: the other one may be done.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A change that is to be sent.
#[derive(Debug)]
pub struct Due {
    /// Whoever holds it may store what became of the change.
    pub lease: Uuid,
    /// The object's version after the change.
    pub version: i64,
    /// When it was appended.
    pub appended_at: DateTime<Utc>,
    /// Sent again by a replay: that it is late says nothing.
    pub again: bool,
    /// What goes where.
    pub letter: Letter,
}

/// A change, and where it goes.
#[derive(Debug)]
pub struct Letter {
    /// Where to.
    pub url: String,
    /// What signs: the secret, and the one before for a day.
    pub secrets: Vec<Sealed>,
    /// The change's id.
    pub change_id: String,
    /// The change.
    pub change: ObjectChanged,
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
        SELECT delivered_version, message_id, replay_to,
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
    let webhook = where_to(&mut *tx, message.tenant.as_str(), message.webhook).await?;
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
    Ok(Next::Change(Box::new(Due {
        lease,
        version,
        appended_at,
        again: row.replay_to.is_some_and(|to| version <= to),
        letter: webhook.letter(change_id, body.0),
    })))
}

/// A webhook, as far as sending needs it.
pub(super) struct WhereTo {
    url: String,
    pub(super) enabled: bool,
    secret: Vec<u8>,
    sealed_with: String,
    old_secret: Option<Vec<u8>>,
    old_sealed_with: Option<String>,
    now: DateTime<Utc>,
    /// So many seconds.
    pub(super) paused_for: Option<f64>,
}

impl WhereTo {
    pub(super) fn letter(self, change_id: String, change: ObjectChanged) -> Letter {
        let sealed = |bytes, key_id| Sealed { bytes, key_id };
        let old = self.old_secret.zip(self.old_sealed_with);
        let mut secrets = vec![sealed(self.secret, self.sealed_with)];
        secrets.extend(old.map(|(bytes, key_id)| sealed(bytes, key_id)));
        Letter {
            url: self.url,
            secrets,
            change_id,
            change,
            now: self.now,
        }
    }
}

pub(super) async fn where_to(
    db: impl PgExecutor<'_>,
    tenant: &str,
    webhook: Uuid,
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
        tenant,
        webhook,
    )
    .fetch_optional(db)
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
