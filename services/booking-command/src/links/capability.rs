//! What a link can do by the rooms subject's role on the calendar, and why it cannot do the rest (B2).
//!
//! To add a capability: its word in the domain, the roles that give it in [`of_role`], and the reason of
//! its absence in [`missing`].

use roomsync_domain::Capability;
use roomsync_google::AccessRole;
use roomsync_proto::integration::v1 as proto;

/// What a role allows. Whoever writes without seeing private details can decline all the same; private
/// events are shells to it as they are to a reader.
pub fn of_role(role: &AccessRole) -> &'static [Capability] {
    match role {
        role if role.may_decline() => &[Capability::Read, Capability::Decline],
        AccessRole::Reader => &[Capability::Read],
        _ => &[],
    }
}

/// The capabilities that are not among `has`, with the reason.
pub(super) fn missing(
    verified: bool,
    has: &[String],
    role: Option<&str>,
) -> Vec<proto::MissingCapability> {
    let role = AccessRole::from(role.unwrap_or_default().to_owned());
    let lacks = |capability: &&Capability| !has.iter().any(|word| word == capability.as_str());
    let reason = if !verified {
        "NOT_VERIFIED"
    } else if role == AccessRole::Reader {
        "READER_ROLE"
    } else {
        "ROLE_UNKNOWN"
    };
    Capability::ALL
        .iter()
        .filter(lacks)
        .map(|capability| proto::MissingCapability {
            capability: to_proto(capability.as_str()).into(),
            reason: reason.to_owned(),
        })
        .collect()
}

/// A stored word as the API says it.
pub(super) fn to_proto(word: &str) -> proto::LinkCapability {
    match word.parse() {
        Ok(Capability::Read) => proto::LinkCapability::Read,
        Ok(Capability::Decline) => proto::LinkCapability::Decline,
        Ok(Capability::BookAsUser) => proto::LinkCapability::BookAsUser,
        Ok(Capability::BookAsDevice) => proto::LinkCapability::BookAsDevice,
        Err(_) => proto::LinkCapability::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(role: &str) -> Vec<String> {
        let capabilities = of_role(&AccessRole::from(role.to_owned()));
        capabilities
            .iter()
            .map(|capability| capability.as_str().to_owned())
            .collect()
    }

    #[rstest::rstest]
    #[case("owner", &["read", "decline"])]
    #[case("writer", &["read", "decline"])]
    #[case("writerWithoutPrivateAccess", &["read", "decline"])]
    #[case("reader", &["read"])]
    #[case("freeBusyReader", &[])]
    #[case("", &[])]
    fn googles_role_says_what_a_link_can_do(#[case] role: &str, #[case] expected: &[&str]) {
        assert_eq!(words(role), expected);
    }

    #[rstest::rstest]
    #[case::not_verified(false, "", &["Read NOT_VERIFIED", "Decline NOT_VERIFIED"])]
    #[case::reader(true, "reader", &["Decline READER_ROLE"])]
    #[case::silent(true, "", &["Read ROLE_UNKNOWN", "Decline ROLE_UNKNOWN"])]
    #[case::writer(true, "writer", &[])]
    fn what_is_missing_says_why(
        #[case] verified: bool,
        #[case] role: &str,
        #[case] expected: &[&str],
    ) {
        let missing = missing(verified, &words(role), Some(role));
        let told: Vec<String> = missing
            .iter()
            .map(|it| format!("{:?} {}", it.capability(), it.reason))
            .collect();
        assert_eq!(told, expected);
    }
}
