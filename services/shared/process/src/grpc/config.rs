//! The sections of configuration that gRPC needs.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use http::Uri;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::ConfigError;

/// A listener: `[public]` or `[internal]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// TLS; without it the listener speaks plain HTTP/2, for networks that encrypt themselves.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
}

/// TLS of a listener, as PEM texts; give them as `certificate_file` and so on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain.
    pub certificate: String,
    /// Its private key.
    pub key: SecretString,
    /// The authority of the callers' certificates; set it to demand one (mutual TLS).
    #[serde(default)]
    pub client_ca: Option<String>,
}

/// Who may call: `[callers]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallersConfig {
    /// Keys given here.
    pub keys: Vec<CallerKey>,
    /// A TOML file with more `[[keys]]`.
    pub file: Option<PathBuf>,
}

/// One caller's token, by its hash.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerKey {
    /// The name shown in logs and traces.
    pub name: String,
    /// What the caller is.
    pub role: Role,
    /// The tenants it may see; `*` is every tenant.
    pub tenants: Vec<String>,
    /// SHA-256 of the token, in hex: `printf %s "$TOKEN" | sha256sum`.
    pub sha256: String,
}

/// What a caller is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A service of roomsync.
    Service,
    /// A booking app.
    App,
    /// A person who runs roomsync, or their tool.
    Operator,
    /// A display at a room's door.
    Display,
}

/// How to reach another service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// `http://host:port`, or `https://`.
    #[serde(deserialize_with = "http_uri")]
    pub url: Uri,
    /// The bearer token, without line ends.
    pub token: SecretString,
    /// The deadline of calls that set none themselves.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    pub timeout: Duration,
    /// The authority of the server's certificate, as PEM (`ca_file`); the system's without it.
    #[serde(default)]
    pub ca: Option<String>,
    /// Our own certificate, for servers that demand one (mutual TLS).
    #[serde(default)]
    pub identity: Option<ClientIdentity>,
}

/// A certificate to show to a server, as PEM texts; give them as `certificate_file` and so on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientIdentity {
    /// The certificate chain.
    pub certificate: String,
    /// Its private key.
    pub key: SecretString,
}

impl Role {
    /// As it is written in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::App => "app",
            Self::Operator => "operator",
            Self::Display => "display",
        }
    }
}

impl ClientConfig {
    /// A client without TLS details and with the default deadline; for tests and tools.
    pub fn new(url: &str, token: impl Into<SecretString>) -> Result<Self, ConfigError> {
        let url = parse_http(url).map_err(|problem| ConfigError::invalid("url", problem))?;
        Ok(Self {
            url,
            token: token.into(),
            timeout: ten_seconds(),
            ca: None,
            identity: None,
        })
    }
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn http_uri<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uri, D::Error> {
    parse_http(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn parse_http(url: &str) -> Result<Uri, &'static str> {
    let wrong = "expected http://host:port or https://host:port";
    let uri: Uri = url.parse().map_err(|_| wrong)?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if known && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(uri)
    } else {
        Err(wrong)
    }
}
