//! What must not be there: services and catering are promised for later, and nothing assumes them now (R45, D20).
//!
//! A room that could be booked with something needs a word for it in a contract: an rpc, a field, a column, a
//! message, a setting. Those of bookings and objects are listed here; a new one is entered on purpose.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files below a folder with one of these endings.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder");
    for entry in entries.flatten() {
        let path = entry.path();
        let ending = path.extension().and_then(|it| it.to_str());
        if path.is_dir() {
            files(&path, endings, found);
        } else if ending.is_some_and(|ending| endings.contains(&ending)) {
            found.push(path);
        }
    }
}

/// Words, each the beginning of one, that only something to order with a room has.
const WORDS: [&str; 10] = [
    "cater",
    "beverage",
    "coffee",
    "lunch",
    "meal",
    "snack",
    "amenit",
    "hospitality",
    "bookable_service",
    "bookableservice",
];

/// The names of the fields of a message of a `.proto`, in order.
fn fields(proto: &str, message: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(proto)).expect("a .proto");
    let begin = format!("\nmessage {message} {{");
    let (_, body) = text.split_once(&begin).expect("the message");
    let (body, _) = body.split_once("\n}").expect("its end");
    body.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .filter_map(|line| line.split_once(" = "))
        .filter_map(|(field, _)| field.split_whitespace().last().map(str::to_owned))
        .collect()
}

/// Covers R45, D20.
#[test]
fn no_contract_has_a_word_for_services_or_catering() {
    let mut contracts = Vec::new();
    files(&root().join("proto"), &["proto"], &mut contracts);
    let protos = contracts.len();
    files(
        &root().join("services"),
        &["sql", "toml", "rs", "txt"],
        &mut contracts,
    );
    assert!(protos > 5 && contracts.len() > 100, "they are looked at");
    let mut found = Vec::new();
    for path in contracts {
        let text = fs::read_to_string(&path).expect("text").to_lowercase();
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
            if WORDS.iter().any(|begin| word.starts_with(begin)) {
                found.push(format!("{word} in {}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Covers R45, D20.
#[test]
fn a_booking_is_an_object_a_time_and_a_person_and_nothing_to_go_with_it() {
    let service = "proto/roomsync/booking/v1/booking_service.proto";
    let wish = [
        "tenant_id",
        "request_id",
        "object_id",
        "window",
        "user_id",
        "device_id",
        "recurrence",
    ];
    assert_eq!(fields(service, "CreateBookingRequest"), wish);
    let booking = [
        "booking_id",
        "tenant_id",
        "object_id",
        "window",
        "state",
        "booker",
        "external_provider",
        "private",
        "title",
        "flags",
        "cause",
        "object_version",
        "all_day",
        "created_at",
        "updated_at",
        "hidden",
        "origin",
        "check_in_disabled",
        "event_kept",
        "series_id",
    ];
    let of_booking = fields("proto/roomsync/booking/v1/booking.proto", "Booking");
    assert_eq!(of_booking, booking);
    let object = [
        "object_id",
        "name",
        "location",
        "time_zone",
        "capacity",
        "blocked",
        "read_only",
    ];
    let catalogue = "proto/roomsync/integration/v1/catalogue_service.proto";
    assert_eq!(fields(catalogue, "Object"), object);
}
