//! The job that proves waiting keys again, in every replica.

use chrono::{DateTime, Utc};
use roomsync_domain::TenantId;
use roomsync_google::ServiceAccountKey;
use roomsync_postgres::Database;
use secrecy::ExposeSecret as _;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{delay::delay, settle};
use crate::{
    access::{
        Lender,
        activate::NewConnection,
        connections::{self, Connection},
        prove::{Candidate, is_not_delegated},
    },
    config::ConnectConfig,
    status::CommandError,
};

/// A key that this replica proves until its claim lapses.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) tenant: TenantId,
    pub(super) until: DateTime<Utc>,
    /// How often it was tried before.
    retries: u32,
    /// This try is the last one.
    last: bool,
}

/// Looks at intervals until the soft shutdown.
pub async fn run(lender: Lender, config: ConnectConfig, soft: CancellationToken) {
    let mut ticks = interval(config.retry_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = soft.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = soft.cancelled() => return,
            done = look(&lender, config) => if let Err(error) = done {
                tracing::warn!(error = %error, "waiting keys were not proved; next time again");
            }
        }
    }
}

/// One look: every key that can be claimed is proved.
async fn look(lender: &Lender, config: ConnectConfig) -> Result<(), CommandError> {
    while let Some(claimed) = claim(&lender.database, config).await? {
        let tenant = &claimed.tenant;
        // One that fails holds up no other one.
        let Err(error) = lender.connect_claimed(&claimed).await else {
            continue;
        };
        let Some(reason) = gives_up(&error, claimed.last) else {
            tracing::info!(%tenant, error = %error, "not connected yet; again later");
            put_off(&lender.database, &claimed, config).await?;
            continue;
        };
        let given_up = lender
            .database
            .tx("give_up_connecting", |tx| {
                let (claimed, reason) = (&claimed, &reason);
                Box::pin(settle::give_up(tx, claimed, reason))
            })
            .await?;
        if given_up {
            tracing::warn!(%tenant, reason, "connecting was given up");
        }
    }
    Ok(())
}

/// With which reason the waiting ends, if it does.
fn gives_up(error: &CommandError, last: bool) -> Option<String> {
    match error {
        // It was turned off just now: it may come back, and then the key is tried again.
        CommandError::Precondition {
            reason: "MODULE_MISSING",
            ..
        } => None,
        CommandError::Precondition { reason, .. } | CommandError::Invalid { reason, .. }
            if !is_not_delegated(error) =>
        {
            Some(reason.to_lowercase())
        }
        // Not delegated, or a fault that says nothing new.
        _ => last.then(|| "not_delegated".to_owned()),
    }
}

impl Lender {
    /// Proves a waiting key as at first, and connects with it.
    async fn connect_claimed(&self, claimed: &Claimed) -> Result<(), CommandError> {
        let tenant = &claimed.tenant;
        let connection = connections::get(&self.database, tenant).await?;
        let Some(connection) = connection.filter(|it| it.state == "connecting") else {
            return Ok(());
        };
        let Connection {
            directory_subject,
            rooms_subject,
            ..
        } = &connection;
        let secret = self.secret(&connection).await?;
        let file = std::str::from_utf8(secret.expose_secret()).map_err(anyhow::Error::from)?;
        let key = ServiceAccountKey::parse(file).map_err(anyhow::Error::from)?;
        self.prove(&Candidate {
            tenant,
            key: &key,
            project: key.project(),
            directory: directory_subject,
            rooms: rooms_subject,
        })
        .await?;
        let place = Connection::place(tenant);
        let sealed = self
            .ring
            .seal(secret.expose_secret(), &place)
            .map_err(anyhow::Error::from)?;
        let new = NewConnection {
            tenant,
            way: connection.way,
            domain: &connection.domain,
            project: key.project(),
            service_account: Some(key.client_email()),
            directory_subject,
            rooms_subject,
            secret: &sealed,
            granted_scopes: &[],
            account_id: None,
        };
        let connected = self
            .database
            .tx("connect_claimed", |tx| {
                let new = &new;
                Box::pin(settle::activate(tx, claimed, new))
            })
            .await?;
        if connected {
            tracing::info!(%tenant, "connected with a key that had to wait for its delegation");
        }
        Ok(())
    }
}

