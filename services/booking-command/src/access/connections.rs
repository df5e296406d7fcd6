//! The rows of `booking.connections`.

use chrono::{DateTime, Utc};
use roomsync_domain::{MailAddress, ResourceEmail, TenantId};
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
    /// How it is connected.
    pub way: Way,
    /// Domain of the organisation.
    pub domain: String,
    /// The Google Cloud project of the key or of the OAuth client, for the budget.
    pub project: String,
    /// `client_email` of the tenant's own key; none of a consent.
    pub service_account: Option<String>,
    /// Reads the resources.
    pub directory_subject: MailAddress,
    /// Reads the rooms.
    pub rooms_subject: MailAddress,
    /// The key file, or the refresh token; none once disconnected.
    pub secret: Option<Sealed>,
    /// Of a consent: what was granted.
    pub granted_scopes: Vec<String>,
    /// A consented connection whose organisation has delegated the operator's service account.
    pub delegated: bool,
    /// The calendar of our own, once it is made.
    pub shared_calendar: Option<String>,
    /// Moves with every connecting: tells this secret from an earlier or later one.
    pub connected_at: DateTime<Utc>,
}

/// How a tenant is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A key of the tenant's own service account.
    Key,
    /// An administrator's consent.
    Consent,
}

impl Way {
    /// Its name in SQL and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Consent => "consent",
        }
    }

    fn read(word: &str) -> Result<Self, CommandError> {
        match word {
            "key" => Ok(Self::Key),
            "consent" => Ok(Self::Consent),
            other => Err(anyhow::anyhow!("a connection of unknown way `{other}`").into()),
        }
    }
}

impl Connection {
    /// Where its secret is sealed for.
    pub fn place(tenant: &TenantId) -> String {
        format!("connection/{tenant}")
    }

    /// Whether Google may be called through it. A connection that is ending stops its channels, also when it
    /// ends because the module is off.
    pub fn is_usable(&self) -> bool {
        match self.state.as_str() {
            "active" => self.module_enabled,
            "disconnecting" => true,
            _ => false,
        }
    }

    /// Whether it is being ended: it will not come back.
    pub fn is_ending(&self) -> bool {
        self.state == "disconnecting"
    }

    /// Who acts for a purpose.
    pub fn subject(&self, purpose: Purpose) -> &MailAddress {
        match purpose {
            Purpose::Rooms | Purpose::Settings | Purpose::SharedCalendar => &self.rooms_subject,
            Purpose::Directory | Purpose::People => &self.directory_subject,
        }
    }

    /// Whether bookings are made as the users themselves: with a key of the tenant's own, or where the
    /// operator's service account was delegated.
    pub fn acts_as_users(&self) -> bool {
        self.way == Way::Key || self.delegated
    }

    /// Whether this person can be acted for, as far as the address alone tells it. The operator's service
    /// account may be delegated by many organisations: through this connection it acts for people of this
    /// one alone (D21). A tenant's own key is the tenant's own affair.
    pub fn may_act_as(&self, booker: &MailAddress) -> bool {
        match self.way {
            Way::Key => true,
            Way::Consent => self.delegated && booker.domain() == self.domain,
        }
    }

    /// Whether a purpose was granted. What a key is delegated only Google knows: asking is the way to tell.
    pub(super) fn grants(&self, purpose: Purpose) -> bool {
        let granted = |scope: &&str| self.granted_scopes.iter().any(|it| it == scope);
        self.way == Way::Key || purpose.scopes().iter().all(granted)
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
        SELECT c.state, t.module_enabled, c.way, c.domain, c.project, c.service_account,
            c.directory_subject, c.rooms_subject, c.sealed_key, c.sealed_with, c.granted_scopes,
            c.delegated, c.shared_calendar, c.connected_at
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
        way: Way::read(&row.way)?,
        domain: row.domain,
        project: row.project,
        service_account: row.service_account,
        directory_subject: mail(row.directory_subject)?,
        rooms_subject: mail(row.rooms_subject)?,
        secret: row
            .sealed_key
            .zip(row.sealed_with)
            .map(|(bytes, key_id)| Sealed { bytes, key_id }),
        granted_scopes: row.granted_scopes,
        delegated: row.delegated,
        shared_calendar: row.shared_calendar,
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

/// Stores the same secret, sealed with another sealing key.
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

/// The organisation delegated the operator's service account; `false` when the connection is not the same any
/// more.
pub(super) async fn delegate(
    database: &Database,
    connection: &Connection,
) -> Result<bool, CommandError> {
    let query = sqlx::query!(
        "
        -- booking.connections.delegate
        UPDATE booking.connections
        SET delegated = true,
            updated_at = now()
        WHERE tenant_id = $1
          AND connected_at = $2
          AND way = 'consent'
          AND state = 'active'
        ",
        connection.tenant.as_str(),
        connection.connected_at,
    )
    .execute(database.pool());
    Ok(database.answer(query).await?.rows_affected() == 1)
}

/// Whether an account of Google's keeps any tenant connected. Of all tenants, because a grant is between the
/// account and the operator's OAuth client: revoking it for one ends it for all. Nothing but yes or no is told.
pub async fn is_in_use(database: &Database, account_id: &str) -> Result<bool, CommandError> {
    let query = sqlx::query_scalar!(
        r#"
        -- booking.connections.is_in_use
        SELECT EXISTS (
            SELECT
            FROM booking.connections
            WHERE account_id = $1
              AND way = 'consent'
              AND state <> 'disconnected'
        ) AS "in_use!"
        "#,
        account_id,
    )
    .fetch_one(database.pool());
    Ok(database.answer(query).await?)
}

/// Some rooms of a tenant's links that are not removed.
pub(super) async fn linked_rooms(
    database: &Database,
    tenant: &TenantId,
) -> Result<Vec<ResourceEmail>, CommandError> {
    let query = sqlx::query_scalar!(
        "
        -- booking.connections.linked_rooms
        SELECT resource_email
        FROM booking.links
        WHERE tenant_id = $1
          AND state <> 'removed'
        ORDER BY state = 'verified' DESC, link_id
        LIMIT 3
        ",
        tenant.as_str(),
    )
    .fetch_all(database.pool());
    let rooms = database.answer(query).await?.into_iter();
    let rooms = rooms.map(|mail| ResourceEmail::try_from(mail).map_err(anyhow::Error::from));
    Ok(rooms.collect::<Result<_, _>>()?)
}

/// Whether a tenant has links that are not removed.
pub(super) async fn has_links(
    database: &Database,
    tenant: &TenantId,
) -> Result<bool, CommandError> {
    let query = sqlx::query_scalar!(
        r#"
        -- booking.connections.has_links
        SELECT EXISTS (
            SELECT
            FROM booking.links
            WHERE tenant_id = $1
              AND state <> 'removed'
        ) AS "has_links!"
        "#,
        tenant.as_str(),
    )
    .fetch_one(database.pool());
    Ok(database.answer(query).await?)
}
