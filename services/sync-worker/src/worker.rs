//! What every step works with.

use roomsync_broker::Publisher;
use roomsync_domain::{SharedClock, TimeWindow, channel_token::ChannelTokens};
use roomsync_google::Google;
use roomsync_messages::Message;
use url::Url;

use crate::{
    access::AccessPool,
    config::Config,
    listing,
    metrics::Metrics,
    mirror::Mirror,
    store::{calendars::Calendars, channels::Channels, rows::Calendar},
};

/// What every step works with.
pub(crate) struct Worker {
    pub(crate) config: Config,
    pub(crate) calendars: Calendars,
    pub(crate) channels: Channels,
    pub(crate) google: Google,
    pub(crate) access: AccessPool,
    pub(crate) mirror: Mirror,
    pub(crate) publisher: Publisher,
    pub(crate) tokens: ChannelTokens,
    /// Where Google shall send its pushes; `None`: polling only.
    pub(crate) push_address: Option<Url>,
    pub(crate) clock: SharedClock,
    pub(crate) metrics: Metrics,
}

impl Worker {
    /// The window that bookings of a calendar are mirrored in.
    pub(crate) fn window(&self, calendar: &Calendar) -> TimeWindow {
        let back_days = i64::from(self.config.sync.import_back_days);
        listing::window(self.clock.now(), back_days, calendar.horizon_days)
    }

    /// Publishes a message that something else brings again when it does not get out: the sweep, or
    /// the comparison of links. `false`: it did not, and others will not either.
    pub(crate) async fn hint<M: Message>(&self, message: &M) -> bool {
        match self.publisher.publish(message).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(message = M::TYPE, %error, "failed to publish; it will be made again");
                false
            }
        }
    }
}
