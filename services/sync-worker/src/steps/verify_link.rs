//! Finds out whether a link can be mirrored: the organisation's Directory knows the resource, and
//! the rooms subject can read its calendar. Only the Directory says that a resource belongs to the
//! organisation; being listed there gives no access to the calendar.

use roomsync_domain::LinkReason;
use roomsync_google::{AccessRole, GoogleError, ListQuery};

use crate::{
    access::{Actor, Lane},
    mirror::Verdict,
    store::rows::Calendar,
    trouble::{Trouble, report},
    worker::Worker,
};

/// Asks Google. `Err` when it cannot be known now.
pub(crate) async fn verify(worker: &Worker, calendar: &Calendar) -> Result<Verdict, Trouble> {
    let asked = in_directory(worker, calendar).await;
    if !told(worker, calendar, Actor::Directory, asked).await? {
        return Ok(Verdict::Failed(LinkReason::NotInOrganisation));
    }
    let asked = role(worker, calendar).await;
    match told(worker, calendar, Actor::Rooms, asked).await {
        Ok(role) => Ok(verdict(&role)),
        Err(Trouble::Google(GoogleError::NotFound)) => {
            Ok(Verdict::Failed(LinkReason::NoCalendarAccess))
        }
        Err(trouble) => Err(trouble),
    }
}

async fn in_directory(worker: &Worker, calendar: &Calendar) -> Result<bool, Trouble> {
    let lease = worker
        .access
        .acquire(&calendar.tenant, Actor::Directory, Lane::Live)
        .await?;
    let found = worker
        .google
        .find_resource(&lease.access, &calendar.resource)
        .await?;
    Ok(found.is_some())
}

async fn role(worker: &Worker, calendar: &Calendar) -> Result<AccessRole, Trouble> {
    let lease = worker
        .access
        .acquire(&calendar.tenant, Actor::Rooms, Lane::Live)
        .await?;
    let now = worker.clock.now();
    // With both times no cursor is made: one event is enough to hear the role.
    let query = ListQuery {
        time_min: Some(now),
        time_max: Some(now + chrono::TimeDelta::days(1)),
        max_results: Some(1),
        ..ListQuery::default()
    };
    let page = worker
        .google
        .list_events(&lease.access, calendar.resource.as_str(), &query)
        .await?;
    Ok(page.access_role)
}

/// Tells booking-command of trouble with the budget or the access, and hands the answer on.
async fn told<T>(
    worker: &Worker,
    calendar: &Calendar,
    actor: Actor,
    asked: Result<T, Trouble>,
) -> Result<T, Trouble> {
    if let Err(Trouble::Google(error)) = &asked
        && let Some(report) = report(error)
    {
        worker.access.report(&calendar.tenant, actor, report).await;
    }
    asked
}

fn verdict(role: &AccessRole) -> Verdict {
    if role.is_times_only() {
        Verdict::Failed(LinkReason::TimesOnly)
    } else {
        Verdict::Verified(role.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_below_reader_cannot_be_mirrored() {
        for role in [AccessRole::None, AccessRole::FreeBusyReader] {
            assert_eq!(verdict(&role), Verdict::Failed(LinkReason::TimesOnly));
        }
        for role in [AccessRole::Reader, AccessRole::Owner] {
            assert_eq!(verdict(&role), Verdict::Verified(role.as_str().to_owned()));
        }
    }
}
