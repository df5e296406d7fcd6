//! Id tokens, and the keys that they are signed with.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

use super::state::World;
use crate::accounts::{self, SigningKey};

impl World {
    /// Who signed in, signed; `Settings::id_token_claims` has the last word.
    pub(super) fn id_token(&self, user: &str, client: &str, nonce: Option<&str>) -> String {
        let now = self.now.timestamp();
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", json!("https://accounts.google.com"));
        put("azp", json!(client));
        put("aud", json!(client));
        put("email", json!(user));
        put("email_verified", json!(true));
        put("iat", json!(now));
        put("exp", json!(now + 3600));
        if let Some(known) = self.user(user) {
            put("sub", json!(known.id));
            put("hd", json!(known.org));
        }
        if let Some(nonce) = nonce {
            put("nonce", json!(nonce));
        }
        for (name, value) in &self.settings.id_token_claims {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        let key = accounts::signing_key(self.signing_key);
        sign(&key, &claims)
    }

    /// The keys that a client may find signatures of: the current one and the one before.
    pub(crate) fn certs(&self) -> Value {
        let from = self.signing_key.saturating_sub(1);
        let keys: Vec<Value> = (from..=self.signing_key)
            .map(accounts::signing_key)
            .map(|key| {
                json!({
                    "kty": "RSA",
                    "alg": "RS256",
                    "use": "sig",
                    "kid": key.id,
                    "n": key.modulus,
                    "e": key.exponent,
                })
            })
            .collect();
        json!({"keys": keys})
    }
}

fn sign(key: &SigningKey, claims: &Map<String, Value>) -> String {
    let header = Header {
        kid: Some(key.id.clone()),
        ..Header::new(Algorithm::RS256)
    };
    let pem = EncodingKey::from_rsa_pem(key.private_pem.as_bytes())
        .expect("the process has made this key");
    jsonwebtoken::encode(&header, claims, &pem).expect("claims always have a JSON form")
}
