//! Delegation of the operator's service account, added to a consented connection (D21): bookings then appear as
//! the users' own events.

use roomsync_domain::TenantId;
use roomsync_google::{AccessLostWhy, GoogleError};

use super::{
    connections::{self, Connection, Way},
    consent_scopes,
    lender::{Lender, fault, unavailable},
    subject::Actor,
};
use crate::status::CommandError;

impl Lender {
    /// Proves that the organisation delegated it: a token for the administrator who consented, and for nobody
    /// whose organisation we do not know.
    pub(super) async fn enable_delegation(&self, tenant: &TenantId) -> Result<(), CommandError> {
        let connection = self.active(tenant).await?;
        if connection.way == Way::Key {
            return Err(CommandError::precondition("CONSENT_MISSING"));
        }
        let operator = self.offers.delegation();
        let operator = operator.ok_or(CommandError::precondition("DELEGATION_NOT_OFFERED"))?;
        let administrator = &connection.directory_subject;
        let payer = Self::payer(&connection, Actor::Booker(administrator));
        let lease = self.one_unit(&payer).await?;
        let scopes = Actor::Booker(administrator).scopes();
        let proof = self
            .google
            .service_account_token(operator, administrator.as_str(), scopes, lease.now)
            .await;
        proof.map_err(|error| not_delegated(&error))?;
        self.store_delegation(&connection).await
    }

    async fn store_delegation(&self, connection: &Connection) -> Result<(), CommandError> {
        if connections::delegate(&self.database, connection).await? {
            tracing::info!(tenant = %connection.tenant, "delegation is enabled");
            Ok(())
        } else {
            // Connected anew, or lost, since it was proved.
            Err(connections::not_connected("connecting"))
        }
    }
}

fn not_delegated(error: &GoogleError) -> CommandError {
    if let Some(fault) = fault(error) {
        return fault;
    }
    let why = match error {
        GoogleError::AccessLost {
            why: AccessLostWhy::NotDelegated,
        } => "scope_not_delegated",
        GoogleError::AccessLost {
            why: AccessLostWhy::SubjectUnknown,
        } => "unknown_subject",
        GoogleError::AccessLost {
            why: AccessLostWhy::KeyRefused | AccessLostWhy::ClientRefused,
        } => {
            tracing::error!(error = %error, "google does not take the key of section `delegation`");
            return unavailable(None);
        }
        _ => "refused",
    };
    CommandError::Precondition {
        reason: "NOT_DELEGATED",
        metadata: vec![
            ("why", why.to_owned()),
            ("scopes", consent_scopes::DELEGATION.join(" ")),
        ],
    }
}
