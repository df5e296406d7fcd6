//! `GoogleAccessService`, for the services alone.

use std::time::Duration;

use opentelemetry::{KeyValue, global, metrics::Counter};
use roomsync_proto::internal::v1 as proto;
use secrecy::ExposeSecret as _;
use tonic::{Request, Response, Status};

use super::{
    budget::Closing,
    connections,
    lanes::Lane,
    lender::Lender,
    subject::{Actor, Purpose},
};
use crate::{caller, status::CommandError, validate::stamp};

/// `GoogleAccessService` on a lender.
#[derive(Debug, Clone)]
pub struct GoogleAccessRpc {
    lender: Lender,
    units: Counter<u64>,
}

impl GoogleAccessRpc {
    /// The service.
    pub fn new(lender: Lender) -> Self {
        let units = global::meter("roomsync")
            .u64_counter("roomsync.google.budget.units")
            .with_description("Units of the budget for Google calls, granted or made to wait")
            .build();
        Self { lender, units }
    }
}

#[tonic::async_trait]
impl proto::google_access_service_server::GoogleAccessService for GoogleAccessRpc {
    async fn acquire(
        &self,
        request: Request<proto::AcquireRequest>,
    ) -> Result<Response<proto::AcquireResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        let purpose = purpose(sent.actor.as_ref())?;
        let lane = match lane(sent.lane())? {
            Lane::Background if sent.begun => Lane::Begun,
            lane => lane,
        };
        let units = u32::try_from(sent.units)
            .ok()
            .filter(|units| (1..=20).contains(units));
        let units = units.ok_or_else(|| CommandError::invalid("units", "1 to 20"))?;

        let connection = self.lender.usable(&tenant).await?;
        let lent = self.lender.token(&connection, purpose).await?;
        let subject = connection.subject(purpose);
        let payer = Lender::payer(&connection, Actor::Own(purpose));
        let lease = self.lender.budget.take(&payer, lane, units).await?;
        self.count(sent.lane(), lease.grant.units);
        Ok(Response::new(proto::AcquireResponse {
            access_token: lent.token.expose_secret().to_owned(),
            access_token_expires_at: Some(stamp(lent.expires_at)),
            subject: subject.as_str().to_owned(),
            quota_user: payer.quota_user,
            units_granted: i32::try_from(lease.grant.units).unwrap_or(i32::MAX),
            not_before: Some(stamp(lease.grant.not_before)),
            now: Some(stamp(lease.now)),
        }))
    }

    async fn report(
        &self,
        request: Request<proto::ReportRequest>,
    ) -> Result<Response<proto::ReportResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        let purpose = purpose(sent.actor.as_ref())?;
        let retry_after = u64::try_from(sent.retry_after_ms)
            .map_err(|_| CommandError::invalid("retry_after_ms", "0 for none, or more"))?;
        let retry_after = (retry_after > 0).then(|| Duration::from_millis(retry_after));
        let closing = match sent.trouble() {
            proto::Trouble::Throttled => Some(Closing::Throttled(retry_after)),
            proto::Trouble::QuotaExceeded => Some(Closing::QuotaExceeded),
            proto::Trouble::AccessLost => None,
            proto::Trouble::Unspecified => {
                return Err(CommandError::invalid("trouble", "what Google answered").into());
            }
        };
        // Whoever lost its connection meanwhile has nothing to close.
        let Some(connection) = connections::get(&self.lender.database, &tenant).await? else {
            return Ok(Response::new(proto::ReportResponse {}));
        };
        match closing {
            Some(closing) => {
                let payer = Lender::payer(&connection, Actor::Own(purpose));
                self.lender.budget.close(&payer, closing).await?;
            }
            None if connection.is_usable() => self.lender.doubt(&connection, purpose).await?,
            None => {}
        }
        Ok(Response::new(proto::ReportResponse {}))
    }
}

impl GoogleAccessRpc {
    /// Somebody waits for one unit, however many it asked for.
    fn count(&self, lane: proto::Lane, granted: u32) {
        let labels = |outcome| {
            [
                KeyValue::new("lane", lane.as_str_name()),
                KeyValue::new("outcome", outcome),
            ]
        };
        self.units.add(u64::from(granted), &labels("granted"));
        self.units.add(u64::from(granted == 0), &labels("waits"));
    }
}

fn purpose(actor: Option<&proto::Actor>) -> Result<Purpose, CommandError> {
    match actor.and_then(|actor| actor.actor.as_ref()) {
        Some(proto::actor::Actor::Rooms(_)) => Ok(Purpose::Rooms),
        Some(proto::actor::Actor::Directory(_)) => Ok(Purpose::Directory),
        Some(proto::actor::Actor::Settings(_)) => Ok(Purpose::Settings),
        None => Err(CommandError::invalid(
            "actor",
            "rooms, directory or settings",
        )),
    }
}

fn lane(lane: proto::Lane) -> Result<Lane, CommandError> {
    match lane {
        proto::Lane::Interactive => Ok(Lane::Interactive),
        proto::Lane::Live => Ok(Lane::Live),
        proto::Lane::Background => Ok(Lane::Background),
        proto::Lane::Unspecified => Err(CommandError::invalid(
            "lane",
            "interactive, live or background",
        )),
    }
}
