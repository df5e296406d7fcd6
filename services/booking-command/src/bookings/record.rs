//! A booking's row, read and said in the words of the domain, of the messages and of the API.

use chrono::{DateTime, Utc};
use roomsync_domain::{
    Booker, BookingId, BookingState, Cause, Flags, GoogleWrite, ObjectId, OccurrenceKey, Placement,
    TenantId, TimeWindow,
    decide::{Details, Known},
};
use roomsync_messages::{BookingSnapshot, ChangedItem};
use roomsync_proto::booking::v1 as pb;
use sqlx::error::BoxDynError;
use uuid::Uuid;

use super::viewer::Viewer;
use crate::{changes::LockedObject, convert, validate::stamp};

/// Who manages every booking here.
pub const EXTERNAL_PROVIDER: &str = "google";

/// A booking as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Our id.
    pub id: BookingId,
    /// The object it occupies.
    pub object: ObjectId,
    /// The occurrence it mirrors.
    pub key: OccurrenceKey,
    /// Its state.
    pub state: BookingState,
    /// What the occurrence says.
    pub details: Details,
    /// What the main app may want to point out.
    pub flags: Flags,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// Where we made its event; `None`: it was made in Google.
    pub placement: Option<Placement>,
    /// Google has, or had, its event.
    pub at_google: bool,
    /// It ended here, and its event stays in Google.
    pub event_kept: bool,
    /// What Google has yet to be told.
    pub google_write: Option<GoogleWrite>,
    /// The object's version at which it last changed.
    pub object_version: i64,
    /// When it was first recorded.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Booking {
    /// The booking as decisions see it.
    pub fn known(&self) -> Known {
        Known {
            id: self.id,
            key: self.key.clone(),
            state: self.state,
            details: self.details.clone(),
            ours: self.placement.is_some(),
        }
    }

    /// Stamps a booking that changed and adds it to what is published: its row holds the version
    /// under which the item goes out.
    pub fn stage(&mut self, object: &LockedObject, items: &mut Vec<ChangedItem>) {
        self.updated_at = object.now();
        self.object_version = object.version_of_item(items.len());
        let booking = self.snapshot();
        items.push(ChangedItem::Booking { booking });
    }

    /// The booking as messages carry it: ids only.
    pub fn snapshot(&self) -> BookingSnapshot {
        BookingSnapshot {
            id: self.id,
            state: self.state,
            starts_at: self.details.window.starts_at(),
            ends_at: self.details.window.ends_at(),
            all_day: self.details.all_day,
            booker: self.details.booker.clone(),
            private: self.details.private,
            flags: self.flags.words(),
            cause: self.cause.map(|cause| cause.as_str().to_owned()),
            series: match &self.key {
                OccurrenceKey::Slot { series, .. } => Some(series.clone()),
                OccurrenceKey::Event(_) => None,
            },
            from_flexopus: self.placement.is_some(),
            not_at_google: !self.at_google,
            event_kept: self.event_kept,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// The booking as the API says it to a viewer: title included where one is stored, without who and
    /// what where these are not for the viewer.
    pub(crate) fn to_api(&self, tenant: &TenantId, viewer: &Viewer) -> pb::Booking {
        let version = self.object_version;
        let booking = snapshot_to_api(&self.snapshot(), tenant, &self.object, version);
        if viewer.sees(self) {
            pb::Booking {
                title: self.details.title.clone().unwrap_or_default(),
                ..booking
            }
        } else {
            pb::Booking {
                booker: Some(convert::booker(&Booker::Anonymous)),
                hidden: true,
                ..booking
            }
        }
    }
}

/// A booking of the log of changes, as the API says it. It has no title: the log holds ids only.
pub fn snapshot_to_api(
    booking: &BookingSnapshot,
    tenant: &TenantId,
    object: &ObjectId,
    object_version: i64,
) -> pb::Booking {
    let provider = if booking.not_at_google {
        ""
    } else {
        EXTERNAL_PROVIDER
    };
    let origin = if booking.from_flexopus {
        pb::BookingOrigin::Flexopus
    } else {
        pb::BookingOrigin::Google
    };
    pb::Booking {
        booking_id: booking.id.to_string(),
        tenant_id: tenant.to_string(),
        object_id: object.to_string(),
        window: Some(pb::TimeWindow {
            starts_at: Some(stamp(booking.starts_at)),
            ends_at: Some(stamp(booking.ends_at)),
        }),
        state: convert::booking_state(booking.state).into(),
        booker: Some(convert::booker(&booking.booker)),
        external_provider: provider.to_owned(),
        private: booking.private,
        title: String::new(),
        flags: convert::flags(Flags::from_words(&booking.flags)),
        cause: booking
            .cause
            .as_deref()
            .map(convert::api_word)
            .unwrap_or_default(),
        object_version,
        all_day: booking.all_day,
        created_at: Some(stamp(booking.created_at)),
        updated_at: Some(stamp(booking.updated_at)),
        hidden: false,
        origin: origin.into(),
        check_in_disabled: !provider.is_empty(),
        event_kept: booking.event_kept,
        series_id: booking.series.clone().unwrap_or_default(),
    }
}

/// The columns of `booking.bookings` that make a [`Booking`], as every query here selects them.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Row {
    pub booking_id: Uuid,
    pub object_id: String,
    pub event_id: String,
    pub series_id: Option<String>,
    pub original_start: Option<DateTime<Utc>>,
    pub state: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub all_day: bool,
    pub booker_kind: String,
    pub booker_id: Option<String>,
    pub organizer_mail: Option<String>,
    pub private: bool,
    pub title: Option<String>,
    pub flags: Vec<String>,
    pub cause: Option<String>,
    pub placement: Option<String>,
    pub at_google: bool,
    pub event_kept: bool,
    pub google_write: Option<String>,
    pub object_version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Booking {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        row.read().map_err(sqlx::Error::Decode)
    }
}

