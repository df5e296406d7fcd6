//! Whom a mail goes to: people only, never a calendar or a room (D26).

use roomsync_domain::MailAddress;

use super::{
    facts::{BookingFacts, ConnectionFacts},
    notices::Kind,
};

/// Whom a mail about a booking goes to. The organiser of a booking that was declined in Flexopus is told even
/// where the main app does not know them, but not what they did themselves.
pub fn of_booking(kind: Kind, facts: &BookingFacts) -> Option<MailAddress> {
    match kind {
        Kind::RoomLost | Kind::BookingRefused => person(&facts.booker),
        Kind::BookingDeclined => {
            let organizer = person(&facts.organizer).or_else(|| person(&facts.booker))?;
            let by = person(&facts.declined_by_mail);
            (by.as_ref() != Some(&organizer)).then_some(organizer)
        }
        Kind::ConnectionLost | Kind::ConnectionActive | Kind::WebhookDisabled => None,
    }
}

/// Whom a mail about a connection or a webhook goes to, each once.
pub fn of_connection(facts: &ConnectionFacts) -> Vec<MailAddress> {
    let mut people: Vec<_> = facts
        .administrators
        .iter()
        .filter_map(|it| person(it))
        .collect();
    people.sort();
    people.dedup();
    people
}

/// The address, if it is a person's: Google's calendars, rooms among them, have theirs below one domain.
fn person(mail: &str) -> Option<MailAddress> {
    let mail: MailAddress = mail.parse().ok()?;
    let domain = mail.domain();
    let calendar = domain == "calendar.google.com" || domain.ends_with(".calendar.google.com");
    (!calendar).then_some(mail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::text::tests::booking_facts;

    const ROOM: &str = "c_188a@resource.calendar.google.com";
    const SHARED: &str = "c_1@group.calendar.google.com";

    fn told(kind: Kind, booker: &str, organizer: &str, declined_by: &str) -> Option<String> {
        let facts = BookingFacts {
            booker: booker.to_owned(),
            organizer: organizer.to_owned(),
            declined_by_mail: declined_by.to_owned(),
            ..booking_facts()
        };
        of_booking(kind, &facts).map(String::from)
    }

    #[rstest::rstest]
    #[case(Kind::RoomLost, "ana@x.com", "olaf@x.com", "", Some("ana@x.com"))]
    #[case(Kind::RoomLost, "", "olaf@x.com", "", None)]
    #[case(Kind::RoomLost, ROOM, "", "", None)]
    #[case(Kind::RoomLost, "not an address", "", "", None)]
    #[case(Kind::BookingRefused, "Ana@X.com", "", "", Some("ana@x.com"))]
    #[case(
        Kind::BookingDeclined,
        "ana@x.com",
        "olaf@x.com",
        "",
        Some("olaf@x.com")
    )]
    #[case(
        Kind::BookingDeclined,
        "",
        "olaf@x.com",
        "bo@x.com",
        Some("olaf@x.com")
    )]
    // The calendar "Flexopus" and rooms organise, too; the booker stands for them.
    #[case(
        Kind::BookingDeclined,
        "ana@x.com",
        SHARED,
        "bo@x.com",
        Some("ana@x.com")
    )]
    #[case(
        Kind::BookingDeclined,
        "ana@x.com",
        "C@Resource.Calendar.Google.com",
        "",
        Some("ana@x.com")
    )]
    #[case(Kind::BookingDeclined, "", ROOM, "bo@x.com", None)]
    #[case(Kind::BookingDeclined, "", "x@calendar.google.com", "", None)]
    // One's own doing is no news.
    #[case(Kind::BookingDeclined, "ana@x.com", "ana@x.com", "ANA@x.com", None)]
    fn people_are_told_and_calendars_never(
        #[case] kind: Kind,
        #[case] booker: &str,
        #[case] organizer: &str,
        #[case] declined_by: &str,
        #[case] expected: Option<&str>,
    ) {
        let told = told(kind, booker, organizer, declined_by);
        assert_eq!(told.as_deref(), expected);
    }

    #[test]
    fn each_administrator_is_told_once() {
        let administrators = ["b@x.com", "a@x.com", "B@x.com", ROOM, ""];
        let facts = ConnectionFacts {
            administrators: administrators.map(str::to_owned).to_vec(),
            ..crate::mail::text::tests::connection_facts()
        };
        let told: Vec<String> = of_connection(&facts)
            .into_iter()
            .map(String::from)
            .collect();
        assert_eq!(told, ["a@x.com", "b@x.com"]);
    }
}
