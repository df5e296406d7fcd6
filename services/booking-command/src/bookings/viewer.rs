//! For whom an answer is meant (D13): private bookings are shown to their owner and to administrators,
//! to everybody else as an occupied time without who and what.

use roomsync_domain::{Booker, UserId};
use roomsync_proto::booking::v1 as pb;

use super::Booking;
use crate::{status::CommandError, validate};

/// For whom an answer is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// The main app itself, which hides what its users may not see, or an administrator.
    Everything,
    /// Whoever comes along: nobody in particular, as before a display.
    Anybody,
    /// A user of the main app.
    User(UserId),
}

impl Viewer {
    /// The viewer of a request; none stands for the main app itself. A viewer that names nobody is
    /// refused, rather than taken for one who may see everything.
    pub(super) fn read(sent: Option<&pb::Viewer>) -> Result<Self, CommandError> {
        use pb::viewer::Viewer as Sent;
        match sent.map(|sent| &sent.viewer) {
            None | Some(Some(Sent::Administrator(_))) => Ok(Self::Everything),
            Some(Some(Sent::UserId(user))) => validate::id("viewer.user_id", user).map(Self::User),
            Some(None) => Err(CommandError::invalid(
                "viewer",
                "a user or an administrator",
            )),
        }
    }

    /// Whether this user's private bookings are shown in full.
    pub(super) fn sees_private_of(&self, owner: &UserId) -> bool {
        match self {
            Self::Everything => true,
            Self::Anybody => false,
            Self::User(user) => user == owner,
        }
    }

    /// Whether who and what of a booking are shown. Nobody but administrators owns a private booking of
    /// a device or of somebody unknown.
    pub(super) fn sees(&self, booking: &Booking) -> bool {
        let owned = match &booking.details.booker {
            Booker::User { user } => self.sees_private_of(user),
            Booker::Device { .. } | Booker::Anonymous => *self == Self::Everything,
        };
        owned || !booking.details.private
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as the request has it")]
    fn user(id: &str) -> Option<pb::viewer::Viewer> {
        Some(pb::viewer::Viewer::UserId(id.to_owned()))
    }

    #[test]
    fn no_viewer_and_an_administrator_see_everything() {
        let administrator = pb::viewer::Viewer::Administrator(pb::AdministratorViewer {});
        let administrator = pb::Viewer {
            viewer: Some(administrator),
        };
        for sent in [None, Some(&administrator)] {
            assert_eq!(Viewer::read(sent).unwrap(), Viewer::Everything);
        }
    }

    #[rstest]
    #[case::nobody(None, "viewer")]
    #[case::no_id(user(""), "viewer.user_id")]
    #[case::no_such_id(user("a b"), "viewer.user_id")]
    fn a_viewer_that_names_nobody_is_refused(
        #[case] viewer: Option<pb::viewer::Viewer>,
        #[case] expected: &str,
    ) {
        match Viewer::read(Some(&pb::Viewer { viewer })) {
            Err(CommandError::InvalidField { field, .. }) => assert_eq!(field, expected),
            other => panic!("unexpected {other:?}"),
        }
    }
}
