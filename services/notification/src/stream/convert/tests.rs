use roomsync_domain::{BookingId, LinkId};

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn snapshot_of(state: BookingState, booker: Booker) -> BookingSnapshot {
    BookingSnapshot {
        id: BookingId::new(),
        state,
        starts_at: at("2026-03-01T09:00:00Z"),
        ends_at: at("2026-03-01T10:00:00Z"),
        all_day: false,
        booker,
        private: true,
        flags: vec!["conflict".to_owned()],
        cause: None,
        series: Some("weekly".to_owned()),
        from_flexopus: true,
        not_at_google: false,
        event_kept: true,
        created_at: at("2026-02-01T08:00:00.123456Z"),
        updated_at: at("2026-02-02T08:00:00Z"),
    }
}

fn message_with(items: Vec<ChangedItem>) -> ObjectChanged {
    ObjectChanged {
        tenant: "acme".parse().unwrap(),
        object: "room-1".parse().unwrap(),
        version: 3,
        changed_at: at("2026-02-02T08:00:00.5Z"),
        received_at: None,
        items,
        forgotten: Vec::new(),
    }
}

#[test]
fn every_kind_of_item_reads_back_from_the_api() {
    let mut items = vec![
        ChangedItem::Reset {
            from: at("2026-03-01T00:00:00Z"),
            link: None,
        },
        ChangedItem::Link {
            link: LinkId::new(),
            state: LinkState::Failed,
            reason: Some("not_in_organisation".to_owned()),
        },
    ];
    let bookers = [
        Booker::User {
            user: "ana".parse().unwrap(),
        },
        Booker::Device {
            device: "door-1".parse().unwrap(),
        },
        Booker::Anonymous,
    ];
    for booker in bookers {
        items.push(ChangedItem::Booking {
            booking: snapshot_of(BookingState::Confirmed, booker),
        });
    }
    for state in BookingState::ALL {
        let mut booking = snapshot_of(state, Booker::Anonymous);
        booking.cause = (!state.blocks()).then(|| "room_declined".to_owned());
        items.push(ChangedItem::Booking { booking });
    }
    let sent = message_with(items);
    assert_eq!(message(&sent.tenant, &change("c", &sent)), Ok(sent));
}

#[test]
fn the_api_says_states_and_causes_in_upper_case_and_names_the_provider() {
    let mut booking = snapshot_of(BookingState::Removed, Booker::Anonymous);
    booking.cause = Some("room_left".to_owned());
    let link = ChangedItem::Link {
        link: LinkId::new(),
        state: LinkState::Verified,
        reason: None,
    };
    let sent = change(
        "c",
        &message_with(vec![ChangedItem::Booking { booking }, link]),
    );
    let Some(api::change_item::Item::Booking(booking)) = &sent.items[0].item else {
        panic!("expected a booking");
    };
    assert_eq!(booking.cause, "ROOM_LEFT");
    assert_eq!(booking.state(), api::BookingState::Removed);
    assert_eq!(
        (booking.external_provider.as_str(), booking.object_version),
        ("google", 3)
    );
    let Some(api::change_item::Item::Link(link)) = &sent.items[1].item else {
        panic!("expected a link");
    };
    assert_eq!(
        (link.state.as_str(), link.reason.as_str()),
        ("VERIFIED", "")
    );
}

#[test]
fn a_flag_this_version_does_not_know_is_left_out() {
    let mut booking = snapshot_of(BookingState::Confirmed, Booker::Anonymous);
    booking.flags = vec!["of_tomorrow".to_owned(), "object_blocked".to_owned()];
    let sent = change("c", &message_with(vec![ChangedItem::Booking { booking }]));
    let Some(api::change_item::Item::Booking(booking)) = &sent.items[0].item else {
        panic!("expected a booking");
    };
    assert_eq!(booking.flags, [i32::from(api::BookingFlag::ObjectBlocked)]);
}

#[test]
fn a_fetched_change_without_its_parts_is_refused_by_name() {
    let mut fetched = change("c", &message_with(vec![]));
    fetched.changed_at = None;
    let tenant = "acme".parse().unwrap();
    assert_eq!(message(&tenant, &fetched), Err(Unreadable("changed_at")));
    let mut fetched = change("c", &message_with(vec![]));
    fetched.items.push(api::ChangeItem { item: None });
    assert_eq!(message(&tenant, &fetched), Err(Unreadable("item")));
}
