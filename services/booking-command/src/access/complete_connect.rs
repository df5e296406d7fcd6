//! Completing what the consent screen began (R48 to R50, D3, D21): the code becomes a grant, the grant names
//! who gave it and what, the Directory proves the administrator. Nothing is stored before all of it is true.

use roomsync_domain::TenantId;
use roomsync_google::{Access, AccessToken, GoogleError, Granted, IdTokenError, SignedIn};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::{
    activate::{NewConnection, OldGrant},
    begin_connect::disconnecting,
    connect,
    connections::{self, Connection, Way},
    consent_scopes,
    consents::{self, Claimed},
    lender::{Lender, fault, unavailable},
    offers::ConsentOffer,
    prove::Administrator,
    subject::quota_user,
    warnings::Warning,
};
use crate::status::CommandError;

/// What the browser brought back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer<'a> {
    /// The administrator agreed.
    Code(&'a str),
    /// Google's word for why not.
    Error(&'a str),
}

/// A grant as it is kept while it is not proved: a code works once, and Google may be away after it.
#[derive(Serialize, Deserialize)]
struct Kept {
    refresh_token: String,
    id_token: String,
    scopes: Vec<String>,
}

impl Lender {
    /// Connects the tenant, or says why not. A state is used up, except when nothing was learned.
    pub(super) async fn complete_connect(
        &self,
        tenant: &TenantId,
        state: &str,
        answer: Answer<'_>,
    ) -> Result<Vec<Warning>, CommandError> {
        let offer = self.offers.consent();
        let offer = offer.ok_or(CommandError::precondition("STATE_UNKNOWN"))?;
        let claimed = consents::claim(&self.database, tenant, state).await?;
        let Some(claimed) = claimed else {
            return Err(consents::refusal(&self.database, tenant, state).await?);
        };
        let tried = Try {
            lender: self,
            tenant,
            offer,
            state,
            claimed: &claimed,
        };
        let done = tried.complete(answer).await;
        match &done {
            Ok(_) => {}
            Err(
                CommandError::Unavailable { .. }
                | CommandError::Exhausted { .. }
                | CommandError::Database(_)
                | CommandError::Internal(_),
            ) => consents::release(&self.database, tenant, &claimed).await?,
            Err(_) => {
                self.database
                    .tx("use_up_consent", |tx| {
                        let claimed = &claimed;
                        Box::pin(async move { consents::use_up(tx, tenant, claimed).await })
                    })
                    .await?;
            }
        }
        done
    }
}

/// One try to complete.
struct Try<'a> {
    lender: &'a Lender,
    tenant: &'a TenantId,
    offer: &'a ConsentOffer,
    state: &'a str,
    claimed: &'a Claimed,
}

