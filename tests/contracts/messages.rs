//! Golden files of the messages: what was ever published must parse, and what is published now is
//! written down. `golden/<type>.json` is today's shape; `golden/<type>.<n>.json` are earlier ones,
//! kept for good. A change of today's file is a change of the contract: optional fields only.

use std::{fs, path::PathBuf};

use roomsync_messages::{
    CalendarChanged, CalendarRefresh, ConnectionChanged, DeliveryDue, GoogleWriteRequested,
    LinkDue, MailDue, Message, ObjectChanged, QUEUES,
};

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
    }
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
