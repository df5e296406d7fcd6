//! Deliveries that never get an answer, because their connection closes again and again. The broker counts
//! each of them against every message in hand, begun or not, and parks a message after 50.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::anyhow;
use async_trait::async_trait;
use roomsync_broker::{Broker, Delivery, Failure, Handler};
use roomsync_messages::{LinkDue, Message, ObjectChanged};
use secrecy::ExposeSecret as _;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::task::TaskTracker;

use crate::support::{DEADLINE, Scratch, eventually, link_due, object_changed, wait_connected};

/// More often than the broker's own limit.
const CLOSED: usize = 52;

/// Puts a line before the broker of `scratch` that is cut whenever the number changes.
async fn line(scratch: &mut Scratch) -> watch::Sender<usize> {
    let mut url = url::Url::parse(scratch.config.url.expose_secret()).expect("an address");
    let host = url.host_str().expect("a host").to_owned();
    let upstream = format!("{host}:{}", url.port().unwrap_or(5672));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(address.port())).expect("a port");
    scratch.config.url = url.to_string().into();

    let (cuts, cut) = watch::channel(0);
    let tasks = TaskTracker::new();
    tasks.clone().spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&upstream).await.expect("a server");
            let mut cut = cut.clone();
            cut.mark_unchanged();
            tasks.spawn(async move {
                tokio::select! {
                    _ = cut.changed() => {}
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                }
            });
        }
    });
    cuts
}

/// Answers no message until it is told to.
struct Silent<M> {
    /// How often each was begun.
    begun: Mutex<BTreeMap<String, usize>>,
    done: Mutex<Vec<M>>,
    speaks: watch::Sender<bool>,
    /// Says "again" at once instead of nothing.
    refuses: bool,
}

impl<M: Message> Silent<M> {
    fn new(refuses: bool) -> Arc<Self> {
        Arc::new(Self {
            begun: Mutex::default(),
            done: Mutex::default(),
            speaks: watch::Sender::new(false),
            refuses,
        })
    }

    fn begun(&self) -> BTreeMap<String, usize> {
        self.begun.lock().expect("no test panicked").clone()
    }

    fn done(&self) -> Vec<M> {
        self.done.lock().expect("no test panicked").clone()
    }
}

#[async_trait]
impl<M: Message> Handler<M> for Silent<M> {
    async fn handle(&self, message: M, delivery: &Delivery) -> Result<(), Failure> {
        let id = delivery.message_id.to_string();
        *self
            .begun
            .lock()
            .expect("no test panicked")
            .entry(id)
            .or_default() += 1;
        if self.refuses && !*self.speaks.borrow() {
            return Err(Failure::retry(anyhow!("not yet")));
        }
        let mut speaks = self.speaks.subscribe();
        speaks.wait_for(|speaks| *speaks).await.expect("a sender");
        self.done.lock().expect("no test panicked").push(message);
        Ok(())
    }
}

