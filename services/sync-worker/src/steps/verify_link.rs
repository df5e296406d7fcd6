//! Finds out whether a link can be mirrored: the organisation's Directory knows the resource, and
//! the rooms subject can read its calendar. Only the Directory says that a resource belongs to the
//! organisation; being listed there gives no access to the calendar.
//!
//! Beside that it asks whether the room answers invitations by itself. That needs a right that is
//! optional (documented: the scope of events does not cover it), so whatever is in the way of the
//! answer leaves it open and does the link no harm.
//!
//! The first call is the background's: an organisation that links a thousand rooms at once must not use up
//! what is kept for its own live changes. While there is budget, nobody waits for it.

use roomsync_domain::LinkReason;
use roomsync_google::{AccessRole, GoogleError, ListQuery};
use roomsync_proto::internal::v1 as proto;

use crate::{
    access::{Actor, Share},
    mirror::Verdict,
    store::rows::Calendar,
    trouble::{Trouble, report},
    worker::Worker,
};

/// Asks Google. `Err` when it cannot be known now.
pub(crate) async fn verify(worker: &Worker, calendar: &Calendar) -> Result<Verdict, Trouble> {
    // First what waits for a unit of the background: a verification that comes again has asked nothing yet.
    let asked = role(worker, calendar).await;
    let role = told(worker, calendar, Actor::Rooms, asked).await;
    if let Err(waits @ Trouble::OutOfBudget { .. }) = role {
        return Err(waits);
    }
    let asked = in_directory(worker, calendar).await;
    if !told(worker, calendar, Actor::Directory, asked).await? {
        return Ok(Verdict::Failed(LinkReason::NotInOrganisation));
    }
    match role {
        Ok(role) if role.is_times_only() => Ok(Verdict::Failed(LinkReason::TimesOnly)),
        Ok(role) => Ok(Verdict::Verified {
            role: role.as_str().to_owned(),
            answers_by_itself: answers_by_itself(worker, calendar).await?,
        }),
        Err(Trouble::Google(GoogleError::NotFound)) => {
            Ok(Verdict::Failed(LinkReason::NoCalendarAccess))
        }
        Err(trouble) => Err(trouble),
    }
}

async fn in_directory(worker: &Worker, calendar: &Calendar) -> Result<bool, Trouble> {
    let lease = worker
        .access
        .acquire(&calendar.tenant, Actor::Directory, Share::Live)
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
        .acquire(&calendar.tenant, Actor::Rooms, Share::Background)
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

/// Whether the room answers by itself; `None` when that cannot be known. Nobody asks a second time, so what
/// merely has to wait is no answer: the verification comes back as a whole.
async fn answers_by_itself(worker: &Worker, calendar: &Calendar) -> Result<Option<bool>, Trouble> {
    let asked = async {
        // Not in the background: what was asked before would be asked again each time there is no unit for this.
        let lease = worker
            .access
            .acquire(&calendar.tenant, Actor::Settings, Share::Live)
            .await?;
        let settings = worker
            .google
            .get_calendar(&lease.access, calendar.resource.as_str())
            .await?;
        Ok::<_, Trouble>(settings.auto_accept_invitations)
    };
    match asked.await {
        Ok(answers) => Ok(answers),
        Err(trouble @ Trouble::OutOfBudget { .. }) => Err(trouble),
        Err(trouble) => {
            // A refused token here may only want the optional right: it says nothing about the
            // connection. That Google wants us to slow down is true for everybody.
            if let Trouble::Google(error) = &trouble
                && let Some(report) = report(error)
                && report.trouble != proto::Trouble::AccessLost
            {
                let tenant = &calendar.tenant;
                worker.access.report(tenant, Actor::Settings, report).await;
            }
            tracing::info!(calendar = %calendar.id, why = trouble.kind(), "who answers is not known");
            Ok(None)
        }
    }
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
