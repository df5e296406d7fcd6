//! What operators see of parked messages: all of every message, but nobody's id; and every reason of their
//! rpcs is in the contract.

use std::{
    fs,
    path::{Path, PathBuf},
};

use roomsync_broker::parked::without_persons;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Takes away whose a booking is, as `without_persons` should.
fn forget_bookers(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(booker)) = fields.get_mut("booker") {
                let all = booker.len();
                booker.retain(|field, _| field == "kind");
                if booker.len() < all {
                    booker.insert("(left out)".to_owned(), json!(all - booker.len()));
                }
            }
            fields.values_mut().for_each(forget_bookers);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_bookers),
        _ => {}
    }
}

#[test]
fn of_every_message_an_operator_sees_everything_but_whose_it_is() {
    let golden = root().join("tests/contracts/golden");
    let mut seen = 0;
    for entry in fs::read_dir(golden).expect("golden/").flatten() {
        let text = fs::read(entry.path()).expect("a golden file");
        let mut expected: Value = serde_json::from_slice(&text).expect("JSON");
        forget_bookers(&mut expected);
        let name = entry.file_name();
        assert_eq!(without_persons(&text), Some(expected), "{name:?}");
        seen += 1;
    }
    assert!(seen > 0, "there are no golden files");
}

/// The words in capitals within quotes: the reasons that code gives.
fn reasons(source: &str) -> impl Iterator<Item = &str> {
    let is = |word: &&str| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    source.split('"').filter(is)
}

#[test]
fn every_reason_of_the_operators_rpcs_is_in_their_contract() {
    let proto = root().join("proto/roomsync/operator/v1/operator_service.proto");
    let contract = fs::read_to_string(proto).expect("the contract");
    let mut seen = 0;
    let sources = root().join("services/booking-command/src/operator");
    for entry in fs::read_dir(sources).expect("a folder").flatten() {
        let source = fs::read_to_string(entry.path()).expect("a source file");
        for reason in reasons(&source) {
            assert!(contract.contains(&format!("`{reason}`")), "{reason}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} reasons were found");
}
