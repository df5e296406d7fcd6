//! The broker's topology: `deploy/rabbitmq/definitions.json` is what operators import beforehand,
//! rendered from the same table that the services declare.

use std::{fs, path::Path};

use roomsync_broker::{Ladder, topology::Topology};
use roomsync_messages::QUEUES;
use serde_json::Value;

fn rendered() -> Value {
    Topology::of(QUEUES, &Ladder::default()).definitions("/")
}

#[test]
fn the_definitions_file_is_the_topology_that_services_declare() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("deploy/rabbitmq/definitions.json");
    let written: Value = fs::read_to_string(&file)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or(Value::Null);
    if written != rendered() {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("definitions.json");
        let text = serde_json::to_string_pretty(&rendered()).expect("JSON");
        fs::write(&fresh, text + "\n").expect("a scratch file");
        panic!(
            "the topology changed: cp {} {}",
            fresh.display(),
            file.display()
        );
    }
}

/// At-least-once dead-lettering silently becomes at-most-once without `reject-publish`.
#[test]
fn every_queue_that_dead_letters_does_so_at_least_once() {
    let definitions = rendered();
    let queues = definitions["queues"].as_array().expect("queues");
    assert!(!queues.is_empty());
    for queue in queues {
        let arguments = &queue["arguments"];
        assert_eq!(arguments["x-queue-type"], "quorum", "{}", queue["name"]);
        if !arguments["x-dead-letter-exchange"].is_null() {
            assert_eq!(
                arguments["x-dead-letter-strategy"], "at-least-once",
                "{}",
                queue["name"]
            );
            assert_eq!(
                arguments["x-overflow"], "reject-publish",
                "{}",
                queue["name"]
            );
        }
    }
}

#[test]
fn every_message_with_patience_has_the_whole_ladder() {
    let definitions = rendered();
    let names: Vec<_> = definitions["queues"]
        .as_array()
        .expect("queues")
        .iter()
        .map(|q| &q["name"])
        .collect();
    for queue in QUEUES {
        for rung in ["1s", "5s", "30s", "2m", "10m", "1h"] {
            let name = Value::String(format!("{}.retry.{rung}", queue.queue));
            assert_eq!(names.contains(&&name), queue.patience.is_some(), "{name}");
        }
        let dead = Value::String(format!("{}.dead", queue.queue));
        assert!(names.contains(&&dead), "{dead}");
    }
}
