//! Typed calls about bookings: making one, ending one, asking what happened to one.
//!
//! Each carries a deadline of its own, as the main app's calls do: `CreateBooking` and `DeleteBooking`
//! wait for Google until then and answer the booking as it is.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_proto::booking::v1::{
    Actor, AdministratorActor, Booking, BookingState, CreateBookingRequest, CreateBookingResponse,
    DeleteBookingRequest, GetBookingRequest, HistoryEntry, ListHistoryRequest, actor::Actor as Who,
    create_booking_request::Booker,
};
use tonic::{Request, Status};
use uuid::Uuid;

use super::{FakeBookingApp, window};

/// How long a call waits unless it says so itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A booking that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBooking {
    /// One per booking; the same again means the same booking.
    pub request_id: String,
    /// The object's id.
    pub object: String,
    /// From and to.
    pub window: (DateTime<Utc>, DateTime<Utc>),
    /// Whose it will be.
    pub booker: Booker,
    /// How long the call waits for Google.
    pub patience: Duration,
}

impl NewBooking {
    /// By a user, for an hour.
    pub fn by_user(object: &str, start: DateTime<Utc>, user: &str) -> Self {
        Self::new(object, start, Booker::UserId(user.to_owned()))
    }

    /// By a device, for an hour.
    pub fn by_device(object: &str, start: DateTime<Utc>, device: &str) -> Self {
        Self::new(object, start, Booker::DeviceId(device.to_owned()))
    }

    fn new(object: &str, start: DateTime<Utc>, booker: Booker) -> Self {
        Self {
            request_id: Uuid::new_v4().to_string(),
            object: object.to_owned(),
            window: (start, start + TimeDelta::hours(1)),
            booker,
            patience: PATIENCE,
        }
    }

    /// Until then instead of for an hour.
    #[must_use]
    pub fn until(mut self, end: DateTime<Utc>) -> Self {
        self.window.1 = end;
        self
    }

    /// The same wish as another one of this id.
    #[must_use]
    pub fn request_id(mut self, request_id: &str) -> Self {
        request_id.clone_into(&mut self.request_id);
        self
    }

    /// Waits so long for Google.
    #[must_use]
    pub fn waiting(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// A user of the main app who asks.
pub fn user(id: &str) -> Actor {
    Actor {
        actor: Some(Who::UserId(id.to_owned())),
    }
}

/// A device that asks.
pub fn device(id: &str) -> Actor {
    Actor {
        actor: Some(Who::DeviceId(id.to_owned())),
    }
}

/// An administrator who asks.
pub fn administrator(id: &str) -> Actor {
    Actor {
        actor: Some(Who::Administrator(AdministratorActor {
            user_id: id.to_owned(),
        })),
    }
}

impl FakeBookingApp {
    /// Books an object.
    pub async fn create_booking(
        &self,
        tenant: &str,
        new: NewBooking,
    ) -> Result<CreateBookingResponse, Status> {
        let mut request = Request::new(CreateBookingRequest {
            tenant_id: tenant.to_owned(),
            request_id: new.request_id,
            object_id: new.object,
            window: Some(window(new.window.0, new.window.1)),
            recurrence: Vec::new(),
            booker: Some(new.booker),
        });
        request.set_timeout(new.patience);
        Ok(self.bookings().create_booking(request).await?.into_inner())
    }

    /// Books an object, which the room must confirm before the call's end.
    pub async fn book(&self, tenant: &str, new: NewBooking) -> Booking {
        let what = format!("{new:?}");
        let booking = match self.create_booking(tenant, new).await {
            Ok(answer) => answer.booking.unwrap_or_default(),
            Err(status) => panic!("CreateBooking failed: {status:?}; {what}"),
        };
        assert_eq!(
            booking.state(),
            BookingState::Confirmed,
            "{what} became {booking:?}"
        );
        booking
    }

    /// Ends a booking, or its whole series.
    pub async fn delete_booking(
        &self,
        tenant: &str,
        booking: &str,
        actor: Actor,
        series: bool,
    ) -> Result<Booking, Status> {
        let mut request = Request::new(DeleteBookingRequest {
            tenant_id: tenant.to_owned(),
            booking_id: booking.to_owned(),
            actor: Some(actor),
            series,
        });
        request.set_timeout(PATIENCE);
        let answer = self.bookings().delete_booking(request).await?.into_inner();
        Ok(answer.booking.unwrap_or_default())
    }

    /// A booking as it is now, also one that has ended.
    pub async fn booking(&self, tenant: &str, booking: &str) -> Result<Booking, Status> {
        let request = GetBookingRequest {
            tenant_id: tenant.to_owned(),
            booking_id: booking.to_owned(),
            viewer: None,
        };
        let answer = self.bookings().get_booking(request).await?.into_inner();
        Ok(answer.booking.unwrap_or_default())
    }

    /// Waits until a booking is what `is` says, and returns it.
    pub async fn wait_booking(
        &self,
        what: &str,
        tenant: &str,
        booking: &str,
        mut is: impl FnMut(&Booking) -> bool,
    ) -> Booking {
        self.wait_for(what, async || {
            let booking = self.booking(tenant, booking).await?;
            Ok(is(&booking).then_some(booking))
        })
        .await
    }

    /// What happened to a booking, all pages, oldest first.
    pub async fn history(&self, tenant: &str, booking: &str) -> Result<Vec<HistoryEntry>, Status> {
        let (mut entries, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListHistoryRequest {
                tenant_id: tenant.to_owned(),
                booking_id: booking.to_owned(),
                page_size: 0,
                page_token,
            };
            let page = self.bookings().list_history(request).await?.into_inner();
            entries.extend(page.entries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(entries);
            }
        }
    }
}
