//! Mail addresses: compared without case, never printed in full by `Debug`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is no mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a mail address such as `name@example.com`, at most 254 characters")]
pub struct InvalidMail;

/// A person's mail address in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// The address of a Google resource calendar as shown in the Admin console. Keeps what was entered;
/// equality ignores case. The domain part proves nothing about the organisation (only the
/// Directory's list does).
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceEmail(String);

fn is_mail(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else {
        return false;
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c);
    text.len() <= 254
        && (1..=64).contains(&name.len())
        && !name.contains('@')
        && !text.contains(odd)
        && host.contains('.')
        && host.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

impl MailAddress {
    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl ResourceEmail {
    /// The address as it was entered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as it is compared.
    pub fn to_lowercase(&self) -> String {
        self.0.to_lowercase()
    }

    /// Whether `mail` is this resource's address.
    pub fn matches(&self, mail: &str) -> bool {
        self.to_lowercase() == mail.trim().to_lowercase()
    }
}

impl PartialEq for ResourceEmail {
    fn eq(&self, other: &Self) -> bool {
        self.to_lowercase() == other.to_lowercase()
    }
}
impl Eq for ResourceEmail {}

impl TryFrom<String> for MailAddress {
    type Error = InvalidMail;
    fn try_from(text: String) -> Result<Self, InvalidMail> {
        let text = text.trim().to_lowercase();
        if is_mail(&text) {
            Ok(Self(text))
        } else {
            Err(InvalidMail)
        }
    }
}

impl TryFrom<String> for ResourceEmail {
    type Error = InvalidMail;
    fn try_from(text: String) -> Result<Self, InvalidMail> {
        let text = text.trim();
        if is_mail(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidMail)
        }
    }
}

impl std::str::FromStr for MailAddress {
    type Err = InvalidMail;
    fn from_str(text: &str) -> Result<Self, InvalidMail> {
        Self::try_from(text.to_owned())
    }
}

impl std::str::FromStr for ResourceEmail {
    type Err = InvalidMail;
    fn from_str(text: &str) -> Result<Self, InvalidMail> {
        Self::try_from(text.to_owned())
    }
}

impl From<MailAddress> for String {
    fn from(mail: MailAddress) -> String {
        mail.0
    }
}

impl From<ResourceEmail> for String {
    fn from(mail: ResourceEmail) -> String {
        mail.0
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(…)")
    }
}

impl fmt::Debug for ResourceEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResourceEmail(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("a@example.com", true)]
    #[case("c_188aga9as7q6ihn3k7ei7utne0cig@resource.calendar.google.com", true)]
    #[case("Mixed.Case+tag@Example.COM", true)]
    #[case("no-at.example.com", false)]
    #[case("a@b", false)]
    #[case("a@@example.com", false)]
    #[case("a b@example.com", false)]
    #[case("a@example..com", false)]
    #[case("", false)]
    fn addresses_are_checked(#[case] text: &str, #[case] ok: bool) {
        assert_eq!(text.parse::<ResourceEmail>().is_ok(), ok);
        assert_eq!(text.parse::<MailAddress>().is_ok(), ok);
    }

    #[test]
    fn addresses_compare_without_case_and_hide_in_debug() {
        let a: ResourceEmail = "Room@Example.com".parse().unwrap();
        assert!(a.matches("rOOM@example.COM"));
        assert!(!format!("{a:?}").contains("Example"));
    }
}
