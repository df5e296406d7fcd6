//! Proving a key and its two subjects, or who consented, before anything is stored (D3, D21).
//!
//! Each subject gets a token for its own scope, and the directory subject lists resources with it: a
//! 200 proves the organisation and the right. The rooms subject's role on a room is only looked at:
//! rights on rooms are a matter of each link.

use roomsync_domain::{MailAddress, ResourceEmail, TenantId};
use roomsync_google::{Access, AccessLostWhy, GoogleError, ServiceAccountKey, reason};

use super::{
    budget::{Api, Lease, Payer},
    lanes::Lane,
    lender::{Lender, fault, payer, unavailable},
    look_at_rooms::Rooms,
    subject::{Purpose, quota_user},
    warnings::Warning,
};
use crate::status::CommandError;

/// What `why` of a refusal says of a scope that a subject was not delegated.
const NOT_DELEGATED: &str = "scope_not_delegated";

/// A key and the subjects it shall act as.
pub(super) struct Candidate<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) key: &'a ServiceAccountKey,
    pub(super) project: &'a str,
    pub(super) directory: &'a MailAddress,
    pub(super) rooms: &'a MailAddress,
}

/// Who gave a consent, and a token of it.
pub(super) struct Administrator<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) project: &'a str,
    pub(super) mail: &'a MailAddress,
    pub(super) access: Access,
    /// Whether that was granted.
    pub(super) may_read_people: bool,
}

impl Lender {
    /// Proves both subjects of a key; the error says which one failed and why.
    pub(super) async fn prove(
        &self,
        candidate: &Candidate<'_>,
    ) -> Result<Vec<Warning>, CommandError> {
        let refused = |error| refusal(Purpose::Directory, &error);
        let (access, _) = self.try_token(candidate, Purpose::Directory).await?;
        // One page: the answer's status is the proof, its first resources help with the next one.
        let page = self
            .google
            .list_resources(&access, None, None)
            .await
            .map_err(refused)?;
        let (access, lease) = self.try_token(candidate, Purpose::Rooms).await?;
        let rooms = Rooms {
            tenant: candidate.tenant,
            payer: candidate.payer(Purpose::Rooms),
            access,
        };
        self.look_at_rooms(&rooms, lease, &page.items)
            .await
            .map_err(|error| refusal(Purpose::Rooms, &error))?
    }

    /// Whether the organisation of a proved key has this room.
    pub(super) async fn knows(
        &self,
        candidate: &Candidate<'_>,
        room: &ResourceEmail,
    ) -> Result<bool, CommandError> {
        let (access, _) = self.try_token(candidate, Purpose::Directory).await?;
        let found = self.google.find_resource(&access, room).await;
        let found = found.map_err(|error| refusal(Purpose::Directory, &error))?;
        Ok(found.is_some())
    }

    /// Proves that who consented is an administrator: the Directory answers nobody else (documented).
    pub(super) async fn prove_administrator(
        &self,
        administrator: &Administrator<'_>,
    ) -> Result<Vec<Warning>, CommandError> {
        let Administrator {
            tenant,
            project,
            mail,
            access,
            ..
        } = administrator;
        let refused = |error: GoogleError| not_an_administrator(&error);
        let directory = payer(tenant, project, mail, Api::Directory);
        self.one_unit(&directory).await?;
        let page = self.google.list_resources(access, None, None).await;
        let page = page.map_err(refused)?;
        if administrator.may_read_people {
            self.one_unit(&directory).await?;
            let user = self.google.get_user(access, mail.as_str()).await;
            let user = user.map_err(refused)?;
            if user.suspended || !(user.is_admin || user.is_delegated_admin) {
                return Err(CommandError::Precondition {
                    reason: "NOT_AN_ADMINISTRATOR",
                    metadata: vec![("google", "an account without rights".to_owned())],
                });
            }
        }
        let calendar = payer(tenant, project, mail, Api::Calendar);
        let lease = self.one_unit(&calendar).await?;
        let rooms = Rooms {
            tenant,
            payer: calendar,
            access: access.clone(),
        };
        self.look_at_rooms(&rooms, lease, &page.items)
            .await
            .map_err(|error| not_an_administrator(&error))?
    }

    /// One unit of the budget, or the time to come back.
    pub(super) async fn one_unit(&self, payer: &Payer) -> Result<Lease, CommandError> {
        let lease = self.budget.take(payer, Lane::Interactive, 1).await?;
        if lease.grant.units == 0 {
            return Err(unavailable(
                (lease.grant.not_before - lease.now).to_std().ok(),
            ));
        }
        Ok(lease)
    }

    /// A token for a purpose, and one unit of the budget for the call that follows.
    async fn try_token(
        &self,
        candidate: &Candidate<'_>,
        purpose: Purpose,
    ) -> Result<(Access, Lease), CommandError> {
        let Candidate { tenant, key, .. } = *candidate;
        let subject = candidate.subject(purpose);
        let lease = self.one_unit(&candidate.payer(purpose)).await?;
        let token = self
            .google
            .service_account_token(key, subject.as_str(), purpose.scopes(), lease.now)
            .await
            .map_err(|error| refusal(purpose, &error))?;
        let quota_user = quota_user(tenant, subject);
        Ok((
            Access {
                token: token.token,
                quota_user,
            },
            lease,
        ))
    }
}

