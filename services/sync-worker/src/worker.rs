//! What every step works with.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use roomsync_broker::Publisher;
use roomsync_domain::{
    CalendarId, SharedClock, TenantId, TimeWindow, channel_token::ChannelTokens,
};
use roomsync_google::Google;
use roomsync_messages::Message;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    access::AccessPool,
    config::Config,
    listing,
    metrics::Metrics,
    mirror::Mirror,
    store::{calendars::Calendars, channels::Channels, rows::Calendar},
};

/// What every step works with.
pub(crate) struct Worker {
    pub(crate) config: Config,
    pub(crate) calendars: Calendars,
    pub(crate) channels: Channels,
    pub(crate) google: Google,
    pub(crate) access: AccessPool,
    pub(crate) mirror: Mirror,
    pub(crate) publisher: Publisher,
    pub(crate) tokens: ChannelTokens,
    /// Where Google shall send its pushes; `None`: polling only.
    pub(crate) push_address: Option<Url>,
    pub(crate) clock: SharedClock,
    pub(crate) metrics: Metrics,
    pub(crate) tenants: Tenants,
    /// No new work is begun after it.
    pub(crate) soft: CancellationToken,
}

/// How long the number of a tenant's rooms is believed: counting a thousand rows for every pull of one of a
/// thousand rooms would be most of what the database does, and only the interval of polls follows from it.
const ROOMS_KNOWN: Duration = Duration::from_mins(1);

/// What is known of the tenants.
#[derive(Debug, Default)]
pub(crate) struct Tenants(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Whose calendars are: it never changes.
    of: HashMap<CalendarId, TenantId>,
    /// How many rooms, and since when that is known.
    rooms: HashMap<TenantId, (i64, Instant)>,
}

impl Tenants {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// The window that bookings of a calendar are mirrored in.
    pub(crate) fn window(&self, calendar: &Calendar) -> TimeWindow {
        let back_days = i64::from(self.config.sync.import_back_days);
        listing::window(self.clock.now(), back_days, calendar.horizon_days)
    }

    /// Whose calendar it is; `None`: there is no such calendar.
    pub(crate) async fn tenant_of(&self, calendar: CalendarId) -> sqlx::Result<Option<TenantId>> {
        if let Some(tenant) = self.tenants.lock().of.get(&calendar) {
            return Ok(Some(tenant.clone()));
        }
        let found = self.calendars.find(calendar).await?;
        let tenant = found.map(|known| known.calendar.tenant);
        if let Some(tenant) = &tenant {
            self.tenants.lock().of.insert(calendar, tenant.clone());
        }
        Ok(tenant)
    }

    /// How many rooms a tenant has, or had a moment ago.
    pub(crate) async fn rooms_of(&self, tenant: &TenantId) -> sqlx::Result<i64> {
        let known = self.tenants.lock().rooms.get(tenant).copied();
        if let Some((rooms, since)) = known
            && since.elapsed() < ROOMS_KNOWN
        {
            return Ok(rooms);
        }
        let rooms = self.calendars.rooms(tenant).await?;
        let known = (rooms, Instant::now());
        self.tenants.lock().rooms.insert(tenant.clone(), known);
        Ok(rooms)
    }

    /// Publishes a message that something else brings again when it does not get out: the sweep, or
    /// the comparison of links. `false`: it did not, and others will not either.
    pub(crate) async fn hint<M: Message>(&self, message: &M) -> bool {
        match self.publisher.publish(message).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(message = M::TYPE, %error, "failed to publish; it will be made again");
                false
            }
        }
    }
}
