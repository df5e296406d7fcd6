//! The mail about a webhook that is disabled: whoever waits for its changes would wait for ever.

use chrono::{DateTime, Utc};
use roomsync_domain::TenantId;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::notices::{Kind, Notice};

/// What a mail about a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookFacts {
    /// What its administrators call it.
    pub name: String,
    /// The host of its address; the rest may hold secrets.
    pub host: String,
    /// Why it is disabled: `GONE`, `NOT_TAKING`, or a word of a later version.
    pub because: String,
}

/// Calls for the mail; with the commit that disables the webhook.
pub async fn is_disabled(
    tx: &mut PgConnection,
    tenant: &TenantId,
    webhook: Uuid,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let notice = Notice {
        kind: Kind::WebhookDisabled,
        booking: None,
        webhook: Some(webhook),
        cause: None,
        several: false,
        dedup: format!("webhook_disabled/{webhook}/{}", at.timestamp_micros()),
    };
    let now = std::time::Duration::ZERO;
    super::store::add(tx, tenant, None, &[notice], now).await
}

/// What there is to say; nothing of a webhook that is gone, enabled again, or disabled by a person since.
pub async fn facts(
    db: impl PgExecutor<'_>,
    tenant: &str,
    webhook: Uuid,
) -> Result<Option<WebhookFacts>, sqlx::Error> {
    let row = sqlx::query!(
        "-- notification.webhooks.why_disabled
        SELECT name, url, disabled_because
        FROM notification.webhooks
        WHERE tenant_id = $1
            AND webhook_id = $2
            AND NOT enabled
            AND disabled_because NOT IN ('', 'REQUESTED')",
        tenant,
        webhook,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| {
        let url = row.url.parse::<url::Url>().ok();
        let host = url.and_then(|url| url.host_str().map(str::to_owned));
        WebhookFacts {
            name: super::facts::one_line(&row.name),
            host: host.unwrap_or_default(),
            because: row.disabled_because,
        }
    }))
}
