//! Which of two events in one slot of a room withdraws: a pure decision.
//!
//! On the room's own calendar Google checks no conflict (observed), so two devices, or a device and somebody
//! in Google, may both find the slot free and both write. Each looks again afterwards, and the later one goes. Both
//! decide by the same facts, so that one of them stays.

use roomsync_domain::ResourceEmail;
use roomsync_google::Event;

/// Whether ours goes because of another one in its slot.
pub(super) fn gives_way(ours: &Event, other: &Event, room: &ResourceEmail) -> bool {
    match (ours.created_at(), other.created_at()) {
        (Some(ours), Some(other)) if ours != other => other < ours,
        // Made within one tick of Google's clock. Another device decides by the ids as we do; somebody in
        // Google does not.
        (Some(_), Some(_)) if is_made_on(other, room) => other.id < ours.id,
        _ => true,
    }
}

fn is_made_on(event: &Event, room: &ResourceEmail) -> bool {
    event.organizer.as_ref().is_some_and(|organizer| {
        organizer.is_self
            || organizer
                .email
                .as_deref()
                .is_some_and(|mail| room.matches(mail))
    })
}

#[cfg(test)]
mod tests {
    use roomsync_google::Person;
    use rstest::rstest;

    use super::*;

    const ROOM: &str = "r@resource.calendar.google.com";

    fn event(id: &str, created: Option<&str>, organizer: &str) -> Event {
        Event {
            id: id.to_owned(),
            created: created.map(ToOwned::to_owned),
            organizer: Some(Person {
                email: Some(organizer.to_owned()),
                is_self: false,
            }),
            ..Event::default()
        }
    }

    #[rstest]
    #[case::it_was_there("c", Some("2026-11-01T08:59:59Z"), ROOM, true)]
    #[case::it_came_later("a", Some("2026-11-01T09:00:01Z"), ROOM, false)]
    #[case::same_second_lower_id("a", Some("2026-11-01T09:00:00.000Z"), ROOM, true)]
    #[case::same_second_higher_id("c", Some("2026-11-01T09:00:00.000Z"), ROOM, false)]
    #[case::same_second_somebody_in_google(
        "c",
        Some("2026-11-01T09:00:00Z"),
        "ada@example.com",
        true
    )]
    #[case::a_later_invitation("a", Some("2026-11-01T09:00:01Z"), "ada@example.com", false)]
    #[case::nobody_knows("c", None, ROOM, true)]
    fn of_two_in_one_slot_the_later_one_goes(
        #[case] id: &str,
        #[case] created: Option<&str>,
        #[case] organizer: &str,
        #[case] expected: bool,
    ) {
        let ours = event("b", Some("2026-11-01T09:00:00Z"), ROOM);
        let room = ROOM.parse().unwrap();
        assert_eq!(
            gives_way(&ours, &event(id, created, organizer), &room),
            expected
        );
    }

    #[test]
    fn of_two_devices_exactly_one_stays() {
        let room = ROOM.parse().unwrap();
        let times = ["2026-11-01T09:00:00Z", "2026-11-01T09:00:01Z"];
        for (one, two) in [(times[0], times[0]), (times[0], times[1])] {
            let (one, two) = (event("a", Some(one), ROOM), event("b", Some(two), ROOM));
            assert_ne!(gives_way(&one, &two, &room), gives_way(&two, &one, &room));
        }
    }
}
