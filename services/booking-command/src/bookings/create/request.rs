//! What a `CreateBooking` asks for, checked as far as that needs no database.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use roomsync_domain::{Actor, Booker, Capability, ObjectId, Placement, TimeWindow};
use roomsync_proto::booking::v1 as pb;

use crate::{status::CommandError, validate};

/// The longest booking (D16).
const LONGEST: TimeDelta = TimeDelta::days(14);
/// How far back "now" may lie (D16). A second more, because the start is cut to the second.
const BACK: TimeDelta = TimeDelta::seconds(5 * 60 + 1);
/// The farthest that anybody can book.
const FARTHEST: TimeDelta = TimeDelta::days(730);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) request_id: String,
    pub(super) object: ObjectId,
    pub(super) window: TimeWindow,
    pub(super) booker: Booker,
}

impl Asked {
    /// Reads a request. `SERIES_NOT_SUPPORTED`, `INVALID_FIELD`.
    pub(super) fn read(request: &pb::CreateBookingRequest) -> Result<Self, CommandError> {
        use pb::create_booking_request::Booker as Sent;
        if !request.recurrence.is_empty() {
            return Err(CommandError::precondition("SERIES_NOT_SUPPORTED"));
        }
        // Request ids are made of what object ids are made of.
        let request_id: ObjectId = validate::id("request_id", &request.request_id)?;
        let object = validate::id("object_id", &request.object_id)?;
        let booker = match &request.booker {
            Some(Sent::UserId(user)) => Booker::User {
                user: validate::id("user_id", user)?,
            },
            Some(Sent::DeviceId(device)) => Booker::Device {
                device: validate::id("device_id", device)?,
            },
            None => return Err(CommandError::invalid("booker", "a user or a device")),
        };
        Ok(Self {
            request_id: request_id.into(),
            object,
            window: window(request.window.as_ref())?,
            booker,
        })
    }

    /// Whether it can be booked at all at this time.
    pub(super) fn check_times(&self, now: DateTime<Utc>) -> Result<(), CommandError> {
        let (starts_at, ends_at) = (self.window.starts_at(), self.window.ends_at());
        if starts_at < now - BACK {
            let expected = "a start at most 5 minutes back";
            return Err(CommandError::invalid("window.starts_at", expected));
        }
        if ends_at <= now {
            let expected = "an end in the future";
            return Err(CommandError::invalid("window.ends_at", expected));
        }
        if ends_at > now + FARTHEST {
            let expected = "an end within the next 730 days";
            return Err(CommandError::invalid("window.ends_at", expected));
        }
        Ok(())
    }

    /// Tells this content from any other under the same request id.
    pub(super) fn fingerprint(&self) -> Vec<u8> {
        let booker = match &self.booker {
            Booker::User { user } => format!("u:{user}"),
            Booker::Device { device } => format!("d:{device}"),
            Booker::Anonymous => String::new(),
        };
        let text = format!(
            "{}\n{}\n{}\n{booker}",
            self.object,
            self.window.starts_at().timestamp(),
            self.window.ends_at().timestamp(),
        );
        digest(&SHA256, text.as_bytes()).as_ref().to_vec()
    }

    /// What the link has to be able to.
    pub(super) fn capability(&self) -> Capability {
        match self.booker {
            Booker::Device { .. } => Capability::BookAsDevice,
            Booker::User { .. } | Booker::Anonymous => Capability::BookAsUser,
        }
    }

    /// Where it will be tried first.
    pub(super) fn placement(&self) -> Placement {
        match self.booker {
            Booker::Device { .. } => Placement::RoomCalendar,
            Booker::User { .. } | Booker::Anonymous => Placement::UserCalendar,
        }
    }

    /// Who makes the booking.
    pub(super) fn actor(&self) -> Actor {
        match &self.booker {
            Booker::User { user } => Actor::User(user.clone()),
            Booker::Device { device } => Actor::Device(device.clone()),
            Booker::Anonymous => Actor::System,
        }
    }
}