impl Try<'_> {
    async fn complete(&self, answer: Answer<'_>) -> Result<Vec<Warning>, CommandError> {
        let kept = match (self.kept()?, answer) {
            (Some(kept), _) => kept,
            (None, Answer::Code(code)) => self.exchange(code).await?,
            (None, Answer::Error(word)) => {
                return Err(refused("CONSENT_DENIED", "error", word_of(word)));
            }
        };
        let done = self.prove_and_store(&kept).await;
        if let Err(error) = &done
            && !matches!(
                error,
                // Somebody else is proving the same grant by now.
                CommandError::Precondition {
                    reason: "STATE_UNKNOWN",
                    ..
                } | CommandError::Unavailable { .. }
                    | CommandError::Exhausted { .. }
                    | CommandError::Database(_)
                    | CommandError::Internal(_)
            )
        {
            self.give_back(&kept).await;
        }
        done
    }

    /// What an earlier try exchanged the code for.
    fn kept(&self) -> Result<Option<Kept>, CommandError> {
        let Some(sealed) = &self.claimed.grant else {
            return Ok(None);
        };
        let place = consents::place("grant", self.tenant, self.state);
        let ring = &self.lender.ring;
        let kept = ring.open(sealed, &place).map_err(anyhow::Error::from)?;
        let kept = serde_json::from_slice(kept.expose_secret()).map_err(anyhow::Error::from)?;
        Ok(Some(kept))
    }

    async fn exchange(&self, code: &str) -> Result<Kept, CommandError> {
        let Claimed {
            redirect_uri, now, ..
        } = self.claimed;
        let ring = &self.lender.ring;
        let place = consents::place("verifier", self.tenant, self.state);
        let verifier = ring
            .open(&self.claimed.verifier, &place)
            .map_err(anyhow::Error::from)?;
        let verifier =
            std::str::from_utf8(verifier.expose_secret()).map_err(anyhow::Error::from)?;
        let client = &self.offer.client;
        let granted = self
            .lender
            .google
            .exchange_code(client, redirect_uri, code, verifier, *now)
            .await
            .map_err(|error| code_refused(&error))?;
        let Granted {
            refresh_token: Some(refresh_token),
            id_token,
            scopes,
            ..
        } = granted
        else {
            return Err(refused("CODE_REFUSED", "google", "no refresh token"));
        };
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let kept = Kept {
            refresh_token: text(&refresh_token),
            id_token: id_token.as_ref().map(text).unwrap_or_default(),
            scopes,
        };
        let place = consents::place("grant", self.tenant, self.state);
        let json = serde_json::to_vec(&kept).map_err(anyhow::Error::from)?;
        let sealed = ring.seal(&json, &place).map_err(anyhow::Error::from)?;
        consents::keep_grant(&self.lender.database, self.tenant, self.claimed, &sealed).await?;
        Ok(kept)
    }

    async fn prove_and_store(&self, kept: &Kept) -> Result<Vec<Warning>, CommandError> {
        let now = self.claimed.now;
        let id_token = SecretString::from(kept.id_token.as_str());
        let client = &self.offer.client;
        let who = self
            .lender
            .google
            .verify_id_token(&id_token, &client.id, &self.claimed.nonce, now)
            .await
            .map_err(not_believed)?;
        let missing = consent_scopes::missing(&kept.scopes);
        if !missing.is_empty() {
            return Err(refused("SCOPES_MISSING", "scopes", missing.join(" ")));
        }
        another_organisation(&self.lender.database, self.tenant, &who.domain).await?;
        let refresh_token = SecretString::from(kept.refresh_token.as_str());
        let granted = self
            .lender
            .google
            .refresh(client, &refresh_token, now)
            .await;
        let access: AccessToken = granted.map_err(|error| code_refused(&error))?.access;
        let optional = consent_scopes::missing_optional(&kept.scopes);
        let administrator = Administrator {
            tenant: self.tenant,
            project: self.offer.project(),
            mail: &who.mail,
            access: Access {
                token: access.token,
                quota_user: quota_user(self.tenant, &who.mail),
            },
            may_read_people: !optional.contains(&roomsync_google::scopes::DIRECTORY_USERS),
        };
        let mut warnings = self.lender.prove_administrator(&administrator).await?;
        warnings.extend(optional.into_iter().map(Warning::optional_scope));
        self.store(kept, &who).await?;
        tracing::info!(tenant = %self.tenant, "connected by consent");
        self.make_calendar().await;
        Ok(warnings)
    }

    async fn store(&self, kept: &Kept, who: &SignedIn) -> Result<(), CommandError> {
        let place = Connection::place(self.tenant);
        let sealed = self
            .lender
            .ring
            .seal(kept.refresh_token.as_bytes(), &place)
            .map_err(anyhow::Error::from)?;
        let new = NewConnection {
            tenant: self.tenant,
            way: Way::Consent,
            domain: &who.domain,
            project: self.offer.project(),
            service_account: None,
            directory_subject: &who.mail,
            rooms_subject: &who.mail,
            secret: &sealed,
            granted_scopes: &kept.scopes,
            account_id: Some(&who.account_id),
        };
        let (new, claimed) = (&new, self.claimed);
        let replaced = self
            .lender
            .database
            .tx("complete_connect", |tx| Box::pin(store(tx, new, claimed)))
            .await?;
        self.lender.give_up_grant(self.tenant, replaced).await;
        Ok(())
    }

    /// The calendar for bookings that cannot be made as the user. Without it the first such booking makes it.
    async fn make_calendar(&self) {
        let made = async {
            let connection = self.lender.active(self.tenant).await?;
            self.lender.shared_calendar(&connection).await
        };
        if let Err(error) = made.await {
            tracing::warn!(tenant = %self.tenant, error = %error, "the shared calendar was not made yet");
        }
    }

    /// A grant that did not connect is given back as well as it goes. Not where the same account has
    /// connected somebody with the same client: Google ends all that it granted, not this token alone
    /// (documented).
    async fn give_back(&self, kept: &Kept) {
        let id_token = SecretString::from(kept.id_token.as_str());
        let account = roomsync_google::claimed_account(&id_token);
        let given_back = async {
            if let Some(account) = account
                && connections::is_in_use(&self.lender.database, &account).await?
            {
                return Ok(());
            }
            let token = SecretString::from(kept.refresh_token.as_str());
            let revoked = self.lender.google.revoke(&token).await;
            revoked.map_err(|error| CommandError::Internal(error.into()))
        };
        if let Err(error) = given_back.await {
            tracing::warn!(tenant = %self.tenant, error = %error, "a grant that did not connect was not given back");
        }
    }
}

async fn store(
    tx: &mut PgConnection,
    new: &NewConnection<'_>,
    claimed: &Claimed,
) -> Result<Option<OldGrant>, CommandError> {
    if !consents::use_up(&mut *tx, new.tenant, claimed).await? {
        return Err(CommandError::precondition("STATE_UNKNOWN"));
    }
    connect::store(tx, new).await
}

/// `FAILED_PRECONDITION` `ANOTHER_ORGANISATION` when links exist that are of another one.
pub(super) async fn another_organisation(
    database: &roomsync_postgres::Database,
    tenant: &TenantId,
    domain: &str,
) -> Result<(), CommandError> {
    let Some(connection) = connections::get(database, tenant).await? else {
        return Ok(());
    };
    match connection.state.as_str() {
        "disconnecting" => return Err(disconnecting()),
        // Addresses were kept, but nothing hangs on them any more, or again.
        "disconnected" | "connecting" => return Ok(()),
        _ => {}
    }
    if connection.domain != domain && connections::has_links(database, tenant).await? {
        return Err(refused("ANOTHER_ORGANISATION", "domain", connection.domain));
    }
    Ok(())
}

fn refused(reason: &'static str, name: &'static str, fact: impl Into<String>) -> CommandError {
    CommandError::Precondition {
        reason,
        metadata: vec![(name, fact.into())],
    }
}

/// Google's words come with the browser, so anybody can write them.
fn word_of(word: &str) -> &str {
    let is_word = (1..=64).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_word { word } else { "unknown" }
}

fn code_refused(error: &GoogleError) -> CommandError {
    if let Some(fault) = fault(error) {
        return fault;
    }
    tracing::warn!(error = %error, "google does not take a code");
    refused("CODE_REFUSED", "google", error.to_string())
}

fn not_believed(error: IdTokenError) -> CommandError {
    match error {
        IdTokenError::Keys(error) => fault(&error).unwrap_or_else(|| unavailable(None)),
        IdTokenError::Invalid(why) => refused("ID_TOKEN_INVALID", "why", why.as_str()),
        IdTokenError::NoOrganisation => CommandError::precondition("CONSUMER_ACCOUNT"),
    }
}
