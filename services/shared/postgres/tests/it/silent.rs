//! A server that falls silent: its connections stay open and nothing comes over them any more.

use std::{net::SocketAddr, time::Duration};

use roomsync_postgres::{DatabaseConfig, is_unavailable};
use sqlx::Executor as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::task::TaskTracker;

use crate::support::Scratch;

/// Stands between the pool and PostgreSQL.
struct Silencer {
    address: SocketAddr,
    /// Connections made under another number are silent.
    era: watch::Sender<u64>,
}

impl Silencer {
    async fn before(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let (era, seen) = watch::channel(0);
        let tasks = TaskTracker::new();
        tasks.clone().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&upstream).await.expect("a server");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tasks.spawn(pump(from_client, to_server, seen.clone()));
                tasks.spawn(pump(from_server, to_client, seen.clone()));
            }
        });
        Self { address, era }
    }

    /// Every connection there is falls silent; new ones work.
    fn silence(&self) {
        self.era.send_modify(|era| *era += 1);
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: watch::Receiver<u64>,
) {
    let era = *seen.borrow();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if *seen.borrow() != era {
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_gets_no_answer_ends_and_gives_its_place_in_the_pool_back() {
    let mut scratch = Scratch::new().await;
    let url = scratch.url();
    let upstream = format!(
        "{}:{}",
        url.host_str().expect("a host"),
        url.port().unwrap_or(5432)
    );
    let silencer = &Silencer::before(upstream).await;
    let mut through = url;
    through
        .set_host(Some(&silencer.address.ip().to_string()))
        .unwrap();
    through.set_port(Some(silencer.address.port())).unwrap();
    scratch.config = DatabaseConfig {
        max_connections: 1,
        acquire_timeout: Duration::from_millis(500),
        statement_timeout: Duration::from_millis(500),
        ..DatabaseConfig::new(through.to_string())
    };
    let database = scratch.database();

    let unanswered = database.tx("silent", |tx| {
        Box::pin(async move {
            tx.execute("SELECT 1").await?;
            silencer.silence();
            tx.execute("SELECT 1").await?;
            Ok::<_, sqlx::Error>(())
        })
    });
    let ended = tokio::time::timeout(Duration::from_secs(10), unanswered).await;
    let error = ended.expect("it ends by itself").unwrap_err();
    assert!(is_unavailable(&error), "{error}");

    let again = async { while !database.is_reachable().await {} };
    tokio::time::timeout(Duration::from_secs(20), again)
        .await
        .expect("the only place in the pool is free again");
    scratch.drop().await;
}
