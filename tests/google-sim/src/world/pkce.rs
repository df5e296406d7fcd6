//! Proof of who asked for a code.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// What a code's redeemer has to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    Plain(String),
    Sha256(String),
}

impl Challenge {
    /// Reads the parameters of the authorize page; `Err` is a method that Google does not know.
    pub(crate) fn read(
        challenge: Option<&str>,
        method: Option<&str>,
    ) -> Result<Option<Self>, &'static str> {
        let Some(challenge) = challenge.map(str::to_owned) else {
            return Ok(None);
        };
        match method {
            Some("S256") => Ok(Some(Self::Sha256(challenge))),
            None | Some("plain") => Ok(Some(Self::Plain(challenge))),
            Some(_) => Err("code_challenge_method"),
        }
    }

    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::Sha256(challenge) => {
                *challenge == URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_is_met() {
        let challenge = Challenge::read(
            Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            Some("S256"),
        );
        let challenge = challenge.unwrap().unwrap();
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("another"));
    }
}
