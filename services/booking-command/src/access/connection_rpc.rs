//! `ConnectionService`.

use roomsync_domain::TenantId;
use roomsync_process::Spawner;
use roomsync_proto::integration::v1 as proto;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use super::{
    complete_connect::Answer,
    connect::ConnectWithKey,
    disconnect,
    lender::{Lender, google_unavailable},
    status,
    warnings::Warning,
};
use crate::{caller, gate, status::CommandError, validate};

/// `ConnectionService` on a lender.
#[derive(Debug, Clone)]
pub struct ConnectionRpc {
    lender: Lender,
    spawner: Spawner,
}

impl ConnectionRpc {
    /// The service.
    pub fn new(lender: Lender, spawner: Spawner) -> Self {
        Self { lender, spawner }
    }

    /// In a task of its own: a code works once, so what was begun is gone through with, whether its caller waits or
    /// not.
    async fn complete(
        &self,
        tenant: TenantId,
        sent: proto::CompleteConnectRequest,
    ) -> Result<Vec<Warning>, CommandError> {
        let (tell, told) = oneshot::channel();
        let lender = self.lender.clone();
        let task = async move {
            let answer = match (sent.code.as_str(), sent.error.as_str()) {
                ("", error) => Answer::Error(error),
                (code, _) => Answer::Code(code),
            };
            let done = lender.complete_connect(&tenant, &sent.state, answer).await;
            // Nobody may be there any more to hear it.
            drop(tell.send(done));
        };
        self.spawner
            .spawn("complete connect", task.in_current_span());
        // The process is going down, or this is a fault of ours, which is logged there.
        told.await.unwrap_or_else(|_| Err(google_unavailable()))
    }
}

#[tonic::async_trait]
impl proto::connection_service_server::ConnectionService for ConnectionRpc {
    async fn connect_with_key(
        &self,
        request: Request<proto::ConnectWithKeyRequest>,
    ) -> Result<Response<proto::ConnectWithKeyResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        gate::module(&self.lender.database, &tenant).await?;
        let directory_subject = validate::mail("directory_subject", &sent.directory_subject)?;
        let rooms_subject = match sent.rooms_subject.as_str() {
            "" => directory_subject.clone(),
            text => validate::mail("rooms_subject", text)?,
        };
        let warnings = self
            .lender
            .connect(&ConnectWithKey {
                tenant: &tenant,
                key_json: &sent.key_json,
                directory_subject: &directory_subject,
                rooms_subject: &rooms_subject,
            })
            .await?;
        let status = status::read(&self.lender.database, &tenant).await?;
        Ok(Response::new(proto::ConnectWithKeyResponse {
            status: Some(status),
            warnings: warnings.iter().map(Warning::to_proto).collect(),
        }))
    }

    async fn get_status(
        &self,
        request: Request<proto::GetStatusRequest>,
    ) -> Result<Response<proto::GetStatusResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        gate::module(&self.lender.database, &tenant).await?;
        let status = status::read(&self.lender.database, &tenant).await?;
        Ok(Response::new(proto::GetStatusResponse {
            status: Some(status),
        }))
    }

    async fn get_connect_options(
        &self,
        request: Request<proto::GetConnectOptionsRequest>,
    ) -> Result<Response<proto::GetConnectOptionsResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        gate::module(&self.lender.database, &tenant).await?;
        Ok(Response::new(self.lender.connect_options()))
    }

    async fn begin_connect(
        &self,
        request: Request<proto::BeginConnectRequest>,
    ) -> Result<Response<proto::BeginConnectResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        gate::module(&self.lender.database, &tenant).await?;
        let login_hint = match sent.login_hint.as_str() {
            "" => None,
            text => Some(validate::mail("login_hint", text)?),
        };
        let begun = self
            .lender
            .begin_connect(&tenant, &sent.redirect_uri, login_hint.as_ref())
            .await?;
        Ok(Response::new(proto::BeginConnectResponse {
            consent_url: begun.consent_url,
            state: begun.state,
            expires_at: Some(validate::stamp(begun.expires_at)),
        }))
    }

    async fn complete_connect(
        &self,
        request: Request<proto::CompleteConnectRequest>,
    ) -> Result<Response<proto::CompleteConnectResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        gate::module(&self.lender.database, &tenant).await?;
        let sent = request.into_inner();
        if sent.code.is_empty() && sent.error.is_empty() {
            let expected = "what Google sent as `code`, or `error`";
            return Err(CommandError::invalid("code", expected).into());
        }
        let warnings = self.complete(tenant.clone(), sent).await?;
        let status = status::read(&self.lender.database, &tenant).await?;
        Ok(Response::new(proto::CompleteConnectResponse {
            status: Some(status),
            warnings: warnings.iter().map(Warning::to_proto).collect(),
        }))
    }

    async fn enable_delegation(
        &self,
        request: Request<proto::EnableDelegationRequest>,
    ) -> Result<Response<proto::EnableDelegationResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        gate::module(&self.lender.database, &tenant).await?;
        self.lender.enable_delegation(&tenant).await?;
        let status = status::read(&self.lender.database, &tenant).await?;
        Ok(Response::new(proto::EnableDelegationResponse {
            status: Some(status),
        }))
    }

    async fn preview_disconnect(
        &self,
        request: Request<proto::PreviewDisconnectRequest>,
    ) -> Result<Response<proto::PreviewDisconnectResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        gate::module(&self.lender.database, &tenant).await?;
        let counted = disconnect::preview(&self.lender.database, &tenant).await?;
        Ok(Response::new(counted))
    }

    async fn disconnect(
        &self,
        request: Request<proto::DisconnectRequest>,
    ) -> Result<Response<proto::DisconnectResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        self.lender
            .database
            .tx("disconnect", |tx| {
                Box::pin(disconnect::disconnect(tx, &tenant))
            })
            .await?;
        let status = status::read(&self.lender.database, &tenant).await?;
        Ok(Response::new(proto::DisconnectResponse {
            status: Some(status),
        }))
    }
}
