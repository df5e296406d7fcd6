//! A service account's key file, as an administrator pastes it.
//!
//! Only who signs and with what is taken from it. Its addresses are never called: a pasted file must
//! not make us send requests to a place that it names.

use std::fmt;

use aws_lc_rs::rsa::KeyPair;
use jsonwebtoken::EncodingKey;
use serde_json::Value;

/// A service account's key. `Debug` shows nothing that is secret.
#[derive(Clone)]
pub struct ServiceAccountKey {
    client_email: String,
    client_id: Option<String>,
    private_key_id: Option<String>,
    project: String,
    token_uri: Option<String>,
    private_key: EncodingKey,
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccountKey")
            .field("private_key_id", &self.private_key_id)
            .finish_non_exhaustive()
    }
}

/// Why a text is no key file. Names the field, never its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Too large to be one.
    #[error("the file is larger than a key file can be")]
    TooLarge,
    /// Not JSON.
    #[error("the file is not JSON")]
    NotJson,
    /// JSON, but not of a service account.
    #[error("`type` is missing: this is not a service account's key file")]
    TypeMissing,
    /// A file of another kind, e.g. an OAuth client's.
    #[error("`type` is not `service_account`: this is another kind of file")]
    NotServiceAccount,
    /// A field is missing, empty or no text.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The account's address is none.
    #[error("`client_email` is not a mail address")]
    ClientEmail,
    /// The key cannot be read.
    #[error("`private_key` is not an RSA private key in PEM form")]
    PrivateKey,
}

/// A real key file has about 2.4 kB.
const LARGEST: usize = 32 * 1024;

impl ServiceAccountKey {
    /// Reads a key file.
    pub fn parse(json: &str) -> Result<Self, KeyError> {
        if json.len() > LARGEST {
            return Err(KeyError::TooLarge);
        }
        let file: Value = serde_json::from_str(json).map_err(|_| KeyError::NotJson)?;
        let text = |key: &str| {
            file[key]
                .as_str()
                .map(str::trim)
                .filter(|text| !text.is_empty())
        };
        match text("type") {
            None => return Err(KeyError::TypeMissing),
            Some("service_account") => {}
            Some(_) => return Err(KeyError::NotServiceAccount),
        }
        let client_email = text("client_email").ok_or(KeyError::Missing("client_email"))?;
        if client_email
            .parse::<roomsync_domain::MailAddress>()
            .is_err()
        {
            return Err(KeyError::ClientEmail);
        }
        let pem = text("private_key").ok_or(KeyError::Missing("private_key"))?;
        let owned = |key: &str| text(key).map(ToOwned::to_owned);
        Ok(Self {
            client_email: client_email.to_owned(),
            client_id: owned("client_id"),
            private_key_id: owned("private_key_id"),
            project: project(client_email),
            token_uri: owned("token_uri"),
            private_key: private_key(pem)?,
        })
    }

    /// The service account's address.
    pub fn client_email(&self) -> &str {
        &self.client_email
    }

    /// The number under which an administrator delegates.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Google's id of this key.
    pub fn private_key_id(&self) -> Option<&str> {
        self.private_key_id.as_deref()
    }

    /// The Google project whose quota the calls use up, as the account's address says it. The file's
    /// `project_id` is not used: a grant proves the address, and nothing else in the file.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// What the file says about the token endpoint: a text to sign, never an address to call.
    pub(crate) fn token_uri(&self) -> Option<&str> {
        self.token_uri.as_deref()
    }

    pub(crate) fn private_key(&self) -> &EncodingKey {
        &self.private_key
    }
}

/// The project in `name@project.iam.gserviceaccount.com`; an account with an address of another form
/// stands for itself.
fn project(client_email: &str) -> String {
    let address = client_email.to_lowercase();
    let host = address.rsplit_once('@').map(|(_, host)| host);
    let project = host.and_then(|host| host.strip_suffix(".iam.gserviceaccount.com"));
    project.unwrap_or(&address).to_owned()
}

fn private_key(pem: &str) -> Result<EncodingKey, KeyError> {
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyError::PrivateKey)?;
    // The PEM's frame alone proves nothing: find out now, not at the first signature.
    KeyPair::from_der(key.as_bytes()).map_err(|_| KeyError::PrivateKey)?;
    Ok(key)
}

#[cfg(test)]
mod tests;
