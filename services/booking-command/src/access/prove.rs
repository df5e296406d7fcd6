//! Proving a key and its two subjects before anything is stored (D3, D21).
//!
//! Each subject gets a token for its own scope, and the directory subject lists resources with it: a
//! 200 proves the organisation and the right. The rooms subject's role on a room is only looked at:
//! rights on rooms are a matter of each link.

use std::time::Duration;

use roomsync_domain::{MailAddress, TenantId};
use roomsync_google::{
    Access, AccessLostWhy, CalendarResource, GoogleError, ListQuery, ServiceAccountKey, reason,
};

use super::{
    budget::Lease,
    lanes::Lane,
    lender::{Lender, fault, payer, unavailable},
    subject::{Purpose, quota_user},
};
use crate::status::CommandError;

/// A key and the subjects it shall act as.
pub(super) struct Candidate<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) key: &'a ServiceAccountKey,
    pub(super) project: &'a str,
    pub(super) directory: &'a MailAddress,
    pub(super) rooms: &'a MailAddress,
}

impl Lender {
    /// Proves both subjects; the error says which one failed and why.
    pub(super) async fn prove(&self, candidate: &Candidate<'_>) -> Result<(), CommandError> {
        let resource = self.prove_directory(candidate).await?;
        self.prove_rooms(candidate, resource.as_ref()).await
    }

    async fn prove_directory(
        &self,
        candidate: &Candidate<'_>,
    ) -> Result<Option<CalendarResource>, CommandError> {
        let refused = |error| refusal(Purpose::Directory, &error);
        let (access, _) = self.try_token(candidate, Purpose::Directory).await?;
        // One page: the answer's status is the proof, its first resource helps with the next one.
        let page = self
            .google
            .list_resources(&access, None, None)
            .await
            .map_err(refused)?;
        Ok(page.items.into_iter().next())
    }

    async fn prove_rooms(
        &self,
        candidate: &Candidate<'_>,
        resource: Option<&CalendarResource>,
    ) -> Result<(), CommandError> {
        let (access, lease) = self.try_token(candidate, Purpose::Rooms).await?;
        let Some(resource) = resource else {
            return Ok(());
        };
        let query = ListQuery {
            single_events: true,
            time_min: Some(lease.now),
            time_max: Some(lease.now + Duration::from_hours(1)),
            max_results: Some(1),
            ..ListQuery::default()
        };
        let tenant = candidate.tenant;
        match self
            .google
            .list_events(&access, &resource.resource_email, &query)
            .await
        {
            Ok(page) if page.access_role.may_decline() => Ok(()),
            Ok(page) => {
                let role = page.access_role.as_str();
                tracing::warn!(%tenant, role, "the rooms subject may not decline in a room");
                Ok(())
            }
            Err(error) if is_about_subject(&error) => Err(refusal(Purpose::Rooms, &error)),
            Err(error) => {
                tracing::warn!(%tenant, error = %error, "the rooms subject could not read a room");
                Ok(())
            }
        }
    }

    /// A token for a purpose, and one unit of the budget for the call that follows.
    async fn try_token(
        &self,
        candidate: &Candidate<'_>,
        purpose: Purpose,
    ) -> Result<(Access, Lease), CommandError> {
        let Candidate {
            tenant,
            key,
            project,
            directory,
            rooms,
        } = *candidate;
        let subject = match purpose {
            Purpose::Directory => directory,
            Purpose::Rooms | Purpose::Settings => rooms,
        };
        let payer = payer(tenant, project, subject, purpose);
        let lease = self.budget.take(&payer, Lane::Interactive, 1).await?;
        if lease.grant.units == 0 {
            return Err(unavailable(
                (lease.grant.not_before - lease.now).to_std().ok(),
            ));
        }
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

/// Whether a room that was not read says something about the subject or its project: every other room
/// would answer the same.
fn is_about_subject(error: &GoogleError) -> bool {
    match error {
        GoogleError::NotCalendarUser | GoogleError::Unauthorized => true,
        GoogleError::Forbidden { reason } => {
            [reason::MISSING_SCOPE, reason::API_DISABLED].contains(&reason.as_str())
        }
        _ => false,
    }
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
        } => "scope_not_delegated",
        GoogleError::AccessLost {
            why: AccessLostWhy::SubjectUnknown,
        } => "unknown_subject",
        GoogleError::Forbidden { reason } if reason == reason::MISSING_SCOPE => {
            "scope_not_delegated"
        }
        GoogleError::Forbidden { reason } if reason == reason::API_DISABLED => "refused",
        GoogleError::Forbidden { .. } if purpose == Purpose::Directory => "not_an_administrator",
        GoogleError::NotCalendarUser => "no_calendar",
        _ => "refused",
    };
    let reason = match purpose {
        Purpose::Directory => "DIRECTORY_SUBJECT_REFUSED",
        Purpose::Rooms | Purpose::Settings => "ROOMS_SUBJECT_REFUSED",
    };
    let metadata = vec![("why", why.to_owned()), ("google", error.to_string())];
    CommandError::Precondition { reason, metadata }
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
