//! Consent: OAuth clients, what users granted to them, codes and refresh tokens.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    grants::{Caller, GrantError},
    ids, pkce,
    state::World,
};

/// An OAuth client of the kind "web application".
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OAuthClient {
    /// Its id, which stands for its project.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where codes may be sent, exactly.
    pub redirect_uris: Vec<String>,
}

/// What one user granted to one client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Consent {
    /// The user's address.
    pub user: String,
    /// The client's id.
    pub client_id: String,
    /// The scopes that were ticked.
    pub scopes: BTreeSet<String>,
    /// How many refresh tokens live.
    pub refresh_tokens: usize,
}

/// Everything about consent that is remembered.
#[derive(Debug, Default)]
pub(crate) struct Consents {
    pub(super) clients: BTreeMap<String, OAuthClient>,
    codes: BTreeMap<String, Code>,
    /// Scopes by user and client.
    granted: BTreeMap<(String, String), BTreeSet<String>>,
    /// In the order of their making.
    refresh: Vec<Refresh>,
}

/// What the authorize page was asked for, checked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) challenge: Option<pkce::Challenge>,
    pub(crate) nonce: Option<String>,
    pub(crate) offline: bool,
    /// `prompt=consent`: the user is asked again, and a refresh token is given again.
    pub(crate) ask_again: bool,
    pub(crate) with_granted: bool,
}

#[derive(Debug, Clone)]
struct Code {
    request: Request,
    user: String,
    scopes: BTreeSet<String>,
    gives_refresh: bool,
    expires: DateTime<Utc>,
}

#[derive(Debug, Clone)]
struct Refresh {
    token: String,
    user: String,
    client: String,
    scopes: BTreeSet<String>,
    expires: Option<DateTime<Utc>>,
}

/// What the token endpoint gives for a code or a refresh token.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) id_token: Option<String>,
}

/// What a client sends to redeem a code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redeemed<'a> {
    pub(crate) code: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: Option<&'a str>,
}

impl World {
    /// Makes a client, or finds the one of this name and gives it these addresses.
    pub(crate) fn oauth_client(&mut self, name: &str, redirect_uris: &[String]) -> OAuthClient {
        let client_id = format!("{name}.apps.googleusercontent.com");
        let client = self
            .consents
            .clients
            .entry(client_id.clone())
            .or_insert_with(|| OAuthClient {
                client_id,
                client_secret: format!("GOCSPX-{}", ids::random(28)),
                redirect_uris: Vec::new(),
            });
        client.redirect_uris = redirect_uris.to_vec();
        client.clone()
    }

    pub(crate) fn find_client(&self, client_id: &str) -> Option<&OAuthClient> {
        self.consents.clients.get(client_id)
    }

    /// The client that proves its id with its secret.
    pub(crate) fn authenticate(&self, client_id: &str, secret: &str) -> Result<(), GrantError> {
        self.find_client(client_id)
            .filter(|client| client.client_secret == secret)
            .map(|_| ())
            .ok_or_else(GrantError::invalid_client)
    }

    /// What a user has granted to a client so far.
    pub(crate) fn granted(&self, user: &str, client: &str) -> BTreeSet<String> {
        let key = (user.to_owned(), client.to_owned());
        self.consents.granted.get(&key).cloned().unwrap_or_default()
    }

    /// The user consents to what the switches let the user tick; returns the code and the scopes.
    pub(crate) fn consent(&mut self, user: &str, request: Request) -> (String, BTreeSet<String>) {
        let ticked = self.settings.consent_granted.as_ref();
        let mut scopes: BTreeSet<String> = request
            .scopes
            .iter()
            .filter(|scope| is_identity(scope) || ticked.is_none_or(|only| only.contains(scope)))
            .map(|scope| long_name(scope).to_owned())
            .collect();
        let before = self.granted(user, &request.client);
        let gives_refresh = request.offline && (request.ask_again || before.is_empty());
        if request.with_granted {
            scopes.extend(before.iter().cloned());
        }
        let key = (user.to_owned(), request.client.clone());
        let all = self.consents.granted.entry(key).or_default();
        all.extend(scopes.iter().cloned());
        let code = format!("4/0A{}", ids::random(40));
        let expires = self.now + span(self.settings.code_lifetime);
        let entry = Code {
            request,
            user: user.to_owned(),
            scopes: scopes.clone(),
            gives_refresh,
            expires,
        };
        self.consents.codes.insert(code.clone(), entry);
        (code, scopes)
    }

    /// Exchanges a code, once, with the address and the proof that belong to it.
    pub(crate) fn redeem(
        &mut self,
        client: &str,
        redeemed: Redeemed<'_>,
    ) -> Result<Granted, GrantError> {
        let code = self
            .consents
            .codes
            .remove(redeemed.code)
            .filter(|code| code.request.client == client && code.expires > self.now)
            .ok_or_else(|| GrantError::invalid_grant("Malformed auth code."))?;
        if code.request.redirect_uri != redeemed.redirect_uri {
            return Err(GrantError::redirect_uri_mismatch());
        }
        let proven = match (&code.request.challenge, redeemed.verifier) {
            (None, _) => true,
            (Some(challenge), Some(verifier)) => challenge.is_met_by(verifier),
            (Some(_), None) => false,
        };
        if !proven {
            return Err(GrantError::invalid_grant("Invalid code verifier."));
        }
        self.may_sign_in(&code.user)?;
        let refresh_token = code
            .gives_refresh
            .then(|| self.new_refresh_token(&code.user, client, &code.scopes));
        let nonce = code.request.nonce.as_deref();
        Ok(self.grant(&code.user, client, code.scopes, refresh_token, nonce))
    }

