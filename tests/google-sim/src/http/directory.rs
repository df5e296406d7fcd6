//! The Directory's `resources.calendars` and `users`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};

use super::{envelope::json_answer, gate::Parameters};
use crate::{
    sim::Core,
    world::{ApiError, Caller},
};

pub(super) async fn list(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Parameters(parameters)): Extension<Parameters>,
    Path(customer): Path<String>,
) -> Result<Response, ApiError> {
    let find = |name: &str| {
        parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let max_results = find("maxResults")
        .map(str::parse)
        .transpose()
        .map_err(|_| ApiError::invalid_parameter("maxResults", "Invalid value."))?;
    core.read(|world| {
        world.resources(
            &caller,
            &customer,
            find("query"),
            find("pageToken"),
            max_results,
        )
    })
    .map(json_answer)
}

pub(super) async fn user(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Parameters(parameters)): Extension<Parameters>,
    Path(user): Path<String>,
) -> Result<Response, ApiError> {
    let public = parameters
        .iter()
        .any(|(name, value)| name == "viewType" && value == "domain_public");
    core.read(|world| world.show_user(&caller, &user, public))
        .map(json_answer)
}

pub(super) async fn get(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Path((customer, resource)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    core.read(|world| world.resource(&caller, &customer, &resource))
        .map(json_answer)
}
