//! `healthcheck`: asks the admin port of a running process. For images without a shell or curl.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(5);

/// Succeeds when the process behind `admin` answers 200 on `path`.
pub(crate) async fn ask(admin: SocketAddr, path: &str) -> anyhow::Result<()> {
    let address = reachable(admin);
    let answer = timeout(DEADLINE, get(address, path))
        .await
        .with_context(|| format!("{address} did not answer within {DEADLINE:?}"))?
        .with_context(|| format!("failed to ask {address}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    bail!(
        "{} {body}",
        head.lines().next().unwrap_or("an empty answer")
    );
}

/// HTTP/1.0, so that the end of the connection is the end of the answer.
async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// One listens on "every address", but asks a certain one.
fn reachable(mut admin: SocketAddr) -> SocketAddr {
    if admin.ip().is_unspecified() {
        admin.set_ip(match admin.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    admin
}
