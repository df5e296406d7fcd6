//! What lending access needs, in one hand.

use std::{sync::Arc, time::Duration};

use roomsync_domain::{MailAddress, TenantId};
use roomsync_google::{AccessLostWhy, Advice, Google, GoogleError};
use roomsync_postgres::Database;
use roomsync_sealing::Keyring;
use sqlx::PgConnection;

use super::{
    announce::announce,
    budget::{Api, Budget, BudgetConfig, Payer},
    connections::{self, Connection},
    offers::Offers,
    resources::ResourceLists,
    subject::{Actor, quota_user},
};
use crate::{gate, links, status::CommandError};

/// How long to wait for Google when it does not say.
const GOOGLE_RETRY: Duration = Duration::from_secs(5);

/// Lends tokens and units of the budget.
#[derive(Debug, Clone)]
pub struct Lender {
    pub(super) database: Database,
    pub(super) google: Google,
    pub(super) ring: Arc<Keyring>,
    pub(super) budget: Budget,
    pub(super) resources: Arc<ResourceLists>,
    pub(super) offers: Arc<Offers>,
}

impl Lender {
    /// A lender on a database.
    pub fn new(database: Database, google: Google, ring: Keyring, limits: BudgetConfig) -> Self {
        let budget = Budget::new(database.clone(), limits);
        Self {
            database,
            google,
            ring: Arc::new(ring),
            budget,
            resources: Arc::default(),
            offers: Arc::default(),
        }
    }

    /// The same with ways to connect that the operator offers besides a tenant's own key.
    #[must_use]
    pub fn offering(self, offers: Offers) -> Self {
        Self {
            offers: Arc::new(offers),
            ..self
        }
    }

    /// Whose budget a call counts on.
    pub(super) fn payer(connection: &Connection, actor: Actor<'_>) -> Payer {
        // The operator's client and its service account are named by number and by name, and may well be of
        // one project: a person's calls count where the connection's do.
        let project = connection.project.as_str();
        let subject = match actor {
            Actor::Own(purpose) => connection.subject(purpose),
            Actor::Booker(mail) => mail,
        };
        payer(&connection.tenant, project, subject, actor.api())
    }

    /// The keys that seal, and sign the events that we make.
    pub fn ring(&self) -> Arc<Keyring> {
        self.ring.clone()
    }

    /// A tenant's connection, if Google may be called through it, also while it is ending.
    /// `NOT_FOUND` `TENANT_NOT_FOUND`, `FAILED_PRECONDITION` `NOT_CONNECTED`.
    pub(crate) async fn usable(&self, tenant: &TenantId) -> Result<Connection, CommandError> {
        match connections::get(&self.database, tenant).await? {
            Some(connection) if connection.is_usable() => Ok(connection),
            Some(connection) if !connection.module_enabled => {
                Err(connections::not_connected("module_missing"))
            }
            Some(connection) => Err(connections::not_connected(&connection.state)),
            None => {
                gate::tenant(&self.database, tenant).await?;
                Err(connections::not_connected("disconnected"))
            }
        }
    }

    /// Google withdrew the access: bookings stay (D19), syncing stops, everybody is told. Does
    /// nothing when the tenant connected anew meanwhile.
    pub(super) async fn lose(
        &self,
        connection: &Connection,
        why: AccessLostWhy,
    ) -> Result<(), CommandError> {
        let lost = self
            .database
            .tx("lose_connection", |tx| Box::pin(lose(tx, connection, why)))
            .await?;
        if lost {
            tracing::warn!(tenant = %connection.tenant, why = why.as_str(), "the connection to google is lost");
        }
        Ok(())
    }
}

async fn lose(
    tx: &mut PgConnection,
    connection: &Connection,
    why: AccessLostWhy,
) -> Result<bool, CommandError> {
    let lost = connections::lose(&mut *tx, connection, why.as_str()).await?;
    if lost {
        links::all_lost(&mut *tx, &connection.tenant).await?;
        announce(tx, &connection.tenant, "lost", Some(why.as_str())).await?;
    }
    Ok(lost)
}

/// Whose budget a subject's calls count on.
pub(super) fn payer(tenant: &TenantId, project: &str, subject: &MailAddress, api: Api) -> Payer {
    Payer {
        api,
        project: project.to_owned(),
        quota_user: quota_user(tenant, subject),
    }
}

/// UNAVAILABLE `GOOGLE_UNAVAILABLE`.
pub(super) fn unavailable(retry_after: Option<Duration>) -> CommandError {
    CommandError::Unavailable {
        reason: "GOOGLE_UNAVAILABLE",
        retry_after: retry_after.unwrap_or(GOOGLE_RETRY),
    }
}

/// The same where nothing says when to come back.
pub fn google_unavailable() -> CommandError {
    unavailable(None)
}

/// How long to wait before trying the same again, for errors that say nothing about the access.
pub(super) fn fault(error: &GoogleError) -> Option<CommandError> {
    match error {
        // Our own clock: nothing that the organisation could set right.
        GoogleError::AccessLost {
            why: AccessLostWhy::ClockSkew,
        } => Some(unavailable(None)),
        GoogleError::QuotaExceeded => Some(unavailable(Some(Duration::from_hours(1)))),
        error => match error.advice() {
            Advice::Retry { after } => Some(unavailable(after)),
            _ => None,
        },
    }
}
