//! What the headers of a push mean. A pure function: no I/O, no clock.
//!
//! The token is checked as soon as there is a channel to check it for, so that a stranger learns
//! nothing from the answers. Everything after that is Google's own; a state that this version does
//! not know counts as a change, since looking once too often does no harm.

use http::HeaderMap;
use roomsync_domain::{CalendarId, ChannelId, channel_token::ChannelTokens};

/// A push of a channel of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    pub(crate) channel: ChannelId,
    pub(crate) calendar: CalendarId,
    /// Google's id of the watched calendar.
    pub(crate) resource: String,
    /// The first push of a channel, which only says that it works.
    pub(crate) sync: bool,
    /// Google's count; with gaps, and not used for any decision.
    pub(crate) number: Option<u64>,
}

/// Why a request is no push of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Without a token of ours, or with one for another channel.
    Foreign,
    /// Without a header that Google always sends, or with one that it never sends so.
    Malformed(&'static str),
}

const CHANNEL: &str = "x-goog-channel-id";
const TOKEN: &str = "x-goog-channel-token";
const RESOURCE: &str = "x-goog-resource-id";
const STATE: &str = "x-goog-resource-state";
const NUMBER: &str = "x-goog-message-number";

/// Reads a push.
pub(crate) fn read(headers: &HeaderMap, tokens: &ChannelTokens) -> Result<Push, Refused> {
    let channel = text(headers, CHANNEL, 64)?.ok_or(Refused::Malformed(CHANNEL))?;
    let token = text(headers, TOKEN, 256)?.ok_or(Refused::Foreign)?;
    // Ours are UUIDs: any other channel is somebody else's.
    let channel: ChannelId = channel.parse().map_err(|_| Refused::Foreign)?;
    let calendar = tokens
        .verify(token, channel)
        .map_err(|_| Refused::Foreign)?;
    let resource = text(headers, RESOURCE, 256)?.ok_or(Refused::Malformed(RESOURCE))?;
    let state = text(headers, STATE, 64)?.ok_or(Refused::Malformed(STATE))?;
    let number = headers
        .get(NUMBER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Ok(Push {
        channel,
        calendar,
        resource: resource.to_owned(),
        sync: state.eq_ignore_ascii_case("sync"),
        number,
    })
}

/// A header's value: visible ASCII, once, not longer than Google makes it. `None` if it is missing
/// or empty.
fn text<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
    longest: usize,
) -> Result<Option<&'a str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let value = value.to_str().map_err(|_| Refused::Malformed(name))?.trim();
    if values.next().is_some() || value.len() > longest {
        return Err(Refused::Malformed(name));
    }
    Ok(Some(value).filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    struct Sample {
        tokens: ChannelTokens,
        channel: ChannelId,
        calendar: CalendarId,
    }

    impl Sample {
        fn new() -> Self {
            let tokens = ChannelTokens::new([("k1", [7; 32].as_slice())]).unwrap();
            Self {
                tokens,
                channel: ChannelId::new(),
                calendar: CalendarId::new(),
            }
        }

        fn headers(&self) -> HeaderMap {
            let token = self.tokens.sign(self.channel, self.calendar);
            let headers = [
                (CHANNEL, self.channel.to_string()),
                (TOKEN, token),
                (RESOURCE, "R6UYSjrlMC-1EVvMMHNoFKl1jDg".to_owned()),
                (STATE, "exists".to_owned()),
                (NUMBER, "10".to_owned()),
                (
                    "x-goog-channel-expiration",
                    "Tue, 19 Nov 2013 01:13:52 GMT".to_owned(),
                ),
            ];
            headers
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
                .collect()
        }

        /// What becomes of a push after `spoil`.
        fn read(&self, spoil: impl FnOnce(&mut HeaderMap)) -> Result<Push, Refused> {
            let mut headers = self.headers();
            spoil(&mut headers);
            read(&headers, &self.tokens)
        }
    }

    #[test]
    fn a_push_names_its_calendar() {
        let sample = Sample::new();
        let expected = Push {
            channel: sample.channel,
            calendar: sample.calendar,
            resource: "R6UYSjrlMC-1EVvMMHNoFKl1jDg".to_owned(),
            sync: false,
            number: Some(10),
        };
        assert_eq!(sample.read(|_| {}), Ok(expected));
    }

    #[rstest::rstest]
    #[case("sync", true)]
    #[case("SYNC", true)]
    #[case("exists", false)]
    #[case("not_exists", false)]
    #[case("something-new", false)]
    fn only_sync_is_not_a_change(#[case] state: &'static str, #[case] sync: bool) {
        let push = Sample::new().read(|h| drop(h.insert(STATE, HeaderValue::from_static(state))));
        assert_eq!(push.map(|push| push.sync), Ok(sync));
    }

    #[rstest::rstest]
    #[case("-1")]
    #[case("many")]
    #[case("99999999999999999999999999")]
    fn a_count_that_cannot_be_read_is_no_reason_to_refuse(#[case] number: &'static str) {
        let push = Sample::new().read(|h| drop(h.insert(NUMBER, HeaderValue::from_static(number))));
        assert_eq!(push.map(|push| push.number), Ok(None));
    }

    #[rstest::rstest]
    #[case(TOKEN)]
    #[case(CHANNEL)]
    #[case(RESOURCE)]
    #[case(STATE)]
    fn a_missing_or_double_or_binary_header_is_refused(#[case] name: &'static str) {
        let sample = Sample::new();
        let missing = if name == TOKEN {
            Refused::Foreign
        } else {
            Refused::Malformed(name)
        };
        assert_eq!(sample.read(|h| drop(h.remove(name))), Err(missing));
        assert_eq!(
            sample.read(|h| drop(h.insert(name, "".parse().unwrap()))),
            Err(missing)
        );
        let malformed = Err(Refused::Malformed(name));
        assert_eq!(
            sample.read(|h| assert!(h.append(name, "x".parse().unwrap()))),
            malformed
        );
        let long = HeaderValue::try_from("x".repeat(300)).unwrap();
        assert_eq!(sample.read(|h| drop(h.insert(name, long))), malformed);
        let binary = HeaderValue::from_bytes(b"\xff\xfe").unwrap();
        assert_eq!(sample.read(|h| drop(h.insert(name, binary))), malformed);
    }

    #[test]
    fn a_token_of_another_channel_or_key_is_foreign() {
        let (sample, other) = (Sample::new(), Sample::new());
        let theirs = ChannelTokens::new([("k1", [8; 32].as_slice())]).unwrap();
        for token in [
            other.tokens.sign(other.channel, sample.calendar),
            theirs.sign(sample.channel, sample.calendar),
            "v1.k1.nonsense".to_owned(),
            "v2".to_owned(),
        ] {
            let foreign = sample.read(|h| drop(h.insert(TOKEN, token.parse().unwrap())));
            assert_eq!(foreign, Err(Refused::Foreign));
        }
        let elsewhere = sample.read(|h| drop(h.insert(CHANNEL, "channel-7".parse().unwrap())));
        assert_eq!(elsewhere, Err(Refused::Foreign));
    }
}
