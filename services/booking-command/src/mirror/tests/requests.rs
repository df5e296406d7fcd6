//! What a stream may say; pure.

use prost_types::Timestamp;
use roomsync_domain::{LinkId, OccurrenceKey, RoomAnswer, decide::Scope};
use roomsync_proto::internal::v1 as pb;
use rstest::rstest;

use crate::{
    mirror::request::{Apply, Gathering, MOST_OCCURRENCES},
    status::CommandError,
};

#[expect(clippy::unnecessary_wraps, reason = "fields of a message are optional")]
fn seconds(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn header() -> pb::ApplyRequest {
    let header = pb::ApplyHeader {
        tenant_id: "ours".into(),
        link_id: LinkId::new().to_string(),
        epoch: 1,
        listed_since: seconds(100),
        ..Default::default()
    };
    pb::ApplyRequest {
        message: Some(pb::apply_request::Message::Header(header)),
    }
}

fn scope(scope: pb::Scope) -> pb::ApplyRequest {
    pb::ApplyRequest {
        message: Some(pb::apply_request::Message::Scope(scope)),
    }
}

fn window(to: i64, continued: bool) -> pb::ApplyRequest {
    let window = pb::WindowScope {
        from: seconds(0),
        to: seconds(to),
    };
    scope(pb::Scope {
        scope: Some(pb::scope::Scope::Window(window)),
        continued,
        ..Default::default()
    })
}

fn event(occurrences: Vec<pb::SeenOccurrence>) -> pb::ApplyRequest {
    scope(pb::Scope {
        scope: Some(pb::scope::Scope::EventId("a".into())),
        occurrences,
        continued: false,
    })
}

fn seen() -> pb::SeenOccurrence {
    pb::SeenOccurrence {
        event_id: "a".into(),
        room_answer: pb::RoomAnswer::Accepted.into(),
        starts_at: seconds(0),
        ends_at: seconds(60),
        organizer_mail: "Anna@Example.com".into(),
        ..Default::default()
    }
}

fn gather(messages: Vec<pb::ApplyRequest>) -> Result<Apply, CommandError> {
    let mut gathering = Gathering::default();
    for message in messages {
        gathering.take(message)?;
    }
    gathering.finish()
}

#[rstest]
#[case::nothing(vec![], "header")]
#[case::no_header(vec![window(9, false)], "header")]
#[case::two_headers(vec![header(), header()], "header")]
#[case::empty_message(vec![header(), pb::ApplyRequest { message: None }], "message")]
#[case::no_scope(vec![header(), scope(pb::Scope::default())], "scope")]
#[case::empty_window(vec![header(), window(0, false)], "scope.window.to")]
#[case::half_a_window(vec![header(), window(9, true)], "scope.continued")]
#[case::another_window_within(vec![header(), window(9, true), window(8, false)], "scope")]
#[case::event_between(vec![header(), window(9, true), event(vec![])], "scope")]
#[case::no_answer(
    vec![header(), event(vec![pb::SeenOccurrence { room_answer: 0, ..seen() }])],
    "scope.occurrences[0].room_answer"
)]
#[case::no_id(
    vec![header(), event(vec![seen(), pb::SeenOccurrence { event_id: String::new(), ..seen() }])],
    "scope.occurrences[1].event_id"
)]
#[case::no_slot(
    vec![header(), event(vec![pb::SeenOccurrence { series_id: "s".into(), ..seen() }])],
    "scope.occurrences[0].original_start"
)]
#[case::too_many(
    vec![header(), event(vec![seen(); MOST_OCCURRENCES + 1])],
    "scope.occurrences"
)]
fn a_stream_that_is_not_a_listing_is_refused_with_the_field(
    #[case] messages: Vec<pb::ApplyRequest>,
    #[case] expected: &str,
) {
    match gather(messages) {
        Err(CommandError::InvalidField { field, .. }) => assert_eq!(field, expected),
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn a_window_may_go_on_in_further_messages() {
    let apply = gather(vec![
        header(),
        window(9, true),
        window(9, true),
        window(9, false),
    ])
    .unwrap();
    assert_eq!(apply.listings.len(), 3);
}

#[test]
fn an_occurrence_is_never_refused_for_its_times() {
    let odd = [
        pb::SeenOccurrence {
            ends_at: seconds(0),
            ..seen()
        },
        pb::SeenOccurrence {
            ends_at: None,
            ..seen()
        },
        pb::SeenOccurrence {
            starts_at: seconds(i64::MAX),
            ..seen()
        },
    ];
    let apply = gather(vec![header(), event(odd.to_vec())]).unwrap();
    assert!(
        apply.listings[0]
            .seen
            .iter()
            .all(|occurrence| occurrence.window.is_none())
    );
}

#[test]
fn a_cancellation_needs_nothing_but_an_id() {
    let gone = pb::SeenOccurrence {
        event_id: "a".into(),
        cancelled: true,
        ..Default::default()
    };
    let apply = gather(vec![header(), event(vec![gone])]).unwrap();
    let listing = &apply.listings[0];
    assert_eq!(listing.scope, Scope::Event("a".to_owned()));
    assert_eq!(listing.seen[0].key, OccurrenceKey::Event("a".to_owned()));
    assert_eq!(listing.seen[0].room_answer, RoomAnswer::None);
}

#[test]
fn mail_addresses_are_compared_in_lower_case() {
    let apply = gather(vec![header(), event(vec![seen()])]).unwrap();
    let organizer = apply.listings[0].seen[0].organizer_mail.as_deref();
    assert_eq!(organizer, Some("anna@example.com"));
}

#[test]
fn a_reconcile_says_how_far_the_window_reached() {
    let gathered = |mirrored_until| {
        let mut header = header();
        if let Some(pb::apply_request::Message::Header(header)) = &mut header.message {
            header.reconcile = true;
            header.mirrored_until = mirrored_until;
        }
        gather(vec![header]).unwrap()
    };
    let apply = gathered(seconds(200));
    assert!(apply.reconcile);
    assert_eq!(apply.mirrored_until.map(|at| at.timestamp()), Some(200));
    assert_eq!(gathered(None).mirrored_until, None);
    assert!(!gather(vec![header()]).unwrap().reconcile);
}

#[test]
fn a_guest_list_that_is_not_shown_is_an_answer() {
    let hidden = pb::SeenOccurrence {
        room_answer: pb::RoomAnswer::Hidden.into(),
        ..seen()
    };
    let apply = gather(vec![header(), event(vec![hidden])]).unwrap();
    assert_eq!(apply.listings[0].seen[0].room_answer, RoomAnswer::Hidden);
}
