//! The signed note that the event of a booking of ours carries as a shared extended property: whose it is.
//!
//! `v1.<booking>.<u or d>:<user or device>.<mac>`, on every copy of the event. Guests can read it, and
//! whoever edits the event can copy it: it is believed only on the event whose id is the booking's, with
//! the tenant's own signature. To say more: a new version beside this one.

use roomsync_domain::{Booker, BookingId, TenantId};
use roomsync_sealing::Keyring;

/// Google's id of the event of a booking of ours.
pub fn event_id(booking: BookingId) -> String {
    booking.0.simple().to_string()
}

/// The note of a booking's event.
pub fn write(ring: &Keyring, tenant: &TenantId, booking: BookingId, booker: &Booker) -> String {
    let who = who(booker);
    let mac = ring.sign(&signed(tenant, booking, &who));
    format!("v1.{booking}.{who}.{mac}")
}

/// Whose booking an event is by its note; `None` for a note that is not ours, or not this event's.
pub fn read(ring: &Keyring, tenant: &TenantId, event: &str, text: &str) -> Option<Booker> {
    // Ids may hold dots, the booking's and the signature do not.
    let (booking, rest) = text.strip_prefix("v1.")?.split_once('.')?;
    let (who, mac) = rest.rsplit_once('.')?;
    let booking: BookingId = booking.parse().ok()?;
    let ours = event == event_id(booking) && ring.verify(&signed(tenant, booking, who), mac);
    match who.split_once(':')? {
        _ if !ours => None,
        ("u", user) => user.parse().ok().map(|user| Booker::User { user }),
        ("d", device) => device.parse().ok().map(|device| Booker::Device { device }),
        _ => None,
    }
}

fn who(booker: &Booker) -> String {
    match booker {
        Booker::User { user } => format!("u:{user}"),
        Booker::Device { device } => format!("d:{device}"),
        // Somebody who left while the request waited.
        Booker::Anonymous => "a:".to_owned(),
    }
}

fn signed(tenant: &TenantId, booking: BookingId, who: &str) -> String {
    format!("{tenant}.{booking}.{who}")
}

#[cfg(test)]
mod tests {
    use roomsync_sealing::{SealingConfig, SealingKey};

    use super::*;

    fn ring() -> Keyring {
        Keyring::new(&SealingConfig {
            keys: vec![SealingKey {
                id: "a".to_owned(),
                secret: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into(),
            }],
        })
        .unwrap()
    }

    fn user(id: &str) -> Booker {
        Booker::User {
            user: id.parse().unwrap(),
        }
    }

    #[test]
    fn a_note_says_whose_the_booking_is() {
        let (ring, tenant) = (ring(), "t.1".parse().unwrap());
        let device = Booker::Device {
            device: "d:1.2".parse().unwrap(),
        };
        for booker in [user("ada.b:1"), device] {
            let booking = BookingId::new();
            let text = write(&ring, &tenant, booking, &booker);
            assert_eq!(
                read(&ring, &tenant, &event_id(booking), &text),
                Some(booker)
            );
        }
    }

    #[test]
    fn a_copied_or_altered_note_says_nothing() {
        let (ring, tenant) = (ring(), "t1".parse().unwrap());
        let (booking, other) = (BookingId::new(), BookingId::new());
        let text = write(&ring, &tenant, booking, &user("ada"));
        let read = |tenant: &str, event: BookingId, text: &str| {
            super::read(&ring, &tenant.parse().unwrap(), &event_id(event), text)
        };
        assert!(read("t1", booking, &text).is_some());
        assert_eq!(read("t2", booking, &text), None);
        assert_eq!(read("t1", other, &text), None);
        assert_eq!(read("t1", booking, &text.replace("u:ada", "u:bob")), None);
        assert_eq!(read("t1", booking, &text.replace("v1.", "v2.")), None);
        for garbage in ["", "v1.", "v1.x.y.z", "v1..", "hello"] {
            assert_eq!(read("t1", booking, garbage), None, "{garbage}");
        }
    }

    #[test]
    fn an_events_id_is_one_that_google_takes() {
        let id = event_id(BookingId::new());
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
