//! The organisation's resources, read from the Directory for a person who picks one.
//!
//! A list is kept in memory for a minute, per tenant and connection; who asks while it is being read
//! waits for that reading. The Directory changes rarely, and a picker asks at every keystroke.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use roomsync_domain::TenantId;
use roomsync_google::{CalendarResource, GoogleError};
use tokio::time::Instant;

use super::{
    connections::Connection,
    lender::{Lender, unavailable},
    subject::Purpose,
};
use crate::status::CommandError;

/// How old a list may be.
const FRESH: Duration = Duration::from_mins(1);
/// More pages than any organisation has: 500 resources each.
const MOST_PAGES: usize = 400;

/// What Google said, or why it says nothing.
type Answer<T> = Result<Result<T, GoogleError>, CommandError>;

/// Every resource of an organisation.
pub(crate) type Resources = Arc<Vec<CalendarResource>>;

/// A list, when it was read, and of which connecting.
#[derive(Debug)]
struct Kept {
    read_at: Instant,
    connected_at: DateTime<Utc>,
    resources: Resources,
}

type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// The lists of all tenants that were asked for within the last minute.
#[derive(Debug, Default)]
pub(super) struct ResourceLists {
    slots: Mutex<HashMap<TenantId, Slot>>,
}

impl ResourceLists {
    /// A tenant's place. Places of lists that are too old are given up.
    fn slot(&self, tenant: &TenantId) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| {
            slot.try_lock()
                .map_or(true, |kept| kept.as_ref().is_some_and(Kept::is_fresh))
        });
        slots.entry(tenant.clone()).or_default().clone()
    }
}

impl Kept {
    fn is_fresh(&self) -> bool {
        self.read_at.elapsed() < FRESH
    }
}

impl Lender {
    /// The organisation's resources, at most a minute old.
    pub(crate) async fn resources(&self, connection: &Connection) -> Answer<Resources> {
        let slot = self.resources.slot(&connection.tenant);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref()
            && kept.is_fresh()
            && kept.connected_at == connection.connected_at
        {
            return Ok(Ok(kept.resources.clone()));
        }
        let read_at = Instant::now();
        let resources = match self.read_resources(connection).await? {
            Ok(resources) => Arc::new(resources),
            Err(error) => return Ok(Err(error)),
        };
        *kept = Some(Kept {
            read_at,
            connected_at: connection.connected_at,
            resources: resources.clone(),
        });
        Ok(Ok(resources))
    }

    async fn read_resources(&self, connection: &Connection) -> Answer<Vec<CalendarResource>> {
        let mut resources = Vec::new();
        let mut page_token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let token = page_token.as_deref();
            let google = self.google();
            let call = |access, _| async move { google.list_resources(&access, token, None).await };
            let page = match self.look(connection, Purpose::Directory, call).await? {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            resources.extend(page.items);
            page_token = page.next_page_token;
            if page_token.is_none() {
                return Ok(Ok(resources));
            }
        }
        Err(unavailable(None))
    }
}
