//! A body as an operator may see it.
//!
//! What is shown is listed, not what is hidden: a body is here because something is wrong with it,
//! and what nobody knows may name somebody. So users' ids are not shown (no message needs one to be
//! understood), and neither is whatever another version or another program put there.
//!
//! To show a new field of a message: its name in [`SHOWN`]. A contract test says which are missing.

use serde_json::{Map, Value};

/// The fields whose values are shown. Of texts only those that look like ids, times and words.
const SHOWN: &[&str] = &[
    "all_day",
    "booker",
    "booking",
    "calendar",
    "cause",
    "changed_at",
    "channel",
    "created_at",
    "ends_at",
    "event_kept",
    "flags",
    "forgotten",
    "from",
    "from_flexopus",
    "id",
    "items",
    "kind",
    "lane",
    "link",
    "not_at_google",
    "object",
    "private",
    "reason",
    "received_at",
    "resource",
    "series",
    "starts_at",
    "state",
    "sync",
    "tenant",
    "updated_at",
    "version",
    "webhook",
    "why",
];
/// Stands for fields that are not shown, with their number.
const LEFT_OUT: &str = "(left out)";
/// A longer text is no id, time or word.
const LONGEST: usize = 128;

/// A body without anybody's name or id, or `None` when it is no JSON object, as every message is.
pub fn without_persons(body: &[u8]) -> Option<Value> {
    let fields = serde_json::from_slice(body).ok()?;
    Some(fields_shown(fields).into())
}

fn shown(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields_shown(fields).into(),
        Value::Array(items) => items.into_iter().map(shown).collect(),
        Value::String(text) if !is_plain(&text) => {
            format!("(a text of {} characters)", text.chars().count()).into()
        }
        other => other,
    }
}

fn fields_shown(fields: Map<String, Value>) -> Map<String, Value> {
    let all = fields.len();
    let mut kept: Map<_, _> = fields
        .into_iter()
        .filter(|(name, _)| SHOWN.contains(&name.as_str()))
        .map(|(name, value)| (name, shown(value)))
        .collect();
    let left_out = all - kept.len();
    if left_out > 0 {
        kept.insert(LEFT_OUT.to_owned(), left_out.into());
    }
    kept
}

fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:-+/=".contains(c);
    text.len() <= LONGEST && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_booking_everything_is_shown_but_whose_it_is() {
        let body = json!({
            "tenant": "acme", "object": "aquarium", "version": 7,
            "items": [{ "kind": "booking", "booking": {
                "id": "0193a5c0-0000-7000-8000-000000000003", "private": true,
                "booker": { "kind": "user", "user": "u-1" },
            }}],
        });
        let shown = without_persons(body.to_string().as_bytes());
        let expected = json!({
            "tenant": "acme", "object": "aquarium", "version": 7,
            "items": [{ "kind": "booking", "booking": {
                "id": "0193a5c0-0000-7000-8000-000000000003", "private": true,
                "booker": { "kind": "user", "(left out)": 1 },
            }}],
        });
        assert_eq!(shown, Some(expected));
    }

    #[test]
    fn what_nobody_knows_is_not_shown() {
        let body = json!({
            "mail": "ana@acme.example", "ana@acme.example": 1,
            "reason": "Ana is away", "state": "ana@acme.example", "link": ["fine", 4],
        });
        let shown = without_persons(body.to_string().as_bytes());
        let expected = json!({
            "(left out)": 2, "reason": "(a text of 11 characters)",
            "state": "(a text of 16 characters)", "link": ["fine", 4],
        });
        assert_eq!(shown, Some(expected));
        for no_message in ["{ana@acme.example", "\"Ana\"", "[\"Ana\"]", ""] {
            assert_eq!(without_persons(no_message.as_bytes()), None, "{no_message}");
        }
    }
}
