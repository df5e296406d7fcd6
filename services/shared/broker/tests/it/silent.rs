//! A broker that falls silent: the connection stays open and nothing comes over it any more.

use std::time::{Duration, Instant};

use roomsync_broker::{Envelope, PublishError};
use roomsync_messages::{LinkDue, ObjectChanged};
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::task::TaskTracker;

use crate::support::{Scratch, Script, link_due, object_changed};

/// Puts a proxy before the broker of `scratch`; it falls silent when told `true`.
async fn silencer(scratch: &mut Scratch) -> watch::Sender<bool> {
    let mut url = url::Url::parse(scratch.config.url.expose_secret()).expect("an address");
    let upstream = format!(
        "{}:{}",
        url.host_str().expect("a host"),
        url.port().unwrap_or(5672)
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    url.set_host(Some(&address.ip().to_string()))
        .expect("a host");
    url.set_port(Some(address.port())).expect("a port");
    scratch.config.url = url.to_string().into();

    let (silence, silent) = watch::channel(false);
    let tasks = TaskTracker::new();
    tasks.clone().spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&upstream).await.expect("a server");
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tasks.spawn(pump(from_client, to_server, silent.clone()));
            tasks.spawn(pump(from_server, to_client, silent.clone()));
        }
    });
    silence
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut silent: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let passes = silent.wait_for(|silent| !silent).await.is_ok();
        if !passes || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_is_waited_for_once_and_not_by_each_message() {
    let mut scratch = Scratch::new().await;
    scratch.config.publish_timeout = Duration::from_millis(500);
    let silence = silencer(&mut scratch).await;
    let publisher = scratch.connected().await.publisher();
    silence.send_replace(true);

    let envelopes = (1..=30).map(|version| Envelope::of(&object_changed(version)).unwrap());
    let started = Instant::now();
    let results = publisher.publish_in_order(envelopes.collect()).await;
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(results.len(), 30);
    for result in results {
        assert!(
            matches!(result, Err(PublishError::Timeout | PublishError::Lost)),
            "{result:?}"
        );
    }
    silence.send_replace(false);
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_waits_for_a_silent_broker_ends_at_the_shutdown() {
    let mut scratch = Scratch::new().await;
    let silence = silencer(&mut scratch).await;
    let broker = scratch.connected().await;
    silence.send_replace(true);
    let handler = Script::new(|_: &ObjectChanged, _| Ok(()));
    let consumer = broker.consume::<ObjectChanged, _>(handler);
    let soft = scratch.soft.clone();
    let (ended, ()) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(5), consumer),
        async {
            // Once it is subscribing: nothing else of this test runs in between.
            tokio::task::yield_now().await;
            soft.cancel();
        },
    );
    ended.expect("the consumer ends");
    silence.send_replace(false);
    scratch.end().await;
}

/// Neither the end of the consumer nor the acknowledgement of what it had in hand gets an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_broker_falls_silent_at_work_ends_at_the_shutdown() {
    let mut scratch = Scratch::new().await;
    let silence = silencer(&mut scratch).await;
    let broker = scratch.connected().await;
    let silenced = silence.clone();
    let handler = Script::new(move |_: &LinkDue, _| {
        silenced.send_replace(true);
        Ok(())
    });
    let consumer = broker.consume::<LinkDue, _>(handler.clone());
    let consumer = scratch.tasks.spawn(consumer);
    broker.publisher().publish(&link_due(1)).await.unwrap();
    handler.wait_for(1).await;
    scratch.soft.cancel();
    // Less than the two heartbeats after which the connection itself counts as lost.
    let ended = tokio::time::timeout(Duration::from_secs(15), consumer).await;
    ended.expect("the consumer ends").unwrap();
    silence.send_replace(false);
    scratch.end().await;
}
