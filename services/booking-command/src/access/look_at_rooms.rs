//! Looking at some rooms while connecting: what the subject may do in them (D21).
//!
//! Rights on rooms are a matter of each link, so what is missing is only a warning. What every other room would
//! answer the same says something about the subject, and is an error.

use std::time::Duration;

use roomsync_domain::TenantId;
use roomsync_google::{Access, CalendarResource, GoogleError, ListQuery, reason};

use super::{
    budget::{Lease, Payer},
    lender::{Lender, fault},
    warnings::{self, Probed, Warning},
};
use crate::status::CommandError;

/// How many are looked at: they are looked at one after the other, and a person waits.
const SOME: usize = 5;

/// Who looks.
pub(super) struct Rooms<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) payer: Payer,
    pub(super) access: Access,
}

impl Lender {
    /// Looks at some of the rooms; the first call is paid for by `lease`. Within: what is about the subject.
    pub(super) async fn look_at_rooms(
        &self,
        rooms: &Rooms<'_>,
        lease: Lease,
        resources: &[CalendarResource],
    ) -> Result<Result<Vec<Warning>, CommandError>, GoogleError> {
        if resources.is_empty() {
            return Ok(Ok(vec![Warning::no_rooms()]));
        }
        let mut probed = Probed::default();
        let query = ListQuery {
            single_events: true,
            time_min: Some(lease.now),
            time_max: Some(lease.now + Duration::from_hours(1)),
            max_results: Some(1),
            ..ListQuery::default()
        };
        for (index, resource) in resources.iter().take(SOME).enumerate() {
            if index > 0 {
                match self.one_unit(&rooms.payer).await {
                    Ok(_) => {}
                    // The budget is used up: what was seen has to do.
                    Err(CommandError::Unavailable { .. }) => break,
                    Err(error) => return Ok(Err(error)),
                }
            }
            let listed = self
                .google
                .list_events(&rooms.access, &resource.resource_email, &query);
            match listed.await {
                Ok(page) if page.access_role.may_decline() => {}
                Ok(_) => probed.unwritable += 1,
                Err(error) if is_about_subject(&error) => return Err(error),
                // A fault says nothing about the room.
                Err(error) if fault(&error).is_some() => {
                    tracing::warn!(tenant = %rooms.tenant, error = %error, "a room was not looked at");
                    continue;
                }
                Err(_) => probed.unreadable += 1,
            }
            probed.rooms += 1;
        }
        Ok(Ok(warnings::of_rooms(probed)))
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
