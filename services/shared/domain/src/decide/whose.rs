//! Whose booking an occurrence is (D9).

use crate::Occurrence;

/// The address that says whose booking it is: the organizer if a person, else the only human on the
/// guest list, else the creator unless that is the connection itself. `None`: nobody to ask for.
///
/// The address need not belong to a user: a booking of somebody we do not know is anonymous, it is
/// not given to the next best.
pub fn responsible_mail<'a>(
    occurrence: &'a Occurrence,
    own_subjects: &[String],
) -> Option<&'a str> {
    let organizer = occurrence
        .organizer_mail
        .as_deref()
        .filter(|mail| !occurrence.organizer_is_room && is_person(mail));
    let creator = || {
        let ours = |mail: &str| {
            own_subjects
                .iter()
                .any(|own| own.eq_ignore_ascii_case(mail))
        };
        occurrence
            .creator_mail
            .as_deref()
            .filter(|mail| is_person(mail) && !ours(mail))
    };
    organizer
        .or_else(|| only_guest(occurrence))
        .or_else(creator)
}

fn only_guest(occurrence: &Occurrence) -> Option<&str> {
    let mut people = occurrence
        .attendee_mails
        .iter()
        .filter(|mail| is_person(mail));
    let first = people.next()?;
    people.all(|other| other == first).then_some(first)
}

/// Rooms, shared calendars, imported calendars and Google's placeholder for an unknown organizer
/// have addresses of their own, all below one domain.
fn is_person(mail: &str) -> bool {
    let domain = mail.rsplit_once('@').map_or("", |(_, domain)| domain);
    !domain.is_empty()
        && domain != "calendar.google.com"
        && !domain.ends_with(".calendar.google.com")
}
