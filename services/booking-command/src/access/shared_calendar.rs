//! The calendar of our own, where bookings are made that cannot be made as the user (architecture: "shared
//! calendar"). It belongs to the rooms subject; scope `calendar.app.created` reaches it and no other.

use super::{
    connections::{self, Connection},
    lender::Lender,
    subject::Purpose,
};
use crate::status::CommandError;

/// What people see it named.
const TITLE: &str = "Flexopus";

impl Lender {
    /// The calendar of our own; made when there is none. `None` where that was not granted.
    pub(crate) async fn shared_calendar(
        &self,
        connection: &Connection,
    ) -> Result<Option<String>, CommandError> {
        if connection.shared_calendar.is_some() {
            return Ok(connection.shared_calendar.clone());
        }
        // One at a time in this process. Two replicas may make one each: the one that is stored is used, the
        // other stays empty.
        let _one_at_a_time = self.calendars.lock().await;
        let now = connections::get(&self.database, &connection.tenant).await?;
        let Some(now) = now.filter(|now| now.connected_at == connection.connected_at) else {
            return Err(connections::not_connected("connecting"));
        };
        if now.shared_calendar.is_some() {
            return Ok(now.shared_calendar);
        }
        let google = self.google();
        let call = |access, _| async move { google.insert_calendar(&access, TITLE).await };
        match self.call(&now, Purpose::SharedCalendar, call).await {
            Ok(Ok(calendar)) => {
                connections::store_shared_calendar(&self.database, &now, &calendar).await
            }
            Ok(Err(error)) => {
                tracing::warn!(tenant = %now.tenant, error = %error, "no shared calendar could be made");
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
        connections::forget_shared_calendar(&self.database, connection, calendar).await
    }
}
