//! Notification channels: `events.watch` and `channels.stop`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{error::ApiError, grants::Caller, ids, state::World};
use crate::control::Channel;

#[derive(Debug, Clone)]
pub(crate) struct ChannelRow {
    pub(crate) id: String,
    pub(crate) calendar: String,
    pub(crate) caller: Caller,
    pub(crate) address: String,
    pub(crate) token: Option<String>,
    pub(crate) resource_id: String,
    pub(crate) resource_uri: String,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) stopped: bool,
    number: u64,
}

/// One notification to post.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) channel: String,
    pub(crate) calendar: String,
    pub(crate) address: String,
    pub(crate) token: Option<String>,
    pub(crate) resource_id: String,
    pub(crate) resource_uri: String,
    pub(crate) expires: DateTime<Utc>,
    pub(crate) state: &'static str,
    pub(crate) number: u64,
}

/// The body of `events.watch`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WatchRequest {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    address: String,
    token: Option<String>,
    expiration: Option<Value>,
    params: Option<Value>,
}

impl World {
    /// Opens a channel; answers the watch call's body and the `sync` message.
    pub(crate) fn watch(
        &mut self,
        calendar: &str,
        caller: &Caller,
        request: WatchRequest,
        base_url: &str,
    ) -> Result<(Value, Message), ApiError> {
        let expires = self.expiry(&request)?;
        let calendar = self.calendar(calendar)?;
        if !calendar.push_supported {
            return Err(ApiError {
                domain: "calendar",
                ..ApiError::new(
                    400,
                    "pushNotSupportedForRequestedResource",
                    "Push notifications are not supported by this resource.",
                )
            });
        }
        request.check()?;
        let key = (caller.client.clone(), request.id.clone());
        if self.channels.contains_key(&key) {
            let message = format!("Channel id {} not unique", request.id);
            return Err(ApiError::new(400, "channelIdNotUnique", &message));
        }
        let row = ChannelRow {
            id: request.id,
            resource_uri: format!(
                "{base_url}calendars/{}/events?alt=json",
                calendar.mail.replace('@', "%40")
            ),
            resource_id: calendar.resource_id.clone(),
            calendar: calendar.mail.clone(),
            caller: caller.clone(),
            address: request.address,
            token: request.token,
            expires,
            stopped: false,
            number: 1,
        };
        let millis = row.expires.timestamp_millis();
        let mut answer = json!({
            "kind": "api#channel",
            "id": row.id,
            "resourceId": row.resource_id,
            "resourceUri": row.resource_uri,
            "expiration": if self.settings.expiration_as_number {
                json!(millis)
            } else {
                json!(millis.to_string())
            },
        });
        if let Some(token) = &row.token {
            answer["token"] = json!(token);
        }
        let message = row.message("sync");
        self.channels.insert(key, row);
        Ok((answer, message))
    }

    /// Closes a channel. Only the user who made it can, with the same client; any user of the
    /// client can if a service account without a subject made it.
    pub(crate) fn stop(
        &mut self,
        caller: &Caller,
        id: &str,
        resource_id: &str,
    ) -> Result<(), ApiError> {
        let key = (caller.client.clone(), id.to_owned());
        let missing = || {
            let message = format!("Channel '{id}' not found for project '{}'", caller.client);
            ApiError::new(404, "notFound", &message)
        };
        let row = self
            .channels
            .get_mut(&key)
            .filter(|row| !row.stopped && row.resource_id == resource_id)
            .ok_or_else(missing)?;
        if row.caller.subject != caller.subject && !row.caller.is_service_account() {
            return Err(missing());
        }
        row.stopped = true;
        Ok(())
    }

    pub(crate) fn live_channels(&self) -> Vec<Channel> {
        self.channels
            .values()
            .filter(|row| row.is_live(self.now))
            .map(|row| Channel {
                id: row.id.clone(),
                calendar: row.calendar.clone(),
                subject: row.caller.subject.clone(),
                address: row.address.clone(),
                token: row.token.clone(),
                resource_id: row.resource_id.clone(),
                expires: row.expires,
            })
            .collect()
    }

    /// A notification of a change for each live channel on a calendar. Numbers grow in leaps.
    pub(super) fn messages_for(&mut self, calendar: &str) -> Vec<Message> {
        let now = self.now;
        let after_stop = self.settings.push_after_stop;
        self.channels
            .values_mut()
            .filter(|row| row.calendar == calendar && row.posts(now, after_stop))
            .map(|row| {
                row.number += ids::step(1_000);
                row.message("exists")
            })
            .collect()
    }

    /// The stricter of what was asked for and what Google allows.
    fn expiry(&self, request: &WatchRequest) -> Result<DateTime<Utc>, ApiError> {
        let bad = || ApiError::invalid_parameter("expiration", "Invalid value.");
        let asked = match (&request.expiration, &request.params) {
            (Some(value), _) => {
                let millis = integer(value).ok_or_else(bad)?;
                DateTime::from_timestamp_millis(millis).ok_or_else(bad)?
            }
            (None, Some(params)) if !params["ttl"].is_null() => {
                let seconds = integer(&params["ttl"])
                    .filter(|ttl| *ttl > 0)
                    .ok_or_else(bad)?;
                self.now + chrono::Duration::seconds(seconds.min(10_000_000_000))
            }
            _ => self.now + span(self.settings.channel_ttl),
        };
        if asked <= self.now {
            return Err(bad());
        }
        Ok(asked.min(self.now + span(self.settings.channel_ttl_limit)))
    }
}

impl ChannelRow {
    fn is_live(&self, now: DateTime<Utc>) -> bool {
        !self.stopped && self.expires > now
    }

    /// Whether it still notifies: Google is seen to go on after a stop.
    fn posts(&self, now: DateTime<Utc>, after_stop: bool) -> bool {
        self.is_live(now) || after_stop && self.expires > now
    }

    fn message(&self, state: &'static str) -> Message {
        Message {
            channel: self.id.clone(),
            calendar: self.calendar.clone(),
            address: self.address.clone(),
            token: self.token.clone(),
            resource_id: self.resource_id.clone(),
            resource_uri: self.resource_uri.clone(),
            expires: self.expires,
            state,
            number: self.number,
        }
    }
}

impl WatchRequest {
    fn check(&self) -> Result<(), ApiError> {
        if self.id.is_empty() || self.address.is_empty() {
            return Err(ApiError::required("id or address"));
        }
        if self.id.len() > 64 || self.token.as_ref().is_some_and(|token| token.len() > 256) {
            return Err(ApiError::new(
                400,
                "invalid",
                "Channel id or token is too long.",
            ));
        }
        if !matches!(self.kind.as_str(), "web_hook" | "webhook") {
            return Err(ApiError::new(400, "invalid", "Unknown channel type."));
        }
        let address = url::Url::parse(&self.address).ok();
        let fits = address.is_some_and(|url| match url.scheme() {
            "https" => true,
            "http" => match url.host() {
                Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
                Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
                Some(url::Host::Domain(name)) => name == "localhost",
                None => false,
            },
            _ => false,
        });
        if fits {
            return Ok(());
        }
        Err(ApiError::new(
            400,
            "push.webhookUrlNotHttps",
            "WebHook callback must be HTTPS.",
        ))
    }
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn span(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::days(3650))
}
