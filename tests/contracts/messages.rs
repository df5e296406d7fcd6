//! Golden files of the messages: what was ever published must parse, and what is published now is
//! written down. `golden/<type>.json` is today's shape; `golden/<type>.<n>.json` are earlier ones,
//! kept for good, the first one too. A change of today's file is a change of the contract: optional fields
//! only, and the shape before becomes `golden/<type>.<n + 1>.json`.

use std::{fs, path::PathBuf};

use roomsync_messages::{
    CalendarChanged, CalendarRefresh, ConnectionChanged, DeliveryDue, GoogleWriteRequested,
    LinkDue, MailDue, Message, ObjectChanged, QUEUES, RefreshLane, RefreshWhy,
};
use serde_json::{Value, json};

fn golden() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"))
}

/// Today's file reads, and writing what was read gives the file again; earlier files read.
fn holds<M: Message>() {
    let today = fs::read_to_string(golden().join(format!("{}.json", M::TYPE)))
        .unwrap_or_else(|e| panic!("golden/{}.json: {e}", M::TYPE));
    let message: M = serde_json::from_str(&today).expect(M::TYPE);
    let written = serde_json::to_value(&message).expect("a message is JSON");
    let read: serde_json::Value = serde_json::from_str(&today).expect("JSON");
    assert_eq!(
        written,
        read,
        "{}: today's shape is not what is written",
        M::TYPE
    );

    let earlier = format!("{}.", M::TYPE);
    for entry in fs::read_dir(golden()).expect("golden/").flatten() {
        let name = entry.file_name().into_string().expect("UTF-8");
        let is_earlier = name
            .strip_prefix(&earlier)
            .is_some_and(|rest| rest != "json");
        if is_earlier {
            let text = fs::read_to_string(entry.path()).expect("a golden file");
            serde_json::from_str::<M>(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

#[test]
fn every_message_has_a_golden_file_that_reads_and_writes_back() {
    holds::<CalendarChanged>();
    holds::<CalendarRefresh>();
    holds::<ConnectionChanged>();
    holds::<DeliveryDue>();
    holds::<GoogleWriteRequested>();
    holds::<LinkDue>();
    holds::<MailDue>();
    holds::<ObjectChanged>();
    for queue in QUEUES {
        let file = golden().join(format!("{}.json", queue.message_type));
        assert!(file.exists(), "{} is missing", file.display());
        let first = golden().join(format!("{}.1.json", queue.message_type));
        assert!(
            first.exists(),
            "{}: its first shape is lost",
            first.display()
        );
    }
}

/// Adds a field that no version knows yet to every object of a message.
fn with_later_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(with_later_fields);
            fields.insert("of_a_later_version".to_owned(), json!({ "a": [1] }));
        }
        Value::Array(items) => items.iter_mut().for_each(with_later_fields),
        _ => {}
    }
}

/// While a new replica stands beside an old one, the old one reads what the new one writes.
fn reads_later_fields<M: Message + PartialEq + std::fmt::Debug>() {
    let today = fs::read_to_string(golden().join(format!("{}.json", M::TYPE))).expect("golden");
    let message: M = serde_json::from_str(&today).expect(M::TYPE);
    let mut later: Value = serde_json::from_str(&today).expect("JSON");
    with_later_fields(&mut later);
    let read: M = serde_json::from_value(later).unwrap_or_else(|e| panic!("{}: {e}", M::TYPE));
    assert_eq!(read, message, "{}", M::TYPE);
}

#[test]
fn fields_of_a_later_version_are_left_out() {
    reads_later_fields::<CalendarChanged>();
    reads_later_fields::<CalendarRefresh>();
    reads_later_fields::<ConnectionChanged>();
    reads_later_fields::<DeliveryDue>();
    reads_later_fields::<GoogleWriteRequested>();
    reads_later_fields::<LinkDue>();
    reads_later_fields::<MailDue>();
    reads_later_fields::<ObjectChanged>();
}

/// The words that say what happened or how to work, but not what is so: one of a later version is taken for
/// the most careful one. Every other word must be understood by a release before one sends it; a version of
/// an object that could not be read is fetched again from booking-command, so nothing is lost by it.
#[test]
fn words_of_a_later_version_that_only_explain_are_read() {
    let refresh = json!({
        "calendar": "0193a5c0-0000-7000-8000-000000000001",
        "why": "of_a_later_version",
        "lane": "of_a_later_version",
    });
    let refresh: CalendarRefresh = serde_json::from_value(refresh).expect("a refresh");
    assert_eq!(
        (refresh.why, refresh.lane),
        (RefreshWhy::ByHand, RefreshLane::Background)
    );

    let connection = json!({
        "tenant": "acme", "state": "of_a_later_version", "reason": "of_a_later_version",
        "changed_at": "2026-02-01T08:00:00Z",
    });
    serde_json::from_value::<ConnectionChanged>(connection).expect("a connection");

    let text = fs::read_to_string(golden().join("object.changed.1.json")).expect("golden");
    let mut object: Value = serde_json::from_str(&text).expect("JSON");
    for item in object["items"].as_array_mut().expect("items") {
        match item["kind"].as_str() {
            Some("link") => item["reason"] = json!("of_a_later_version"),
            Some("booking") => {
                item["booking"]["flags"] = json!(["of_a_later_version"]);
                item["booking"]["cause"] = json!("of_a_later_version");
            }
            _ => {}
        }
    }
    serde_json::from_value::<ObjectChanged>(object).expect("an object");
}

#[test]
fn names_follow_from_each_other() {
    for queue in QUEUES {
        let (service, name) = queue.queue.split_once('.').expect("<service>.<message>");
        assert_eq!(
            name,
            queue.message_type.replace('.', "-"),
            "{}",
            queue.queue
        );
        assert!(["sync-worker", "booking-command", "notification"].contains(&service));
    }
}

#[test]
fn no_golden_message_carries_a_person_or_an_address() {
    for entry in fs::read_dir(golden()).expect("golden/").flatten() {
        let text = fs::read_to_string(entry.path()).expect("a golden file");
        for word in ["@", "mail", "title", "summary", "token"] {
            assert!(
                !text.contains(word),
                "{:?} contains {word:?}",
                entry.file_name()
            );
        }
    }
}
