//! The rpcs that make, show, change and delete webhooks. Those that send again are in `again.rs`.

use std::{sync::Arc, time::Duration};

use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_process::grpc;
use roomsync_proto::notification::v1 as api;
use roomsync_sealing::{Keyring, Sealed};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Notify;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::{
    address::{self, LONGEST_URL, Policy},
    deliver::Deliveries,
    queue, signing,
    store::{self, New, Update},
};
use crate::{
    known_tenants::KnownTenants,
    stream::{convert, refuse, tenant_not_found},
};

/// When to try again while the database is away.
const RETRY: Duration = Duration::from_secs(1);
/// The longest name.
const LONGEST_NAME: usize = 100;

/// Makes, shows, changes and deletes webhooks.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Where they are.
    pub database: Database,
    /// Who may have some.
    pub tenants: KnownTenants,
    /// Seals their secrets.
    pub ring: Arc<Keyring>,
    /// Which addresses are taken.
    pub policy: Policy,
    /// Wakes this process's sweep.
    pub wake_sweep: Arc<Notify>,
    /// Sends one change again.
    pub deliveries: Deliveries,
    /// How far back the log reaches at least.
    pub log_keep: Duration,
}

/// Where a webhook's secret is sealed for.
pub fn place(tenant: &str, webhook: Uuid) -> String {
    format!("webhook/{tenant}/{webhook}")
}

impl Webhooks {
    pub(crate) async fn create(
        &self,
        request: Request<api::CreateWebhookRequest>,
    ) -> Result<Response<api::CreateWebhookResponse>, Status> {
        let tenant = tenant(&request, &request.get_ref().tenant_id)?;
        let request = request.into_inner();
        let (name, url) = (name(&request.name)?, self.url(&request.url)?);
        let known = self.tenants.log_of(&tenant).await;
        known.map_err(|error| refuse(&error))?;
        let webhook = Uuid::new_v4();
        let (shown, secret) = self.new_secret(&tenant, webhook)?;
        let new = &New {
            tenant: tenant.as_str(),
            webhook,
            name,
            url,
            secret: &secret,
        };
        let made: Result<_, sqlx::Error> = self
            .database
            .tx("create_webhook", |tx| Box::pin(store::create(tx, new)))
            .await;
        if !made.map_err(|error| trouble(&error))? {
            return Err(grpc::problem(
                Code::ResourceExhausted,
                "TOO_MANY_WEBHOOKS",
                format!("a tenant has at most {} webhooks", store::MOST),
                &[],
            ));
        }
        Ok(Response::new(api::CreateWebhookResponse {
            webhook: Some(self.read(&tenant, webhook).await?),
            secret: shown.expose_secret().to_owned(),
        }))
    }

    pub(crate) async fn list(
        &self,
        request: Request<api::ListWebhooksRequest>,
    ) -> Result<Response<api::ListWebhooksResponse>, Status> {
        let tenant = tenant(&request, &request.get_ref().tenant_id)?;
        let known = self.tenants.log_of(&tenant).await;
        known.map_err(|error| refuse(&error))?;
        let webhooks = self.rows(&tenant, None).await?;
        Ok(Response::new(api::ListWebhooksResponse { webhooks }))
    }

    pub(crate) async fn update(
        &self,
        request: Request<api::UpdateWebhookRequest>,
    ) -> Result<Response<api::UpdateWebhookResponse>, Status> {
        let tenant = tenant(&request, &request.get_ref().tenant_id)?;
        let request = request.into_inner();
        let webhook = webhook_id(&request.webhook_id)?;
        let update = &Update {
            name: request.name.as_deref().map(name).transpose()?,
            url: request
                .url
                .as_deref()
                .map(|url| self.url(url))
                .transpose()?,
            enabled: request.enabled,
        };
        // Another address, or a person who says so, is a reason to try at once.
        let hurry = update.url.is_some() || update.enabled == Some(true);
        let tenant_id = tenant.as_str();
        let known: Result<_, sqlx::Error> = self
            .database
            .tx("update_webhook", |tx| {
                Box::pin(async move {
                    let known = store::update(tx, tenant_id, webhook, update).await?;
                    if known && hurry {
                        queue::hurry(tx, tenant_id, webhook).await?;
                    }
                    Ok(known)
                })
            })
            .await;
        if !known.map_err(|error| trouble(&error))? {
            return Err(webhook_not_found());
        }
        if hurry {
            self.wake_sweep.notify_one();
        }
        Ok(Response::new(api::UpdateWebhookResponse {
            webhook: Some(self.read(&tenant, webhook).await?),
        }))
    }

    pub(crate) async fn rotate(
        &self,
        request: Request<api::RotateWebhookSecretRequest>,
    ) -> Result<Response<api::RotateWebhookSecretResponse>, Status> {
        let tenant = tenant(&request, &request.get_ref().tenant_id)?;
        let webhook = webhook_id(&request.get_ref().webhook_id)?;
        let (shown, secret) = self.new_secret(&tenant, webhook)?;
        let rotate = store::rotate(self.database.pool(), tenant.as_str(), webhook, &secret);
        let known: Result<_, sqlx::Error> = self.database.answer(rotate).await;
        if !known.map_err(|error| trouble(&error))? {
            return Err(webhook_not_found());
        }
        Ok(Response::new(api::RotateWebhookSecretResponse {
            secret: shown.expose_secret().to_owned(),
        }))
    }

