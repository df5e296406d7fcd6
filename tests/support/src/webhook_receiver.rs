//! A receiver of webhooks, as the main app would have one: it verifies by the specification alone, without
//! a line of roomsync's own, and answers what the test tells it to.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::hmac;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use roomsync_domain::{Clock as _, SystemClock};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::SOON;

/// One request.
#[derive(Debug, Clone)]
pub struct Posted {
    /// `webhook-id`.
    pub id: String,
    /// The object that changed.
    pub object: String,
    /// Its version.
    pub version: i64,
    /// The whole body.
    pub body: Value,
    /// How many signatures it carried.
    pub signatures: usize,
    /// Which of the trusted secrets, in the order they were trusted, signed it.
    pub signed_by: Vec<usize>,
    /// `webhook-timestamp` is within five minutes of now: nobody plays an old request again.
    pub is_fresh: bool,
    /// What it was answered.
    pub answered: u16,
}

impl Posted {
    /// Whether it was taken.
    pub fn is_taken(&self) -> bool {
        (200..300).contains(&self.answered)
    }
}

/// How far `webhook-timestamp` may be from now, in seconds.
const FRESH: u64 = 5 * 60;

type Answer = Box<dyn FnMut(&Posted) -> u16 + Send>;

#[derive(Default)]
struct Inner {
    secrets: Vec<Vec<u8>>,
    answer: Option<Answer>,
    posted: Vec<Posted>,
}

/// A running receiver; it stops when it is dropped.
pub struct WebhookReceiver {
    address: SocketAddr,
    shared: Shared,
    _stop: DropGuard,
}

impl fmt::Debug for WebhookReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookReceiver")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    changed: watch::Sender<()>,
}

impl WebhookReceiver {
    /// Listens on a free port. It takes what a trusted secret has signed just now, and answers everything
    /// else 401.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.unwrap_or_else(|error| panic!("no port for a receiver: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = Shared {
            inner: Arc::default(),
            changed: watch::Sender::new(()),
        };
        let routes = Router::new()
            .route("/hook", post(receive))
            .with_state(shared.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        TaskTracker::new().spawn(async move {
            tokio::select! {
                () = stopped => {}
                served = axum::serve(listener, routes) => {
                    if let Err(error) = served {
                        tracing::error!(%error, "the receiver of webhooks broke");
                    }
                }
            }
        });
        Self {
            address,
            shared,
            _stop: stop.drop_guard(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a webhook is told.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Trusts a secret as it was shown: `whsec_` and base64.
    pub fn trust(&self, secret: &str) {
        let key = secret
            .strip_prefix("whsec_")
            .and_then(|it| STANDARD.decode(it).ok());
        let key = key.unwrap_or_else(|| panic!("a secret of another form"));
        self.shared.with(|inner| inner.secrets.push(key));
    }

    /// What it answers, from now on, to what a trusted secret has signed just now.
    pub fn answer(&self, answer: impl FnMut(&Posted) -> u16 + Send + 'static) {
        self.shared
            .with(|inner| inner.answer = Some(Box::new(answer)));
    }

    /// Everything that came, in order.
    pub fn posted(&self) -> Vec<Posted> {
        self.shared.with(|inner| inner.posted.clone())
    }

    /// What was taken, without what came again.
    pub fn taken(&self) -> Vec<Posted> {
        taken(&self.posted())
    }

    /// Waits until what was taken shows something.
    pub async fn wait_for<T>(&self, what: &str, look: impl FnMut(&[Posted]) -> Option<T>) -> T {
        let mut look = look;
        self.wait_posted(what, |posted| look(&taken(posted))).await
    }

    /// Waits until what came, taken or not, shows something.
    pub async fn wait_posted<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&[Posted]) -> Option<T>,
    ) -> T {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = look(&self.posted()) {
                    return found;
                }
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        match tokio::time::timeout(SOON, wait).await {
            Ok(found) => found,
            Err(elapsed) => panic!(
                "{elapsed} ({SOON:?}): the receiver gets {what}; it got {:#?}",
                self.posted()
            ),
        }
    }
}

impl Shared {
    fn with<T>(&self, with: impl FnOnce(&mut Inner) -> T) -> T {
        with(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn taken(posted: &[Posted]) -> Vec<Posted> {
    let mut seen = Vec::new();
    for request in posted.iter().filter(|request| request.is_taken()) {
        if !seen.iter().any(|it: &Posted| it.id == request.id) {
            seen.push(request.clone());
        }
    }
    seen
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let answered = shared.with(|inner| {
        let now = SystemClock.now().timestamp();
        let Some(mut posted) = read(&inner.secrets, &headers, &body, now) else {
            return 400;
        };
        posted.answered = if posted.signed_by.is_empty() || !posted.is_fresh {
            401
        } else {
            inner.answer.as_mut().map_or(200, |answer| answer(&posted))
        };
        let answered = posted.answered;
        inner.posted.push(posted);
        answered
    });
    shared.changed.send_replace(());
    StatusCode::from_u16(answered).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// `None`: it has not even the form of a webhook's request.
fn read(secrets: &[Vec<u8>], headers: &HeaderMap, body: &[u8], now: i64) -> Option<Posted> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
    let signatures: Vec<Vec<u8>> = header("webhook-signature")?
        .split(' ')
        .map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .collect::<Option<_>>()?;
    let mut content = format!("{id}.{timestamp}.").into_bytes();
    content.extend_from_slice(body);
    let signs = |secret: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let good = |tag: &Vec<u8>| hmac::verify(&key, &content, tag).is_ok();
        signatures.iter().any(good)
    };
    let sent_at: i64 = timestamp.parse().ok()?;
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(Posted {
        id: id.to_owned(),
        object: body["data"]["object_id"].as_str()?.to_owned(),
        version: body["data"]["version"].as_i64()?,
        signatures: signatures.len(),
        signed_by: secrets
            .iter()
            .enumerate()
            .filter(|(_, secret)| signs(secret))
            .map(|(index, _)| index)
            .collect(),
        is_fresh: sent_at.abs_diff(now) <= FRESH,
        answered: 0,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn signed_at(timestamp: i64) -> Posted {
        let (secret, body) = (b"secret", br#"{"data":{"object_id":"a","version":1}}"#);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut content = format!("id.{timestamp}.").into_bytes();
        content.extend_from_slice(body);
        let signature = format!("v1,{}", STANDARD.encode(hmac::sign(&key, &content)));
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", "id".to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        read(&[secret.to_vec()], &headers, body, NOW).unwrap()
    }

    #[test]
    fn what_was_signed_more_than_five_minutes_from_now_is_not_fresh() {
        for (timestamp, is_fresh) in [
            (NOW, true),
            (NOW - 300, true),
            (NOW + 300, true),
            (NOW - 301, false),
            (NOW + 301, false),
        ] {
            let posted = signed_at(timestamp);
            assert_eq!(posted.signed_by, [0]);
            assert_eq!(posted.is_fresh, is_fresh, "{timestamp}");
        }
    }
}
