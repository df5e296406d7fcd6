//! What a mail needs to say, asked of booking-command when it is sent.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use roomsync_process::grpc;
use roomsync_proto::internal::v1::{
    GetBookingNoticeRequest, GetBookingNoticeResponse, GetConnectionNoticeRequest,
    GetConnectionNoticeResponse, notice_service_client::NoticeServiceClient,
};
use tonic::{Code, Status};
use uuid::Uuid;

/// Asks booking-command.
#[derive(Debug, Clone)]
pub struct Facts {
    rpcs: NoticeServiceClient<grpc::Channel>,
}

/// What a mail about a booking says.
#[derive(Clone)]
pub struct BookingFacts {
    /// The booker's address, or nothing.
    pub booker: String,
    /// The organiser's, or nothing.
    pub organizer: String,
    /// The language they read.
    pub locale: String,
    /// The object's name.
    pub object: String,
    /// Where it is, or nothing.
    pub location: String,
    /// The clock it goes by.
    pub zone: Tz,
    /// Start.
    pub starts_at: DateTime<Utc>,
    /// End.
    pub ends_at: DateTime<Utc>,
    /// What declined it in Flexopus: `user`, `device`, `administrator`, or nothing.
    pub declined_by: String,
    /// The address of who declined it, or nothing.
    pub declined_by_mail: String,
    /// The title, or nothing.
    pub title: String,
}

/// What a mail about a connection says.
#[derive(Clone)]
pub struct ConnectionFacts {
    /// The tenant's administrators.
    pub administrators: Vec<String>,
    /// The language they read.
    pub locale: String,
    /// The connected organisation.
    pub domain: String,
    /// The connection's state now.
    pub state: String,
    /// Why it is lost.
    pub reason: String,
}

impl Facts {
    /// Asks booking-command's internal listener.
    pub fn new(internal: grpc::Channel) -> Self {
        Self {
            rpcs: NoticeServiceClient::new(internal),
        }
    }

    /// About a booking; `None` when there is no such booking any more.
    pub async fn booking(
        &self,
        tenant: &str,
        booking: Uuid,
    ) -> Result<Option<BookingFacts>, Box<Status>> {
        let request = GetBookingNoticeRequest {
            tenant_id: tenant.to_owned(),
            booking_id: booking.to_string(),
        };
        let answer = self.rpcs.clone().get_booking_notice(request).await;
        Ok(known(answer)?.map(BookingFacts::from))
    }

    /// About a tenant's connection; `None` when there is no such tenant any more.
    pub async fn connection(&self, tenant: &str) -> Result<Option<ConnectionFacts>, Box<Status>> {
        let request = GetConnectionNoticeRequest {
            tenant_id: tenant.to_owned(),
        };
        let answer = self.rpcs.clone().get_connection_notice(request).await;
        Ok(known(answer)?.map(ConnectionFacts::from))
    }
}

fn known<T>(answer: Result<tonic::Response<T>, Status>) -> Result<Option<T>, Box<Status>> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(Box::new(status)),
    }
}

impl From<GetBookingNoticeResponse> for BookingFacts {
    fn from(told: GetBookingNoticeResponse) -> Self {
        let instant = |stamp: Option<prost_types::Timestamp>| {
            let stamp = stamp.unwrap_or_default();
            let nanos = u32::try_from(stamp.nanos).unwrap_or_default();
            DateTime::from_timestamp(stamp.seconds, nanos).unwrap_or_default()
        };
        Self {
            booker: told.booker_mail,
            organizer: told.organizer_mail,
            locale: told.locale,
            object: one_line(&told.object_name),
            location: one_line(&told.location),
            zone: told.time_zone.parse().unwrap_or(Tz::UTC),
            starts_at: instant(told.starts_at),
            ends_at: instant(told.ends_at),
            declined_by: told.declined_by_kind,
            declined_by_mail: told.declined_by_mail,
            title: one_line(&told.title),
        }
    }
}

impl From<GetConnectionNoticeResponse> for ConnectionFacts {
    fn from(told: GetConnectionNoticeResponse) -> Self {
        Self {
            administrators: told.administrator_mails,
            locale: told.locale,
            domain: one_line(&told.domain),
            state: told.state,
            reason: told.reason.to_lowercase(),
        }
    }
}

/// What people wrote somewhere, without line ends and other characters that steer.
pub(super) fn one_line(text: &str) -> String {
    let spaced = text.replace(char::is_control, " ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_one_line() {
        let text = " A\r\nBcc: x@example.com\u{7}\tB ";
        assert_eq!(one_line(text), "A Bcc: x@example.com B");
    }

    #[test]
    fn a_zone_that_is_none_goes_by_utc() {
        let told = GetBookingNoticeResponse {
            time_zone: "Mars/Olympus".to_owned(),
            ..GetBookingNoticeResponse::default()
        };
        assert_eq!(BookingFacts::from(told).zone, Tz::UTC);
    }
}