    /// A new access token for a refresh token; the refresh token stays.
    pub(crate) fn refresh(&mut self, client: &str, token: &str) -> Result<Granted, GrantError> {
        let now = self.now;
        let refresh = self
            .consents
            .refresh
            .iter()
            .find(|refresh| refresh.token == token && refresh.client == client)
            .filter(|refresh| refresh.expires.is_none_or(|expires| expires > now))
            .cloned()
            .ok_or_else(GrantError::revoked)?;
        self.may_sign_in(&refresh.user)?;
        if self.settings.session_control {
            return Err(GrantError {
                subtype: Some("invalid_rapt"),
                ..GrantError::invalid_grant("reauth related error (invalid_rapt)")
            });
        }
        Ok(self.grant(&refresh.user, client, refresh.scopes, None, None))
    }

    /// Ends what a user granted, by any of its tokens; false if the token is unknown.
    pub(crate) fn revoke_token(&mut self, token: &str) -> bool {
        let of_refresh = self
            .consents
            .refresh
            .iter()
            .find(|refresh| refresh.token == token)
            .map(|refresh| (refresh.user.clone(), refresh.client.clone()));
        let Some((user, client)) = of_refresh.or_else(|| self.owner_of(token)) else {
            return false;
        };
        self.revoke_consent(&user, &client);
        true
    }

    /// A user, or an administrator, takes back what was granted to a client.
    pub(crate) fn revoke_consent(&mut self, user: &str, client: &str) {
        let key = (user.to_owned(), client.to_owned());
        self.consents.granted.remove(&key);
        self.consents
            .refresh
            .retain(|refresh| refresh.user != user || refresh.client != client);
        self.forget_tokens(user, client);
    }

    /// A user, or a policy, takes back some of the scopes: what is left still works, and says so.
    pub(crate) fn withdraw_scopes(&mut self, user: &str, client: &str, scopes: &[&str]) {
        let withdraw =
            |from: &mut BTreeSet<String>| from.retain(|it| !scopes.contains(&it.as_str()));
        let key = (user.to_owned(), client.to_owned());
        if let Some(granted) = self.consents.granted.get_mut(&key) {
            withdraw(granted);
        }
        for refresh in &mut self.consents.refresh {
            if refresh.user == user && refresh.client == client {
                withdraw(&mut refresh.scopes);
            }
        }
        self.withdraw_from_tokens(user, client, scopes);
    }

    pub(crate) fn list_consents(&self) -> Vec<Consent> {
        let refresh = &self.consents.refresh;
        let granted = self.consents.granted.iter();
        granted
            .map(|((user, client_id), scopes)| Consent {
                user: user.clone(),
                client_id: client_id.clone(),
                scopes: scopes.clone(),
                refresh_tokens: refresh
                    .iter()
                    .filter(|refresh| refresh.user == *user && refresh.client == *client_id)
                    .count(),
            })
            .collect()
    }

    fn grant(
        &mut self,
        user: &str,
        client: &str,
        scopes: BTreeSet<String>,
        refresh_token: Option<String>,
        nonce: Option<&str>,
    ) -> Granted {
        let id_token = scopes
            .contains("openid")
            .then(|| self.id_token(user, client, nonce));
        Granted {
            access_token: self.issue(Caller {
                subject: user.to_owned(),
                client: client.to_owned(),
                account: None,
                scopes: scopes.clone(),
            }),
            refresh_token,
            scopes,
            id_token,
        }
    }

    /// Of too many refresh tokens of one user and client, the oldest dies silently.
    fn new_refresh_token(&mut self, user: &str, client: &str, scopes: &BTreeSet<String>) -> String {
        let token = format!("1//0{}", ids::random(60));
        let lifetime = self.settings.refresh_token_lifetime_seconds;
        self.consents.refresh.push(Refresh {
            token: token.clone(),
            user: user.to_owned(),
            client: client.to_owned(),
            scopes: scopes.clone(),
            expires: lifetime.map(|seconds| self.now + span(Duration::from_secs(seconds))),
        });
        let own = |refresh: &Refresh| refresh.user == user && refresh.client == client;
        let alive = self.consents.refresh.iter().filter(|one| own(one)).count();
        if alive > self.settings.most_refresh_tokens
            && let Some(oldest) = self.consents.refresh.iter().position(own)
        {
            self.consents.refresh.remove(oldest);
        }
        token
    }

    fn may_sign_in(&self, user: &str) -> Result<(), GrantError> {
        self.user(user)
            .filter(|user| !user.suspended)
            .map(|_| ())
            .ok_or_else(GrantError::revoked)
    }
}

/// Scopes of signing in, which nobody can leave unticked.
fn is_identity(scope: &str) -> bool {
    matches!(long_name(scope), "openid" | EMAIL | PROFILE)
}

const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";

/// Google tells granted scopes by their long names.
fn long_name(scope: &str) -> &str {
    match scope {
        "email" => EMAIL,
        "profile" => PROFILE,
        other => other,
    }
}

fn span(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::days(3650))
}
