//! Where a booking's event is made, and in whose name.

use std::future::Future;

use chrono::{DateTime, Utc};
use roomsync_domain::{Booker, MailAddress, Placement};
use roomsync_google::{Access, GoogleError, NewEvent, SendUpdates};

use super::{Claimed, WriteError, Writer};
use crate::{
    access::{connections::Connection, subject::Purpose},
    status::CommandError,
};

/// A place for an event.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) placement: Placement,
    /// The calendar that will be its organizer.
    pub(super) calendar: String,
    hand: Hand,
    /// The booker, as a guest.
    guest: Option<MailAddress>,
}

/// In whose name.
#[derive(Debug, Clone)]
enum Hand {
    Booker(MailAddress),
    Connection(Purpose),
}

/// What a write needs to know of the tenant and the booker.
#[derive(Debug, Clone)]
pub(super) struct Context {
    /// The title that such events get, if any.
    pub(super) title: Option<String>,
    /// The booker's own address; `None` for a device, and for a user who left.
    pub(super) mail: Option<MailAddress>,
    /// Google did not know the booker lately.
    pub(super) unknown: bool,
}

impl Context {
    pub(super) async fn read(writer: &Writer, claimed: &Claimed) -> Result<Self, WriteError> {
        let user = match &claimed.booking.details.booker {
            Booker::User { user } => Some(user.as_str()),
            Booker::Device { .. } | Booker::Anonymous => None,
        };
        let query = sqlx::query!(
            r#"
            -- booking.bookings.context_of_write
            SELECT tenant.neutral_title,
                (
                    SELECT mail
                    FROM booking.user_mails AS held
                    WHERE held.tenant_id = tenant.tenant_id
                      AND held.user_id = $2
                      AND NOT held.is_alias
                ) AS mail,
                EXISTS (
                    SELECT
                    FROM booking.unknown_bookers AS unknown
                    WHERE unknown.tenant_id = tenant.tenant_id
                      AND unknown.user_id = $2
                      AND unknown.until > now()
                ) AS "unknown!"
            FROM booking.tenants AS tenant
            WHERE tenant.tenant_id = $1
            "#,
            claimed.tenant.as_str(),
            user,
        )
        .fetch_one(writer.database.pool());
        let row = writer.database.answer(query).await?;
        let mail = row.mail.map(MailAddress::try_from).transpose();
        Ok(Self {
            title: Some(row.neutral_title).filter(|title| !title.is_empty()),
            mail: mail.map_err(|error| CommandError::Internal(error.into()))?,
            unknown: row.unknown,
        })
    }
}

impl Place {
    pub(super) fn on_the_room(claimed: &Claimed) -> Self {
        Self {
            placement: Placement::RoomCalendar,
            calendar: claimed.room.as_str().to_owned(),
            hand: Hand::Connection(Purpose::Rooms),
            guest: None,
        }
    }

    fn with_the_booker(mail: MailAddress) -> Self {
        Self {
            placement: Placement::UserCalendar,
            calendar: mail.as_str().to_owned(),
            hand: Hand::Booker(mail),
            guest: None,
        }
    }

    fn on_ours(calendar: String, guest: Option<MailAddress>) -> Self {
        Self {
            placement: Placement::SharedCalendar,
            calendar,
            hand: Hand::Connection(Purpose::SharedCalendar),
            guest,
        }
    }

    /// Where the event was made, or was to be made when it was tried.
    pub(super) fn of(claimed: &Claimed, context: &Context) -> Option<Self> {
        let calendar = claimed.event_calendar.clone();
        match claimed.booking.placement? {
            Placement::RoomCalendar => Some(Self::on_the_room(claimed)),
            Placement::UserCalendar => Some(Self::with_the_booker(calendar?.parse().ok()?)),
            Placement::SharedCalendar => Some(Self::on_ours(calendar?, context.mail.clone())),
        }
    }

    /// Who is invited.
    pub(super) fn attendees<'a>(&'a self, claimed: &'a Claimed) -> Vec<&'a str> {
        let guest = self.guest.as_ref().map(MailAddress::as_str);
        let room = match self.placement {
            // It is the organizer.
            Placement::RoomCalendar => None,
            Placement::UserCalendar | Placement::SharedCalendar => Some(claimed.room.as_str()),
        };
        guest.into_iter().chain(room).collect()
    }

