//! The room leaves a series (D25): every date that has not ended; what is past is history.
//!
//! A PATCH of the series answers for every date that has no answer of its own; exceptions keep theirs (a
//! guess). So the dates are listed again, and each that the room is still in is declined for itself. A room
//! that was invited to single dates only has no series on its calendar: they are declined one by one.

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::{BookingId, OccurrenceKey};
use roomsync_google::{Access, Event, GoogleError, InstancesQuery};
use sqlx::types::Uuid;

use super::{
    Claimed, WriteError, Writer,
    decline::{self, Left, Room},
    decline_settle::Declined,
};

/// As far as the horizon of any tenant reaches.
const AHEAD: TimeDelta = TimeDelta::days(731);
/// The largest page that Google gives.
const PAGE: u32 = 2500;
/// More pages than any series has dates for within [`AHEAD`].
const MOST_PAGES: usize = 50;

/// Declines the series of a booking.
pub(super) async fn decline_series(
    writer: &Writer,
    claimed: &Claimed,
) -> Result<Declined, WriteError> {
    // Its event was made a single one meanwhile: there is nothing else to decline.
    let OccurrenceKey::Slot { series, .. } = &claimed.booking.key else {
        return decline::decline(writer, claimed).await;
    };
    let room = Room::of(writer, claimed).await?;
    match room.leave(series, false).await? {
        Left::Refused => Ok(Declined::None),
        Left::Yes => what_is_left(&room, series).await,
        Left::NoEvent => one_by_one(&room, claimed, series).await,
    }
}

/// The dates that the room is in although it declined the series.
async fn what_is_left(room: &Room<'_>, series: &str) -> Result<Declined, WriteError> {
    let mut page_token = None;
    for _ in 0..MOST_PAGES {
        let page = match page(room, series, page_token).await? {
            Ok(page) => page,
            // The series ended meanwhile, or lost its master: no date is left to decline here.
            Err(GoogleError::NotFound | GoogleError::Gone) => return Ok(Declined::All),
            Err(error) => {
                room.refused(&error)?;
                return Ok(Declined::None);
            }
        };
        for date in &page.items {
            if leave_date(room, date).await? == Left::Refused {
                return Err(WriteError::later());
            }
        }
        page_token = page.next_page_token;
        if page_token.is_none() {
            return Ok(Declined::All);
        }
    }
    Err(WriteError::later())
}

/// A date as it was listed; if it changed since, as it is.
async fn leave_date(room: &Room<'_>, date: &Event) -> Result<Left, WriteError> {
    match room.leave_as_read(date, false).await? {
        Ok(Left::Yes) => Ok(Left::Yes),
        Ok(_) | Err(_) => room.leave(&date.id, false).await,
    }
}

async fn page(
    room: &Room<'_>,
    series: &str,
    page_token: Option<String>,
) -> Result<Result<roomsync_google::EventsPage, GoogleError>, WriteError> {
    let (google, calendar) = (room.writer().lender.google(), room.calendar());
    let page_token = &page_token;
    let call = move |access: Access, now: DateTime<Utc>| async move {
        let query = InstancesQuery {
            page_token: page_token.clone(),
            time_min: Some(now),
            time_max: Some(now + AHEAD),
            max_results: Some(PAGE),
        };
        google.instances(&access, calendar, series, &query).await
    };
    room.call(call).await
}

async fn one_by_one(
    room: &Room<'_>,
    claimed: &Claimed,
    series: &str,
) -> Result<Declined, WriteError> {
    let mut left = Vec::new();
    for (booking, event) in declining(room.writer(), claimed, series).await? {
        match room.leave(&event, false).await? {
            Left::Yes | Left::NoEvent => left.push(booking),
            // The others would be answered the same.
            Left::Refused => return Ok(Declined::These(left)),
        }
    }
    Ok(Declined::All)
}

/// The bookings of the series that are being declined, with Google's ids of their dates.
async fn declining(
    writer: &Writer,
    claimed: &Claimed,
    series: &str,
) -> Result<Vec<(BookingId, String)>, WriteError> {
    let query = sqlx::query!(
        r#"
        -- booking.bookings.declining_dates
        SELECT booking_id AS "booking_id: Uuid", event_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND link_id = $2
          AND series_id = $3
          AND state = 'declining'
        ORDER BY starts_at, booking_id
        "#,
        claimed.tenant.as_str(),
        claimed.link.0,
        series,
    )
    .fetch_all(writer.database.pool());
    let rows = writer.database.answer(query).await?;
    let dates = rows
        .into_iter()
        .map(|row| (BookingId(row.booking_id), row.event_id));
    Ok(dates.collect())
}
