//! `BookingService.ListBookings`: the bookings of a window, with the versions that belong to them.

use std::collections::HashMap;

use chrono::TimeDelta;
use roomsync_domain::{ObjectId, TenantId, TimeWindow, UserId};
use roomsync_postgres::Database;
use roomsync_proto::booking::v1 as pb;
use sqlx::PgConnection;

use super::{
    Booking,
    page::Place,
    record::{self, Row},
    snapshot,
    viewer::Viewer,
};
use crate::{status::CommandError, validate};

const MOST_OBJECTS: usize = 500;
const LONGEST_WINDOW: TimeDelta = TimeDelta::days(800);

/// A request that was checked.
struct Query {
    objects: Vec<ObjectId>,
    user: Option<UserId>,
    viewer: Viewer,
    window: Option<TimeWindow>,
    include_ended: bool,
    page_size: i64,
    after: Option<Place>,
}

/// Answers the request for a tenant the caller may see.
pub async fn list_bookings(
    database: &Database,
    tenant: &TenantId,
    request: &pb::ListBookingsRequest,
) -> Result<pb::ListBookingsResponse, CommandError> {
    let query = Query::read(request)?;
    let mut tx = snapshot::begin(database).await?;
    let mut bookings = page(&mut tx, tenant, &query).await?;
    let size = usize::try_from(query.page_size).unwrap_or(usize::MAX);
    let more = bookings.len() > size;
    bookings.truncate(size);
    let object_versions = versions(&mut tx, tenant, &query.objects, &bookings).await?;
    tx.commit().await?;
    let last = bookings.last().filter(|_| more).map(Place::of);
    Ok(pb::ListBookingsResponse {
        bookings: bookings
            .iter()
            .map(|booking| booking.to_api(tenant, &query.viewer))
            .collect(),
        next_page_token: last.map(Place::to_token).unwrap_or_default(),
        object_versions,
    })
}

impl Query {
    fn read(request: &pb::ListBookingsRequest) -> Result<Self, CommandError> {
        let objects = object_ids(&request.object_ids, MOST_OBJECTS, "at most 500 ids")?;
        let user = match request.user_id.as_str() {
            "" => None,
            user => Some(validate::id("user_id", user)?),
        };
        let window = match &request.window {
            None if user.is_some() => None,
            window => Some(validate::window("window", window.as_ref())?),
        };
        if window.is_some_and(|window| window.ends_at() - window.starts_at() > LONGEST_WINDOW) {
            return Err(CommandError::invalid("window", "at most 800 days"));
        }
        Ok(Self {
            objects,
            user,
            viewer: Viewer::read(request.viewer.as_ref())?,
            window,
            include_ended: request.include_ended,
            page_size: validate::page_size(request.page_size, 250, 1000)?,
            after: Place::from_token(&request.page_token)?,
        })
    }
}

/// Checks a list of object ids, each once.
pub(crate) fn object_ids(
    ids: &[String],
    most: usize,
    expected: &'static str,
) -> Result<Vec<ObjectId>, CommandError> {
    validate::at_most("object_ids", ids, most, expected)?;
    let ids = ids.iter().enumerate();
    let mut objects = ids
        .map(|(index, id)| validate::id(format_args!("object_ids[{index}]"), id))
        .collect::<Result<Vec<ObjectId>, _>>()?;
    objects.sort();
    objects.dedup();
    Ok(objects)
}

/// One booking more than the page holds, to know whether another page follows.
///
/// Asked for the bookings of another user, the private ones are left out: that they are listed would
/// say whose they are, however little they show.
async fn page(
    tx: &mut PgConnection,
    tenant: &TenantId,
    query: &Query,
) -> Result<Vec<Booking>, sqlx::Error> {
    let objects: Vec<&str> = query.objects.iter().map(ObjectId::as_str).collect();
    let with_private = query
        .user
        .as_ref()
        .is_none_or(|user| query.viewer.sees_private_of(user));
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.list
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause, placement, at_google, event_kept, google_write,
            object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND (cardinality($2::text[]) = 0 OR object_id = ANY($2))
          AND ($3::text IS NULL OR (booker_kind = 'user' AND booker_id = $3))
          AND ($10 OR NOT private)
          AND ($4::timestamptz IS NULL OR (starts_at < $5 AND ends_at > $4))
          AND ($6 OR state NOT IN ('removed', 'rejected'))
          AND ($7::timestamptz IS NULL OR (starts_at, booking_id) > ($7, $8))
        ORDER BY starts_at, booking_id
        LIMIT $9
        ",
        tenant.as_str(),
        &objects as &[&str],
        query.user.as_ref().map(UserId::as_str),
        query.window.map(|window| window.starts_at()),
        query.window.map(|window| window.ends_at()),
        query.include_ended,
        query.after.map(|place| place.starts_at),
        query.after.map(|place| place.booking.0),
        query.page_size + 1,
        with_private,
    )
    .fetch_all(tx)
    .await?;
    record::read(rows)
}

/// The versions of the named objects, all of which must exist; of those on the page when none was
/// named.
async fn versions(
    tx: &mut PgConnection,
    tenant: &TenantId,
    named: &[ObjectId],
    bookings: &[Booking],
) -> Result<HashMap<String, i64>, CommandError> {
    let wanted: Vec<&str> = if named.is_empty() {
        bookings
            .iter()
            .map(|booking| booking.object.as_str())
            .collect()
    } else {
        named.iter().map(ObjectId::as_str).collect()
    };
    let rows = sqlx::query!(
        "
        -- booking.objects.versions
        SELECT object_id, version
        FROM booking.objects
        WHERE tenant_id = $1
          AND object_id = ANY($2)
          AND (deleted_at IS NULL OR $3)
        ",
        tenant.as_str(),
        &wanted as &[&str],
        named.is_empty(),
    )
    .fetch_all(tx)
    .await?;
    if rows.len() < named.len() {
        return Err(CommandError::NotFound("OBJECT_NOT_FOUND"));
    }
    Ok(rows
        .into_iter()
        .map(|row| (row.object_id, row.version))
        .collect())
}
