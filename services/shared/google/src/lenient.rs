//! Helpers for reading what Google leaves out, writes as `null` or writes in two ways.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// `null` counts as absent.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// An instant in milliseconds, as number or as text; `None` for anything else.
pub(crate) fn millis<'de, D>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .and_then(DateTime::from_timestamp_millis))
}

/// A whole number, as number or as text; `None` for anything else.
pub(crate) fn whole_number<'de, D>(deserializer: D) -> Result<Option<i64>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// A text that is not empty.
pub(crate) fn filled<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// The items that have the shape of `T`, and of each other one what `id` says about it.
pub(crate) fn items<T: DeserializeOwned>(
    values: Vec<Value>,
    id_key: &str,
) -> (Vec<T>, Vec<crate::OddItem>) {
    let (mut items, mut odd) = (Vec::with_capacity(values.len()), Vec::new());
    for value in values {
        let id = value
            .get(id_key)
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty());
        let id = id.map(ToOwned::to_owned);
        match serde_json::from_value(value) {
            Ok(item) if id.is_some() => items.push(item),
            _ if id.is_none() => odd.push(crate::OddItem {
                id,
                why: crate::OddWhy::NoId,
            }),
            _ => odd.push(crate::OddItem {
                id,
                why: crate::OddWhy::Shape,
            }),
        }
    }
    (items, odd)
}
