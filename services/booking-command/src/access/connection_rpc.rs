//! `ConnectionService`.

use roomsync_proto::integration::v1 as proto;
use tonic::{Request, Response, Status};

use super::{connect::ConnectWithKey, lender::Lender, status};
use crate::{caller, gate, validate};

/// `ConnectionService` on a lender.
#[derive(Debug, Clone)]
pub struct ConnectionRpc {
    lender: Lender,
}

impl ConnectionRpc {
    /// The service.
    pub fn new(lender: Lender) -> Self {
        Self { lender }
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
        self.lender
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
            warnings: Vec::new(),
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
        _request: Request<proto::GetConnectOptionsRequest>,
    ) -> Result<Response<proto::GetConnectOptionsResponse>, Status> {
        Err(Status::unimplemented("GetConnectOptions"))
    }

    async fn begin_connect(
        &self,
        _request: Request<proto::BeginConnectRequest>,
    ) -> Result<Response<proto::BeginConnectResponse>, Status> {
        Err(Status::unimplemented("BeginConnect"))
    }

    async fn complete_connect(
        &self,
        _request: Request<proto::CompleteConnectRequest>,
    ) -> Result<Response<proto::CompleteConnectResponse>, Status> {
        Err(Status::unimplemented("CompleteConnect"))
    }

    async fn enable_delegation(
        &self,
        _request: Request<proto::EnableDelegationRequest>,
    ) -> Result<Response<proto::EnableDelegationResponse>, Status> {
        Err(Status::unimplemented("EnableDelegation"))
    }

    async fn preview_disconnect(
        &self,
        _request: Request<proto::PreviewDisconnectRequest>,
    ) -> Result<Response<proto::PreviewDisconnectResponse>, Status> {
        Err(Status::unimplemented("PreviewDisconnect"))
    }

    async fn disconnect(
        &self,
        _request: Request<proto::DisconnectRequest>,
    ) -> Result<Response<proto::DisconnectResponse>, Status> {
        Err(Status::unimplemented("Disconnect"))
    }
}
