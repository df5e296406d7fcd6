//! Whose booking an occurrence is (D9): by its addresses, and by the property that we signed.

use crate::{Occurrence, RoomAnswer};

/// The address that says whose booking it is: the organizer if a person, else the only human on the
/// guest list, else the creator unless that is the connection itself. `None`: nobody to ask for.
///
/// The address need not belong to a user: a booking of somebody we do not know is anonymous, it is
/// not given to the next best.
pub fn responsible_mail<'a>(
    occurrence: &'a Occurrence,
    own_subjects: &[String],
) -> Option<&'a str> {
    let organizer = organizing_person(occurrence);
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

/// The organizer, if that is a person.
pub(super) fn organizing_person(occurrence: &Occurrence) -> Option<&str> {
    occurrence
        .organizer_mail
        .as_deref()
        .filter(|mail| !occurrence.organizer_is_room && is_person(mail))
}

/// Whether everybody on a guest list that is shown has declined or left, so that the event is nobody's
/// any more. Rooms are nobody.
pub fn is_deserted(occurrence: &Occurrence) -> bool {
    let shown = !occurrence.cancelled && occurrence.room_answer != RoomAnswer::Hidden;
    let mut people = occurrence
        .attendee_mails
        .iter()
        .filter(|mail| is_person(mail));
    shown && people.all(|mail| occurrence.declined_mails.contains(mail))
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
