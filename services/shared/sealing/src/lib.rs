//! Sealing of keys, tokens and secrets before they reach the database: AES-256-GCM.
//!
//! Each service that stores secrets has a key ring of its own in its configuration (`sealing.keys`). The
//! keys have ids. Its first key seals; every key opens. A key is rotated in three steps, each
//! finished on every replica before the next: the new one at the end (all can open what it will seal),
//! the new one in front (it seals), the old one removed when nothing is sealed with it any more (both
//! services seal anew what they find sealed with an older key when they use it). What is sealed is bound
//! to its place: a sealed key copied to another tenant's row does not open.
//!
//! The same keys sign what travels outside and must come back unaltered ([`Keyring::sign`]), with keys
//! derived from them, so that neither use weakens the other.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Deserialize;

/// The `sealing` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealingConfig {
    /// The first one seals, all of them open.
    pub keys: Vec<SealingKey>,
}

/// One key of the ring.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealingKey {
    /// Its name, stored beside everything it sealed.
    pub id: String,
    /// 32 random bytes in base64.
    pub secret: SecretString,
}

/// Why a key ring, or something sealed, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// The ring is empty.
    #[error("there is no sealing key")]
    NoKey,
    /// Two keys with one id, or an empty id.
    #[error("the ids of sealing keys must be unique and not empty")]
    BadId,
    /// A secret of another form.
    #[error("the secret of sealing key `{0}` is not 32 bytes in base64")]
    BadSecret(String),
    /// Sealed with a key that is no longer, or not yet, in the ring.
    #[error("sealing key `{0}` is not in the ring")]
    UnknownKey(String),
    /// Altered, cut, or moved to another place.
    #[error("what is sealed does not open")]
    DoesNotOpen,
}

/// Something sealed, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
    /// The id of the key that sealed it.
    pub key_id: String,
}

/// The keys that seal and open.
pub struct Keyring {
    keys: Vec<(String, RandomizedNonceKey)>,
    /// Of the same keys, in their order.
    signers: Vec<hmac::Key>,
}

/// What the signing keys are derived for.
const SIGNING: &[u8] = b"roomsync signing 1";

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}

impl Keyring {
    /// The ring of a configuration.
    pub fn new(config: &SealingConfig) -> Result<Self, SealingError> {
        let mut keys: Vec<(String, RandomizedNonceKey)> = Vec::new();
        let mut signers = Vec::new();
        for SealingKey { id, secret } in &config.keys {
            if id.is_empty() || keys.iter().any(|(known, _)| known == id) {
                return Err(SealingError::BadId);
            }
            let (key, signer) = STANDARD
                .decode(secret.expose_secret().trim())
                .ok()
                .and_then(|bytes| {
                    let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok()?;
                    Some((key, signer(&bytes)))
                })
                .ok_or_else(|| SealingError::BadSecret(id.clone()))?;
            keys.push((id.clone(), key));
            signers.push(signer);
        }
        if keys.is_empty() {
            Err(SealingError::NoKey)
        } else {
            Ok(Self { keys, signers })
        }
    }

    /// The id of the key that seals.
    pub fn current(&self) -> &str {
        self.keys.first().map_or("", |(id, _)| id)
    }

    /// Seals a secret for a place, e.g. `connection/<tenant>`.
    pub fn seal(&self, secret: &[u8], place: &str) -> Result<Sealed, SealingError> {
        let (id, key) = self.keys.first().ok_or(SealingError::NoKey)?;
        let mut sealed = secret.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| SealingError::DoesNotOpen)?;
        let bytes = [nonce.as_ref().as_slice(), &sealed].concat();
        Ok(Sealed {
            bytes,
            key_id: id.clone(),
        })
    }

    /// Opens what was sealed for a place.
    pub fn open(&self, sealed: &Sealed, place: &str) -> Result<SecretSlice<u8>, SealingError> {
        let (_, key) = self
            .keys
            .iter()
            .find(|(id, _)| *id == sealed.key_id)
            .ok_or_else(|| SealingError::UnknownKey(sealed.key_id.clone()))?;
        let (nonce, text) = sealed
            .bytes
            .split_at_checked(NONCE_LEN)
            .ok_or(SealingError::DoesNotOpen)?;
        let nonce =
            Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealingError::DoesNotOpen)?;
        let mut text = text.to_vec();
        let opened = key
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut text)
            .map_err(|_| SealingError::DoesNotOpen)?;
        Ok(opened.to_vec().into())
    }

    /// The first key's signature under a text, in hexadecimal digits.
    pub fn sign(&self, text: &str) -> String {
        self.signers.first().map_or_else(String::new, |signer| {
            hex::encode(hmac::sign(signer, text.as_bytes()))
        })
    }

    /// Whether any key of the ring made this signature under the text.
    pub fn verify(&self, text: &str, mac: &str) -> bool {
        let Ok(mac) = hex::decode(mac) else {
            return false;
        };
        self.signers
            .iter()
            .any(|signer| hmac::verify(signer, text.as_bytes(), &mac).is_ok())
    }
}