    /// The event as it is made here.
    pub(super) fn event<'a>(
        &self,
        claimed: &'a Claimed,
        context: &'a Context,
        attendees: &'a [&'a str],
        shared: &'a [(&'a str, &'a str)],
    ) -> NewEvent<'a> {
        NewEvent {
            id: &claimed.booking.details.event_id,
            window: claimed.booking.details.window,
            title: context.title.as_deref(),
            attendees,
            guests_can_modify: self.placement == Placement::SharedCalendar,
            shared,
        }
    }

    /// A guest who sees only what came by mail sees our event only so (documented). The organizer's own
    /// calendar needs no mail, and a room reads none.
    pub(super) fn updates(&self) -> SendUpdates {
        match self.placement {
            Placement::SharedCalendar => SendUpdates::All,
            Placement::UserCalendar | Placement::RoomCalendar => SendUpdates::None,
        }
    }
}

impl Writer {
    /// The first place to try; `None`: there is none for this booker.
    pub(super) async fn first_place(
        &self,
        connection: &Connection,
        claimed: &Claimed,
        context: &Context,
    ) -> Result<Option<Place>, WriteError> {
        let booker = &claimed.booking.details.booker;
        match (wanted(booker, connection, context), &context.mail) {
            (Placement::RoomCalendar, _) => Ok(Some(Place::on_the_room(claimed))),
            (Placement::UserCalendar, Some(mail)) => Ok(Some(Place::with_the_booker(mail.clone()))),
            (Placement::SharedCalendar, Some(_)) => self.shared_place(connection, context).await,
            // A user who left while the request waited.
            (_, None) => Ok(None),
        }
    }

    /// The place for whom Google does not know (D22).
    pub(super) async fn shared_place(
        &self,
        connection: &Connection,
        context: &Context,
    ) -> Result<Option<Place>, WriteError> {
        let calendar = self.lender.shared_calendar(connection).await?;
        Ok(calendar.map(|calendar| Place::on_ours(calendar, context.mail.clone())))
    }

    /// One call at a place.
    pub(super) async fn call<T, F, R>(
        &self,
        connection: &Connection,
        place: &Place,
        call: F,
    ) -> Result<Result<T, GoogleError>, CommandError>
    where
        F: Fn(Access, DateTime<Utc>) -> R,
        R: Future<Output = Result<T, GoogleError>>,
    {
        match &place.hand {
            Hand::Booker(mail) => self.lender.call_as(connection, mail, call).await,
            Hand::Connection(purpose) => self.lender.call(connection, *purpose, call).await,
        }
    }
}

fn wanted(booker: &Booker, connection: &Connection, context: &Context) -> Placement {
    choose(booker, connection.acts_as_users(), context.unknown)
}

/// Where a booker's event is wanted: with the booker, if the connection can act so and Google knew the booker
/// lately.
fn choose(booker: &Booker, acts_as_users: bool, unknown: bool) -> Placement {
    match booker {
        Booker::Device { .. } => Placement::RoomCalendar,
        Booker::User { .. } | Booker::Anonymous if acts_as_users && !unknown => {
            Placement::UserCalendar
        }
        Booker::User { .. } | Booker::Anonymous => Placement::SharedCalendar,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn user() -> Booker {
        Booker::User {
            user: "ada".parse().unwrap(),
        }
    }

    fn device() -> Booker {
        Booker::Device {
            device: "door-1".parse().unwrap(),
        }
    }

    #[rstest]
    #[case::as_the_user(user(), true, false, Placement::UserCalendar)]
    #[case::unknown_lately(user(), true, true, Placement::SharedCalendar)]
    #[case::by_consent(user(), false, false, Placement::SharedCalendar)]
    #[case::a_device(device(), true, false, Placement::RoomCalendar)]
    #[case::a_device_by_consent(device(), false, false, Placement::RoomCalendar)]
    fn where_an_event_is_made(
        #[case] booker: Booker,
        #[case] acts_as_users: bool,
        #[case] unknown: bool,
        #[case] expected: Placement,
    ) {
        assert_eq!(choose(&booker, acts_as_users, unknown), expected);
    }
}
