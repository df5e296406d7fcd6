//! `LinkService`.

use roomsync_domain::{LinkId, ObjectId};
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;
use tonic::{Request, Response, Status};

use super::{link_object::link_object, store};
use crate::{caller, gate, status::CommandError, validate};

/// `LinkService` on a database.
#[derive(Debug, Clone)]
pub struct LinkRpc {
    database: Database,
}

impl LinkRpc {
    /// The service.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[tonic::async_trait]
impl proto::link_service_server::LinkService for LinkRpc {
    async fn link_object(
        &self,
        request: Request<proto::LinkObjectRequest>,
    ) -> Result<Response<proto::LinkObjectResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        gate::module(&self.database, &tenant).await?;
        let object = validate::id("object_id", &sent.object_id)?;
        let resource = validate::resource_email("resource_email", &sent.resource_email)?;
        let row = self
            .database
            .tx("link_object", |tx| {
                Box::pin(link_object(tx, &tenant, &object, &resource))
            })
            .await?;
        Ok(Response::new(proto::LinkObjectResponse {
            link: Some(row.to_proto()),
        }))
    }

    async fn get_link(
        &self,
        request: Request<proto::GetLinkRequest>,
    ) -> Result<Response<proto::GetLinkResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        gate::module(&self.database, &tenant).await?;
        // What is no id of ours is the id of no link.
        let missing = || CommandError::NotFound("LINK_NOT_FOUND");
        let link: LinkId = sent.link_id.parse().map_err(|_| missing())?;
        let row = store::get(self.database.pool(), &tenant, link);
        let row = self.database.answer(row).await?.ok_or_else(missing)?;
        Ok(Response::new(proto::GetLinkResponse {
            link: Some(row.to_proto()),
        }))
    }

    async fn list_links(
        &self,
        request: Request<proto::ListLinksRequest>,
    ) -> Result<Response<proto::ListLinksResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        gate::module(&self.database, &tenant).await?;
        let size = validate::page_size(sent.page_size, 100, 500)?;
        if !sent.page_token.is_empty() {
            // The token is the last object id of the page before.
            sent.page_token.parse::<ObjectId>().map_err(|_| {
                CommandError::invalid("page_token", "a token that an earlier page answered")
            })?;
        }
        let mut rows = store::list(&self.database, &tenant, &sent.page_token, size + 1).await?;
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > size;
        if more {
            rows.pop();
        }
        let next_page_token = match rows.last() {
            Some(last) if more => last.object_id.clone(),
            _ => String::new(),
        };
        let links = rows.iter().map(super::LinkRow::to_proto).collect();
        Ok(Response::new(proto::ListLinksResponse {
            links,
            next_page_token,
        }))
    }

    async fn preview_link(
        &self,
        _: Request<proto::PreviewLinkRequest>,
    ) -> Result<Response<proto::PreviewLinkResponse>, Status> {
        Err(Status::unimplemented("preview_link"))
    }

    async fn list_resources(
        &self,
        _: Request<proto::ListResourcesRequest>,
    ) -> Result<Response<proto::ListResourcesResponse>, Status> {
        Err(Status::unimplemented("list_resources"))
    }

    async fn unlink_object(
        &self,
        _: Request<proto::UnlinkObjectRequest>,
    ) -> Result<Response<proto::UnlinkObjectResponse>, Status> {
        Err(Status::unimplemented("unlink_object"))
    }

    async fn change_resource(
        &self,
        _: Request<proto::ChangeResourceRequest>,
    ) -> Result<Response<proto::ChangeResourceResponse>, Status> {
        Err(Status::unimplemented("change_resource"))
    }

    async fn recheck_link(
        &self,
        _: Request<proto::RecheckLinkRequest>,
    ) -> Result<Response<proto::RecheckLinkResponse>, Status> {
        Err(Status::unimplemented("recheck_link"))
    }

    async fn sync_now(
        &self,
        _: Request<proto::SyncNowRequest>,
    ) -> Result<Response<proto::SyncNowResponse>, Status> {
        Err(Status::unimplemented("sync_now"))
    }

    async fn acknowledge_reset(
        &self,
        _: Request<proto::AcknowledgeResetRequest>,
    ) -> Result<Response<proto::AcknowledgeResetResponse>, Status> {
        Err(Status::unimplemented("acknowledge_reset"))
    }
}
