//! Giving back the grant of an administrator whose place another one took, or a key.
//!
//! Once, as well as it goes: the connection is the new one's either way. What Google does not take back now the old
//! administrator can withdraw in the account's settings.

use roomsync_domain::TenantId;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    activate::OldGrant,
    connections::{self, Connection},
    lender::Lender,
};
use crate::status::CommandError;

impl Lender {
    /// Revokes a replaced grant. Not where the same account keeps another tenant connected: Google ends all that
    /// it granted, not this token alone (documented).
    pub(super) async fn give_up_grant(&self, tenant: &TenantId, grant: Option<OldGrant>) {
        let Some(grant) = grant else { return };
        if let Err(error) = self.revoke_replaced(tenant, &grant).await {
            tracing::warn!(%tenant, %error, "the grant of the connection before was not given back");
        }
    }

    async fn revoke_replaced(
        &self,
        tenant: &TenantId,
        grant: &OldGrant,
    ) -> Result<(), CommandError> {
        if connections::is_in_use(&self.database, &grant.account_id).await? {
            return Ok(());
        }
        let place = Connection::place(tenant);
        let token = self
            .ring
            .open(&grant.secret, &place)
            .map_err(anyhow::Error::from)?;
        let token = std::str::from_utf8(token.expose_secret()).map_err(anyhow::Error::from)?;
        let revoked = self.google.revoke(&SecretString::from(token)).await;
        Ok(revoked.map_err(anyhow::Error::from)?)
    }
}
