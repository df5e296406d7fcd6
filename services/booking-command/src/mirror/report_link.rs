//! `MirrorService.ReportLink`: what verification found about a link.

use roomsync_domain::{Capability, LinkId, LinkReason, LinkState, TenantId};
use roomsync_messages::ChangedItem;
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;
use sqlx::PgConnection;

use super::{locked_link::LockedLink, request::link_id};
use crate::{changes, status::CommandError};

/// A verdict that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Verified,
    Pending(Option<LinkReason>),
    Failed(LinkReason),
}

/// Answers the request for a tenant the caller may see.
pub async fn report_link(
    database: &Database,
    tenant: &TenantId,
    request: &pb::ReportLinkRequest,
) -> Result<pb::ReportLinkResponse, CommandError> {
    let link = link_id("link_id", &request.link_id)?;
    let verdict = read(request)?;
    let role = request.access_role.as_str();
    database
        .tx("report_link", |tx| {
            Box::pin(report(tx, tenant, link, verdict, role))
        })
        .await?;
    Ok(pb::ReportLinkResponse {})
}

fn read(request: &pb::ReportLinkRequest) -> Result<Verdict, CommandError> {
    let unknown = || CommandError::invalid("reason", "a reason of a link, in UPPER_SNAKE");
    let reason = match request.reason.to_ascii_lowercase().as_str() {
        "" => None,
        word => Some(word.parse::<LinkReason>().map_err(|_| unknown())?),
    };
    match request.verdict() {
        pb::LinkVerdict::Verified => Ok(Verdict::Verified),
        pb::LinkVerdict::Pending => Ok(Verdict::Pending(reason)),
        pb::LinkVerdict::Failed => Ok(Verdict::Failed(reason.ok_or_else(unknown)?)),
        pb::LinkVerdict::Unspecified => Err(CommandError::invalid("verdict", "a verdict")),
    }
}

async fn report(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
    verdict: Verdict,
    role: &str,
) -> Result<(), CommandError> {
    let before = LockedLink::take_open(tx, tenant, link).await?;
    let (state, reason) = outcome(before.state, verdict);
    let reason = reason.map(|reason| reason.as_str().to_owned());
    let role = (!role.is_empty()).then_some(role);
    let verified = verdict == Verdict::Verified;
    note(tx, tenant, link, state, reason.as_deref(), role, verified).await?;
    if (before.state, &before.reason) != (state, &reason) {
        let item = ChangedItem::Link {
            link,
            state,
            reason,
        };
        changes::publish(tx, tenant, &before.object, vec![item], None).await?;
    }
    Ok(())
}

/// A verified link stays so until it is found to fail: that a later look did not succeed says
/// nothing about the link.
fn outcome(before: LinkState, verdict: Verdict) -> (LinkState, Option<LinkReason>) {
    match verdict {
        Verdict::Verified => (LinkState::Verified, None),
        Verdict::Pending(_) if before == LinkState::Verified => (LinkState::Verified, None),
        Verdict::Pending(reason) => (LinkState::Pending, reason),
        Verdict::Failed(reason) => (LinkState::Failed, Some(reason)),
    }
}

/// What Google's role on the calendar lets a verified link do.
fn capabilities(state: LinkState, role: Option<&str>) -> Vec<&'static str> {
    let capabilities: &[Capability] = match (state, role) {
        (LinkState::Verified, Some("owner" | "writer")) => &[Capability::Read, Capability::Decline],
        (LinkState::Verified, Some("reader")) => &[Capability::Read],
        _ => &[],
    };
    capabilities
        .iter()
        .map(|capability| capability.as_str())
        .collect()
}

async fn note(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
    state: LinkState,
    reason: Option<&str>,
    role: Option<&str>,
    verified: bool,
) -> Result<(), sqlx::Error> {
    // A look that did not succeed says no role: what the link can do stays as it was.
    sqlx::query!(
        "
        -- booking.links.report
        UPDATE booking.links
        SET state = $3,
            reason = $4,
            access_role = coalesce($5, access_role),
            capabilities = CASE WHEN $3 = 'verified' AND $5::text IS NULL THEN capabilities ELSE $6 END,
            last_attempt_at = now(),
            verified_at = CASE
                WHEN $7 THEN now()
                ELSE verified_at
            END
        WHERE tenant_id = $1
          AND link_id = $2
        ",
        tenant.as_str(),
        link.0,
        state.as_str(),
        reason,
        role,
        &capabilities(state, role) as &[&str],
        verified,
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GONE: LinkReason = LinkReason::NotInOrganisation;

    #[rstest]
    #[case(LinkState::Pending, Verdict::Verified, LinkState::Verified, None)]
    #[case(LinkState::Failed, Verdict::Verified, LinkState::Verified, None)]
    #[case(
        LinkState::Pending,
        Verdict::Failed(GONE),
        LinkState::Failed,
        Some(GONE)
    )]
    #[case(
        LinkState::Verified,
        Verdict::Failed(GONE),
        LinkState::Failed,
        Some(GONE)
    )]
    #[case(
        LinkState::Pending,
        Verdict::Pending(Some(GONE)),
        LinkState::Pending,
        Some(GONE)
    )]
    #[case(LinkState::Failed, Verdict::Pending(None), LinkState::Pending, None)]
    #[case(
        LinkState::Verified,
        Verdict::Pending(Some(GONE)),
        LinkState::Verified,
        None
    )]
    fn a_verdict_moves_the_link(
        #[case] before: LinkState,
        #[case] verdict: Verdict,
        #[case] state: LinkState,
        #[case] reason: Option<LinkReason>,
    ) {
        assert_eq!(outcome(before, verdict), (state, reason));
    }

    #[rstest]
    #[case(LinkState::Verified, Some("owner"), &["read", "decline"])]
    #[case(LinkState::Verified, Some("writer"), &["read", "decline"])]
    #[case(LinkState::Verified, Some("reader"), &["read"])]
    #[case(LinkState::Verified, Some("freeBusyReader"), &[])]
    #[case(LinkState::Failed, Some("writer"), &[])]
    fn googles_role_says_what_a_link_can_do(
        #[case] state: LinkState,
        #[case] role: Option<&str>,
        #[case] expected: &[&str],
    ) {
        assert_eq!(capabilities(state, role), expected);
    }
}
