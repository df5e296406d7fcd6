//! Secrets and signatures, as Standard Webhooks says: `v1,` and base64 of HMAC-SHA256 over
//! `<webhook-id>.<webhook-timestamp>.<body>`; the secret is shown as `whsec_` and base64.

use aws_lc_rs::{error::Unspecified, hmac, rand};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

/// What secrets begin with when they are shown.
const PREFIX: &str = "whsec_";
/// How long they are.
const LENGTH: usize = 32;

/// A secret that nobody knows yet.
pub fn new_secret() -> Result<SecretSlice<u8>, Unspecified> {
    let mut secret = vec![0; LENGTH];
    rand::fill(&mut secret)?;
    Ok(secret.into())
}

/// How it is told to the tenant.
pub fn shown(secret: &SecretSlice<u8>) -> SecretString {
    format!("{PREFIX}{}", STANDARD.encode(secret.expose_secret())).into()
}

/// The header `webhook-signature`: one signature by each secret.
pub fn signatures(secrets: &[SecretSlice<u8>], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<_> = secrets
        .iter()
        .map(|secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
            let mut context = hmac::Context::with_key(&key);
            context.update(format!("{id}.{timestamp}.").as_bytes());
            context.update(body);
            format!("v1,{}", STANDARD.encode(context.sign()))
        })
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the specification's own libraries.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let secret: SecretSlice<u8> = STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .unwrap()
            .into();
        let signed = signatures(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_side_by_side() {
        let (new, old) = (new_secret().unwrap(), new_secret().unwrap());
        let both = signatures(&[new.clone(), old.clone()], "id", 7, b"body");
        let each = [new, old].map(|secret| signatures(&[secret], "id", 7, b"body"));
        assert_eq!(both, each.join(" "));
        assert_ne!(each[0], each[1]);
    }

    #[test]
    fn a_secret_is_shown_in_one_shape() {
        let secret = new_secret().unwrap();
        let shown = shown(&secret);
        let encoded = shown.expose_secret().strip_prefix(PREFIX).unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), secret.expose_secret());
        assert_eq!(encoded.len(), 44);
    }
}