fn signer(secret: &[u8]) -> hmac::Key {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, SIGNING).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ids: &[(&str, u8)]) -> Keyring {
        let keys = ids
            .iter()
            .map(|(id, byte)| SealingKey {
                id: (*id).to_owned(),
                secret: STANDARD.encode([*byte; 32]).into(),
            })
            .collect();
        Keyring::new(&SealingConfig { keys }).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let ring = ring(&[("a", 1)]);
        let sealed = ring.seal(b"secret", "connection/t1").unwrap();
        assert_eq!(
            ring.open(&sealed, "connection/t1").unwrap().expose_secret(),
            b"secret"
        );
        assert_eq!(
            ring.open(&sealed, "connection/t2").unwrap_err(),
            SealingError::DoesNotOpen
        );
    }

    #[test]
    fn a_rotated_ring_opens_the_old_and_seals_with_the_new() {
        let sealed = ring(&[("a", 1)]).seal(b"secret", "p").unwrap();
        let rotated = ring(&[("b", 2), ("a", 1)]);
        assert_eq!(
            rotated.open(&sealed, "p").unwrap().expose_secret(),
            b"secret"
        );
        assert_eq!(rotated.seal(b"secret", "p").unwrap().key_id, "b");
        let without = ring(&[("b", 2)]).open(&sealed, "p").unwrap_err();
        assert_eq!(without, SealingError::UnknownKey("a".to_owned()));
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let ring = ring(&[("a", 1)]);
        let sealed = ring.seal(b"secret", "p").unwrap();
        for index in 0..sealed.bytes.len() {
            let mut altered = sealed.clone();
            altered.bytes[index] ^= 1;
            assert!(ring.open(&altered, "p").is_err(), "byte {index}");
        }
        for length in 0..sealed.bytes.len() {
            let cut = Sealed {
                bytes: sealed.bytes[..length].to_vec(),
                ..sealed.clone()
            };
            assert!(ring.open(&cut, "p").is_err(), "length {length}");
        }
    }

    #[test]
    fn the_same_secret_never_looks_the_same_twice() {
        let ring = ring(&[("a", 1)]);
        assert_ne!(
            ring.seal(b"secret", "p").unwrap(),
            ring.seal(b"secret", "p").unwrap()
        );
    }

    #[test]
    fn a_signature_holds_for_its_text_alone_and_outlives_a_rotation() {
        let old = ring(&[("a", 1)]);
        let mac = old.sign("t1.b1.u:ada");
        assert!(mac.len() == 64 && old.verify("t1.b1.u:ada", &mac));
        assert!(!old.verify("t1.b1.u:bob", &mac));
        assert!(!old.verify("t1.b1.u:ada", &mac[..62]));
        assert!(!old.verify("t1.b1.u:ada", ""));
        let rotated = ring(&[("b", 2), ("a", 1)]);
        assert!(rotated.verify("t1.b1.u:ada", &mac));
        assert_ne!(rotated.sign("t1.b1.u:ada"), mac);
        assert!(!ring(&[("b", 2)]).verify("t1.b1.u:ada", &mac));
    }

    #[rstest::rstest]
    #[case(&[], SealingError::NoKey)]
    #[case(&[("", 32)], SealingError::BadId)]
    #[case(&[("a", 32), ("a", 32)], SealingError::BadId)]
    #[case(&[("a", 31)], SealingError::BadSecret("a".to_owned()))]
    fn a_bad_ring_says_what_is_wrong(#[case] keys: &[(&str, usize)], #[case] why: SealingError) {
        let keys = keys
            .iter()
            .map(|(id, length)| SealingKey {
                id: (*id).to_owned(),
                secret: STANDARD.encode(vec![7; *length]).into(),
            })
            .collect();
        assert_eq!(Keyring::new(&SealingConfig { keys }).unwrap_err(), why);
    }
}
