//! Where a page of bookings ended: an opaque token around the last booking's place in the order.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use roomsync_domain::BookingId;

use super::Booking;
use crate::status::CommandError;

/// The place of a booking in the order of `ListBookings`: by start, then id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) starts_at: DateTime<Utc>,
    pub(super) booking: BookingId,
}

impl Place {
    pub(super) fn of(booking: &Booking) -> Self {
        Self {
            starts_at: booking.details.window.starts_at(),
            booking: booking.id,
        }
    }

    pub(super) fn to_token(self) -> String {
        let text = format!("1.{}.{}", self.starts_at.timestamp_micros(), self.booking);
        URL_SAFE_NO_PAD.encode(text)
    }

    /// The place that a token names; none for the first page.
    pub(super) fn from_token(token: &str) -> Result<Option<Self>, CommandError> {
        if token.is_empty() {
            return Ok(None);
        }
        let expected = "the next_page_token of the page before";
        Self::read(token)
            .map(Some)
            .ok_or_else(|| CommandError::invalid("page_token", expected))
    }

    fn read(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (micros, booking) = text.strip_prefix("1.")?.split_once('.')?;
        let starts_at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        Some(Self {
            starts_at,
            booking: booking.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_place() {
        let starts_at = DateTime::from_timestamp_micros(-1_700_000_000_123_456).unwrap();
        let place = Place {
            starts_at,
            booking: BookingId::new(),
        };
        assert_eq!(Place::from_token(&place.to_token()).unwrap(), Some(place));
        assert_eq!(Place::from_token("").unwrap(), None);
    }

    #[rstest::rstest]
    #[case("x")]
    #[case("MS4xLng")]
    #[case("ä")]
    fn a_token_that_is_not_ours_is_refused(#[case] token: &str) {
        assert!(Place::from_token(token).is_err());
    }
}
