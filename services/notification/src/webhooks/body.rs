//! What is posted: a change as the stream gives it, in the JSON of Protocol Buffers with the fields'
//! names as they stand in the `.proto`. The service's README shows one.
//!
//! It carries what the log carries: ids only, no title and no person's address.

use roomsync_messages::ObjectChanged;
use roomsync_proto::booking::v1 as api;
use serde_json::{Value, json};

use crate::stream::convert;

/// The type of every request so far.
pub const TYPE: &str = "object.changed";

/// The body for a change. The same change always gives the same bytes.
pub fn render(change_id: &str, message: &ObjectChanged) -> Vec<u8> {
    let change = convert::change(change_id, message);
    let changed_at = time(change.changed_at);
    let items: Vec<_> = change.items.iter().map(item).collect();
    let body = json!({
        "type": TYPE,
        "timestamp": changed_at,
        "data": {
            "tenant_id": message.tenant.as_str(),
            "object_id": change.object_id,
            "version": change.version,
            "change_id": change.change_id,
            "changed_at": changed_at,
            "items": items,
            "forgotten_booking_ids": change.forgotten_booking_ids,
        },
    });
    body.to_string().into_bytes()
}

fn item(item: &api::ChangeItem) -> Value {
    use api::change_item::Item;
    match item.item.as_ref() {
        Some(Item::Booking(it)) => json!({ "booking": booking(it) }),
        Some(Item::Reset(reset)) => json!({
            "reset": { "from": time(reset.from), "link_id": reset.link_id },
        }),
        Some(Item::Link(link)) => json!({
            "link": { "link_id": link.link_id, "state": link.state, "reason": link.reason },
        }),
        None => json!({}),
    }
}

fn booking(booking: &api::Booking) -> Value {
    let window = booking.window.unwrap_or_default();
    let flags: Vec<_> = booking.flags().map(|flag| flag.as_str_name()).collect();
    json!({
        "booking_id": booking.booking_id,
        "tenant_id": booking.tenant_id,
        "object_id": booking.object_id,
        "window": { "starts_at": time(window.starts_at), "ends_at": time(window.ends_at) },
        "state": booking.state().as_str_name(),
        "booker": booker(booking.booker.as_ref()),
        "external_provider": booking.external_provider,
        "private": booking.private,
        "flags": flags,
        "cause": booking.cause,
        "object_version": booking.object_version,
        "all_day": booking.all_day,
        "origin": booking.origin().as_str_name(),
        "check_in_disabled": booking.check_in_disabled,
        "event_kept": booking.event_kept,
        "series_id": booking.series_id,
        "created_at": time(booking.created_at),
        "updated_at": time(booking.updated_at),
    })
}

fn booker(booker: Option<&api::Booker>) -> Value {
    use api::booker::Booker;
    match booker.and_then(|booker| booker.booker.as_ref()) {
        Some(Booker::UserId(id)) => json!({ "user_id": id }),
        Some(Booker::DeviceId(id)) => json!({ "device_id": id }),
        Some(Booker::Anonymous(_)) | None => json!({ "anonymous": {} }),
    }
}

fn time(at: Option<prost_types::Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The README's example is what the contract's golden message looks like to a receiver.
    #[test]
    fn the_readme_shows_what_is_posted() {
        let golden = include_str!("../../../../tests/contracts/golden/object.changed.json");
        let message: ObjectChanged = serde_json::from_str(golden).unwrap();
        let posted = render("0193a5c0-0000-7000-8000-000000000009", &message);
        let posted: Value = serde_json::from_slice(&posted).unwrap();

        let readme = include_str!("../../README.md");
        let (_, after) = readme.split_once("```json\n").unwrap();
        let (example, _) = after.split_once("```").unwrap();
        let example: Value = serde_json::from_str(example).unwrap();
        assert_eq!(posted, example, "{posted:#}");
    }
}
