//! The ways to connect that the operator's configuration offers, besides a tenant's own key.

use roomsync_google::{KeyError, OAuthClient, ServiceAccountKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

/// The section `consent`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentConfig {
    /// The operator's OAuth client; empty: consent is not offered.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Where browsers may come back to, as registered with the client.
    pub redirect_uris: Vec<String>,
}

/// The section `delegation`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationConfig {
    /// The key file of the operator's service account; empty: delegation is not offered.
    pub key: SecretString,
}

/// What is wrong with one of both sections.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct InvalidOffer {
    /// Section and key.
    pub key: &'static str,
    /// What was expected.
    pub problem: String,
}

/// Consent by the operator's OAuth client.
#[derive(Debug)]
pub(super) struct ConsentOffer {
    pub(super) client: OAuthClient,
    pub(super) redirect_uris: Vec<String>,
}

impl ConsentOffer {
    /// The Google Cloud project whose quota the calls use up: an OAuth client's id begins with the number of
    /// its project (documented).
    pub(super) fn project(&self) -> &str {
        let id = self.client.id.as_str();
        let number = id.split('-').next().unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        if is_number { number } else { id }
    }
}

/// What is offered.
#[derive(Debug, Default)]
pub struct Offers {
    consent: Option<ConsentOffer>,
    delegation: Option<ServiceAccountKey>,
}

impl Offers {
    /// The offers of a configuration.
    pub fn new(
        consent: &ConsentConfig,
        delegation: &DelegationConfig,
    ) -> Result<Self, InvalidOffer> {
        Ok(Self {
            consent: consent_offer(consent)?,
            delegation: operator_key(delegation)?,
        })
    }

    pub(super) fn consent(&self) -> Option<&ConsentOffer> {
        self.consent.as_ref()
    }

    /// The operator's service account.
    pub(super) fn delegation(&self) -> Option<&ServiceAccountKey> {
        self.delegation.as_ref()
    }
}

fn consent_offer(config: &ConsentConfig) -> Result<Option<ConsentOffer>, InvalidOffer> {
    let invalid = |key, problem: &str| InvalidOffer {
        key,
        problem: problem.to_owned(),
    };
    if config.client_id.is_empty() {
        return Ok(None);
    }
    if config.client_secret.expose_secret().is_empty() {
        return Err(invalid("consent.client_secret", "missing beside client_id"));
    }
    if config.redirect_uris.is_empty() {
        return Err(invalid("consent.redirect_uris", "missing beside client_id"));
    }
    let is_address = |text: &String| {
        Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.host_str().is_some()
                && url.fragment().is_none()
        })
    };
    if !config.redirect_uris.iter().all(is_address) {
        let problem = "expected http or https addresses without a fragment";
        return Err(invalid("consent.redirect_uris", problem));
    }
    Ok(Some(ConsentOffer {
        client: OAuthClient {
            id: config.client_id.clone(),
            secret: config.client_secret.clone(),
        },
        redirect_uris: config.redirect_uris.clone(),
    }))
}

fn operator_key(config: &DelegationConfig) -> Result<Option<ServiceAccountKey>, InvalidOffer> {
    let invalid = |problem: String| InvalidOffer {
        key: "delegation.key",
        problem,
    };
    let file = config.key.expose_secret();
    if file.trim().is_empty() {
        return Ok(None);
    }
    let key = ServiceAccountKey::parse(file).map_err(|why: KeyError| invalid(why.to_string()))?;
    if key.client_id().is_none() {
        // An administrator needs the number to delegate to it.
        return Err(invalid("`client_id` is missing".to_owned()));
    }
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent(client_id: &str, secret: &str, redirect_uris: &[&str]) -> ConsentConfig {
        ConsentConfig {
            client_id: client_id.to_owned(),
            client_secret: secret.to_owned().into(),
            redirect_uris: redirect_uris.iter().map(|&it| it.to_owned()).collect(),
        }
    }

    fn problem(consent: &ConsentConfig, key: &str) -> Option<&'static str> {
        let key = DelegationConfig {
            key: key.to_owned().into(),
        };
        Offers::new(consent, &key).err().map(|error| error.key)
    }

    #[rstest::rstest]
    #[case::nothing(consent("", "", &[]), "", None)]
    #[case::whole(consent("1-a", "s", &["https://a.example/back"]), "", None)]
    #[case::no_secret(consent("1-a", "", &["https://a.example/back"]), "", Some("consent.client_secret"))]
    #[case::nowhere(consent("1-a", "s", &[]), "", Some("consent.redirect_uris"))]
    #[case::no_address(consent("1-a", "s", &["a.example"]), "", Some("consent.redirect_uris"))]
    #[case::no_key(consent("", "", &[]), "{}", Some("delegation.key"))]
    fn an_offer_is_whole_or_named(
        #[case] config: ConsentConfig,
        #[case] key: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(problem(&config, key), expected);
    }

    #[rstest::rstest]
    #[case("1234-abc.apps.googleusercontent.com", "1234")]
    #[case(
        "roomsync.apps.googleusercontent.com",
        "roomsync.apps.googleusercontent.com"
    )]
    fn the_client_names_its_project(#[case] id: &str, #[case] project: &str) {
        let offer = consent_offer(&consent(id, "s", &["https://a.example/"]));
        assert_eq!(offer.unwrap().unwrap().project(), project);
    }
}
