//! An administrator's consent: the address of the consent screen, the exchange of its code, refreshing
//! and giving back (RFC 6749 with PKCE, RFC 7636).
//!
//! A refresh token comes with the exchange of a code only, and only because the screen is asked to ask
//! again (`prompt=consent`); refreshing gives no new one (documented). Which scopes were granted is read
//! from the answer: people can leave some of them unticked.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use crate::{
    AccessToken, Google, GoogleError,
    call::Call,
    lenient::filled,
    token::{access_token, denied},
};

/// The operator's OAuth client, of the kind "web application". `Debug` does not show its secret.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// Its id, which is public.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

/// What the consent screen is asked.
#[derive(Clone, Copy)]
pub struct ConsentQuestion<'a> {
    /// Where the browser comes back to: exactly as it is registered.
    pub redirect_uri: &'a str,
    /// What is asked for.
    pub scopes: &'a [&'a str],
    /// Comes back with the browser; nobody else may be able to guess it.
    pub state: &'a str,
    /// Comes back within the id token.
    pub nonce: &'a str,
    /// The secret that proves at the exchange that the same party asked (PKCE). Only its hash is sent here.
    pub verifier: &'a str,
    /// The account to suggest.
    pub login_hint: Option<&'a str>,
}

impl fmt::Debug for ConsentQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentQuestion")
            .field("redirect_uri", &self.redirect_uri)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// What the token endpoint gave for a code or a refresh token.
#[derive(Debug, Clone)]
pub struct Granted {
    /// For calls.
    pub access: AccessToken,
    /// For new access tokens later; only after a code.
    pub refresh_token: Option<SecretString>,
    /// Who consented, signed; only after a code.
    pub id_token: Option<SecretString>,
    /// What was granted, by Google's long names. Empty when Google does not say.
    pub scopes: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default, deserialize_with = "filled")]
    refresh_token: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    id_token: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    scope: Option<String>,
}

impl Google {
    /// The address to send an administrator's browser to.
    pub fn consent_url(&self, client: &OAuthClient, question: &ConsentQuestion<'_>) -> Url {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, question.verifier.as_bytes()));
        let mut url = self.config().authorize_url.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", question.redirect_uri)
            .append_pair("scope", &question.scopes.join(" "))
            .append_pair("state", question.state)
            .append_pair("nonce", question.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("access_type", "offline")
            // Without it a second consent of the same person brings no refresh token (documented).
            .append_pair("prompt", "consent");
        // `include_granted_scopes` is left out: what somebody granted before, to another tenant's
        // connection perhaps, is none of this one's.
        if let Some(hint) = question.login_hint {
            query.append_pair("login_hint", hint);
        }
        drop(query);
        url
    }

    /// Exchanges a code, which works once. [`GoogleError::AccessLost`] or [`GoogleError::Refused`] when
    /// Google does not take it. `now` is the domain's clock.
    pub async fn exchange_code(
        &self,
        client: &OAuthClient,
        redirect_uri: &str,
        code: &str,
        verifier: &str,
        now: DateTime<Utc>,
    ) -> Result<Granted, GoogleError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &client.id),
            ("client_secret", client.secret.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code", code),
            ("code_verifier", verifier),
        ];
        self.grant(&form, now).await
    }

    /// A new access token for a refresh token. [`GoogleError::AccessLost`] when the grant is gone; a fault
    /// of the token endpoint proves nothing about it.
    pub async fn refresh(
        &self,
        client: &OAuthClient,
        refresh_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Granted, GoogleError> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &client.id),
            ("client_secret", client.secret.expose_secret()),
            ("refresh_token", refresh_token.expose_secret()),
        ];
        self.grant(&form, now).await
    }

    /// Gives a grant back, by its refresh token or an access token of it: all its tokens end. A token that
    /// has ended already answers [`GoogleError::Refused`] `invalid_token` (documented).
    pub async fn revoke(&self, token: &SecretString) -> Result<(), GoogleError> {
        let form = [("token", token.expose_secret())];
        let url = self.config().revoke_url.clone();
        let request = self.http().post(url).form(&form);
        self.measured(Call::Revoke, async {
            let answer = self.send(request).await?;
            if answer.status.is_success() {
                return Ok(());
            }
            Err(denied(answer.status, answer.retry_after, &answer.body))
        })
        .await
    }

    async fn grant(
        &self,
        form: &[(&str, &str)],
        now: DateTime<Utc>,
    ) -> Result<Granted, GoogleError> {
        let url = self.config().token_url.clone();
        let request = self.http().post(url).form(form);
        self.measured(Call::Token, async {
            let answer = self.send(request).await?;
            let access = access_token(&answer, now)?;
            let rest: Answer = serde_json::from_slice(&answer.body)
                .map_err(|_| GoogleError::Unreadable("a grant of another form"))?;
            let scopes = rest.scope.unwrap_or_default();
            Ok(Granted {
                access,
                refresh_token: rest.refresh_token.map(SecretString::from),
                id_token: rest.id_token.map(SecretString::from),
                scopes: scopes.split_whitespace().map(ToOwned::to_owned).collect(),
            })
        })
        .await
    }
}
