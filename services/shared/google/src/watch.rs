//! Watch channels: `events.watch` and `channels.stop`. There is no renewal (open a second channel,
//! then stop the first) and no list of channels: what was not stored cannot be stopped.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::ChannelId;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::{
    Access, Google, GoogleError,
    call::Call,
    lenient::{filled, millis},
};

/// A channel to open.
#[derive(Debug, Clone)]
pub struct WatchRequest {
    /// Our id; store it before the call, since the first push may come before the answer.
    pub channel: ChannelId,
    /// Where Google sends its pushes.
    pub address: Url,
    /// What comes back with every push, at most 256 characters.
    pub token: String,
    /// How long we would like it to live; Google may shorten it.
    pub ttl: Duration,
}

/// An open channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedChannel {
    /// Our id.
    pub channel: ChannelId,
    /// Google's id of the watched calendar; needed for stopping.
    pub resource_id: String,
    /// When it ends. Always plan from this, not from the request. `None` when Google does not say.
    pub expiration: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default, deserialize_with = "filled")]
    resource_id: Option<String>,
    #[serde(default, deserialize_with = "millis")]
    expiration: Option<DateTime<Utc>>,
}

impl Google {
    /// Opens a channel for a calendar's events.
    ///
    /// [`GoogleError::PushRefused`] when the calendar cannot be watched,
    /// [`GoogleError::ChannelIdTaken`] when the id was used before (a retry of a call whose answer
    /// was lost: use a new id, the lost channel ends by itself).
    pub async fn watch_events(
        &self,
        access: &Access,
        calendar: &str,
        request: &WatchRequest,
    ) -> Result<WatchedChannel, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events", "watch"])?;
        let body = json!({
            "id": request.channel.to_string(),
            "type": "web_hook",
            "address": request.address.as_str(),
            "token": request.token,
            "params": { "ttl": request.ttl.as_secs().to_string() },
        });
        let post = self.http().post(url).json(&body);
        let answer: Answer = self.call_json(Call::EventsWatch, access, post).await?;
        let resource_id = answer
            .resource_id
            .ok_or(GoogleError::Unreadable("a channel without resource id"))?;
        let expiration = answer.expiration;
        Ok(WatchedChannel {
            channel: request.channel,
            resource_id,
            expiration,
        })
    }

    /// Stops a channel; only the subject that opened it can. [`GoogleError::NotFound`] for one that
    /// has ended already. Pushes that are under way may still arrive.
    pub async fn stop_channel(
        &self,
        access: &Access,
        channel: ChannelId,
        resource_id: &str,
    ) -> Result<(), GoogleError> {
        let url = self.calendar_url(&["channels", "stop"])?;
        let body = json!({ "id": channel.to_string(), "resourceId": resource_id });
        let post = self.http().post(url).json(&body);
        self.call(Call::ChannelsStop, access, post).await.map(drop)
    }
}
