//! The calendar of our own, where bookings are made that cannot be made as the user (architecture: "shared
//! calendar"). It belongs to the rooms subject; scope `calendar.app.created` reaches it and no other.
//!
//! It is made by one replica at a time, which claims that in the connection's row; the others wait for it. A crash
//! between Google's answer and ours leaves an empty one in Google.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    calendar_rows as rows,
    connections::{self, Connection},
    lender::{Lender, unavailable},
    subject::Purpose,
};
use crate::status::CommandError;

/// What people see it named.
const TITLE: &str = "Flexopus";
/// How long to wait for the calendar that another replica is making.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look for it.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How much longer than Google's deadline, for the token and for the call, a claim lasts.
const CLAIM_MARGIN: Duration = Duration::from_secs(10);

impl Lender {
    /// The calendar of our own; made when there is none. `None` where that was not granted.
    pub(crate) async fn shared_calendar(
        &self,
        connection: &Connection,
    ) -> Result<Option<String>, CommandError> {
        if connection.shared_calendar.is_some() {
            return Ok(connection.shared_calendar.clone());
        }
        let lasts = self.google.config().timeout * 2 + CLAIM_MARGIN;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(claim) = rows::claim(&self.database, connection, lasts).await? {
                let made = self.make_calendar(connection).await;
                if !matches!(made, Ok(Some(_))) {
                    rows::give_back(&self.database, connection, claim).await?;
                }
                return made;
            }
            let now = connections::get(&self.database, &connection.tenant).await?;
            let Some(now) = now.filter(|now| now.connected_at == connection.connected_at) else {
                return Err(connections::not_connected("connecting"));
            };
            if now.shared_calendar.is_some() {
                return Ok(now.shared_calendar);
            }
            if Instant::now() > deadline {
                return Err(unavailable(None));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn make_calendar(&self, connection: &Connection) -> Result<Option<String>, CommandError> {
        let google = self.google();
        let call = |access, _| async move { google.insert_calendar(&access, TITLE).await };
        match self.call(connection, Purpose::SharedCalendar, call).await {
            Ok(Ok(calendar)) => match rows::store(&self.database, connection, &calendar).await? {
                Some(stored) => Ok(Some(stored)),
                None => Err(connections::not_connected("connecting")),
            },
            Ok(Err(error)) => {
                tracing::warn!(tenant = %connection.tenant, error = %error, "no shared calendar could be made");
                Ok(None)
            }
            Err(CommandError::Precondition {
                reason: "SCOPE_MISSING",
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Google no longer has this calendar: another one is made when it is needed.
    pub(crate) async fn forget_shared_calendar(
        &self,
        connection: &Connection,
        calendar: &str,
    ) -> Result<(), CommandError> {
        rows::forget(&self.database, connection, calendar).await
    }
}
