//! Giving the grant of a consent back to Google. A key has none: the tenant takes the delegation away itself.

use roomsync_domain::TenantId;
use roomsync_google::{Advice, GoogleError};
use secrecy::{ExposeSecret as _, SecretString};

use super::job::Claimed;
use crate::{
    access::{
        Lender,
        connections::{self, Connection, Way},
    },
    status::CommandError,
};

impl Lender {
    /// Revokes the grant; false when Google has to be asked again later. That it is revoked already is as good.
    /// What Google has not taken within the hour stays: the secret is forgotten all the same, and the
    /// administrator can withdraw the access in the account's settings.
    pub(super) async fn revoke(&self, claimed: &Claimed) -> Result<bool, CommandError> {
        let connection = connections::get(&self.database, &claimed.tenant).await?;
        let Some(connection) = connection else {
            return Ok(true);
        };
        if connection.way != Way::Consent || connection.secret.is_none() {
            return Ok(true);
        }
        if self.is_shared_grant(&claimed.tenant).await? {
            tracing::info!(tenant = %claimed.tenant, "the grant stays: another tenant is connected by it");
            return Ok(true);
        }
        match self.ask_to_revoke(&connection).await {
            Ok(()) => Ok(true),
            Err(why) if claimed.forced => {
                tracing::warn!(tenant = %claimed.tenant, why, "the grant was not revoked");
                Ok(true)
            }
            Err(why) => {
                tracing::info!(tenant = %claimed.tenant, why, "the grant is revoked later");
                Ok(false)
            }
        }
    }

    async fn ask_to_revoke(&self, connection: &Connection) -> Result<(), String> {
        let secret = self.secret(connection).await;
        let secret = secret.map_err(|error| error.to_string())?;
        let token =
            std::str::from_utf8(secret.expose_secret()).map_err(|error| error.to_string())?;
        match self.google.revoke(&SecretString::from(token)).await {
            Ok(()) => Ok(()),
            Err(error) if is_worth_asking_again(&error) => Err(error.to_string()),
            Err(error) => {
                tracing::info!(tenant = %connection.tenant, %error, "there was nothing to revoke");
                Ok(())
            }
        }
    }

    /// Revoking ends every token of an account's consent to our client (documented), also those of another
    /// tenant that the same administrator connected. One that is disconnecting needs it until its channels are
    /// stopped; then it is the one that revokes: it gets there later than we did, so it finds us without any.
    async fn is_shared_grant(&self, tenant: &TenantId) -> Result<bool, CommandError> {
        let query = sqlx::query_scalar!(
            r#"
            -- booking.connections.is_shared_grant
            SELECT EXISTS (
                SELECT
                FROM booking.connections AS own
                JOIN booking.connections AS other USING (account_id)
                WHERE own.tenant_id = $1
                  AND other.tenant_id <> $1
                  AND other.way = 'consent'
                  AND (
                      other.state IN ('connecting', 'active', 'lost')
                      OR other.state = 'disconnecting' AND EXISTS (
                          SELECT
                          FROM booking.links AS link
                          WHERE link.tenant_id = other.tenant_id
                            AND link.state = 'closing'
                      )
                  )
            ) AS "shared!"
            "#,
            tenant.as_str(),
        )
        .fetch_one(self.database.pool());
        Ok(self.database.answer(query).await?)
    }
}

fn is_worth_asking_again(error: &GoogleError) -> bool {
    matches!(error.advice(), Advice::Retry { .. })
}
