//! `OccupancyService`'s two answers.

use std::collections::{HashMap, hash_map::Entry};

use chrono::TimeDelta;
use chrono_tz::Tz;
use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_proto::booking::v1 as pb;

use super::{
    store,
    tally::{Days, Tally},
};
use crate::{
    bookings::{list::object_ids, snapshot},
    status::CommandError,
    validate,
};

const MOST_OBJECTS: usize = 100;
const MOST_ERASED: usize = 500;
const LONGEST_WINDOW: TimeDelta = TimeDelta::days(400);

/// Counts how much objects are occupied within a window.
pub async fn get_occupancy(
    database: &Database,
    tenant: &TenantId,
    request: &pb::GetOccupancyRequest,
) -> Result<pb::GetOccupancyResponse, CommandError> {
    let objects = object_ids(&request.object_ids, MOST_OBJECTS, "1 to 100 ids")?;
    if objects.is_empty() {
        return Err(CommandError::invalid("object_ids", "1 to 100 ids"));
    }
    let window = validate::window("window", request.window.as_ref())?;
    if window.ends_at() - window.starts_at() > LONGEST_WINDOW {
        return Err(CommandError::invalid("window", "at most 400 days"));
    }
    let mut tx = snapshot::begin(database).await?;
    let zones = store::zones(&mut tx, tenant, &objects).await?;
    let mut days: HashMap<Tz, Days> = HashMap::new();
    let mut tallies: HashMap<String, Tally> = HashMap::new();
    for (object, zone) in &zones {
        let days = match days.entry(*zone) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Days::of(window, *zone)),
        };
        tallies.insert(object.clone(), Tally::new(window, *zone, days));
    }
    store::occupied(&mut tx, tenant, &objects, window, |object, booking| {
        if let Some(tally) = tallies.get_mut(object) {
            tally.add(booking);
        }
    })
    .await?;
    tx.commit().await?;
    let objects = objects.iter().filter_map(|object| {
        let zone = zones.get(object.as_str())?;
        let tally = tallies.get(object.as_str())?;
        Some(to_api(object.as_str(), *zone, tally))
    });
    Ok(pb::GetOccupancyResponse {
        objects: objects.collect(),
    })
}

/// Erases what was kept of links that were taken down. Objects that were deleted are known by their facts
/// still, so none has to exist.
pub async fn erase_facts(
    database: &Database,
    tenant: &TenantId,
    request: &pb::EraseFactsRequest,
) -> Result<pb::EraseFactsResponse, CommandError> {
    let objects = object_ids(&request.object_ids, MOST_ERASED, "at most 500 ids")?;
    let erased = store::erase(database, tenant, &objects).await?;
    Ok(pb::EraseFactsResponse {
        erased: i64::try_from(erased).unwrap_or(i64::MAX),
    })
}

fn to_api(object: &str, zone: Tz, tally: &Tally) -> pb::ObjectOccupancy {
    let days = tally.days().map(|(date, day)| pb::DayOccupancy {
        day: date.to_string(),
        booked_minutes: day.booked.minutes(),
        rate: day.booked.share_of(day.length),
        bookings: day.bookings,
    });
    let (booked, length) = tally.booked();
    pb::ObjectOccupancy {
        object_id: object.to_owned(),
        time_zone: zone.name().to_owned(),
        days: days.collect(),
        heat_map_minutes: tally.heat_map().iter().map(|it| it.minutes()).collect(),
        booked_minutes: booked.minutes(),
        rate: booked.share_of(length),
        bookings: tally.bookings(),
    }
}
