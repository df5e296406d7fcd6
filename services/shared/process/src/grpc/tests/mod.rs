//! Listener and channel against each other, over loopback.

mod access;
mod calls;
mod tls;

use std::sync::{Arc, Mutex};

use axum::{Extension, routing::post};
use http::{HeaderMap, Request};
use tonic::{Status, body::Body, service::Routes};

use super::*;
use crate::{Shutdown, Spawner, TaskTracker};

/// What the handler saw of the last call.
type Seen = Arc<Mutex<Option<(Caller, HeaderMap)>>>;

/// A listener with one rpc, `/test.Echo/Call`, and what it saw.
struct Served {
    address: std::net::SocketAddr,
    seen: Seen,
    shutdown: Shutdown,
    tasks: TaskTracker,
}

impl Served {
    /// Admits tokens named after roles to a listener of services and operators.
    async fn start(tls: Option<TlsConfig>) -> Self {
        // Before the first call: an instrument made earlier would stay silent.
        crate::telemetry::install_globals();
        let listen = ListenConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls,
        };
        let listener = Listener::bind(&listen).await.unwrap();
        let (address, seen) = (listener.local_addr(), Seen::default());
        let (shutdown, tasks) = (Shutdown::new(), TaskTracker::new());
        let access = Access::new(callers(), &[Role::Service, Role::Operator]);
        let served = listener.serve(routes(seen.clone()), &[], access, shutdown.clone());
        Spawner::new(tasks.clone(), shutdown.clone()).spawn_critical("listener", served);
        Self {
            address,
            seen,
            shutdown,
            tasks,
        }
    }

    /// A channel that shows this token.
    fn channel(&self, token: &str) -> Channel {
        let config = ClientConfig::new(&format!("http://{}", self.address), token).unwrap();
        connect(&config).unwrap()
    }

    async fn stop(self) {
        self.shutdown.trigger();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn callers() -> Callers {
    let key = |name: &str, role| CallerKey {
        name: name.to_owned(),
        role,
        tenants: vec!["acme".to_owned()],
        sha256: token_sha256(name),
    };
    let keys = vec![key("service", Role::Service), key("app", Role::App)];
    Callers::load(&CallersConfig { keys, file: None }).unwrap()
}

fn routes(seen: Seen) -> Routes {
    let call = async |Extension(seen): Extension<Seen>, request: axum::extract::Request| {
        let (parts, _) = request.into_parts();
        let mut request = tonic::Request::new(());
        *request.extensions_mut() = parts.extensions;
        let caller = Caller::of(&request).clone();
        *seen.lock().unwrap() = Some((caller, parts.headers));
        Status::ok("").into_http::<Body>()
    };
    let never = async || std::future::pending::<http::Response<Body>>().await;
    let routes = Routes::default().into_axum_router();
    routes
        .route("/test.Echo/Call", post(call))
        .route("/test.Echo/Never", post(never))
        .layer(Extension(seen))
        .into()
}

/// Calls an rpc and returns the status it ended with.
async fn call(mut channel: Channel, path: &str, headers: &[(&str, &str)]) -> Status {
    let mut request = Request::post(format!("http://test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    std::future::poll_fn(|cx| tower::Service::poll_ready(&mut channel, cx))
        .await
        .unwrap();
    match tower::Service::call(&mut channel, request).await {
        Ok(response) => {
            Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok(""))
        }
        Err(status) => status,
    }
}