/// Cuts the line; returns when the next connection stands.
async fn cut(cuts: &watch::Sender<usize>, broker: &Broker) {
    let mut changes = broker.connected_changes();
    changes.mark_unchanged();
    cuts.send_modify(|count| *count += 1);
    tokio::time::timeout(DEADLINE, changes.wait_for(|connected| !connected))
        .await
        .expect("in time")
        .expect("the broker lives");
    wait_connected(broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_in_hand_while_connections_close_fifty_two_times_are_not_parked() {
    let mut scratch = Scratch::new().await;
    let cuts = line(&mut scratch).await;
    let broker = scratch.connected().await;
    let silent = Silent::<LinkDue>::new(false);
    scratch
        .tasks
        .spawn(broker.consume::<LinkDue, _>(silent.clone()));
    for number in 1..=3 {
        broker.publisher().publish(&link_due(number)).await.unwrap();
    }
    for round in 1..=CLOSED {
        eventually("every message is in hand again", async || {
            let begun = silent.begun();
            (begun.len() == 3 && begun.values().all(|times| *times >= round)).then_some(())
        })
        .await;
        cut(&cuts, &broker).await;
    }
    silent.speaks.send_replace(true);
    eventually("they are done", async || {
        let done = silent.done();
        (1..=3)
            .all(|number| done.contains(&link_due(number)))
            .then_some(())
    })
    .await;
    let parked = scratch.peek(&format!("{}.dead", LinkDue::QUEUE)).await;
    assert!(parked.is_empty(), "{parked:?}");
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_wait_in_order_while_connections_close_fifty_two_times_are_not_parked() {
    let mut scratch = Scratch::new().await;
    let cuts = line(&mut scratch).await;
    let broker = scratch.connected().await;
    let silent = Silent::<ObjectChanged>::new(true);
    scratch
        .tasks
        .spawn(broker.consume::<ObjectChanged, _>(silent.clone()));
    for version in 1..=5 {
        broker
            .publisher()
            .publish(&object_changed(version))
            .await
            .unwrap();
    }
    let begun = || silent.begun().values().sum::<usize>();
    for _ in 1..=CLOSED {
        let before = begun();
        eventually("the first one is in hand again", async || {
            (begun() > before).then_some(())
        })
        .await;
        cut(&cuts, &broker).await;
    }
    silent.speaks.send_replace(true);
    eventually("they are done", async || {
        let done = silent.done();
        (1..=5)
            .all(|version| done.contains(&object_changed(version)))
            .then_some(())
    })
    .await;
    let parked = scratch
        .peek(&format!("{}.dead", ObjectChanged::QUEUE))
        .await;
    assert!(parked.is_empty(), "{parked:?}");
    scratch.end().await;
}

/// Never answers the first message; of the others it notes how often they were tried.
#[derive(Default)]
struct NeverTheFirst {
    begun: watch::Sender<usize>,
    done: Mutex<Vec<(i64, u32)>>,
}

#[async_trait]
impl Handler<ObjectChanged> for NeverTheFirst {
    async fn handle(&self, message: ObjectChanged, delivery: &Delivery) -> Result<(), Failure> {
        if message.version == 1 {
            self.begun.send_modify(|times| *times += 1);
            return Err(Failure::retry(anyhow!("never")));
        }
        let mut done = self.done.lock().expect("no test panicked");
        done.push((message.version, delivery.attempt));
        Ok(())
    }
}

/// They were in hand as often as the one before them, but nobody began them.
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_in_order_behind_one_that_is_never_answered_is_handled_when_that_one_is_published_anew()
 {
    let mut scratch = Scratch::new().await;
    let cuts = line(&mut scratch).await;
    let broker = scratch.connected().await;
    let handler = Arc::new(NeverTheFirst::default());
    scratch
        .tasks
        .spawn(broker.consume::<ObjectChanged, _>(handler.clone()));
    for version in 1..=3 {
        let message = object_changed(version);
        broker.publisher().publish(&message).await.unwrap();
    }
    let mut begun = handler.begun.subscribe();
    for _ in 0..20 {
        let before = *begun.borrow_and_update();
        let again = tokio::time::timeout(DEADLINE, begun.wait_for(|times| *times > before));
        again.await.expect("in time").expect("the handler lives");
        cut(&cuts, &broker).await;
    }
    eventually("those behind it are done", async || {
        let done = handler.done.lock().expect("no test panicked").clone();
        (done == [(2, 1), (3, 1)]).then_some(())
    })
    .await;
    scratch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_never_gets_an_answer_is_parked_when_its_patience_ends() {
    let mut scratch = Scratch::new().await;
    scratch.config.patience = Some(Duration::from_millis(1));
    let cuts = line(&mut scratch).await;
    let broker = scratch.connected().await;
    let silent = Silent::<LinkDue>::new(false);
    scratch
        .tasks
        .spawn(broker.consume::<LinkDue, _>(silent.clone()));
    broker.publisher().publish(&link_due(1)).await.unwrap();
    let dead = format!("{}.dead", LinkDue::QUEUE);
    let mut round = 0;
    let parked = loop {
        round += 1;
        let parked = eventually("in hand, or parked", async || {
            let parked = scratch.peek(&dead).await.into_iter().next();
            let begun = silent.begun().values().any(|times| *times >= round);
            (begun || parked.is_some()).then_some(parked)
        })
        .await;
        if let Some(parked) = parked {
            break parked;
        }
        cut(&cuts, &broker).await;
    };
    let reason = parked["properties"]["headers"]["roomsync-reason"].to_string();
    assert!(
        reason.contains("handed out 20 times without an answer"),
        "{reason}"
    );
    silent.speaks.send_replace(true);
    scratch.end().await;
}
