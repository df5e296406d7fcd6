//! Where Google is, and how long we wait for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

/// The section `google` of a service's configuration. The addresses are settings so that any server
/// can stand in for Google; the defaults are Google's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GoogleConfig {
    /// Base of the Calendar API, up to and including `v3/`.
    pub calendar_url: Url,
    /// Base of the Directory API (the host).
    pub directory_url: Url,
    /// Where an administrator gives consent.
    pub authorize_url: Url,
    /// Where grants are exchanged for access tokens. Keys never override it.
    pub token_url: Url,
    /// Where a refresh token is given back.
    pub revoke_url: Url,
    /// Google's public keys for identity tokens.
    pub certs_url: Url,
    /// A forward proxy for all calls; none unless set (the environment's is not read).
    pub proxy_url: Option<Url>,
    /// Deadline of a call, from connecting to the last byte of the answer.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Deadline of making a connection.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// The largest answer that is read, in bytes.
    pub max_answer_bytes: usize,
}

/// Google's own token endpoint: the audience that its Python client always signs for.
pub(crate) const GOOGLE_TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

impl Default for GoogleConfig {
    fn default() -> Self {
        // Cannot fail: the addresses are literals, and a test builds this value.
        #[expect(clippy::expect_used, reason = "literals")]
        let url = |text: &str| Url::parse(text).expect("a literal address");
        Self {
            calendar_url: url("https://www.googleapis.com/calendar/v3/"),
            directory_url: url("https://admin.googleapis.com/"),
            authorize_url: url("https://accounts.google.com/o/oauth2/v2/auth"),
            token_url: url(GOOGLE_TOKEN_URL),
            revoke_url: url("https://oauth2.googleapis.com/revoke"),
            certs_url: url("https://www.googleapis.com/oauth2/v3/certs"),
            proxy_url: None,
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            max_answer_bytes: 32 * 1024 * 1024,
        }
    }
}

/// What is wrong with the section, with the key that it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct InvalidGoogleConfig {
    /// The key within the section.
    pub key: &'static str,
    /// What was expected.
    pub problem: &'static str,
}

impl GoogleConfig {
    /// Whether the section can be used.
    pub fn validate(&self) -> Result<(), InvalidGoogleConfig> {
        let addresses = [
            ("calendar_url", &self.calendar_url, true),
            ("directory_url", &self.directory_url, true),
            ("authorize_url", &self.authorize_url, false),
            ("token_url", &self.token_url, false),
            ("revoke_url", &self.revoke_url, false),
            ("certs_url", &self.certs_url, false),
        ];
        let invalid = |key, problem| Err(InvalidGoogleConfig { key, problem });
        for (key, url, is_base) in addresses {
            if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
                return invalid(key, "expected an http or https address");
            }
            if is_base && !url.path().ends_with('/') {
                return invalid(key, "expected a base address that ends in `/`");
            }
            if is_base && (url.query().is_some() || url.fragment().is_some()) {
                return invalid(key, "expected a base address without query and fragment");
            }
        }
        if self.timeout.is_zero() || self.timeout > Duration::from_mins(5) {
            return invalid("timeout", "expected more than 0 and at most 5m");
        }
        if self.connect_timeout.is_zero() || self.connect_timeout > self.timeout {
            return invalid(
                "connect_timeout",
                "expected more than 0 and at most `timeout`",
            );
        }
        if self.max_answer_bytes < 64 * 1024 {
            return invalid("max_answer_bytes", "expected at least 65536");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(GoogleConfig::default().validate(), Ok(()));
    }

    #[rstest::rstest]
    #[case::no_slash(|c: &mut GoogleConfig| c.calendar_url = "http://g/calendar/v3".parse().unwrap(), "calendar_url")]
    #[case::no_http(|c: &mut GoogleConfig| c.token_url = "ftp://g/token".parse().unwrap(), "token_url")]
    #[case::no_time(|c: &mut GoogleConfig| c.timeout = Duration::ZERO, "timeout")]
    #[case::connect(|c: &mut GoogleConfig| c.connect_timeout = Duration::from_secs(21), "connect_timeout")]
    #[case::size(|c: &mut GoogleConfig| c.max_answer_bytes = 10, "max_answer_bytes")]
    fn a_wrong_value_names_its_key(#[case] spoil: fn(&mut GoogleConfig), #[case] key: &str) {
        let mut config = GoogleConfig::default();
        spoil(&mut config);
        assert_eq!(config.validate().unwrap_err().key, key);
    }
}
