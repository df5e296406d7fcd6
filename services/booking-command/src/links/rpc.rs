//! `LinkService`.

use roomsync_domain::{LinkId, ObjectId, TenantId};
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    LinkRow, acknowledge_reset::acknowledge_reset, change_resource::change_resource, deadline,
    link_object::link_object, list_resources, preview_link, recheck_link::recheck_link, store,
    sync_now, unlink_object::unlink_object,
};
use crate::{
    access::Lender, caller, config::SyncByHandConfig, gate, status::CommandError, validate,
};

/// `LinkService` on a database, with access to Google for what a person waits for.
#[derive(Debug, Clone)]
pub struct LinkRpc {
    database: Database,
    lender: Lender,
    sync_by_hand: SyncByHandConfig,
}

impl LinkRpc {
    /// The service.
    pub fn new(database: Database, lender: Lender, sync_by_hand: SyncByHandConfig) -> Self {
        Self {
            database,
            lender,
            sync_by_hand,
        }
    }

    /// The tenant of a request, which has the module and which its caller may see.
    async fn tenant<T: Sync>(&self, request: &Request<T>, id: &str) -> Result<TenantId, Status> {
        let tenant = caller::tenant(request, id)?;
        gate::module(&self.database, &tenant).await?;
        Ok(tenant)
    }
}

/// What is no id of ours is the id of no link.
fn link_id(text: &str) -> Result<LinkId, CommandError> {
    text.parse()
        .map_err(|_| CommandError::NotFound("LINK_NOT_FOUND"))
}

/// The place that a page token names: the last object and link of the page before.
fn place(token: &str) -> Result<(&str, Uuid), CommandError> {
    if token.is_empty() {
        return Ok(("", Uuid::nil()));
    }
    let read = || {
        let (object, link) = token.split_once('/')?;
        object.parse::<ObjectId>().ok()?;
        Some((object, link.parse().ok()?))
    };
    let expected = "a token that an earlier page answered";
    read().ok_or_else(|| CommandError::invalid("page_token", expected))
}

#[tonic::async_trait]
impl proto::link_service_server::LinkService for LinkRpc {
    async fn link_object(
        &self,
        request: Request<proto::LinkObjectRequest>,
    ) -> Result<Response<proto::LinkObjectResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
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
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let link = link_id(&sent.link_id)?;
        let row = store::get(self.database.pool(), &tenant, link);
        let row = self.database.answer(row).await?;
        let row = row.ok_or(CommandError::NotFound("LINK_NOT_FOUND"))?;
        Ok(Response::new(proto::GetLinkResponse {
            link: Some(row.to_proto()),
        }))
    }

    async fn list_links(
        &self,
        request: Request<proto::ListLinksRequest>,
    ) -> Result<Response<proto::ListLinksResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let size = validate::page_size(sent.page_size, 100, 500)?;
        let after = place(&sent.page_token)?;
        let mut rows = store::list(&self.database, &tenant, after, size + 1).await?;
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > size;
        if more {
            rows.pop();
        }
        let next_page_token = match rows.last() {
            Some(last) if more => format!("{}/{}", last.object_id, last.link_id),
            _ => String::new(),
        };
        let links = rows.iter().map(LinkRow::to_proto).collect();
        Ok(Response::new(proto::ListLinksResponse {
            links,
            next_page_token,
        }))
    }

    async fn preview_link(
        &self,
        request: Request<proto::PreviewLinkRequest>,
    ) -> Result<Response<proto::PreviewLinkResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let object = validate::id("object_id", &sent.object_id)?;
        let resource = validate::resource_email("resource_email", &sent.resource_email)?;
        if sent.own_future_bookings < 0 {
            return Err(CommandError::invalid("own_future_bookings", "0 or more").into());
        }
        let question = preview_link::Question {
            tenant: &tenant,
            object: &object,
            resource: &resource,
            own_future_bookings: sent.own_future_bookings,
            deadline: deadline::of(request.metadata()),
        };
        let answer = preview_link::preview_link(&self.database, &self.lender, &question).await?;
        Ok(Response::new(answer))
    }

    async fn list_resources(
        &self,
        request: Request<proto::ListResourcesRequest>,
    ) -> Result<Response<proto::ListResourcesResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let query = list_resources::Query::read(sent)?;
        let answer =
            list_resources::list_resources(&self.database, &self.lender, &tenant, &query).await?;
        Ok(Response::new(answer))
    }

    async fn unlink_object(
        &self,
        request: Request<proto::UnlinkObjectRequest>,
    ) -> Result<Response<proto::UnlinkObjectResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let link = link_id(&sent.link_id)?;
        let row = self
            .database
            .tx("unlink_object", |tx| {
                Box::pin(unlink_object(tx, &tenant, link))
            })
            .await?;
        Ok(Response::new(proto::UnlinkObjectResponse {
            link: Some(row.to_proto()),
        }))
    }

    async fn change_resource(
        &self,
        request: Request<proto::ChangeResourceRequest>,
    ) -> Result<Response<proto::ChangeResourceResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let object = validate::id("object_id", &sent.object_id)?;
        let resource = validate::resource_email("resource_email", &sent.resource_email)?;
        let row = self
            .database
            .tx("change_resource", |tx| {
                Box::pin(change_resource(tx, &tenant, &object, &resource))
            })
            .await?;
        Ok(Response::new(proto::ChangeResourceResponse {
            link: Some(row.to_proto()),
        }))
    }

    async fn recheck_link(
        &self,
        request: Request<proto::RecheckLinkRequest>,
    ) -> Result<Response<proto::RecheckLinkResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let link = link_id(&sent.link_id)?;
        let row = self
            .database
            .tx("recheck_link", |tx| {
                Box::pin(recheck_link(tx, &tenant, link))
            })
            .await?;
        Ok(Response::new(proto::RecheckLinkResponse {
            link: Some(row.to_proto()),
        }))
    }

    async fn sync_now(
        &self,
        request: Request<proto::SyncNowRequest>,
    ) -> Result<Response<proto::SyncNowResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let object: Option<ObjectId> = match sent.object_id.as_str() {
            "" => None,
            object => Some(validate::id("object_id", object)?),
        };
        let limits = self.sync_by_hand;
        let asked = self
            .database
            .tx("sync_now", |tx| {
                let (tenant, object) = (&tenant, object.as_ref());
                Box::pin(async move {
                    match object {
                        Some(object) => sync_now::of_object(tx, tenant, object, limits).await,
                        None => sync_now::of_all(tx, tenant, limits).await,
                    }
                })
            })
            .await?;
        Ok(Response::new(proto::SyncNowResponse {
            links: i32::try_from(asked.links).unwrap_or(i32::MAX),
            started_at: Some(validate::stamp(asked.started_at)),
            merged: asked.merged,
        }))
    }

    async fn acknowledge_reset(
        &self,
        request: Request<proto::AcknowledgeResetRequest>,
    ) -> Result<Response<proto::AcknowledgeResetResponse>, Status> {
        let sent = request.get_ref();
        let tenant = self.tenant(&request, &sent.tenant_id).await?;
        let link = link_id(&sent.link_id)?;
        let row = self
            .database
            .tx("acknowledge_reset", |tx| {
                Box::pin(acknowledge_reset(tx, &tenant, link))
            })
            .await?;
        Ok(Response::new(proto::AcknowledgeResetResponse {
            link: Some(row.to_proto()),
        }))
    }
}
