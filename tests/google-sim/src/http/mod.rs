//! Google's endpoints, and the control API beside them.
//!
//! To add an endpoint: a route here, its `Operation`, its scopes in `gate`, a handler that returns
//! `Result<Response, ApiError>`.

mod calendars;
mod consent;
mod directory;
mod envelope;
mod events;
mod free_busy;
mod gate;
mod preconditions;
mod token;
mod watch;
mod wire;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use tokio::net::TcpListener;

use crate::{control::http::control, sim::Core};

/// Serves until the simulator shuts down.
pub(crate) async fn serve(listener: TcpListener, core: Arc<Core>) {
    let shutdown = core.shutdown.clone();
    let end = shutdown.clone();
    let service = routes(core).into_make_service_with_connect_info::<wire::Cut>();
    let server = axum::serve(wire::Wire(listener), service)
        .with_graceful_shutdown(async move { shutdown.cancelled().await });
    // Calls that still run get a moment; a test that ended is not kept waiting for them.
    let patience = async {
        end.cancelled().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        _ = server => {}
        () = patience => {}
    }
}

fn routes(core: Arc<Core>) -> Router {
    let google = Router::new()
        .route("/calendar/v3/calendars", post(calendars::insert))
        .route("/calendar/v3/calendars/{calendar}", get(calendars::get))
        .route(
            "/calendar/v3/calendars/{calendar}/events",
            get(events::list).post(events::insert),
        )
        .route(
            "/calendar/v3/calendars/{calendar}/events/watch",
            post(watch::watch),
        )
        .route(
            "/calendar/v3/calendars/{calendar}/events/{event}",
            get(events::get)
                .patch(events::patch)
                .put(events::update)
                .delete(events::delete),
        )
        .route(
            "/calendar/v3/calendars/{calendar}/events/{event}/instances",
            get(events::instances),
        )
        .route(
            "/calendar/v3/calendars/{calendar}/events/{event}/move",
            post(events::move_event),
        )
        .route("/calendar/v3/freeBusy", post(free_busy::query))
        .route("/admin/directory/v1/users/{user}", get(directory::user))
        .route("/calendar/v3/channels/stop", post(watch::stop))
        .route(
            "/admin/directory/v1/customer/{customer}/resources/calendars",
            get(directory::list),
        )
        .route(
            "/admin/directory/v1/customer/{customer}/resources/calendars/{resource}",
            get(directory::get),
        )
        .route("/token", post(token::exchange))
        .route("/revoke", post(consent::revoke))
        .route("/o/oauth2/v2/auth", get(consent::authorize))
        .route("/oauth2/v3/certs", get(consent::certs))
        .route_layer(from_fn_with_state(core.clone(), gate::gate));
    Router::new()
        .merge(google)
        .route("/control/{action}", post(control))
        .with_state(core)
}
