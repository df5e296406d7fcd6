//! Every template in both languages, as `golden/` has it. To accept a changed text: read what the test
//! prints, then copy the file that it names.

use std::{fs, path::Path};

use chrono_tz::Tz;
use roomsync_domain::Cause;

use super::{Text, Told, of_bookings, of_connection, of_webhook};
use crate::mail::{
    facts::{BookingFacts, ConnectionFacts},
    notices::Kind,
    webhooks::WebhookFacts,
};

pub(in crate::mail) fn booking_facts() -> BookingFacts {
    BookingFacts {
        booker: "ana@example.com".to_owned(),
        organizer: "ana@example.com".to_owned(),
        locale: "de".to_owned(),
        object: "Aquarium".to_owned(),
        location: "Zürich, 2. OG".to_owned(),
        zone: Tz::Europe__Zurich,
        starts_at: "2026-11-25T09:00:00Z".parse().unwrap(),
        ends_at: "2026-11-25T10:00:00Z".parse().unwrap(),
        declined_by: "user".to_owned(),
        declined_by_mail: "bo@example.com".to_owned(),
        title: "Planung <Q1> & \"mehr\"".to_owned(),
    }
}

pub(in crate::mail) fn connection_facts() -> ConnectionFacts {
    ConnectionFacts {
        administrators: vec!["admin@example.com".to_owned()],
        locale: "de".to_owned(),
        domain: "example.com".to_owned(),
        state: "lost".to_owned(),
        reason: "withdrawn".to_owned(),
    }
}

fn of_booking(
    kind: Kind,
    facts: &BookingFacts,
    cause: Option<Cause>,
    several: bool,
) -> Option<Result<Text, askama::Error>> {
    of_bookings(kind, &[Told { facts, several }], cause)
}

fn assert_golden(name: &str, text: &Text) {
    let file = format!("src/mail/text/golden/{name}.txt");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let said = format!("{}\n\n{}", text.subject, text.body);
    if fs::read_to_string(&golden).ok().as_deref() != Some(&*said) {
        let fresh = std::env::temp_dir().join(format!("roomsync-{name}.txt"));
        fs::write(&fresh, &said).unwrap();
        panic!("{said}\ncp {} {}", fresh.display(), golden.display());
    }
}

#[rstest::rstest]
#[case(Kind::RoomLost, "", Some(Cause::RoomDeclined), false)]
#[case(Kind::RoomLost, ".series", Some(Cause::RoomDeclined), true)]
#[case(Kind::BookingRefused, ".slot_taken", Some(Cause::SlotTaken), false)]
#[case(
    Kind::BookingRefused,
    ".room_declined",
    Some(Cause::RoomDeclined),
    false
)]
#[case(
    Kind::BookingRefused,
    ".while_free",
    Some(Cause::RoomDeclinedWhileFree),
    false
)]
#[case(
    Kind::BookingRefused,
    ".booker_unknown",
    Some(Cause::BookerUnknown),
    false
)]
#[case(Kind::BookingRefused, ".refused", Some(Cause::Refused), false)]
#[case(
    Kind::BookingRefused,
    ".unavailable",
    Some(Cause::GoogleUnavailable),
    false
)]
#[case(Kind::BookingDeclined, "", Some(Cause::Declined), false)]
#[case(Kind::BookingDeclined, ".series", Some(Cause::Declined), true)]
fn a_mail_about_a_booking_says(
    #[case] kind: Kind,
    #[case] variant: &str,
    #[case] cause: Option<Cause>,
    #[case] several: bool,
    #[values("de", "en")] locale: &str,
) {
    let facts = BookingFacts {
        locale: locale.to_owned(),
        ..booking_facts()
    };
    let text = of_booking(kind, &facts, cause, several).unwrap().unwrap();
    assert_golden(&format!("{}{variant}.{locale}", kind.as_str()), &text);
}

