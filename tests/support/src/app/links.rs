//! Typed calls about links: one per rpc of `LinkService` that is more than linking.

use roomsync_proto::integration::v1::{
    AcknowledgeResetRequest, ChangeResourceRequest, Link, ListLinksRequest, ListResourcesRequest,
    PreviewLinkRequest, PreviewLinkResponse, RecheckLinkRequest, Resource, SyncNowRequest,
    SyncNowResponse, UnlinkObjectRequest,
};
use tonic::Status;

use super::FakeBookingApp;

impl FakeBookingApp {
    /// What linking would do.
    pub async fn preview_link(
        &self,
        tenant: &str,
        object: &str,
        resource_email: &str,
        own_future_bookings: i32,
    ) -> Result<PreviewLinkResponse, Status> {
        let request = PreviewLinkRequest {
            tenant_id: tenant.to_owned(),
            object_id: object.to_owned(),
            resource_email: resource_email.to_owned(),
            own_future_bookings,
        };
        Ok(self.links().preview_link(request).await?.into_inner())
    }

    /// The organisation's resources that match a query, all pages.
    pub async fn list_resources(&self, tenant: &str, query: &str) -> Result<Vec<Resource>, Status> {
        let (mut resources, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListResourcesRequest {
                tenant_id: tenant.to_owned(),
                query: query.to_owned(),
                page_size: 0,
                page_token,
            };
            let page = self.links().list_resources(request).await?.into_inner();
            resources.extend(page.resources);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(resources);
            }
        }
    }

    /// Every link of a tenant, all pages.
    pub async fn list_links(&self, tenant: &str) -> Result<Vec<Link>, Status> {
        let (mut links, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListLinksRequest {
                tenant_id: tenant.to_owned(),
                page_size: 0,
                page_token,
            };
            let page = self.links().list_links(request).await?.into_inner();
            links.extend(page.links);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(links);
            }
        }
    }

    /// Takes a link down. What the app knows to be linked with the object goes with it, unless it is
    /// another link.
    pub async fn unlink(&self, tenant: &str, link_id: &str) -> Result<Link, Status> {
        let request = UnlinkObjectRequest {
            tenant_id: tenant.to_owned(),
            link_id: link_id.to_owned(),
        };
        let link = self.links().unlink_object(request).await?.into_inner().link;
        self.known(|known| known.links.retain(|_, (known, _)| known != link_id));
        Ok(link.unwrap_or_default())
    }

    /// Gives a linked object another address. The app goes on to expect what the old room holds, until
    /// [`FakeBookingApp::now_linked`] says that the new one has taken its place.
    pub async fn change_resource(
        &self,
        tenant: &str,
        object: &str,
        resource_email: &str,
    ) -> Result<Link, Status> {
        let request = ChangeResourceRequest {
            tenant_id: tenant.to_owned(),
            object_id: object.to_owned(),
            resource_email: resource_email.to_owned(),
        };
        let answer = self.links().change_resource(request).await?;
        Ok(answer.into_inner().link.unwrap_or_default())
    }

    /// From now on this is the link of its object.
    pub fn now_linked(&self, link: &Link) {
        let key = (link.tenant_id.clone(), link.object_id.clone());
        let linked = (link.link_id.clone(), link.resource_email.clone());
        self.known(|known| known.links.insert(key, linked));
    }

    /// Asks to verify a link again.
    pub async fn recheck(&self, tenant: &str, link_id: &str) -> Result<Link, Status> {
        let request = RecheckLinkRequest {
            tenant_id: tenant.to_owned(),
            link_id: link_id.to_owned(),
        };
        let answer = self.links().recheck_link(request).await?;
        Ok(answer.into_inner().link.unwrap_or_default())
    }

    /// Asks to synchronise one object, or with an empty id all of them.
    pub async fn sync_now(&self, tenant: &str, object: &str) -> Result<SyncNowResponse, Status> {
        let request = SyncNowRequest {
            tenant_id: tenant.to_owned(),
            object_id: object.to_owned(),
        };
        Ok(self.links().sync_now(request).await?.into_inner())
    }

    /// Says that the app's own future bookings of the linked object are deleted.
    pub async fn acknowledge(&self, tenant: &str, link_id: &str) -> Result<Link, Status> {
        let request = AcknowledgeResetRequest {
            tenant_id: tenant.to_owned(),
            link_id: link_id.to_owned(),
        };
        let answer = self.links().acknowledge_reset(request).await?;
        Ok(answer.into_inner().link.unwrap_or_default())
    }
}
