//! The connections: so many at most, HTTP/1.1, none idle for ever. At the soft shutdown none is
//! accepted any more and each ends after the request in hand.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use roomsync_process::Spawner;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::config::HttpConfig;

/// After a failure to accept (no file descriptors left, say), so that it does not spin.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// For writing the answer of a request in hand.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// Serves until the soft shutdown.
pub(crate) async fn run(
    listener: TcpListener,
    routes: Router,
    config: HttpConfig,
    soft: CancellationToken,
    spawner: Spawner,
) {
    let places = Arc::new(Semaphore::new(config.max_connections));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.idle_timeout)
        // Beyond this hyper itself answers 431; below it we do, and count it.
        .max_buf_size(4 * config.max_header_bytes);
    let in_hand = config.body_timeout.saturating_add(config.confirm_timeout);
    let serve = async {
        loop {
            // Cannot fail: the semaphore is never closed.
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(AFTER_FAILURE).await;
                    continue;
                }
            };
            let (http, routes, soft) = (http.clone(), routes.clone(), soft.clone());
            spawner.spawn("connection", async move {
                let _place = place;
                connection(stream, &http, routes, soft, in_hand).await;
            });
        }
    };
    soft.run_until_cancelled(serve).await;
}

async fn connection(
    stream: TcpStream,
    http: &http1::Builder,
    routes: Router,
    soft: CancellationToken,
    in_hand: Duration,
) {
    // Answers are single small packets; waiting for more would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set TCP_NODELAY");
    }
    let service = TowerToHyperService::new(routes);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = soft.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // Longer than a request in hand may take: what is left has not even sent its head.
            match timeout(in_hand.saturating_add(LAST_MOMENTS), connection).await {
                Ok(result) => result,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
