//! A row of `booking.links`, and how the API says it.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use roomsync_domain::{Capability, LinkState};
use roomsync_proto::integration::v1 as proto;
use uuid::Uuid;

use crate::validate::stamp;

/// A row of `booking.links`.
#[derive(Debug, Clone)]
pub struct LinkRow {
    pub link_id: Uuid,
    pub tenant_id: String,
    pub object_id: String,
    pub resource_email: String,
    pub state: String,
    pub reason: Option<String>,
    pub capabilities: Vec<String>,
    pub requested_at: DateTime<Utc>,
    pub last_attempt_at: Option<DateTime<Utc>>,
    pub verified_at: Option<DateTime<Utc>>,
    pub imported_at: Option<DateTime<Utc>>,
    pub channel_state: String,
    pub channel_expires_at: Option<DateTime<Utc>>,
    pub last_change_at: Option<DateTime<Utc>>,
    pub last_check_at: Option<DateTime<Utc>>,
    pub last_full_sync_at: Option<DateTime<Utc>>,
    pub poll_interval_seconds: i64,
}

impl LinkRow {
    /// Its state; `None` for a word that this version does not know.
    pub fn state(&self) -> Option<LinkState> {
        self.state.parse().ok()
    }

    /// As the API says it.
    pub fn to_proto(&self) -> proto::Link {
        let at = |at: Option<DateTime<Utc>>| -> Option<Timestamp> { at.map(stamp) };
        proto::Link {
            link_id: self.link_id.to_string(),
            tenant_id: self.tenant_id.clone(),
            object_id: self.object_id.clone(),
            resource_email: self.resource_email.clone(),
            state: state(self.state()).into(),
            reason: self.reason.as_deref().unwrap_or_default().to_uppercase(),
            capabilities: self
                .capabilities
                .iter()
                .map(|word| capability(word).into())
                .collect(),
            requested_at: Some(stamp(self.requested_at)),
            last_attempt_at: at(self.last_attempt_at),
            verified_at: at(self.verified_at),
            imported_at: at(self.imported_at),
            coverage: Some(proto::Coverage {
                channel_state: self.channel_state.clone(),
                channel_expires_at: at(self.channel_expires_at),
                last_change_at: at(self.last_change_at),
                last_check_at: at(self.last_check_at),
                last_full_sync_at: at(self.last_full_sync_at),
                poll_interval_seconds: self.poll_interval_seconds,
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

fn state(state: Option<LinkState>) -> proto::LinkState {
    match state {
        Some(LinkState::Pending) => proto::LinkState::Pending,
        Some(LinkState::Verified) => proto::LinkState::Verified,
        Some(LinkState::Failed) => proto::LinkState::Failed,
        Some(LinkState::Closing) => proto::LinkState::Closing,
        Some(LinkState::Removed) => proto::LinkState::Removed,
        None => proto::LinkState::Unspecified,
    }
}

fn capability(word: &str) -> proto::LinkCapability {
    match word.parse() {
        Ok(Capability::Read) => proto::LinkCapability::Read,
        Ok(Capability::Decline) => proto::LinkCapability::Decline,
        Err(_) => proto::LinkCapability::Unspecified,
    }
}
