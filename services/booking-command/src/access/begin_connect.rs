//! Beginning to connect by Google's consent screen (R47, R49).

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use roomsync_domain::{MailAddress, TenantId};
use roomsync_google::ConsentQuestion;

use super::{
    connections, consent_scopes,
    consents::{self, NewConsent},
    lender::Lender,
};
use crate::status::CommandError;

/// Where to send the administrator's browser.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) consent_url: String,
    pub(super) state: String,
    pub(super) expires_at: DateTime<Utc>,
}

impl Lender {
    /// Asks a question that only this tenant's answer fits: state, nonce and the proof of PKCE are random.
    pub(super) async fn begin_connect(
        &self,
        tenant: &TenantId,
        redirect_uri: &str,
        login_hint: Option<&MailAddress>,
    ) -> Result<Begun, CommandError> {
        let offer = self.offers.consent();
        let offer = offer.ok_or(CommandError::precondition("CONSENT_NOT_OFFERED"))?;
        if !offer.redirect_uris.iter().any(|it| it == redirect_uri) {
            let expected = "one of the addresses that the operator registered";
            return Err(CommandError::invalid("redirect_uri", expected));
        }
        let connection = connections::get(&self.database, tenant).await?;
        if connection.is_some_and(|it| it.state == "disconnecting") {
            return Err(disconnecting());
        }
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        let place = consents::place("verifier", tenant, &state);
        let sealed = self
            .ring
            .seal(verifier.as_bytes(), &place)
            .map_err(anyhow::Error::from)?;
        let new = NewConsent {
            tenant,
            state: &state,
            nonce: &nonce,
            verifier: &sealed,
            redirect_uri,
        };
        let expires_at = consents::insert(&self.database, &new).await?;
        let question = ConsentQuestion {
            redirect_uri,
            scopes: &consent_scopes::asked(),
            state: &state,
            nonce: &nonce,
            verifier: &verifier,
            login_hint: login_hint.map(MailAddress::as_str),
        };
        let consent_url = self
            .google
            .consent_url(&offer.client, &question)
            .to_string();
        Ok(Begun {
            consent_url,
            state,
            expires_at,
        })
    }
}

/// `FAILED_PRECONDITION` `DISCONNECTING`.
pub(super) fn disconnecting() -> CommandError {
    CommandError::precondition("DISCONNECTING")
}

/// 256 random bits as 43 characters: also what PKCE wants of a verifier (RFC 7636).
fn random() -> Result<String, CommandError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the machine gives no random bytes"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