/// A tenant whose module is off waits.
async fn claim(
    database: &Database,
    config: ConnectConfig,
) -> Result<Option<Claimed>, CommandError> {
    let query = sqlx::query!(
        r#"
        -- booking.connections.claim_connecting
        UPDATE booking.connections
        SET retry_at = now() + interval '1 second' * $1::float8,
            retries = retries + 1
        WHERE tenant_id = (
            SELECT c.tenant_id
            FROM booking.connections AS c
            JOIN booking.tenants AS t USING (tenant_id)
            WHERE c.state = 'connecting'
              AND t.module_enabled
              AND (c.retry_at IS NULL OR c.retry_at <= now())
            ORDER BY c.retry_at NULLS FIRST
            LIMIT 1
            FOR UPDATE OF c SKIP LOCKED
        )
        RETURNING tenant_id, retry_at AS "until!", retries - 1 AS "retries!",
            connected_at <= now() - interval '1 second' * $2::float8 AS "last!"
        "#,
        config.claim.as_secs_f64(),
        config.give_up_after.as_secs_f64(),
    )
    .fetch_optional(database.pool());
    let Some(row) = database.answer(query).await? else {
        return Ok(None);
    };
    Ok(Some(Claimed {
        tenant: row.tenant_id.parse().map_err(anyhow::Error::from)?,
        until: row.until,
        retries: u32::try_from(row.retries).unwrap_or_default(),
        last: row.last,
    }))
}

/// Gives a claim back; nobody tries again before the next try is due.
async fn put_off(
    database: &Database,
    claimed: &Claimed,
    config: ConnectConfig,
) -> Result<(), CommandError> {
    let after = delay(config.retry_every, claimed.retries);
    let query = sqlx::query!(
        "
        -- booking.connections.put_off_connecting
        UPDATE booking.connections
        SET retry_at = least(
                now() + interval '1 second' * $3::float8,
                -- The last try comes when the time is over, not long after.
                greatest(now(), connected_at + interval '1 second' * $4::float8)
            )
        WHERE tenant_id = $1
          AND retry_at = $2
          AND state = 'connecting'
        ",
        claimed.tenant.as_str(),
        claimed.until,
        after.as_secs_f64(),
        config.give_up_after.as_secs_f64(),
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::google_unavailable;

    fn refused(reason: &'static str, why: &str) -> CommandError {
        CommandError::Precondition {
            reason,
            metadata: vec![("why", why.to_owned())],
        }
    }

    fn invalid(reason: &'static str) -> CommandError {
        CommandError::Invalid {
            reason,
            metadata: Vec::new(),
        }
    }

    #[rstest::rstest]
    #[case(
        refused("ROOMS_SUBJECT_REFUSED", "scope_not_delegated"),
        None,
        Some("not_delegated")
    )]
    #[case(google_unavailable(), None, Some("not_delegated"))]
    #[case(CommandError::Internal(anyhow::anyhow!("a bug")), None, Some("not_delegated"))]
    #[case(CommandError::precondition("MODULE_MISSING"), None, None)]
    #[case(
        refused("ROOMS_SUBJECT_REFUSED", "unknown_subject"),
        Some("rooms_subject_refused"),
        Some("rooms_subject_refused")
    )]
    #[case(invalid("KEY_INVALID"), Some("key_invalid"), Some("key_invalid"))]
    fn what_waiting_cannot_mend_ends_it_at_once_and_the_rest_at_the_last_try(
        #[case] error: CommandError,
        #[case] before: Option<&str>,
        #[case] at_last: Option<&str>,
    ) {
        assert_eq!(gives_up(&error, false).as_deref(), before);
        assert_eq!(gives_up(&error, true).as_deref(), at_last);
    }
}
