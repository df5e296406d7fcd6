//! What a booking takes from its occurrence, and what it keeps of what it had.

use super::{Details, Rules, responsible_mail};
use crate::{Booker, Occurrence, RoomAnswer, TimeWindow};

/// What a booking takes from its occurrence, given what it took `before`, if it is known.
pub(super) fn details(
    occurrence: &Occurrence,
    window: TimeWindow,
    before: Option<&Details>,
    rules: &Rules<'_>,
) -> Details {
    let mail = responsible_mail(occurrence, rules.own_subjects);
    let shell_of = before.filter(|before| mail.is_none() && is_shell(occurrence, before));
    let (booker, organizer_mail) = match (shell_of, before) {
        (Some(before), _) => (before.booker.clone(), before.organizer_mail.clone()),
        (None, Some(before)) if keeps_booker(before, mail, window, rules) => {
            (before.booker.clone(), mail.map(str::to_owned))
        }
        _ => (booker(mail, rules), mail.map(str::to_owned)),
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

fn booker(mail: Option<&str>, rules: &Rules<'_>) -> Booker {
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

/// A device's booking stays the device's. A user who appears later gets future bookings only, so the
/// same address is not looked up again for what has begun.
fn keeps_booker(
    before: &Details,
    mail: Option<&str>,
    window: TimeWindow,
    rules: &Rules<'_>,
) -> bool {
    let same_mail = before.organizer_mail.as_deref() == mail;
    matches!(before.booker, Booker::Device { .. }) || (same_mail && window.starts_at() <= rules.now)
}
