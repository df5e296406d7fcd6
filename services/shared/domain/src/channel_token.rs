//! The token that a watch channel carries and Google sends back with every push:
//! `v1.<key id>.<calendar uuid>.<mac over channel id and uuid>`.
//!
//! webhook-ingest has no database: the token says, signed, all it needs. sync-worker makes it when
//! it opens a channel. Google allows 256 characters; ours has about 90.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{CalendarId, ChannelId};

/// Why a token is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignToken {
    /// Not of our shape.
    #[error("the token does not have our shape")]
    Malformed,
    /// Signed with a key we do not have.
    #[error("the token names a key that is not in the ring")]
    UnknownKey,
    /// The signature does not fit this channel.
    #[error("the token's signature does not fit its channel")]
    BadSignature,
}

/// Why a ring of keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyRing {
    /// No key at all.
    #[error("expected at least one key")]
    Empty,
    /// A key id that would break the token's shape.
    #[error("expected key ids of 1 to 16 characters of `a-z 0-9`")]
    KeyId,
    /// Too short to be safe.
    #[error("expected keys of at least 32 bytes")]
    TooShort,
}

/// The keys that sign tokens. The first signs, all verify: so keys rotate without downtime.
#[derive(Clone)]
pub struct ChannelTokens {
    signing: String,
    keys: BTreeMap<String, hmac::Key>,
}

impl fmt::Debug for ChannelTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelTokens")
            .field("key_ids", &self.keys.keys())
            .finish_non_exhaustive()
    }
}

impl ChannelTokens {
    /// Keys as (id, secret); the first signs.
    pub fn new<'a>(
        keys: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, InvalidKeyRing> {
        let mut signing = None;
        let mut ring = BTreeMap::new();
        for (id, secret) in keys {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            if !(1..=16).contains(&id.len()) || !id.bytes().all(fits) {
                return Err(InvalidKeyRing::KeyId);
            }
            if secret.len() < 32 {
                return Err(InvalidKeyRing::TooShort);
            }
            signing.get_or_insert_with(|| id.to_owned());
            ring.insert(id.to_owned(), hmac::Key::new(hmac::HMAC_SHA256, secret));
        }
        Ok(Self {
            signing: signing.ok_or(InvalidKeyRing::Empty)?,
            keys: ring,
        })
    }

    /// The token for a channel of a calendar.
    pub fn sign(&self, channel: ChannelId, calendar: CalendarId) -> String {
        let mac = hmac::sign(&self.keys[&self.signing], &signed_text(channel, calendar));
        let mac = URL_SAFE_NO_PAD.encode(mac.as_ref());
        format!("v1.{}.{calendar}.{mac}", self.signing)
    }

    /// The calendar that `token` names, if we signed it for `channel`. Compares in constant time.
    pub fn verify(&self, token: &str, channel: ChannelId) -> Result<CalendarId, ForeignToken> {
        let mut parts = token.split('.');
        let (Some("v1"), Some(key), Some(calendar), Some(mac), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(ForeignToken::Malformed);
        };
        let calendar: CalendarId = calendar.parse().map_err(|_| ForeignToken::Malformed)?;
        let mac = URL_SAFE_NO_PAD
            .decode(mac)
            .map_err(|_| ForeignToken::Malformed)?;
        let key = self.keys.get(key).ok_or(ForeignToken::UnknownKey)?;
        hmac::verify(key, &signed_text(channel, calendar), &mac)
            .map_err(|_| ForeignToken::BadSignature)?;
        Ok(calendar)
    }
}

fn signed_text(channel: ChannelId, calendar: CalendarId) -> Vec<u8> {
    format!("roomsync channel v1 {channel} {calendar}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: (&str, &[u8]) = ("k1", &[1; 32]);
    const NEW: (&str, &[u8]) = ("k2", &[2; 32]);

    #[test]
    fn a_token_names_its_calendar_to_its_own_channel_only() {
        let tokens = ChannelTokens::new([OLD]).unwrap();
        let (channel, calendar) = (ChannelId::new(), CalendarId::new());
        let token = tokens.sign(channel, calendar);
        assert!(token.len() <= 256);
        assert_eq!(tokens.verify(&token, channel), Ok(calendar));
        assert_eq!(
            tokens.verify(&token, ChannelId::new()),
            Err(ForeignToken::BadSignature)
        );
        let other = token.replace(&calendar.to_string(), &CalendarId::new().to_string());
        assert_eq!(
            tokens.verify(&other, channel),
            Err(ForeignToken::BadSignature)
        );
    }

    #[test]
    fn keys_rotate_without_losing_tokens() {
        let (channel, calendar) = (ChannelId::new(), CalendarId::new());
        let token = ChannelTokens::new([OLD]).unwrap().sign(channel, calendar);
        let rotated = ChannelTokens::new([NEW, OLD]).unwrap();
        assert_eq!(rotated.verify(&token, channel), Ok(calendar));
        assert!(rotated.sign(channel, calendar).starts_with("v1.k2."));
        let later = ChannelTokens::new([NEW]).unwrap();
        assert_eq!(later.verify(&token, channel), Err(ForeignToken::UnknownKey));
    }

    #[rstest::rstest]
    #[case("")]
    #[case("v1.k1")]
    #[case("v2.k1.0191.x")]
    #[case("v1.k1.not-a-uuid.AAAA")]
    #[case("v1.k1.0192f6f0-0000-7000-8000-000000000000.AA.AA")]
    fn what_is_not_our_shape_is_malformed(#[case] token: &str) {
        let tokens = ChannelTokens::new([OLD]).unwrap();
        assert_eq!(
            tokens.verify(token, ChannelId::new()),
            Err(ForeignToken::Malformed)
        );
    }
}
