//! A TCP proxy that goes wrong on command: between services, PostgreSQL, RabbitMQ and the simulator.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// What the proxy does with what passes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Hands everything on.
    Pass,
    /// Closes new connections at once: the server is down.
    Refuse,
    /// Takes connections and bytes, hands nothing on: the network swallows everything.
    Stall,
}

#[derive(Debug, Clone, Copy)]
struct State {
    mode: Mode,
    /// For so long everything is held back, each way.
    delay: Duration,
    /// Connections made under another number are cut.
    era: u64,
}

/// A running proxy. It stops, and cuts its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    _stop: DropGuard,
}

impl Proxy {
    /// Listens on a free port and hands everything on to `upstream` (`host:port`).
    pub async fn start(upstream: impl Into<String>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(State {
            mode: Mode::Pass,
            delay: Duration::ZERO,
            era: 0,
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let stopped = stop.clone();
        tasks
            .clone()
            .spawn(accept(listener, upstream.into(), seen, stopped, tasks));
        Ok(Self {
            address,
            state,
            _stop: stop.drop_guard(),
        })
    }

    /// Where to connect instead of the upstream.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Works: new connections pass, stalled ones go on, nothing is held back.
    pub fn pass(&self) {
        self.state.send_modify(|state| {
            state.mode = Mode::Pass;
            state.delay = Duration::ZERO;
        });
    }

    /// A slow network: what arrives is handed on after `delay`, each way, until [`Proxy::pass`].
    pub fn slow(&self, delay: Duration) {
        self.state.send_modify(|state| {
            state.mode = Mode::Pass;
            state.delay = delay;
        });
    }

    /// Cuts every connection and refuses new ones, until [`Proxy::pass`].
    pub fn refuse(&self) {
        self.state.send_modify(|state| {
            state.mode = Mode::Refuse;
            state.era += 1;
        });
    }

    /// Cuts every connection; new ones pass.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.era += 1);
    }

    /// Lets nothing through any more, and closes nothing either, until [`Proxy::pass`].
    pub fn stall(&self) {
        self.state.send_modify(|state| state.mode = Mode::Stall);
    }
}

async fn accept(
    listener: TcpListener,
    upstream: String,
    seen: watch::Receiver<State>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let client = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => client,
                Err(_) => continue,
            },
        };
        let now = *seen.borrow();
        if now.mode == Mode::Refuse {
            continue;
        }
        let (upstream, seen, stop) = (upstream.clone(), seen.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = cut(seen.clone(), now.era) => {}
                // Whatever ends a connection ends it for both sides.
                _ = connect(client, &upstream, seen) => {}
            }
        });
    }
}

async fn cut(mut seen: watch::Receiver<State>, era: u64) {
    let _ = seen.wait_for(|state| state.era != era).await;
}

async fn connect(
    client: TcpStream,
    upstream: &str,
    seen: watch::Receiver<State>,
) -> io::Result<()> {
    let mut waiting = seen.clone();
    open(&mut waiting).await?;
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    tokio::try_join!(
        pump(client_reads, server_writes, seen.clone()),
        pump(server_reads, client_writes, seen),
    )?;
    Ok(())
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut seen: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        let delay = seen.borrow().delay;
        if !delay.is_zero() {
            // What arrives meanwhile is read at once afterwards: a wait for each answer, not for each byte.
            tokio::time::sleep(delay).await;
        }
        open(&mut seen).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}

/// Waits while everything is stalled.
async fn open(seen: &mut watch::Receiver<State>) -> io::Result<()> {
    match seen.wait_for(|state| state.mode != Mode::Stall).await {
        Ok(_) => Ok(()),
        Err(_) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{SOON, eventually};

    /// A server that sends back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = TaskTracker::new();
        tasks.clone().spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tasks.spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn answers(connection: &mut TcpStream) -> bool {
        let asked = async {
            connection.write_all(b"?").await?;
            connection.read_u8().await
        };
        matches!(
            tokio::time::timeout(Duration::from_millis(200), asked).await,
            Ok(Ok(b'?'))
        )
    }

    #[tokio::test]
    async fn it_passes_refuses_and_passes_again() {
        let proxy = Proxy::start(echo().await.to_string()).await.unwrap();
        let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut connection).await);
        proxy.refuse();
        assert!(!answers(&mut connection).await);
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(!answers(&mut refused).await);
        proxy.pass();
        let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut connection).await);
    }

    #[tokio::test]
    async fn a_cut_ends_what_is_there_and_a_new_connection_passes() {
        let proxy = Proxy::start(echo().await.to_string()).await.unwrap();
        let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut connection).await);
        proxy.cut();
        assert!(!answers(&mut connection).await);
        let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut connection).await);
    }

    #[tokio::test]
    async fn a_slow_line_holds_back_each_way() {
        let proxy = Proxy::start(echo().await.to_string()).await.unwrap();
        let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
        let delay = Duration::from_millis(300);
        proxy.slow(delay);
        let asked = tokio::time::Instant::now();
        connection.write_all(b"?").await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), b'?');
        assert!(asked.elapsed() >= delay * 2);
        proxy.pass();
        assert!(answers(&mut connection).await);
    }

    #[tokio::test]
    async fn a_stall_loses_nothing() {
        let proxy = Proxy::start(echo().await.to_string()).await.unwrap();
        let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut connection).await);
        proxy.stall();
        assert!(!answers(&mut connection).await);
        proxy.pass();
        let late = eventually(SOON, "the byte that was stalled", async || {
            connection.read_u8().await.ok()
        });
        assert_eq!(late.await, b'?');
    }
}
