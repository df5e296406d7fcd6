//! The main booking app, as far as roomsync can tell: it calls the public services with a token of
//! its own, follows the stream, and keeps what it heard.

pub mod bookings;
mod display;
mod given;
pub(crate) mod journal;
mod links;
mod occupancy;
mod subscriber;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use prost_types::Timestamp;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{
        Booking, ListBookingsRequest, TimeWindow, booking_service_client::BookingServiceClient,
    },
    integration::v1::{
        catalogue_service_client::CatalogueServiceClient,
        connection_service_client::ConnectionServiceClient, link_service_client::LinkServiceClient,
        people_service_client::PeopleServiceClient, tenant_service_client::TenantServiceClient,
    },
    notification::v1::subscription_service_client::SubscriptionServiceClient,
};
use tonic::Status;

pub use self::{
    bookings::{NewBooking, administrator, device, user},
    display::Display,
    given::{LinkedRoom, Organisation},
    journal::{Heard, Journal},
    subscriber::Subscriber,
};
use crate::tokens::Token;

/// How many objects one `ListBookings` may name.
const MOST_OBJECTS: usize = 500;

/// Where the services are that the app calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoints {
    pub(crate) booking_command: Option<SocketAddr>,
    pub(crate) notification: Option<SocketAddr>,
}

impl Endpoints {
    pub(crate) fn nowhere() -> Self {
        Self {
            booking_command: None,
            notification: None,
        }
    }
}

/// What the app has set up, so that the end of a test can ask about all of it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Tenant to its objects.
    pub(crate) objects: BTreeMap<String, BTreeSet<String>>,
    /// Tenant and object to the id of its link and the address of its room.
    pub(crate) links: BTreeMap<(String, String), (String, String)>,
}

/// The main booking app. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FakeBookingApp {
    booking_command: grpc::Channel,
    notification: grpc::Channel,
    known: Arc<Mutex<Known>>,
    subscribers: Arc<Mutex<Vec<Subscriber>>>,
}

impl FakeBookingApp {
    pub(crate) fn new(endpoints: Endpoints, token: &Token) -> anyhow::Result<Self> {
        let channel = |endpoint: Option<SocketAddr>| -> anyhow::Result<grpc::Channel> {
            let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
            let url = format!("http://{}", endpoint.unwrap_or(nowhere));
            Ok(grpc::connect(&grpc::ClientConfig::new(
                &url,
                token.secret.clone(),
            )?)?)
        };
        Ok(Self {
            booking_command: channel(endpoints.booking_command)?,
            notification: channel(endpoints.notification)?,
            known: Arc::default(),
            subscribers: Arc::default(),
        })
    }

    /// An app at other addresses than a cluster's, for instance of services that run elsewhere.
    pub fn at(booking_command: &str, notification: &str, token: &str) -> anyhow::Result<Self> {
        let channel = |url: &str| -> anyhow::Result<grpc::Channel> {
            Ok(grpc::connect(&grpc::ClientConfig::new(
                url,
                token.to_owned(),
            )?)?)
        };
        Ok(Self {
            booking_command: channel(booking_command)?,
            notification: channel(notification)?,
            known: Arc::default(),
            subscribers: Arc::default(),
        })
    }

    /// `BookingService`.
    pub fn bookings(&self) -> BookingServiceClient<grpc::Channel> {
        BookingServiceClient::new(self.booking_command.clone())
    }

    /// `TenantService`.
    pub fn tenants(&self) -> TenantServiceClient<grpc::Channel> {
        TenantServiceClient::new(self.booking_command.clone())
    }

    /// `CatalogueService`.
    pub fn catalogue(&self) -> CatalogueServiceClient<grpc::Channel> {
        CatalogueServiceClient::new(self.booking_command.clone())
    }

    /// `PeopleService`.
    pub fn people(&self) -> PeopleServiceClient<grpc::Channel> {
        PeopleServiceClient::new(self.booking_command.clone())
    }

    /// `ConnectionService`.
    pub fn connections(&self) -> ConnectionServiceClient<grpc::Channel> {
        ConnectionServiceClient::new(self.booking_command.clone())
    }

    /// `LinkService`.
    pub fn links(&self) -> LinkServiceClient<grpc::Channel> {
        LinkServiceClient::new(self.booking_command.clone())
    }

    /// `SubscriptionService`.
    pub fn subscriptions(&self) -> SubscriptionServiceClient<grpc::Channel> {
        SubscriptionServiceClient::new(self.notification.clone())
    }

    /// Every live booking of some objects, from 100 days ago to 600 days ahead, and the objects'
    /// versions. No object named: every booking of the tenant.
    pub async fn list_bookings(
        &self,
        tenant: &str,
        objects: &[String],
    ) -> Result<(Vec<Booking>, BTreeMap<String, i64>), Status> {
        let (mut bookings, mut versions) = (Vec::new(), BTreeMap::new());
        let mut page_token = String::new();
        loop {
            let request = ListBookingsRequest {
                tenant_id: tenant.to_owned(),
                object_ids: objects.to_vec(),
                window: Some(around(SystemClock.now())),
                page_size: 1000,
                page_token,
                ..ListBookingsRequest::default()
            };
            let page = self.bookings().list_bookings(request).await?.into_inner();
            bookings.extend(page.bookings);
            versions.extend(page.object_versions);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok((bookings, versions));
            }
        }
    }

    /// The same for everything that the app knows of a tenant.
    pub(crate) async fn list_everything(
        &self,
        tenant: &str,
    ) -> Result<(Vec<Booking>, BTreeMap<String, i64>), Status> {
        let objects = self.known(|known| known.objects.get(tenant).cloned().unwrap_or_default());
        let objects: Vec<_> = objects.into_iter().collect();
        let (mut bookings, mut versions) = (Vec::new(), BTreeMap::new());
        for named in objects.chunks(MOST_OBJECTS) {
            let (of_named, versions_of_named) = self.list_bookings(tenant, named).await?;
            bookings.extend(of_named);
            versions.extend(versions_of_named);
        }
        Ok((bookings, versions))
    }

    /// The live bookings of one object, by start.
    pub async fn bookings_of(&self, tenant: &str, object: &str) -> Vec<Booking> {
        match self.list_bookings(tenant, &[object.to_owned()]).await {
            Ok((bookings, _)) => bookings,
            Err(status) => panic!("ListBookings of {tenant}/{object} failed: {status}"),
        }
    }

    pub(crate) fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn subscribers(&self) -> Vec<Subscriber> {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// An instant for the API.
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp {
        seconds: at.timestamp(),
        nanos,
    }
}

/// An instant of the API.
pub fn instant(at: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    let at = at?;
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}

/// A window for the API.
pub fn window(starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> TimeWindow {
    TimeWindow {
        starts_at: Some(timestamp(starts_at)),
        ends_at: Some(timestamp(ends_at)),
    }
}

fn around(now: DateTime<Utc>) -> TimeWindow {
    window(now - TimeDelta::days(100), now + TimeDelta::days(600))
}
