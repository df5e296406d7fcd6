//! What a booking takes from its occurrence, and what it keeps of what it had.

use super::{Details, Known, Rules, responsible_mail, whose::organizing_person};
use crate::{Booker, Occurrence, RoomAnswer, TimeWindow};

/// What a booking takes from its occurrence, given what is `known` of it.
pub(super) fn details(
    occurrence: &Occurrence,
    window: TimeWindow,
    known: Option<&Known>,
    rules: &Rules<'_>,
) -> Details {
    let mail = responsible_mail(occurrence, rules.own_subjects);
    let shell_of = known
        .map(|known| &known.details)
        .filter(|before| mail.is_none() && is_shell(occurrence, before));
    let (booker, organizer_mail) = match (shell_of, known) {
        (Some(before), _) => (before.booker.clone(), before.organizer_mail.clone()),
        (None, Some(known)) if keeps_booker(known, occurrence, window, rules) => {
            (known.details.booker.clone(), mail.map(str::to_owned))
        }
        _ => (booker(occurrence, mail, rules), mail.map(str::to_owned)),
    };
    Details {
        event_id: occurrence.event_id.clone(),
        window,
        all_day: occurrence.all_day,
        booker,
        organizer_mail,
        private: occurrence.private || shell_of.is_some_and(|before| before.private),
        title: occurrence.title.clone().filter(|_| rules.store_titles),
    }
}

/// The organizer's, if that is a person; else whose we signed it to be; else the next address's.
fn booker(occurrence: &Occurrence, mail: Option<&str>, rules: &Rules<'_>) -> Booker {
    if organizing_person(occurrence).is_none()
        && let Some(signed) = rules.signed.get(&occurrence.event_id)
    {
        return signed.clone();
    }
    mail.and_then(|mail| rules.users.get(mail))
        .map_or(Booker::Anonymous, |user| Booker::User {
            user: user.clone(),
        })
}

/// A private event of which we are shown no more than the times, because our role on the calendar
/// allows no more (`reader`, `writerWithoutPrivateAccess`). It says nothing about whose booking it is,
/// so a booking that is known keeps its booker, and stays private even if the shell does not say so:
/// else the booker who is kept would be shown to everybody. That a shell comes without organizer and
/// guests is observed, not documented.
fn is_shell(occurrence: &Occurrence, before: &Details) -> bool {
    occurrence.room_answer == RoomAnswer::Hidden && (occurrence.private || before.private)
}

/// A device's booking stays the device's, and one that was made in Flexopus stays that of whom it was
/// made for: unless the event was handed over to somebody else whom we know. A user who appears later
/// gets future bookings only, so the same address is not looked up again for what has begun.
fn keeps_booker(
    known: &Known,
    occurrence: &Occurrence,
    window: TimeWindow,
    rules: &Rules<'_>,
) -> bool {
    let before = &known.details;
    if known.ours && before.booker != Booker::Anonymous {
        let organizer = organizing_person(occurrence).and_then(|mail| rules.users.get(mail));
        return organizer.is_none_or(|user| before.booker == Booker::User { user: user.clone() });
    }
    let mail = responsible_mail(occurrence, rules.own_subjects);
    let same_mail = before.organizer_mail.as_deref() == mail;
    matches!(before.booker, Booker::Device { .. }) || (same_mail && window.starts_at() <= rules.now)
}