#[rstest::rstest]
#[case(Kind::RoomLost, Cause::RoomDeclined)]
#[case(Kind::BookingRefused, Cause::RoomDeclined)]
#[case(Kind::BookingDeclined, Cause::Declined)]
fn a_mail_about_several_bookings_says(
    #[case] kind: Kind,
    #[case] cause: Cause,
    #[values("de", "en")] locale: &str,
) {
    let at = |days: i64| {
        let mut facts = BookingFacts {
            locale: locale.to_owned(),
            ..booking_facts()
        };
        facts.starts_at += chrono::TimeDelta::days(days);
        facts.ends_at += chrono::TimeDelta::days(days);
        facts
    };
    let untitled = BookingFacts {
        title: String::new(),
        ..at(2)
    };
    // However they come, the first one is said first.
    let facts = [(at(1), false), (untitled, true), (at(0), false)];
    let told = facts.each_ref().map(|(facts, several)| Told {
        facts,
        several: *several,
    });
    let text = of_bookings(kind, &told, Some(cause)).unwrap().unwrap();
    assert_golden(&format!("{}.together.{locale}", kind.as_str()), &text);
}

#[rstest::rstest]
#[case(Kind::ConnectionLost, "not_delegated")]
#[case(Kind::ConnectionLost, "subject_unknown")]
#[case(Kind::ConnectionLost, "key_refused")]
#[case(Kind::ConnectionLost, "client_refused")]
#[case(Kind::ConnectionLost, "policy")]
#[case(Kind::ConnectionLost, "withdrawn")]
#[case(Kind::ConnectionLost, "of_a_later_version")]
#[case(Kind::ConnectionActive, "")]
fn a_mail_about_a_connection_says(
    #[case] kind: Kind,
    #[case] reason: &str,
    #[values("de", "en")] locale: &str,
) {
    let facts = ConnectionFacts {
        locale: locale.to_owned(),
        reason: reason.to_owned(),
        ..connection_facts()
    };
    let text = of_connection(kind, &facts).unwrap().unwrap();
    let dot = if reason.is_empty() { "" } else { "." };
    assert_golden(&format!("{}{dot}{reason}.{locale}", kind.as_str()), &text);
}

#[rstest::rstest]
#[case("de", "device", "von einem Display am Objekt.")]
#[case("en", "device", "by a display at the object.")]
#[case(
    "de",
    "administrator",
    "von einer Administratorin oder einem Administrator."
)]
#[case("en", "administrator", "by an administrator.")]
#[case("de", "user", "von einer anderen Person.")]
#[case("en", "", "by somebody else.")]
fn who_declined_is_said_as_far_as_it_is_known(
    #[case] locale: &str,
    #[case] declined_by: &str,
    #[case] expected: &str,
) {
    let facts = BookingFacts {
        locale: locale.to_owned(),
        declined_by: declined_by.to_owned(),
        declined_by_mail: String::new(),
        ..booking_facts()
    };
    let text = of_booking(Kind::BookingDeclined, &facts, None, false);
    let body = text.unwrap().unwrap().body;
    assert!(body.contains(expected), "{body}");
}

#[test]
fn what_is_not_there_leaves_no_trace() {
    let facts = BookingFacts {
        location: String::new(),
        title: String::new(),
        ..booking_facts()
    };
    let text = of_booking(Kind::RoomLost, &facts, None, false);
    let body = text.unwrap().unwrap().body;
    assert!(!body.contains("Titel") && !body.contains("()"), "{body}");
    assert!(!body.contains("\n\n\n"), "{body}");
}

#[rstest::rstest]
#[case("GONE")]
#[case("NOT_TAKING")]
#[case("OF_A_LATER_VERSION")]
fn a_mail_about_a_disabled_webhook_says(#[case] because: &str, #[values("de", "en")] locale: &str) {
    let facts = WebhookFacts {
        name: "Rooms <1>".to_owned(),
        host: "hooks.example.com".to_owned(),
        because: because.to_owned(),
    };
    let text = of_webhook(&facts, locale).unwrap();
    let because = because.to_lowercase();
    assert_golden(&format!("webhook_disabled.{because}.{locale}"), &text);
}

#[test]
fn a_kind_is_about_a_booking_or_a_connection_or_a_webhook() {
    for kind in Kind::ALL {
        let about_booking = of_booking(kind, &booking_facts(), None, false).is_some();
        let about_connection = of_connection(kind, &connection_facts()).is_some();
        let about_webhook = kind == Kind::WebhookDisabled;
        let about = [about_booking, about_connection, about_webhook];
        assert_eq!(about.iter().filter(|it| **it).count(), 1, "{kind:?}");
    }
}
