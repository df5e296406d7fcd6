//! `MirrorService.ReportLink`: what verification found about a link.

use std::time::Duration;

use roomsync_domain::{LinkId, LinkReason, LinkState, TenantId};
use roomsync_google::AccessRole;
use roomsync_messages::ChangedItem;
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;
use sqlx::PgConnection;

use super::{locked_link::LockedLink, reflag::reflag, request::link_id};
use crate::{changes, status::CommandError};

/// A verdict that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Verified,
    Pending(Option<LinkReason>),
    Failed(LinkReason),
}

/// What is reported about a link.
#[derive(Debug)]
struct Report<'a> {
    tenant: &'a TenantId,
    link: LinkId,
    verdict: Verdict,
    role: AccessRole,
    /// `None`: Google did not say.
    answers_by_itself: Option<bool>,
    /// How long it may be pending.
    pending_for: Duration,
}

/// Answers the request for a tenant the caller may see. A link that has been pending for `pending_for`
/// has failed.
pub async fn report_link(
    database: &Database,
    tenant: &TenantId,
    request: &pb::ReportLinkRequest,
    pending_for: Duration,
) -> Result<pb::ReportLinkResponse, CommandError> {
    let reported = Report {
        tenant,
        link: link_id("link_id", &request.link_id)?,
        verdict: read(request)?,
        role: AccessRole::from(request.access_role.clone()),
        answers_by_itself: request.answers_by_itself,
        pending_for,
    };
    database
        .tx("report_link", |tx| Box::pin(report(tx, &reported)))
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

async fn report(tx: &mut PgConnection, reported: &Report<'_>) -> Result<(), CommandError> {
    let Report { tenant, link, .. } = *reported;
    let before = LockedLink::take_open(tx, tenant, link).await?;
    let was = Was {
        state: before.state,
        reason: before.reason.as_deref(),
        for_too_long: pending_for_too_long(tx, reported).await?,
    };
    let (state, reason) = outcome(&was, reported.verdict);
    note(tx, reported, state, reason.as_deref()).await?;
    if (before.state, &before.reason) != (state, &reason) {
        let item = ChangedItem::Link {
            link,
            state,
            reason,
        };
        changes::publish(&mut *tx, tenant, &before.object, vec![item], None).await?;
    }
    let answers = reported.answers_by_itself.or(before.answers_by_itself);
    if answers != before.answers_by_itself {
        // Whether somebody has to approve what is pending is said by its flag.
        reflag(tx, tenant, &[before.object.as_str()]).await?;
    }
    Ok(())
}

async fn pending_for_too_long(
    tx: &mut PgConnection,
    reported: &Report<'_>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        -- booking.links.pending_for_too_long
        SELECT pending_since < now() - interval '1 second' * $3::float8 AS "for_too_long!"
        FROM booking.links
        WHERE tenant_id = $1
          AND link_id = $2
        "#,
        reported.tenant.as_str(),
        reported.link.0,
        reported.pending_for.as_secs_f64(),
    )
    .fetch_one(tx)
    .await
}

/// A link before a report about it.
struct Was<'a> {
    state: LinkState,
    reason: Option<&'a str>,
    /// It has been waiting to be verified for longer than it may.
    for_too_long: bool,
}

/// A verified link stays so until it is found to fail, a failed one until it is found to be well or
/// somebody asks to try again: that a later look did not succeed says nothing about the link. So what was
/// said of it stays, too: a look that meets a lost connection comes right after the links were told of it.
fn outcome(was: &Was<'_>, verdict: Verdict) -> (LinkState, Option<String>) {
    let said = |reason: LinkReason| Some(reason.as_str().to_owned());
    match (verdict, was.state) {
        (Verdict::Verified, _) => (LinkState::Verified, None),
        (Verdict::Failed(reason), _) => (LinkState::Failed, said(reason)),
        (Verdict::Pending(_), LinkState::Verified | LinkState::Failed) => {
            (was.state, was.reason.map(str::to_owned))
        }
        (Verdict::Pending(reason), _) if was.for_too_long => {
            let reason = reason.unwrap_or(LinkReason::GoogleUnavailable);
            (LinkState::Failed, said(reason))
        }
        (Verdict::Pending(reason), _) => (LinkState::Pending, reason.and_then(said)),
    }
}

async fn note(
    tx: &mut PgConnection,
    reported: &Report<'_>,
    state: LinkState,
    reason: Option<&str>,
) -> Result<(), sqlx::Error> {
    let role = Some(reported.role.as_str()).filter(|role| !role.is_empty());
    // A look that did not succeed says no role: the one that was said before goes on.
    sqlx::query!(
        "
        -- booking.links.report
        UPDATE booking.links
        SET state = $3,
            reason = $4,
            access_role = coalesce($5, access_role),
            last_attempt_at = now(),
            verified_at = CASE
                WHEN $6 THEN now()
                ELSE verified_at
            END,
            answers_by_itself = coalesce($7, answers_by_itself)
        WHERE tenant_id = $1
          AND link_id = $2
        ",
        reported.tenant.as_str(),
        reported.link.0,
        state.as_str(),
        reason,
        role,
        reported.verdict == Verdict::Verified,
        reported.answers_by_itself,
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
    const AWAY: LinkReason = LinkReason::GoogleUnavailable;

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
        Verdict::Pending(Some(AWAY)),
        LinkState::Pending,
        Some(AWAY)
    )]
    #[case::keeps_its_reason(
        LinkState::Failed,
        Verdict::Pending(Some(AWAY)),
        LinkState::Failed,
        Some(GONE)
    )]
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
        let was = Was {
            state: before,
            reason: (before == LinkState::Failed).then_some(GONE.as_str()),
            for_too_long: false,
        };
        let reason = reason.map(|reason| reason.as_str().to_owned());
        assert_eq!(outcome(&was, verdict), (state, reason));
    }

    #[test]
    fn a_verified_link_goes_on_saying_that_the_access_is_lost() {
        let lost = LinkReason::AccessLost;
        let was = Was {
            state: LinkState::Verified,
            reason: Some(lost.as_str()),
            for_too_long: false,
        };
        let after = |verdict| outcome(&was, verdict);
        let said = Some(lost.as_str().to_owned());
        assert_eq!(
            after(Verdict::Pending(Some(lost))),
            (LinkState::Verified, said)
        );
        assert_eq!(after(Verdict::Verified), (LinkState::Verified, None));
    }

    #[rstest]
    #[case::fails(LinkState::Pending, Verdict::Pending(Some(GONE)), LinkState::Failed)]
    #[case::without_a_reason(LinkState::Pending, Verdict::Pending(None), LinkState::Failed)]
    #[case::verified_at_last(LinkState::Pending, Verdict::Verified, LinkState::Verified)]
    #[case::verified_long_ago(LinkState::Verified, Verdict::Pending(None), LinkState::Verified)]
    fn a_link_that_is_pending_for_too_long_has_failed(
        #[case] before: LinkState,
        #[case] verdict: Verdict,
        #[case] expected: LinkState,
    ) {
        let was = Was {
            state: before,
            reason: None,
            for_too_long: true,
        };
        let (state, reason) = outcome(&was, verdict);
        assert_eq!(state, expected);
        assert_eq!(reason.is_some(), state == LinkState::Failed);
    }
}
