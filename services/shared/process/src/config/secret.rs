//! Which values are secrets, and how they are shown.

use figment::value::{Dict, Value};
use url::Url;

/// Shown in place of a secret.
const REDACTED: &str = "[redacted]";

/// Last words of keys that hold secrets.
const SECRET_WORDS: [&str; 8] = [
    "secret",
    "token",
    "password",
    "passphrase",
    "key",
    "pepper",
    "credential",
    "credentials",
];

/// Whether the value of this key (dotted or not) is a secret, judged by the last word of its name.
pub(super) fn is_secret(key: &str) -> bool {
    let last = key.rsplit(['.', '_']).next().unwrap_or(key);
    SECRET_WORDS.contains(&last)
}

/// Whether the value of this key is a secret or a list of things that have some: what is wrong with
/// it is told without the value.
pub(super) fn may_hold_secret(key: &str) -> bool {
    is_secret(key) || key.strip_suffix('s').is_some_and(is_secret)
}

/// `values` as they may be shown. `came_from_file` says which keys were read from a `<key>_file`:
/// those are secrets whatever they are called.
pub(super) fn redact(values: Dict, path: &str, came_from_file: &impl Fn(&str) -> bool) -> Dict {
    values
        .into_iter()
        .map(|(key, value)| {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            (key, redact_value(value, &path, came_from_file))
        })
        .collect()
}

fn redact_value(value: Value, path: &str, came_from_file: &impl Fn(&str) -> bool) -> Value {
    match value {
        Value::Dict(tag, values) => Value::Dict(tag, redact(values, path, came_from_file)),
        Value::Array(tag, items) => {
            let items = items.into_iter().enumerate();
            let redacted =
                items.map(|(i, item)| redact_value(item, &format!("{path}.{i}"), came_from_file));
            Value::Array(tag, redacted.collect())
        }
        other if is_secret(without_index(path)) || came_from_file(path) => {
            Value::String(other.tag(), REDACTED.to_owned())
        }
        Value::String(tag, text) => Value::String(tag, redact_url(text)),
        other => other,
    }
}

/// `a.secret.3` is an item of the list `a.secret`.
fn without_index(path: &str) -> &str {
    path.trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches('.')
}

/// An address is worth showing; the password in it is not, wherever it stands.
fn redact_url(text: String) -> String {
    let Ok(mut url) = Url::parse(&text) else {
        return text;
    };
    let hidden = url.query_pairs().any(|(name, _)| is_secret(&name));
    if url.password().is_none() && !hidden {
        return text;
    }
    if url.password().is_some() {
        // Fails only for addresses that cannot have a password, and this one has.
        let _ = url.set_password(Some("redacted"));
    }
    if hidden {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let shown = pairs.iter().map(|(name, value)| {
            let value = if is_secret(name) { "redacted" } else { value };
            (name, value)
        });
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("broker.password", true)]
    #[case("sealing.keys.0.secret", true)]
    #[case("booking_command.token", true)]
    #[case("tls.key", true)]
    #[case("google.client_secret", true)]
    #[case("database.url", false)]
    #[case("google.token_url", false)]
    #[case("channel_tokens", false)]
    #[case("sealing.keys", false)]
    fn secrets_are_known_by_the_last_word(#[case] key: &str, #[case] expected: bool) {
        assert_eq!(is_secret(key), expected);
    }

    #[rstest]
    #[case(
        "amqp://app:hunter2@broker:5672/%2f",
        "amqp://app:redacted@broker:5672/%2f"
    )]
    #[case("postgres://app@db/x", "postgres://app@db/x")]
    #[case(
        "postgres://db/x?user=app&password=hunter2",
        "postgres://db/x?user=app&password=redacted"
    )]
    #[case("127.0.0.1:9000", "127.0.0.1:9000")]
    fn an_address_is_shown_without_its_password(#[case] url: &str, #[case] shown: &str) {
        assert_eq!(redact_url(url.to_owned()), shown);
    }
}
