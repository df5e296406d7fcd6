//! Service accounts with real RSA keys, and the keys that sign id tokens.
//!
//! Making a key takes a while, so the process keeps those it has made: the n-th account of every
//! simulator of a process has the same key.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// A service account that a client can sign in as.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its address, `iss` of its assertions.
    pub client_email: String,
    /// What an organisation's administrator delegates scopes to.
    pub client_id: String,
    /// The key file as Google's console gives it.
    pub key_file: Value,
}

#[derive(Debug, Clone)]
struct Key {
    private_pem: String,
    public_der: Vec<u8>,
}

static KEYS: Mutex<Vec<Key>> = Mutex::new(Vec::new());

/// Those that sign id tokens.
static SIGNING_KEYS: Mutex<Vec<Key>> = Mutex::new(Vec::new());

/// A key that signs id tokens, with its public half as a JSON web key has it.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pub(crate) private_pem: String,
    pub(crate) modulus: String,
    pub(crate) exponent: String,
}

/// The n-th key of the process that signs id tokens.
pub(crate) fn signing_key(number: usize) -> SigningKey {
    let key = key(&SIGNING_KEYS, number);
    let (modulus, exponent) = numbers(&key.public_der).unwrap_or_default();
    SigningKey {
        id: format!("{:040x}", 0x1000 + number),
        private_pem: key.private_pem,
        modulus: URL_SAFE_NO_PAD.encode(modulus),
        exponent: URL_SAFE_NO_PAD.encode(exponent),
    }
}

/// Modulus and exponent of a PKCS#1 public key: a sequence of two integers.
fn numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = element(der)?;
    let (modulus, rest) = element(sequence)?;
    let (exponent, _) = element(rest)?;
    // A leading zero only says that the number is not negative.
    Some((modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent))
}

/// The content of the first DER element, and what follows it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        let length = bytes
            .iter()
            .fold(0, |sum, &byte| (sum << 8) | usize::from(byte));
        (length, rest)
    };
    rest.split_at_checked(length)
}

/// The address of the service account of a name.
pub(crate) fn mail(name: &str) -> String {
    format!("{name}@google-sim.iam.gserviceaccount.com")
}

/// Makes the account of a name with the process's key of a number; also returns the public key as
/// PKCS#1 DER.
pub(crate) fn make(name: &str, number: usize, token_url: &str) -> (Vec<u8>, ServiceAccount) {
    let key = key(&KEYS, number);
    let client_email = mail(name);
    let client_id = format!("1{:020}", number + 1);
    let key_file = json!({
        "type": "service_account",
        "project_id": "google-sim",
        "private_key_id": format!("{:040x}", number + 1),
        "private_key": key.private_pem,
        "client_email": client_email,
        "client_id": client_id,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_url,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": format!("https://www.googleapis.com/robot/v1/metadata/x509/{}", client_email.replace('@', "%40")),
        "universe_domain": "googleapis.com",
    });
    (
        key.public_der,
        ServiceAccount {
            client_email,
            client_id,
            key_file,
        },
    )
}

fn key(keys: &Mutex<Vec<Key>>, number: usize) -> Key {
    let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
    while keys.len() <= number {
        keys.push(generate());
    }
    keys[number].clone()
}

fn generate() -> Key {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("the size is one of the supported ones");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("a generated key can be written");
    Key {
        private_pem: pem(private.as_ref()),
        public_der: pair.public_key().as_ref().to_vec(),
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
