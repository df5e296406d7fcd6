//! The row of a connection from the moment on at which it was proved.

use roomsync_domain::{ConnectionId, MailAddress, TenantId};
use roomsync_sealing::Sealed;
use sqlx::PgConnection;

use super::connections::Way;
use crate::status::CommandError;

/// What connecting stores.
#[derive(Debug)]
pub(super) struct NewConnection<'a> {
    /// Whose.
    pub(super) tenant: &'a TenantId,
    /// How.
    pub(super) way: Way,
    /// Domain of the organisation.
    pub(super) domain: &'a str,
    /// Project of the key or of the OAuth client.
    pub(super) project: &'a str,
    /// `client_email` of the key.
    pub(super) service_account: Option<&'a str>,
    /// Proved.
    pub(super) directory_subject: &'a MailAddress,
    /// Proved.
    pub(super) rooms_subject: &'a MailAddress,
    /// The key file or the refresh token.
    pub(super) secret: &'a Sealed,
    /// Of a consent.
    pub(super) granted_scopes: &'a [String],
    /// Google's stable id of who consented.
    pub(super) account_id: Option<&'a str>,
}

/// What a new connection takes the place of.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) state: String,
    /// The grant of an account that is not the new connection's.
    pub(super) grant: Option<OldGrant>,
}

/// A grant that the tenant needs no longer.
#[derive(Debug)]
pub(super) struct OldGrant {
    pub(super) account_id: String,
    pub(super) secret: Sealed,
}

/// Stores a proved connection in state active; answers what was before, `None` for the first one.
pub(super) async fn activate(
    tx: &mut PgConnection,
    new: &NewConnection<'_>,
) -> Result<Option<Before>, CommandError> {
    let before = sqlx::query!(
        "
        -- booking.connections.lock
        SELECT state, way, account_id, sealed_key, sealed_with
        FROM booking.connections
        WHERE tenant_id = $1
        FOR UPDATE
        ",
        new.tenant.as_str(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    // The calendar of our own is known to the app and the account that made it, and to no other.
    // What the operator's service account was delegated holds for the organisation.
    sqlx::query!(
        "
        -- booking.connections.activate
        INSERT INTO booking.connections AS c (tenant_id, connection_id, state, way, domain, project,
            service_account, directory_subject, rooms_subject, sealed_key, sealed_with, granted_scopes,
            account_id)
        VALUES ($1, $2, 'active', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (tenant_id) DO UPDATE
        SET state = 'active',
            reason = NULL,
            way = excluded.way,
            domain = excluded.domain,
            project = excluded.project,
            service_account = excluded.service_account,
            directory_subject = excluded.directory_subject,
            rooms_subject = excluded.rooms_subject,
            sealed_key = excluded.sealed_key,
            sealed_with = excluded.sealed_with,
            granted_scopes = excluded.granted_scopes,
            account_id = excluded.account_id,
            delegated = c.delegated AND excluded.way = 'consent' AND c.domain = excluded.domain,
            shared_calendar = CASE
                WHEN c.way = excluded.way
                    AND c.project = excluded.project
                    AND c.rooms_subject = excluded.rooms_subject
                THEN c.shared_calendar
            END,
            calendar_until = NULL,
            disconnecting_since = NULL,
            disconnect_until = NULL,
            retry_at = NULL,
            retries = 0,
            connected_at = clock_timestamp(),
            updated_at = now()
        ",
        new.tenant.as_str(),
        ConnectionId::new().0,
        new.way.as_str(),
        new.domain,
        new.project,
        new.service_account,
        new.directory_subject.as_str(),
        new.rooms_subject.as_str(),
        new.secret.bytes,
        new.secret.key_id,
        new.granted_scopes,
        new.account_id,
    )
    .execute(&mut *tx)
    .await?;
    // Tokens of the connection before are of no use any more.
    sqlx::query!(
        "
        -- booking.access_tokens.clear
        DELETE FROM booking.access_tokens
        WHERE tenant_id = $1
        ",
        new.tenant.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(before.map(|before| {
        let is_anothers =
            before.way == Way::Consent.as_str() && before.account_id.as_deref() != new.account_id;
        let secret = before.sealed_key.zip(before.sealed_with);
        let grant = before.account_id.zip(secret).filter(|_| is_anothers);
        Before {
            state: before.state,
            grant: grant.map(|(account_id, (bytes, key_id))| OldGrant {
                account_id,
                secret: Sealed { bytes, key_id },
            }),
        }
    }))
}
