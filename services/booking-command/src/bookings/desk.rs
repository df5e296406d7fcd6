//! What booking and ending bookings from Flexopus need, in one hand.
//!
//! What a caller asked for is stored first and then waited for: [`Desk::wait_until`] answers before the caller
//! hangs up, whatever Google and the database do meanwhile.

use std::time::Duration;

use roomsync_domain::{BookingId, ObjectId, TenantId};
use roomsync_postgres::Database;
use roomsync_process::Spawner;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout_at},
};

use super::{Booking, get, turns::Turns};
use crate::{
    access::Lender,
    config::BookingsConfig,
    status::CommandError,
    watch::{Hint, Watch},
    writing::Writer,
};

/// How often whoever waits reads again: hints may be lost, and another replica may do the work.
const READ_AGAIN: Duration = Duration::from_millis(250);

/// The counter at which bookings are made and ended.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Where bookings are.
    pub database: Database,
    /// Access to Google.
    pub lender: Lender,
    /// Hears of changes.
    pub watch: Watch,
    /// Writes to Google.
    pub writer: Writer,
    /// Who books an object next.
    pub turns: Turns,
    /// Deadlines.
    pub config: BookingsConfig,
    /// Writes go on in tasks of the process, which shutdown waits for.
    pub spawner: Spawner,
}

impl Desk {
    /// Tells Google at once what the booking's row says, whether anybody waits for it or not.
    pub fn try_now(&self, tenant: &TenantId, booking: BookingId) {
        self.writer.try_now(&self.spawner, tenant.clone(), booking);
    }

    /// The booking as soon as it is what `settled` says, or as it was last seen when the time is over: a
    /// read that takes too long is no reason to answer too late.
    pub async fn wait_until(
        &self,
        tenant: &TenantId,
        booking: Booking,
        deadline: Instant,
        settled: fn(&Booking) -> bool,
    ) -> Result<Booking, CommandError> {
        let mut hints = self.watch.hear();
        let mut seen = booking;
        while !settled(&seen) {
            let find = get::find(&self.database, tenant, seen.id);
            let Ok(found) = timeout_at(deadline, find).await else {
                break;
            };
            seen = found?.ok_or(CommandError::NotFound("BOOKING_NOT_FOUND"))?;
            let now = Instant::now();
            if settled(&seen) || now >= deadline {
                break;
            }
            let until = deadline.min(now + READ_AGAIN);
            // Either way it is read again.
            let _ = timeout_at(until, heard(&mut hints, tenant, &seen.object)).await;
        }
        Ok(seen)
    }
}

/// Returns when something about the object changed, or when nobody knows.
async fn heard(hints: &mut Receiver<Hint>, tenant: &TenantId, object: &ObjectId) {
    loop {
        match hints.recv().await {
            Ok(hint) if hint.is_about(tenant, object) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
impl Desk {
    /// A desk with the default configuration and a Google that nobody reaches.
    pub(crate) fn of_tests(database: Database) -> Self {
        let key = r#"[{id = "a", secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]"#;
        let set = [
            ("ROOMSYNC__BROKER__URL", "amqp://localhost"),
            ("ROOMSYNC__DATABASE__URL", "postgres://localhost/roomsync"),
            ("ROOMSYNC__GOOGLE__CALENDAR_URL", "http://127.0.0.1:1/"),
            ("ROOMSYNC__GOOGLE__TOKEN_URL", "http://127.0.0.1:1/token"),
            ("ROOMSYNC__SEALING__KEYS", key),
        ];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let defaults = include_str!("../../config.default.toml");
        let config: crate::Config =
            roomsync_process::config::load(defaults, None, set.into_iter()).unwrap();
        let google = roomsync_google::Google::new(&config.google).unwrap();
        let ring = roomsync_sealing::Keyring::new(&config.sealing).unwrap();
        let lender = Lender::new(database.clone(), google, ring, config.budget);
        Self {
            writer: Writer {
                database: database.clone(),
                lender: lender.clone(),
                config: config.bookings,
            },
            database,
            lender,
            watch: Watch::default(),
            turns: Turns::default(),
            config: config.bookings,
            spawner: Spawner::new(
                tokio_util::task::TaskTracker::new(),
                roomsync_process::Shutdown::new(),
            ),
        }
    }
}
