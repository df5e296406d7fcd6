//! What linking would do (B1), before anything is done: nothing is stored. The resource and its calendar
//! are read at Google while the caller waits, with the rules by which the import will decide.

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::{
    LinkReason, ObjectId, ResourceEmail, TenantId,
    decide::{Standing, standing},
};
use roomsync_google::{AccessRole, CalendarResource, EventsPage, GoogleError, ListQuery};
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;
use tokio::time::{Instant, timeout_at};

use super::{
    LinkRow, capability::Circumstances, list_resources::to_proto, obstacles, refusal::setting,
    store,
};
use crate::{
    access::{Lender, connections::Connection, subject::Purpose},
    catalogue, gate,
    status::CommandError,
};

/// So many pages are read at most.
const MOST_PAGES: usize = 3;
/// The largest page that Google gives.
const PAGE_SIZE: u32 = 2500;

/// What is asked.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) object: &'a ObjectId,
    pub(super) resource: &'a ResourceEmail,
    pub(super) own_future_bookings: i32,
    /// When the caller stops waiting.
    pub(super) deadline: Instant,
}

/// What a room's calendar holds, as far as it was read.
#[derive(Debug)]
struct Counted {
    role: AccessRole,
    bookings: i32,
    more: bool,
}

/// Answers what linking would do.
pub(super) async fn preview_link(
    database: &Database,
    lender: &Lender,
    question: &Question<'_>,
) -> Result<proto::PreviewLinkResponse, CommandError> {
    let tenant = gate::module(database, question.tenant).await?;
    let living = catalogue::require_living(database.pool(), question.tenant, question.object);
    database.answer(living).await?;
    let connection = lender.active(question.tenant).await?;
    let mut answer = proto::PreviewLinkResponse {
        bookings_to_delete: question.own_future_bookings,
        ..Default::default()
    };
    let link = store::of_resource(database.pool(), question.tenant, question.resource);
    let link = database.answer(link).await?;
    answer.obstacles = in_the_way(database, question, link.as_ref()).await?;
    let mut role = None;
    match look_up(lender, &connection, question.resource).await? {
        Err(reason) => refused(&mut answer, reason),
        Ok(None) => refused(&mut answer, LinkReason::NotInOrganisation),
        Ok(Some(resource)) => {
            let marked = link.map(|row| (row.link_id, row.object_id));
            answer.resource = Some(to_proto(resource, marked.as_ref()));
            let ahead = TimeDelta::days(i64::from(tenant.settings.horizon_days));
            match count(lender, &connection, question, ahead).await? {
                Err(reason) => refused(&mut answer, reason),
                Ok(counted) if counted.role.is_times_only() => {
                    refused(&mut answer, LinkReason::TimesOnly);
                }
                Ok(counted) => {
                    answer.bookings_to_import = counted.bookings;
                    answer.more_to_import = counted.more;
                    role = Some(counted.role);
                }
            }
        }
    }
    let setting = setting(database.pool(), question.tenant, question.object);
    let setting = database.answer(setting).await?;
    let circumstances = Circumstances {
        verified: role.is_some(),
        role: role.unwrap_or_default(),
        read_only: setting.read_only(),
        answers_by_itself: None,
        way_to_book: setting.way_to_book,
    };
    (answer.capabilities, answer.missing_capabilities) = circumstances.to_proto();
    Ok(answer)
}

fn refused(answer: &mut proto::PreviewLinkResponse, reason: LinkReason) {
    answer.obstacles.push(reason.as_str().to_uppercase());
}

/// What our own links say against it. The link that the object has with this very resource does not.
async fn in_the_way(
    database: &Database,
    question: &Question<'_>,
    of_resource: Option<&LinkRow>,
) -> Result<Vec<String>, CommandError> {
    let of_object = store::of_object(database, question.tenant, question.object).await?;
    let own = |row: &LinkRow| !row.is_going() && question.resource.matches(&row.resource_email);
    let mut obstacles = Vec::new();
    if of_resource.is_some_and(|row| row.object_id != question.object.as_str()) {
        obstacles.push("RESOURCE_ALREADY_LINKED".to_owned());
    }
    if !of_object.is_empty() && !of_object.iter().any(own) {
        obstacles.push("OBJECT_ALREADY_LINKED".to_owned());
    }
    Ok(obstacles)
}

async fn look_up(
    lender: &Lender,
    connection: &Connection,
    resource: &ResourceEmail,
) -> Result<Result<Option<CalendarResource>, LinkReason>, CommandError> {
    let google = lender.google();
    let call = |access, _| async move { google.find_resource(&access, resource).await };
    let found = lender.look(connection, Purpose::Directory, call).await?;
    Ok(found.map_err(|error| obstacles::of_access(&error)))
}

/// Counts what has not ended yet, up to the horizon, page by page while the caller waits.
async fn count(
    lender: &Lender,
    connection: &Connection,
    question: &Question<'_>,
    ahead: TimeDelta,
) -> Result<Result<Counted, LinkReason>, CommandError> {
    let first = match page(lender, connection, question, ahead, None).await? {
        Ok(page) => page,
        Err(error) => return Ok(Err(obstacles::of_calendar(&error))),
    };
    let (mut next, from) = first;
    let mut counted = Counted {
        role: next.access_role.clone(),
        bookings: 0,
        more: false,
    };
    for _ in 1..MOST_PAGES {
        counted.add(&next, question.resource, from);
        let Some(token) = next.next_page_token.clone() else {
            return Ok(Ok(counted));
        };
        let fixed = Some((token.as_str(), from));
        let asked = page(lender, connection, question, ahead, fixed);
        // What was counted is worth more than an answer that comes too late, or an error.
        let Ok(Ok(Ok((page, _)))) = timeout_at(question.deadline, asked).await else {
            counted.more = true;
            return Ok(Ok(counted));
        };
        next = page;
    }
    counted.add(&next, question.resource, from);
    counted.more = next.next_page_token.is_some();
    Ok(Ok(counted))
}

impl Counted {
    fn add(&mut self, page: &EventsPage, room: &ResourceEmail, from: DateTime<Utc>) {
        let blocking = page
            .items
            .iter()
            .filter_map(|event| event.occurrence(room).ok())
            .filter(|occurrence| {
                matches!(standing(occurrence), Standing::Blocks { window, .. } if window.ends_at() > from)
            })
            .count();
        let blocking = i32::try_from(blocking).unwrap_or(i32::MAX);
        self.bookings = self.bookings.saturating_add(blocking);
    }
}

/// One page of the window. The first one fixes its beginning: while paging nothing else may differ.
async fn page(
    lender: &Lender,
    connection: &Connection,
    question: &Question<'_>,
    ahead: TimeDelta,
    next: Option<(&str, DateTime<Utc>)>,
) -> Result<Result<(EventsPage, DateTime<Utc>), GoogleError>, CommandError> {
    let google = lender.google();
    let call = |access, now: DateTime<Utc>| async move {
        let from = next.map_or(now, |(_, from)| from);
        let query = ListQuery {
            page_token: next.map(|(token, _)| token.to_owned()),
            single_events: true,
            time_min: Some(from),
            time_max: Some(from + ahead),
            max_results: Some(PAGE_SIZE),
            ..ListQuery::default()
        };
        let page = google
            .list_events(&access, question.resource.as_str(), &query)
            .await?;
        Ok((page, from))
    };
    lender.look(connection, Purpose::Rooms, call).await
}