/// The window in whole seconds: Google keeps no fractions, and what is read back must equal what was asked for.
fn window(sent: Option<&pb::TimeWindow>) -> Result<TimeWindow, CommandError> {
    let window = validate::window("window", sent)?;
    let (starts_at, ends_at) = (
        window.starts_at().trunc_subsecs(0),
        window.ends_at().trunc_subsecs(0),
    );
    let window = TimeWindow::new(starts_at, ends_at).map_err(|_| {
        CommandError::invalid("window.ends_at", "an end at least a second after the start")
    })?;
    if ends_at - starts_at > LONGEST {
        return Err(CommandError::invalid("window", "at most 14 days"));
    }
    Ok(window)
}

#[cfg(test)]
mod tests {
    use pb::create_booking_request::Booker as Sent;
    use prost_types::Timestamp;
    use rstest::rstest;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn request(start: i64, end: i64) -> pb::CreateBookingRequest {
        let at = |seconds| {
            Some(Timestamp {
                seconds,
                nanos: 999_999_999,
            })
        };
        pb::CreateBookingRequest {
            tenant_id: "t1".to_owned(),
            request_id: "r1".to_owned(),
            object_id: "o1".to_owned(),
            window: Some(pb::TimeWindow {
                starts_at: at(NOW + start),
                ends_at: at(NOW + end),
            }),
            booker: Some(Sent::UserId("ada".to_owned())),
            recurrence: Vec::new(),
        }
    }

    /// The field that is refused, if any.
    fn refused(request: &pb::CreateBookingRequest) -> Option<String> {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        match Asked::read(request).and_then(|asked| asked.check_times(now)) {
            Ok(()) => None,
            Err(CommandError::InvalidField { field, .. }) => Some(field),
            Err(error) => panic!("unexpected {error:?}"),
        }
    }

    const DAY: i64 = 86_400;

    #[rstest]
    #[case::now(0, 3600, None)]
    #[case::five_minutes_back(-300, 60, None)]
    #[case::earlier(-302, 60, Some("window.starts_at"))]
    #[case::over(-200, -1, Some("window.ends_at"))]
    #[case::backwards(3600, 0, Some("window.ends_at"))]
    #[case::empty(60, 60, Some("window.ends_at"))]
    #[case::two_weeks(0, 14 * DAY, None)]
    #[case::longer(0, 14 * DAY + 1, Some("window"))]
    #[case::two_years(729 * DAY, 730 * DAY, None)]
    #[case::farther(729 * DAY, 730 * DAY + 1, Some("window.ends_at"))]
    fn a_booking_is_for_soon_and_not_for_long(
        #[case] start: i64,
        #[case] end: i64,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(refused(&request(start, end)).as_deref(), expected);
    }

    #[test]
    fn what_is_missing_or_garbage_is_named() {
        type Change = fn(&mut pb::CreateBookingRequest);
        let changes: [(Change, &str); 6] = [
            (|it| it.request_id.clear(), "request_id"),
            (|it| it.request_id = "a b".to_owned(), "request_id"),
            (|it| it.object_id.clear(), "object_id"),
            (|it| it.booker = None, "booker"),
            (
                |it| it.booker = Some(Sent::UserId(String::new())),
                "user_id",
            ),
            (|it| it.window = None, "window"),
        ];
        for (change, expected) in changes {
            let mut request = request(0, 3600);
            change(&mut request);
            assert_eq!(refused(&request).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_series_is_refused_with_that_reason() {
        let mut request = request(0, 3600);
        request.recurrence = vec!["RRULE:FREQ=DAILY".to_owned()];
        let Err(CommandError::Precondition { reason, .. }) = Asked::read(&request) else {
            panic!("not refused");
        };
        assert_eq!(reason, "SERIES_NOT_SUPPORTED");
    }

    #[test]
    fn a_fingerprint_tells_contents_apart_whatever_the_request_id() {
        let asked = |request: &pb::CreateBookingRequest| Asked::read(request).unwrap();
        let one = asked(&request(0, 3600));
        let mut again = request(0, 3600);
        again.request_id = "r2".to_owned();
        assert_eq!(one.fingerprint(), asked(&again).fingerprint());
        let mut device = request(0, 3600);
        device.booker = Some(Sent::DeviceId("ada".to_owned()));
        let mut object = request(0, 3600);
        object.object_id = "o2".to_owned();
        for other in [request(0, 3601), request(1, 3600), device, object] {
            assert_ne!(one.fingerprint(), asked(&other).fingerprint());
        }
    }
}
