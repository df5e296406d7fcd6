//! A whole process inside a test: admin port, readiness, shutdown and kill.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{ConfigError, ProcessConfig, ReadyFlag, Service, config, healthcheck};

const SERVICE: Service<Config> =
    Service::new("test-service", "[admin]\nlisten = \"127.0.0.1:0\"\n");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    process: ProcessConfig,
}

impl ServiceConfig for Config {
    fn process(&self) -> &ProcessConfig {
        &self.process
    }

    fn validate(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

fn config() -> Config {
    config::load(SERVICE.default_config, None, std::iter::empty()).unwrap()
}

/// Accepts connections and keeps them, until it is told to stop.
async fn hold_connections(context: Context<Config>) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    context.ports.announce("public", listener.local_addr()?);
    let soft = context.shutdown.soft();
    context.spawn_critical("accept", async move {
        let mut held = Vec::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => held.push(accepted?),
                () = soft.cancelled() => return anyhow::Ok(()),
            }
        }
    });
    Ok(())
}

async fn refuses(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_err()
}

#[tokio::test]
async fn a_process_answers_its_probes_and_stops_softly() {
    let flag: Arc<Mutex<Option<ReadyFlag>>> = Arc::default();
    let registered = flag.clone();
    let running = start_in_process(SERVICE, config(), async move |context| {
        *registered.lock().unwrap() = Some(context.readiness.register("database"));
        hold_connections(context).await
    })
    .await
    .unwrap();
    let public = running.port("public").await.unwrap();
    healthcheck::ask(running.admin_addr, "/livez")
        .await
        .unwrap();
    healthcheck::ask(running.admin_addr, "/metrics")
        .await
        .unwrap();
    let error = healthcheck::ask(running.admin_addr, "/readyz")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"HTTP/1.0 503 Service Unavailable {"ready":false,"not_ready":["database"],"checks":{"database":false}}"#,
    );
    flag.lock().unwrap().as_ref().unwrap().set(true);
    running.ready().await.unwrap();
    healthcheck::ask(running.admin_addr, "/readyz")
        .await
        .unwrap();

    let admin = running.admin_addr;
    running.shutdown().await.unwrap();
    assert!(refuses(public).await && refuses(admin).await);
}

#[tokio::test]
async fn a_killed_process_is_gone_at_once_with_its_connections() {
    let running = start_in_process(SERVICE, config(), hold_connections)
        .await
        .unwrap();
    let public = running.port("public").await.unwrap();
    let mut connection = TcpStream::connect(public).await.unwrap();
    running.kill().await;
    assert!(refuses(public).await);
    let read = tokio::io::AsyncReadExt::read(&mut connection, &mut [0]).await;
    assert!(
        matches!(read, Ok(0) | Err(_)),
        "the connection is closed: {read:?}"
    );
}

#[tokio::test]
async fn a_process_that_cannot_start_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config();
    config.process.admin.listen = taken.local_addr().unwrap();
    let error = start_in_process(SERVICE, config, hold_connections)
        .await
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("failed to open the admin port"),
        "{error}"
    );
}

#[tokio::test]
async fn a_port_of_a_process_that_has_ended_is_not_waited_for() {
    let run = async |_: Context<Config>| anyhow::bail!("no luck");
    let running = start_in_process(SERVICE, config(), run).await.unwrap();
    let error = running.port("public").await.unwrap_err();
    assert!(format!("{error:#}").ends_with("no luck"), "{error:#}");
    assert_eq!(running.shutdown().await.unwrap_err().to_string(), "no luck");
}
