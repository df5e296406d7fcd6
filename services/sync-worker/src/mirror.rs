//! The client of booking-command's `MirrorService`: what links should be, and what became of them.
//! Applying a listing is in [`crate::apply`].

use chrono::{DateTime, Utc};
use roomsync_domain::{CalendarId, LinkId, LinkReason};
use roomsync_process::grpc;
use roomsync_proto::internal::v1::{self as proto, mirror_service_client::MirrorServiceClient};

use crate::{
    store::rows::{Calendar, Standing},
    timestamps::{from_proto, to_proto},
    trouble::Trouble,
};

/// booking-command, as the keeper of links and bookings.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    pub(crate) client: MirrorServiceClient<grpc::Channel>,
}

/// What a link should be.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one of the contract's"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The calendar that serves it.
    pub(crate) calendar: Calendar,
    /// Else: close it.
    pub(crate) open: bool,
    /// Verified, and not to be verified again.
    pub(crate) verified: bool,
    /// The first import is complete.
    pub(crate) imported: bool,
    /// The tenant's connection can be used now.
    pub(crate) connected: bool,
    /// Since when it waits to be verified.
    pub(crate) pending_since: Option<DateTime<Utc>>,
    /// When that was last tried.
    pub(crate) last_attempt_at: Option<DateTime<Utc>>,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The organisation has it and we can read it.
    Verified {
        /// Google's role on the calendar.
        role: String,
        /// Whether the room answers invitations by itself, where Google said it.
        answers_by_itself: Option<bool>,
    },
    /// Not known yet; it will be tried again.
    Pending(LinkReason),
    /// It cannot be mirrored as things are.
    Failed(LinkReason),
}

impl Verdict {
    /// Readable with this role; nothing is said of who answers.
    pub(crate) fn verified(role: &str) -> Self {
        Self::Verified {
            role: role.to_owned(),
            answers_by_itself: None,
        }
    }
}

impl Mirror {
    /// booking-command behind `channel`.
    pub(crate) fn new(channel: grpc::Channel) -> Self {
        Self {
            client: MirrorServiceClient::new(channel),
        }
    }

    /// What one link should be; `None`: there is no such link.
    pub(crate) async fn wanted(&self, link: LinkId) -> Result<Option<Wanted>, Trouble> {
        let request = proto::ListLinksRequest {
            link_id: link.to_string(),
            page_size: 1,
            page_token: String::new(),
        };
        let answer = self
            .client
            .clone()
            .list_links(request)
            .await
            .map_err(refused)?
            .into_inner();
        answer
            .links
            .into_iter()
            .next()
            .map(Wanted::try_from)
            .transpose()
    }

    /// One page of all links, and the token of the next.
    pub(crate) async fn all_wanted(
        &self,
        page_token: String,
    ) -> Result<(Vec<Wanted>, Option<String>), Trouble> {
        let request = proto::ListLinksRequest {
            link_id: String::new(),
            page_size: 500,
            page_token,
        };
        let answer = self
            .client
            .clone()
            .list_links(request)
            .await
            .map_err(refused)?
            .into_inner();
        let links: Result<Vec<_>, _> = answer.links.into_iter().map(Wanted::try_from).collect();
        Ok((
            links?,
            Some(answer.next_page_token).filter(|token| !token.is_empty()),
        ))
    }

    /// Reports what verification found.
    pub(crate) async fn report_link(
        &self,
        calendar: &Calendar,
        verdict: &Verdict,
    ) -> Result<(), Trouble> {
        let mut request = proto::ReportLinkRequest {
            tenant_id: calendar.tenant.to_string(),
            link_id: calendar.id.to_string(),
            ..Default::default()
        };
        let (kind, reason) = match verdict {
            Verdict::Verified {
                role,
                answers_by_itself,
            } => {
                request.access_role.clone_from(role);
                request.answers_by_itself = *answers_by_itself;
                (proto::LinkVerdict::Verified, None)
            }
            Verdict::Pending(reason) => (proto::LinkVerdict::Pending, Some(reason)),
            Verdict::Failed(reason) => (proto::LinkVerdict::Failed, Some(reason)),
        };
        request.set_verdict(kind);
        request.reason = reason.map_or_else(String::new, |reason| reason.as_str().to_uppercase());
        self.client
            .clone()
            .report_link(request)
            .await
            .map_err(refused)?;
        Ok(())
    }

    /// Reports how current a calendar is.
    pub(crate) async fn report_coverage(
        &self,
        calendar: &Calendar,
        standing: &Standing,
        poll_seconds: i64,
    ) -> Result<(), Trouble> {
        let request = proto::ReportCoverageRequest {
            tenant_id: calendar.tenant.to_string(),
            link_id: calendar.id.to_string(),
            channel_state: standing.channel_state.clone(),
            channel_expires_at: standing.channel_expires_at.map(to_proto),
            last_check_at: standing.last_check_at.map(to_proto),
            last_full_sync_at: standing.last_full_sync_at.map(to_proto),
            poll_interval_seconds: poll_seconds,
            cursor_since: standing.cursor_since.map(to_proto),
        };
        self.client
            .clone()
            .report_coverage(request)
            .await
            .map_err(refused)?;
        Ok(())
    }

    /// Reports that nothing more will come from a calendar. A link that is gone is as good.
    pub(crate) async fn report_closed(&self, calendar: &Calendar) -> Result<(), Trouble> {
        let request = proto::ReportClosedRequest {
            tenant_id: calendar.tenant.to_string(),
            link_id: calendar.id.to_string(),
        };
        match self
            .client
            .clone()
            .report_closed(request)
            .await
            .map_err(refused)
        {
            Ok(_) | Err(Trouble::LinkRemoved) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Whether booking-command answers.
    pub(crate) async fn is_reachable(&self) -> bool {
        let nobody = proto::ListLinksRequest {
            link_id: uuid::Uuid::nil().to_string(),
            page_size: 1,
            page_token: String::new(),
        };
        let mut request = tonic::Request::new(nobody);
        request.set_timeout(std::time::Duration::from_secs(2));
        self.client.clone().list_links(request).await.is_ok()
    }
}

/// A refusal in our words.
pub(crate) fn refused(status: tonic::Status) -> Trouble {
    match grpc::reason(&status).as_deref() {
        Some("LINK_REMOVED" | "LINK_NOT_FOUND") => Trouble::LinkRemoved,
        _ => Trouble::BookingCommand(Box::new(status)),
    }
}

impl TryFrom<proto::WantedLink> for Wanted {
    type Error = Trouble;
    fn try_from(link: proto::WantedLink) -> Result<Self, Trouble> {
        let unreadable = |what| Trouble::Unreadable(what);
        let id: CalendarId = link
            .link_id
            .parse()
            .map_err(|_| unreadable("a link's id"))?;
        Ok(Self {
            calendar: Calendar {
                id,
                tenant: link
                    .tenant_id
                    .parse()
                    .map_err(|_| unreadable("a link's tenant"))?,
                resource: link
                    .resource_email
                    .parse()
                    .map_err(|_| unreadable("a link's resource"))?,
                horizon_days: link.horizon_days,
            },
            open: link.open,
            verified: link.verified,
            imported: link.imported,
            connected: link.connected,
            pending_since: link.pending_since.as_ref().and_then(from_proto),
            last_attempt_at: link.last_attempt_at.as_ref().and_then(from_proto),
        })
    }
}
