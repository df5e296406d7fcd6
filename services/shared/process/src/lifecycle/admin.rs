//! The admin port: `/livez`, `/readyz`, `/metrics`. For probes and Prometheus, not for people
//! outside.

use std::{io, net::SocketAddr};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::{Readiness, telemetry};

pub(super) struct Admin {
    pub(super) address: SocketAddr,
    listener: TcpListener,
}

impl Admin {
    pub(super) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
        })
    }

    /// Answers for ever.
    pub(super) async fn serve(self, readiness: Readiness) -> io::Result<()> {
        let routes = Router::new()
            .route(
                "/livez",
                get(async || Json(serde_json::json!({ "live": true }))),
            )
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(readiness);
        axum::serve(self.listener, routes).await
    }
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}

async fn metrics() -> Response {
    match telemetry::render() {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
