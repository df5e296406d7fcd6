//! A row of `booking.links`, and how the API says it.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use roomsync_domain::{LinkId, LinkState};
use roomsync_google::AccessRole;
use roomsync_proto::integration::v1 as proto;
use uuid::Uuid;

use super::capability::Circumstances;
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
    pub access_role: Option<String>,
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
    pub opened_at: Option<DateTime<Utc>>,
    pub replaces_link_id: Option<Uuid>,
    pub answers_by_itself: Option<bool>,
    pub cursor_since: Option<DateTime<Utc>>,
    pub last_reconcile_at: Option<DateTime<Utc>>,
    pub drift_found: i32,
    pub drift_total: i64,
    pub declined_while_free: i64,
    /// Set for the tenant or the object.
    pub read_only: bool,
    /// The tenant's connection can make events for users.
    pub way_to_book: bool,
}

impl LinkRow {
    /// Its state; `None` for a word that this version does not know.
    pub fn state(&self) -> Option<LinkState> {
        self.state.parse().ok()
    }

    /// Its id.
    pub fn id(&self) -> LinkId {
        LinkId(self.link_id)
    }

    /// Whether it is being taken down, or was.
    pub fn is_going(&self) -> bool {
        matches!(self.state(), Some(LinkState::Closing | LinkState::Removed))
    }

    /// How far the object was handed over to Google; nothing for a link that is going.
    fn hand_over(&self) -> proto::HandOver {
        match (self.imported_at, self.opened_at) {
            _ if self.is_going() => proto::HandOver::Unspecified,
            (None, _) => proto::HandOver::WaitingForImport,
            (Some(_), None) => proto::HandOver::WaitingForAcknowledgement,
            (Some(_), Some(_)) => proto::HandOver::Open,
        }
    }

    /// What its capabilities follow from.
    fn circumstances(&self) -> Circumstances {
        Circumstances {
            verified: self.state() == Some(LinkState::Verified),
            role: AccessRole::from(self.access_role.clone().unwrap_or_default()),
            read_only: self.read_only,
            answers_by_itself: self.answers_by_itself,
            way_to_book: self.way_to_book,
        }
    }

    /// As the API says it.
    pub fn to_proto(&self) -> proto::Link {
        let (capabilities, missing_capabilities) = self.circumstances().to_proto();
        let at = |at: Option<DateTime<Utc>>| -> Option<Timestamp> { at.map(stamp) };
        proto::Link {
            link_id: self.link_id.to_string(),
            tenant_id: self.tenant_id.clone(),
            object_id: self.object_id.clone(),
            resource_email: self.resource_email.clone(),
            state: state(self.state()).into(),
            reason: self.reason.as_deref().unwrap_or_default().to_uppercase(),
            capabilities,
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
                last_reconcile_at: at(self.last_reconcile_at),
                drift_found: self.drift_found,
                drift_total: self.drift_total,
                declined_while_free: self.declined_while_free,
                cursor_since: at(self.cursor_since),
            }),
            missing_capabilities,
            hand_over: self.hand_over().into(),
            replaces_link_id: self
                .replaces_link_id
                .map(|link| link.to_string())
                .unwrap_or_default(),
            answers_by_itself: self.answers_by_itself,
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
