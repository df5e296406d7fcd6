//! OAuth clients and what users granted to them, in the same process and over HTTP.

use super::{Command, Control, ControlClient, ControlError};
use crate::world::{Consent, OAuthClient};

impl Control {
    /// Makes an OAuth client, or finds the one of this name and gives it these addresses.
    pub fn oauth_client(&self, name: &str, redirect_uris: &[&str]) -> OAuthClient {
        let uris: Vec<String> = redirect_uris.iter().map(|&uri| uri.to_owned()).collect();
        self.core.act(|world| world.oauth_client(name, &uris))
    }

    /// A user, or an administrator, takes back what was granted: all tokens die.
    pub fn revoke_consent(&self, user: &str, client_id: &str) {
        let user = user.to_lowercase();
        self.core
            .act(|world| world.revoke_consent(&user, client_id));
    }

    /// A user, or a policy of the organisation, takes back some of the scopes; the rest still works.
    pub fn withdraw_scopes(&self, user: &str, client_id: &str, scopes: &[&str]) {
        let user = user.to_lowercase();
        self.core
            .act(|world| world.withdraw_scopes(&user, client_id, scopes));
    }

    /// What users have granted and not taken back.
    pub fn consents(&self) -> Vec<Consent> {
        self.core.read(crate::world::World::list_consents)
    }

    /// Id tokens are signed with a new key from now on; the key before is still published.
    pub fn rotate_keys(&self) {
        self.core.act(|world| world.signing_key += 1);
    }
}

impl ControlClient {
    /// Makes an OAuth client, or finds the one of this name and gives it these addresses.
    pub async fn oauth_client(
        &self,
        name: &str,
        redirect_uris: &[&str],
    ) -> Result<OAuthClient, ControlError> {
        self.ask(Command::OauthClient {
            name: name.to_owned(),
            redirect_uris: redirect_uris.iter().map(|&uri| uri.to_owned()).collect(),
        })
        .await
    }

    /// A user, or an administrator, takes back what was granted: all tokens die.
    pub async fn revoke_consent(&self, user: &str, client_id: &str) -> Result<(), ControlError> {
        self.ask(Command::RevokeConsent {
            user: user.to_owned(),
            client_id: client_id.to_owned(),
        })
        .await
    }

    /// What users have granted and not taken back.
    pub async fn consents(&self) -> Result<Vec<Consent>, ControlError> {
        self.ask(Command::Consents).await
    }

    /// Id tokens are signed with a new key from now on.
    pub async fn rotate_keys(&self) -> Result<(), ControlError> {
        self.ask(Command::RotateKeys).await
    }
}