impl Row {
    fn read(self) -> Result<Booking, BoxDynError> {
        let key = match (self.series_id, self.original_start) {
            (Some(series), Some(original_start)) => OccurrenceKey::Slot {
                series,
                original_start,
            },
            _ => OccurrenceKey::Event(self.event_id.clone()),
        };
        Ok(Booking {
            id: BookingId(self.booking_id),
            object: self.object_id.parse()?,
            key,
            state: self.state.parse()?,
            details: Details {
                event_id: self.event_id,
                window: TimeWindow::new(self.starts_at, self.ends_at)?,
                all_day: self.all_day,
                booker: booker(&self.booker_kind, self.booker_id)?,
                organizer_mail: self.organizer_mail,
                private: self.private,
                title: self.title,
            },
            flags: Flags::from_words(&self.flags),
            cause: self.cause.map(|cause| cause.parse()).transpose()?,
            placement: self.placement.map(|it| it.parse()).transpose()?,
            at_google: self.at_google,
            event_kept: self.event_kept,
            google_write: self.google_write.map(|it| it.parse()).transpose()?,
            object_version: self.object_version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// Reads rows, all or none.
pub fn read(rows: Vec<Row>) -> Result<Vec<Booking>, sqlx::Error> {
    rows.into_iter().map(Booking::try_from).collect()
}

/// A booker as its two columns, kind and id.
pub fn booker_columns(booker: &Booker) -> (&'static str, Option<&str>) {
    match booker {
        Booker::User { user } => ("user", Some(user.as_str())),
        Booker::Device { device } => ("device", Some(device.as_str())),
        Booker::Anonymous => ("anonymous", None),
    }
}

fn booker(kind: &str, id: Option<String>) -> Result<Booker, BoxDynError> {
    match (kind, id) {
        ("user", Some(id)) => Ok(Booker::User {
            user: id.try_into()?,
        }),
        ("device", Some(id)) => Ok(Booker::Device {
            device: id.try_into()?,
        }),
        ("anonymous", None) => Ok(Booker::Anonymous),
        _ => Err("a kind of booker that this version does not know".into()),
    }
}
