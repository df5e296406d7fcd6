use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Ingest, Vhost, client, soon, status};

/// The head of a push that says its body has `length` bytes.
fn head(ingest: &Ingest, length: usize) -> String {
    let token = ingest.tokens.sign(ingest.channel, ingest.calendar);
    format!(
        "POST /google/calendar/push HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\
         x-goog-channel-id: {}\r\nx-goog-channel-token: {token}\r\n\
         x-goog-resource-id: R6UY\r\nx-goog-resource-state: exists\r\n\r\n",
        ingest.channel
    )
}

/// Everything that comes until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    soon("the connection to be closed", stream.read_to_end(&mut text))
        .await
        .unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_push_in_hand_is_finished_at_shutdown() {
    let vhost = Vhost::created().await;
    let ingest = Ingest::start(&vhost.amqp_url(), &[]).await;
    ingest.running.ready().await.unwrap();
    let mut stream = TcpStream::connect(ingest.address).await.unwrap();
    // `Expect` makes the server say when it reads the body: from then on the push is in hand.
    let head = head(&ingest, 2).replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = [0; 25];
    soon("the server to read", stream.read_exact(&mut line))
        .await
        .unwrap();
    assert_eq!(line, *b"HTTP/1.1 100 Continue\r\n\r\n");

    let (ended, answer) = tokio::join!(soon("the end", ingest.running.shutdown()), async {
        // The listener is closed first: then the shutdown has begun.
        soon("the listener to close", async {
            while TcpStream::connect(ingest.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        stream.write_all(b"ok").await.unwrap();
        rest(&mut stream).await
    });
    ended.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    vhost.delete().await;
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let settings = [
        ("HTTP__BODY_TIMEOUT", "200ms"),
        ("HTTP__IDLE_TIMEOUT", "500ms"),
    ];
    let ingest = Ingest::start("amqp://127.0.0.1:1/nowhere", &settings).await;
    let mut stream = TcpStream::connect(ingest.address).await.unwrap();
    stream.write_all(head(&ingest, 2).as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    ingest.running.kill().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let settings = [("HTTP__IDLE_TIMEOUT", "200ms")];
    let ingest = Ingest::start("amqp://127.0.0.1:1/nowhere", &settings).await;
    let mut stream = TcpStream::connect(ingest.address).await.unwrap();
    stream
        .write_all(b"POST /google/calendar/push HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    rest(&mut stream).await;
    ingest.running.kill().await;
}

#[tokio::test]
async fn a_head_that_never_ends_does_not_hold_up_the_shutdown() {
    let settings = [
        ("HTTP__BODY_TIMEOUT", "100ms"),
        ("HTTP__CONFIRM_TIMEOUT", "100ms"),
        ("HTTP__IDLE_TIMEOUT", "1h"),
    ];
    let ingest = Ingest::start("amqp://127.0.0.1:1/nowhere", &settings).await;
    let mut stream = TcpStream::connect(ingest.address).await.unwrap();
    stream.write_all(b"POST /google").await.unwrap();
    // Connections are taken in order: with the second one answered, the first is served too.
    let answered = client().get(ingest.url("/robots.txt"));
    assert_eq!(status(answered).await, 200);
    soon("the end", ingest.running.shutdown()).await.unwrap();
}
