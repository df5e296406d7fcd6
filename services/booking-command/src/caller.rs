//! Who is calling, and for which tenant.
//!
//! Every rpc of a tenant starts with [`tenant`]: a tenant the caller's token does not name answers
//! exactly like one that does not exist.

use roomsync_domain::TenantId;
use roomsync_process::grpc::Caller;
use tonic::Request;

use crate::{status::CommandError, validate};

/// The tenant of a request, if the caller may see it.
/// `INVALID_FIELD` `tenant_id`, or `NOT_FOUND` `TENANT_NOT_FOUND`.
pub(crate) fn tenant<T>(request: &Request<T>, tenant_id: &str) -> Result<TenantId, CommandError> {
    let tenant: TenantId = validate::id("tenant_id", tenant_id)?;
    if Caller::of(request).may_see(tenant.as_str()) {
        Ok(tenant)
    } else {
        Err(CommandError::NotFound("TENANT_NOT_FOUND"))
    }
}
