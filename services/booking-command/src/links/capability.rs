//! What a link can do, and why it cannot do the rest (B2). Nothing of it is stored: it follows from what is
//! known when it is asked, so a setting, a role or a connection that changes counts at once.
//!
//! To add a capability: its word in the domain, its line in [`Circumstances::lacks`], and its word in
//! [`to_proto`].

use roomsync_domain::Capability;
use roomsync_google::AccessRole;
use roomsync_proto::integration::v1 as proto;

pub use super::refusal::{refusal, require};

/// What a link's capabilities follow from.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Google knows the resource and lets us read it.
    pub verified: bool,
    /// The rooms subject's role on the calendar.
    pub role: AccessRole,
    /// Set for the tenant or the object (B9).
    pub read_only: bool,
    /// Whether the room answers invitations by itself; `None`: Google has not told, and most do.
    pub answers_by_itself: Option<bool>,
    /// The connection can make events for users: as themselves, or on the shared calendar.
    pub way_to_book: bool,
}

impl Circumstances {
    /// Why a capability is missing; `None` when it is there.
    ///
    /// Whoever writes without seeing private details can decline all the same; private events are shells to
    /// it as they are to a reader. To book as a user no right on the room's calendar is needed: the room is
    /// invited, and answers.
    pub fn lacks(&self, capability: Capability) -> Option<&'static str> {
        if !self.verified {
            return Some("NOT_VERIFIED");
        }
        if self.read_only && capability != Capability::Read {
            return Some("READ_ONLY");
        }
        match capability {
            Capability::Read => {
                let reads = self.role.may_decline() || self.role == AccessRole::Reader;
                (!reads).then_some("ROLE_UNKNOWN")
            }
            Capability::Decline => self.lacks_writer(),
            Capability::BookAsUser => (!self.way_to_book).then_some("NO_WAY_TO_BOOK"),
            Capability::BookAsDevice => {
                let awaits_approval = self.answers_by_itself == Some(false);
                self.lacks_writer()
                    .or_else(|| awaits_approval.then_some("AWAITS_APPROVAL"))
            }
        }
    }

    fn lacks_writer(&self) -> Option<&'static str> {
        match &self.role {
            role if role.may_decline() => None,
            AccessRole::Reader => Some("READER_ROLE"),
            _ => Some("ROLE_UNKNOWN"),
        }
    }

    /// As the API says it: what the link can do, and what it cannot, with the reasons.
    pub fn to_proto(&self) -> (Vec<i32>, Vec<proto::MissingCapability>) {
        let (mut has, mut missing) = (Vec::new(), Vec::new());
        for capability in Capability::ALL.iter().copied() {
            let word = to_proto(capability).into();
            match self.lacks(capability) {
                None => has.push(word),
                Some(reason) => missing.push(proto::MissingCapability {
                    capability: word,
                    reason: reason.to_owned(),
                }),
            }
        }
        (has, missing)
    }
}

fn to_proto(capability: Capability) -> proto::LinkCapability {
    match capability {
        Capability::Read => proto::LinkCapability::Read,
        Capability::Decline => proto::LinkCapability::Decline,
        Capability::BookAsUser => proto::LinkCapability::BookAsUser,
        Capability::BookAsDevice => proto::LinkCapability::BookAsDevice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(role: &str) -> Circumstances {
        Circumstances {
            verified: true,
            role: AccessRole::from(role.to_owned()),
            read_only: false,
            answers_by_itself: None,
            way_to_book: true,
        }
    }

    /// In the order READ, DECLINE, `BOOK_AS_USER`, `BOOK_AS_DEVICE`; `-` for what it has.
    fn told(circumstances: &Circumstances) -> String {
        let said = Capability::ALL
            .iter()
            .map(|it| circumstances.lacks(*it).unwrap_or("-"));
        said.collect::<Vec<_>>().join(" ")
    }

    #[rstest::rstest]
    #[case("owner", "- - - -")]
    #[case("writer", "- - - -")]
    #[case("writerWithoutPrivateAccess", "- - - -")]
    #[case("reader", "- READER_ROLE - READER_ROLE")]
    #[case("freeBusyReader", "ROLE_UNKNOWN ROLE_UNKNOWN - ROLE_UNKNOWN")]
    #[case("", "ROLE_UNKNOWN ROLE_UNKNOWN - ROLE_UNKNOWN")]
    fn googles_role_says_what_a_link_can_do(#[case] role: &str, #[case] expected: &str) {
        assert_eq!(told(&of(role)), expected);
    }

    #[rstest::rstest]
    #[case::not_verified(
        Circumstances { verified: false, read_only: true, ..of("writer") },
        "NOT_VERIFIED NOT_VERIFIED NOT_VERIFIED NOT_VERIFIED"
    )]
    #[case::read_only(
        Circumstances { read_only: true, ..of("reader") },
        "- READ_ONLY READ_ONLY READ_ONLY"
    )]
    #[case::no_way_to_book(
        Circumstances { way_to_book: false, ..of("writer") },
        "- - NO_WAY_TO_BOOK -"
    )]
    #[case::somebody_answers_for_the_room(
        Circumstances { answers_by_itself: Some(false), ..of("writer") },
        "- - - AWAITS_APPROVAL"
    )]
    #[case::the_role_comes_first(
        Circumstances { answers_by_itself: Some(false), ..of("reader") },
        "- READER_ROLE - READER_ROLE"
    )]
    fn what_is_missing_says_why(#[case] circumstances: Circumstances, #[case] expected: &str) {
        assert_eq!(told(&circumstances), expected);
    }

    #[test]
    fn what_is_there_and_what_is_missing_are_all_there_is() {
        let (has, missing) = of("reader").to_proto();
        assert_eq!(has.len() + missing.len(), Capability::ALL.len());
        assert_eq!(missing[0].reason, "READER_ROLE");
    }
}
