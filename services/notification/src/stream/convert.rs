//! Between the broker's words and the API's: [`change`] for what goes out, [`message`] for what is
//! fetched back from booking-command when a gap has to be filled.
//!
//! The message carries no title (nothing personal travels on the broker), so neither does what is
//! built from it: a subscriber that shows titles reads them with `GetBooking`.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use roomsync_domain::{Booker, BookingState, LinkState, ObjectId, TenantId};
use roomsync_messages::{BookingSnapshot, ChangedItem, ObjectChanged};
use roomsync_proto::booking::v1 as api;

/// The provider of every booking here.
const PROVIDER: &str = "google";

/// What a subscriber gets for a change.
pub fn change(change_id: &str, message: &ObjectChanged) -> api::ObjectChange {
    api::ObjectChange {
        object_id: message.object.to_string(),
        version: message.version,
        change_id: change_id.to_owned(),
        changed_at: Some(timestamp(message.changed_at)),
        items: message
            .items
            .iter()
            .map(|item| change_item(message, item))
            .collect(),
        forgotten_booking_ids: message.forgotten.iter().map(ToString::to_string).collect(),
    }
}

fn change_item(message: &ObjectChanged, item: &ChangedItem) -> api::ChangeItem {
    use api::change_item::Item;
    let item = match item {
        ChangedItem::Booking { booking: snapshot } => Item::Booking(booking(message, snapshot)),
        ChangedItem::Reset { from, link } => Item::Reset(api::ObjectReset {
            link_id: link.map(|link| link.to_string()).unwrap_or_default(),
            from: Some(timestamp(*from)),
        }),
        ChangedItem::Link {
            link,
            state,
            reason,
        } => Item::Link(api::LinkChanged {
            link_id: link.to_string(),
            state: state.as_str().to_ascii_uppercase(),
            reason: reason.as_deref().unwrap_or_default().to_ascii_uppercase(),
        }),
    };
    api::ChangeItem { item: Some(item) }
}

fn booking(message: &ObjectChanged, snapshot: &BookingSnapshot) -> api::Booking {
    let provider = if snapshot.not_at_google { "" } else { PROVIDER };
    let origin = if snapshot.from_flexopus {
        api::BookingOrigin::Flexopus
    } else {
        api::BookingOrigin::Google
    };
    api::Booking {
        booking_id: snapshot.id.to_string(),
        tenant_id: message.tenant.to_string(),
        object_id: message.object.to_string(),
        window: Some(api::TimeWindow {
            starts_at: Some(timestamp(snapshot.starts_at)),
            ends_at: Some(timestamp(snapshot.ends_at)),
        }),
        state: booking_state(snapshot.state).into(),
        booker: Some(booker(&snapshot.booker)),
        external_provider: provider.to_owned(),
        private: snapshot.private,
        title: String::new(),
        flags: snapshot
            .flags
            .iter()
            .filter_map(|flag| flag_value(flag))
            .collect(),
        cause: snapshot
            .cause
            .as_deref()
            .unwrap_or_default()
            .to_ascii_uppercase(),
        object_version: message.version,
        all_day: snapshot.all_day,
        created_at: Some(timestamp(snapshot.created_at)),
        updated_at: Some(timestamp(snapshot.updated_at)),
        hidden: false,
        origin: origin.into(),
        check_in_disabled: !snapshot.not_at_google,
        event_kept: snapshot.event_kept,
        series_id: snapshot.series.clone().unwrap_or_default(),
    }
}

fn booking_state(state: BookingState) -> api::BookingState {
    match state {
        BookingState::Requested => api::BookingState::Requested,
        BookingState::Pending => api::BookingState::Pending,
        BookingState::Confirmed => api::BookingState::Confirmed,
        BookingState::Undecided => api::BookingState::Undecided,
        BookingState::Declining => api::BookingState::Declining,
        BookingState::Rejected => api::BookingState::Rejected,
        BookingState::Removed => api::BookingState::Removed,
    }
}

fn booker(booker: &Booker) -> api::Booker {
    use api::booker::Booker as Api;
    let booker = match booker {
        Booker::User { user } => Api::UserId(user.to_string()),
        Booker::Device { device } => Api::DeviceId(device.to_string()),
        Booker::Anonymous => Api::Anonymous(api::AnonymousBooker {}),
    };
    api::Booker {
        booker: Some(booker),
    }
}

