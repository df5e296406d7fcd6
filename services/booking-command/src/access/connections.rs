//! The rows of `booking.connections`.

use chrono::{DateTime, Utc};
use roomsync_domain::{ConnectionId, MailAddress, TenantId};
use roomsync_postgres::Database;
use roomsync_sealing::Sealed;
use sqlx::{PgConnection, PgExecutor};

use super::subject::Purpose;
use crate::status::CommandError;

/// A tenant's connection to its organisation.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Whose.
    pub tenant: TenantId,
    /// `connecting`, `active`, `lost`, `disconnecting` or `disconnected`.
    pub state: String,
    /// Whether the tenant has the module.
    pub module_enabled: bool,
    /// The Google Cloud project of the key, for the budget.
    pub project: String,
    /// Reads the resources.
    pub directory_subject: MailAddress,
    /// Reads the rooms.
    pub rooms_subject: MailAddress,
    /// The key file.
    pub key: Sealed,
    /// Moves with every connecting: tells this key from an earlier or later one.
    pub connected_at: DateTime<Utc>,
}

impl Connection {
    /// Where its key is sealed for.
    pub fn place(tenant: &TenantId) -> String {
        format!("connection/{tenant}")
    }

    /// Whether Google may be called through it.
    pub fn is_usable(&self) -> bool {
        self.module_enabled && matches!(self.state.as_str(), "active" | "disconnecting")
    }

    /// Who acts for a purpose.
    pub fn subject(&self, purpose: Purpose) -> &MailAddress {
        match purpose {
            Purpose::Rooms | Purpose::Settings => &self.rooms_subject,
            Purpose::Directory => &self.directory_subject,
        }
    }
}

/// `FAILED_PRECONDITION` `NOT_CONNECTED`, with the state there is.
pub fn not_connected(state: &str) -> CommandError {
    CommandError::Precondition {
        reason: "NOT_CONNECTED",
        metadata: vec![("state", state.to_uppercase())],
    }
}

/// A tenant's connection, if it ever connected.
pub async fn get(
    database: &Database,
    tenant: &TenantId,
) -> Result<Option<Connection>, CommandError> {
    let query = sqlx::query!(
        "
        -- booking.connections.get
        SELECT c.state, t.module_enabled, c.project, c.directory_subject, c.rooms_subject,
            c.sealed_key, c.sealed_with, c.connected_at
        FROM booking.connections AS c
        JOIN booking.tenants AS t USING (tenant_id)
        WHERE c.tenant_id = $1
        ",
        tenant.as_str(),
    )
    .fetch_optional(database.pool());
    let row = database.answer(query).await?;
    let Some(row) = row else { return Ok(None) };
    let mail = |text: String| MailAddress::try_from(text).map_err(anyhow::Error::from);
    Ok(Some(Connection {
        tenant: tenant.clone(),
        state: row.state,
        module_enabled: row.module_enabled,
        project: row.project,
        directory_subject: mail(row.directory_subject)?,
        rooms_subject: mail(row.rooms_subject)?,
        key: Sealed {
            bytes: row.sealed_key.unwrap_or_default(),
            key_id: row.sealed_with.unwrap_or_default(),
        },
        connected_at: row.connected_at,
    }))
}

/// `FAILED_PRECONDITION` `NOT_CONNECTED` unless the connection is active.
pub async fn require_active(
    db: impl PgExecutor<'_>,
    tenant: &TenantId,
) -> Result<(), CommandError> {
    let state = sqlx::query_scalar!(
        "
        -- booking.connections.state
        SELECT state
        FROM booking.connections
        WHERE tenant_id = $1
        ",
        tenant.as_str(),
    )
    .fetch_optional(db)
    .await?;
    match state.as_deref() {
        Some("active") => Ok(()),
        other => Err(not_connected(other.unwrap_or("disconnected"))),
    }
}

/// What connecting with a key stores.
#[derive(Debug)]
pub struct NewConnection<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Domain of the organisation.
    pub domain: &'a str,
    /// Project of the key.
    pub project: &'a str,
    /// `client_email` of the key.
    pub service_account: &'a str,
    /// Proved.
    pub directory_subject: &'a MailAddress,
    /// Proved.
    pub rooms_subject: &'a MailAddress,
    /// The key file.
    pub key: &'a Sealed,
}

/// Stores a proved connection in state active; answers the state before, `None` for the first one.
pub async fn activate(
    tx: &mut PgConnection,
    new: &NewConnection<'_>,
) -> Result<Option<String>, CommandError> {
    let before = sqlx::query_scalar!(
        "
        -- booking.connections.lock
        SELECT state
        FROM booking.connections
        WHERE tenant_id = $1
        FOR UPDATE
        ",
        new.tenant.as_str(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    sqlx::query!(
        "
        -- booking.connections.activate
        INSERT INTO booking.connections (tenant_id, connection_id, state, domain, project,
            service_account, directory_subject, rooms_subject, sealed_key, sealed_with)
        VALUES ($1, $2, 'active', $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (tenant_id) DO UPDATE
        SET state = 'active',
            reason = NULL,
            domain = excluded.domain,
            project = excluded.project,
            service_account = excluded.service_account,
            directory_subject = excluded.directory_subject,
            rooms_subject = excluded.rooms_subject,
            sealed_key = excluded.sealed_key,
            sealed_with = excluded.sealed_with,
            connected_at = clock_timestamp(),
            updated_at = now()
        ",
        new.tenant.as_str(),
        ConnectionId::new().0,
        new.domain,
        new.project,
        new.service_account,
        new.directory_subject.as_str(),
        new.rooms_subject.as_str(),
        new.key.bytes,
        new.key.key_id,
    )
    .execute(&mut *tx)
    .await?;
    // Tokens of the key before are of no use any more.
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
    Ok(before)
}

/// Marks an active connection as lost, unless it was connected anew since; says whether it did.
pub async fn lose(
    tx: &mut PgConnection,
    connection: &Connection,
    reason: &str,
) -> Result<bool, CommandError> {
    let done = sqlx::query!(
        "
        -- booking.connections.lose
        UPDATE booking.connections
        SET state = 'lost',
            reason = $3,
            updated_at = now()
        WHERE tenant_id = $1
          AND connected_at = $2
          AND state = 'active'
        ",
        connection.tenant.as_str(),
        connection.connected_at,
        reason,
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores the same key, sealed with another sealing key.
pub async fn reseal(
    database: &Database,
    connection: &Connection,
    sealed: &Sealed,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.connections.reseal
        UPDATE booking.connections
        SET sealed_key = $3,
            sealed_with = $4
        WHERE tenant_id = $1
          AND connected_at = $2
        ",
        connection.tenant.as_str(),
        connection.connected_at,
        sealed.bytes,
        sealed.key_id,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}