impl Candidate<'_> {
    fn subject(&self, purpose: Purpose) -> &MailAddress {
        match purpose {
            Purpose::Directory | Purpose::People => self.directory,
            Purpose::Rooms | Purpose::Settings | Purpose::SharedCalendar => self.rooms,
        }
    }

    fn payer(&self, purpose: Purpose) -> Payer {
        let subject = self.subject(purpose);
        payer(self.tenant, self.project, subject, purpose.api())
    }
}

fn not_an_administrator(error: &GoogleError) -> CommandError {
    fault(error).unwrap_or_else(|| CommandError::Precondition {
        reason: "NOT_AN_ADMINISTRATOR",
        metadata: vec![("google", error.to_string())],
    })
}

/// What a caller is told about a refusal of Google's.
fn refusal(purpose: Purpose, error: &GoogleError) -> CommandError {
    if let Some(fault) = fault(error) {
        return fault;
    }
    let why = match error {
        GoogleError::AccessLost {
            why: AccessLostWhy::KeyRefused | AccessLostWhy::ClientRefused,
        } => {
            let expected = "a key that Google accepts: it, or its account, is deleted or disabled";
            return key_invalid(expected);
        }
        GoogleError::AccessLost {
            why: AccessLostWhy::NotDelegated,
        } => NOT_DELEGATED,
        GoogleError::AccessLost {
            why: AccessLostWhy::SubjectUnknown,
        } => "unknown_subject",
        GoogleError::Forbidden { reason } if reason == reason::MISSING_SCOPE => NOT_DELEGATED,
        GoogleError::Forbidden { reason } if reason == reason::API_DISABLED => "refused",
        GoogleError::Forbidden { .. } if purpose == Purpose::Directory => "not_an_administrator",
        GoogleError::NotCalendarUser => "no_calendar",
        _ => "refused",
    };
    let reason = match purpose {
        Purpose::Directory | Purpose::People => "DIRECTORY_SUBJECT_REFUSED",
        Purpose::Rooms | Purpose::Settings | Purpose::SharedCalendar => "ROOMS_SUBJECT_REFUSED",
    };
    let metadata = vec![("why", why.to_owned()), ("google", error.to_string())];
    CommandError::Precondition { reason, metadata }
}

/// Whether that is all that a key lacks: it may be entered already, and not in effect yet.
pub(super) fn is_not_delegated(refusal: &CommandError) -> bool {
    let CommandError::Precondition { metadata, .. } = refusal else {
        return false;
    };
    metadata
        .iter()
        .any(|(name, fact)| *name == "why" && fact == NOT_DELEGATED)
}

/// `INVALID_ARGUMENT` `KEY_INVALID`.
pub(super) fn key_invalid(expected: impl Into<String>) -> CommandError {
    CommandError::Invalid {
        reason: "KEY_INVALID",
        metadata: vec![("expected", expected.into())],
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lost(why: AccessLostWhy) -> GoogleError {
        GoogleError::AccessLost { why }
    }

    fn forbidden(reason: &str) -> GoogleError {
        GoogleError::Forbidden {
            reason: reason.to_owned(),
        }
    }

    #[rstest::rstest]
    #[case(
        Purpose::Directory,
        lost(AccessLostWhy::NotDelegated),
        "scope_not_delegated"
    )]
    #[case(Purpose::Rooms, lost(AccessLostWhy::SubjectUnknown), "unknown_subject")]
    #[case(Purpose::Rooms, lost(AccessLostWhy::Policy), "refused")]
    #[case(
        Purpose::Directory,
        forbidden(reason::FORBIDDEN),
        "not_an_administrator"
    )]
    #[case(
        Purpose::Directory,
        forbidden(reason::MISSING_SCOPE),
        "scope_not_delegated"
    )]
    #[case(Purpose::Directory, forbidden(reason::API_DISABLED), "refused")]
    #[case(Purpose::Rooms, GoogleError::NotCalendarUser, "no_calendar")]
    #[case(Purpose::Rooms, GoogleError::Unauthorized, "refused")]
    fn a_refusal_names_the_subject_and_why(
        #[case] purpose: Purpose,
        #[case] error: GoogleError,
        #[case] expected: &str,
    ) {
        let CommandError::Precondition { reason, metadata } = refusal(purpose, &error) else {
            panic!("another error")
        };
        assert!(
            reason.starts_with(&purpose.as_str().to_uppercase()),
            "{reason}"
        );
        assert_eq!(metadata[0], ("why", expected.to_owned()));
    }

    #[test]
    fn a_fault_of_google_proves_nothing() {
        let faults = [
            GoogleError::Throttled {
                retry_after: Some(Duration::from_secs(7)),
            },
            GoogleError::Unreadable("html"),
            lost(AccessLostWhy::ClockSkew),
        ];
        for error in faults {
            let told = refusal(Purpose::Rooms, &error);
            assert!(matches!(told, CommandError::Unavailable { .. }), "{told}");
        }
    }

    #[test]
    fn a_deleted_key_is_an_invalid_key() {
        let told = refusal(Purpose::Directory, &lost(AccessLostWhy::KeyRefused));
        assert!(matches!(
            told,
            CommandError::Invalid {
                reason: "KEY_INVALID",
                ..
            }
        ));
    }
}