/// A flag that this version does not know is left out: flags are only hints.
fn flag_value(flag: &str) -> Option<i32> {
    let name = format!("BOOKING_FLAG_{}", flag.to_ascii_uppercase());
    api::BookingFlag::from_str_name(&name).map(Into::into)
}

/// An instant for the API.
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp {
        seconds: at.timestamp(),
        nanos,
    }
}

/// What booking-command answered is not a change as the contract says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the fetched change has no readable {0}")]
pub struct Unreadable(&'static str);

/// The message that a fetched change would have been. When the push behind it was received is not
/// known any more.
pub fn message(tenant: &TenantId, change: &api::ObjectChange) -> Result<ObjectChanged, Unreadable> {
    Ok(ObjectChanged {
        tenant: tenant.clone(),
        object: change
            .object_id
            .parse::<ObjectId>()
            .map_err(|_| Unreadable("object_id"))?,
        version: change.version,
        changed_at: instant(change.changed_at.as_ref(), "changed_at")?,
        received_at: None,
        items: change
            .items
            .iter()
            .map(changed_item)
            .collect::<Result<_, _>>()?,
        forgotten: change
            .forgotten_booking_ids
            .iter()
            .map(|id| id.parse().map_err(|_| Unreadable("forgotten_booking_ids")))
            .collect::<Result<_, _>>()?,
    })
}

fn changed_item(item: &api::ChangeItem) -> Result<ChangedItem, Unreadable> {
    use api::change_item::Item;
    match item.item.as_ref().ok_or(Unreadable("item"))? {
        Item::Booking(booking) => Ok(ChangedItem::Booking {
            booking: snapshot(booking)?,
        }),
        Item::Reset(reset) => Ok(ChangedItem::Reset {
            from: instant(reset.from.as_ref(), "reset.from")?,
            link: reset.link_id.parse().ok(),
        }),
        Item::Link(link) => Ok(ChangedItem::Link {
            link: link.link_id.parse().map_err(|_| Unreadable("link_id"))?,
            state: link
                .state
                .to_ascii_lowercase()
                .parse::<LinkState>()
                .map_err(|_| Unreadable("link state"))?,
            reason: word(&link.reason),
        }),
    }
}

fn snapshot(booking: &api::Booking) -> Result<BookingSnapshot, Unreadable> {
    let window = booking.window.as_ref().ok_or(Unreadable("window"))?;
    let flags = booking.flags().filter_map(|flag| {
        Some(
            flag.as_str_name()
                .strip_prefix("BOOKING_FLAG_")?
                .to_ascii_lowercase(),
        )
    });
    Ok(BookingSnapshot {
        id: booking
            .booking_id
            .parse()
            .map_err(|_| Unreadable("booking_id"))?,
        state: booking
            .state()
            .as_str_name()
            .trim_start_matches("BOOKING_STATE_")
            .to_ascii_lowercase()
            .parse()
            .map_err(|_| Unreadable("booking state"))?,
        starts_at: instant(window.starts_at.as_ref(), "starts_at")?,
        ends_at: instant(window.ends_at.as_ref(), "ends_at")?,
        all_day: booking.all_day,
        booker: whose(booking.booker.as_ref())?,
        private: booking.private,
        flags: flags.collect(),
        cause: word(&booking.cause),
        series: (!booking.series_id.is_empty()).then(|| booking.series_id.clone()),
        from_flexopus: booking.origin() == api::BookingOrigin::Flexopus,
        not_at_google: booking.external_provider.is_empty(),
        event_kept: booking.event_kept,
        created_at: instant(booking.created_at.as_ref(), "created_at")?,
        updated_at: instant(booking.updated_at.as_ref(), "updated_at")?,
    })
}

fn whose(booker: Option<&api::Booker>) -> Result<Booker, Unreadable> {
    use api::booker::Booker as Api;
    match booker
        .and_then(|booker| booker.booker.as_ref())
        .ok_or(Unreadable("booker"))?
    {
        Api::UserId(id) => Ok(Booker::User {
            user: id.parse().map_err(|_| Unreadable("user_id"))?,
        }),
        Api::DeviceId(id) => Ok(Booker::Device {
            device: id.parse().map_err(|_| Unreadable("device_id"))?,
        }),
        Api::Anonymous(_) => Ok(Booker::Anonymous),
    }
}

fn word(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_ascii_lowercase())
}

fn instant(at: Option<&Timestamp>, field: &'static str) -> Result<DateTime<Utc>, Unreadable> {
    at.and_then(|at| DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?))
        .ok_or(Unreadable(field))
}

#[cfg(test)]
mod tests;
