//! Who may pass a listener. A pure decision over path and `authorization` header.

use std::sync::Arc;

use http::HeaderValue;
use tonic::{Code, Status};

use super::{
    callers::{Caller, Callers},
    config::Role,
    problem::problem,
};

/// Health answers without a token: a load balancer has none.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// The key ring of a listener and the roles it admits.
#[derive(Clone, Debug)]
pub struct Access {
    callers: Callers,
    roles: &'static [Role],
}

impl Access {
    /// Admits callers of these roles.
    pub fn new(callers: Callers, roles: &'static [Role]) -> Self {
        Self { callers, roles }
    }

    /// The public listener: booking apps, operators and displays, and our own services.
    pub fn public(callers: Callers) -> Self {
        Self::new(
            callers,
            &[Role::App, Role::Operator, Role::Display, Role::Service],
        )
    }

    /// The internal listener: our own services only.
    pub fn internal(callers: Callers) -> Self {
        Self::new(callers, &[Role::Service])
    }

    /// The caller, nobody for health, or why the request may not pass.
    pub(super) fn admit(
        &self,
        path: &str,
        authorization: Option<&HeaderValue>,
    ) -> Result<Option<Arc<Caller>>, Status> {
        if path.starts_with(HEALTH) {
            return Ok(None);
        }
        let unauthenticated =
            |reason, message: &str| problem(Code::Unauthenticated, reason, message, &[]);
        let header = authorization
            .ok_or_else(|| unauthenticated("TOKEN_MISSING", "a bearer token is required"))?;
        let caller = bearer(header)
            .and_then(|token| self.callers.find(token))
            .ok_or_else(|| unauthenticated("TOKEN_UNKNOWN", "this token is not known here"))?;
        if !self.roles.contains(&caller.role) {
            let role = caller.role.as_str();
            let message = format!("role {role} is not admitted on this listener");
            let code = Code::PermissionDenied;
            return Err(problem(
                code,
                "ROLE_NOT_ALLOWED",
                message,
                &[("role", role)],
            ));
        }
        Ok(Some(caller.clone()))
    }
}

fn bearer(header: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = header.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}