    pub(crate) async fn delete(
        &self,
        request: Request<api::DeleteWebhookRequest>,
    ) -> Result<Response<api::DeleteWebhookResponse>, Status> {
        let tenant = tenant(&request, &request.get_ref().tenant_id)?;
        if let Ok(webhook) = request.get_ref().webhook_id.parse() {
            let delete = store::delete(self.database.pool(), tenant.as_str(), webhook);
            let deleted: Result<_, sqlx::Error> = self.database.answer(delete).await;
            deleted.map_err(|error| trouble(&error))?;
        }
        Ok(Response::new(api::DeleteWebhookResponse {}))
    }

    pub(super) async fn read(
        &self,
        tenant: &TenantId,
        webhook: Uuid,
    ) -> Result<api::Webhook, Status> {
        let found = self.rows(tenant, Some(webhook)).await?;
        found.into_iter().next().ok_or_else(webhook_not_found)
    }

    async fn rows(
        &self,
        tenant: &TenantId,
        webhook: Option<Uuid>,
    ) -> Result<Vec<api::Webhook>, Status> {
        let list = store::list(self.database.pool(), tenant.as_str(), webhook);
        let rows: Result<_, sqlx::Error> = self.database.answer(list).await;
        let rows = rows.map_err(|error| trouble(&error))?;
        Ok(rows.into_iter().map(|row| shown(tenant, row)).collect())
    }

    fn new_secret(
        &self,
        tenant: &TenantId,
        webhook: Uuid,
    ) -> Result<(SecretString, Sealed), Status> {
        let secret = signing::new_secret().map_err(|error| internal(&error))?;
        let sealed = self
            .ring
            .seal(secret.expose_secret(), &place(tenant.as_str(), webhook))
            .map_err(|error| internal(&error))?;
        Ok((signing::shown(&secret), sealed))
    }

    fn url<'a>(&self, url: &'a str) -> Result<&'a str, Status> {
        match address::check(url, self.policy) {
            Some(_) => Ok(url),
            None => Err(invalid(
                "url",
                &format!("https, a public host, at most {LONGEST_URL} characters"),
            )),
        }
    }
}

fn shown(tenant: &TenantId, row: store::Row) -> api::Webhook {
    api::Webhook {
        webhook_id: row.webhook_id.to_string(),
        tenant_id: tenant.to_string(),
        name: row.name,
        url: row.url,
        enabled: row.enabled,
        created_at: Some(convert::timestamp(row.created_at)),
        last_success_at: row.last_success_at.map(convert::timestamp),
        last_failure_at: row.last_failure_at.map(convert::timestamp),
        last_failure: row.last_failure,
        objects_behind: i32::try_from(row.objects_behind).unwrap_or(i32::MAX),
        disabled_at: row.disabled_at.map(convert::timestamp),
        disabled_because: row.disabled_because,
        objects_replaying: i32::try_from(row.objects_replaying).unwrap_or(i32::MAX),
    }
}

pub(super) fn tenant<T>(request: &Request<T>, tenant: &str) -> Result<TenantId, Status> {
    if !grpc::Caller::of(request).may_see(tenant) {
        return Err(tenant_not_found());
    }
    tenant.parse().map_err(|_| tenant_not_found())
}

fn name(name: &str) -> Result<&str, Status> {
    let readable = !name.chars().any(char::is_control);
    if name.chars().count() <= LONGEST_NAME && readable {
        Ok(name)
    } else {
        Err(invalid(
            "name",
            &format!("at most {LONGEST_NAME} characters, none of them a control character"),
        ))
    }
}

/// What is no id is the id of nothing.
pub(super) fn webhook_id(id: &str) -> Result<Uuid, Status> {
    id.parse().map_err(|_| webhook_not_found())
}

pub(super) fn invalid(field: &'static str, expected: &str) -> Status {
    grpc::problem(
        Code::InvalidArgument,
        "INVALID_FIELD",
        format!("{field} is not as expected"),
        &[("field", field), ("expected", expected)],
    )
}

pub(super) fn webhook_not_found() -> Status {
    grpc::problem(
        Code::NotFound,
        "WEBHOOK_NOT_FOUND",
        "the tenant has no such webhook",
        &[],
    )
}

/// The database did not do its part.
pub(super) fn trouble(error: &sqlx::Error) -> Status {
    if !roomsync_postgres::is_unavailable(error) {
        return internal(error);
    }
    tracing::warn!(%error, "a webhook could not be read or stored");
    grpc::problem_later(
        Code::Unavailable,
        "DATABASE_UNAVAILABLE",
        "the database cannot be reached right now",
        &[],
        RETRY,
    )
}

/// Our fault. Neither the secret nor the address is in any of these errors.
fn internal(error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(error, "a call about webhooks failed");
    grpc::problem(Code::Internal, "INTERNAL", "the log says more", &[])
}
