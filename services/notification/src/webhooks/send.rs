//! One request to one receiver, and what its answer means.

use std::{error::Error, sync::Arc, time::Duration};

use chrono::DateTime;
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, DATE, RETRY_AFTER},
    redirect,
};

use url::Url;

use super::address::{self, NotPublic, Policy, PublicResolver};

/// What of an answer's body is read at most, so that the connection can be used again.
const READ_AT_MOST: usize = 64 * 1024;
/// The longest pause that a receiver may ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What is sent.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where.
    pub url: &'a str,
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`, seconds since 1970.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// The JSON.
    pub body: Vec<u8>,
}

/// Why a change was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another status than 2xx.
    Status {
        /// Which.
        status: u16,
        /// How long the receiver wants to be left alone (429 and 503 only).
        pause: Option<Duration>,
    },
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// The address leads inside.
    NotPublic,
    /// The webhook's secret cannot be opened: its sealing key is gone. A new secret helps.
    NoSecret,
}

impl Refusal {
    /// How it is called in the API.
    pub fn word(self) -> String {
        match self {
            Self::Status { status, .. } => format!("HTTP_{status}"),
            _ => self.kind().to_owned(),
        }
    }

    /// The same with fewer words, for metrics.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Status { status, .. } => match status / 100 {
                3 => "HTTP_3XX",
                4 => "HTTP_4XX",
                5 => "HTTP_5XX",
                _ => "HTTP_OTHER",
            },
            Self::Timeout => "TIMEOUT",
            Self::Unreachable => "UNREACHABLE",
            Self::NotPublic => "NOT_PUBLIC",
            Self::NoSecret => "NO_SECRET",
        }
    }

    /// The receiver says that it will never take anything again.
    pub fn is_farewell(self) -> bool {
        matches!(self, Self::Status { status: 410, .. })
    }

    /// Somebody answered.
    pub fn was_answered(self) -> bool {
        matches!(self, Self::Status { .. })
    }

    /// How long nothing is to be sent.
    pub fn pause(self) -> Option<Duration> {
        match self {
            Self::Status { pause, .. } => pause,
            _ => None,
        }
    }
}

/// Sends requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    http: Client,
    policy: Policy,
}

impl Sender {
    /// Fails only when the machine has no usable TLS set-up.
    pub fn new(policy: Policy, timeout: Duration) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .timeout(timeout)
            // A redirect could lead inside, and is no 2xx.
            .redirect(redirect::Policy::none())
            // A proxy would do the looking up.
            .no_proxy()
            .https_only(!policy.allow_http)
            .dns_resolver(Arc::new(PublicResolver { policy }))
            .user_agent(concat!("roomsync/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, policy })
    }

    /// Sends one. `Ok` is a 2xx.
    pub async fn send(&self, request: Request<'_>) -> Result<(), Refusal> {
        // Again: an address in figures is never looked up, and the settings may have changed.
        let url = address::check(request.url, self.policy).ok_or(Refusal::NotPublic)?;
        self.post(url, request).await
    }

    async fn post(&self, url: Url, request: Request<'_>) -> Result<(), Refusal> {
        let sent = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", request.id)
            .header("webhook-timestamp", request.timestamp)
            .header("webhook-signature", request.signature)
            .body(request.body)
            .send()
            .await;
        let response = sent.map_err(|error| refusal(&error))?;
        let verdict = verdict(&response);
        swallow(response).await;
        verdict
    }
}

fn verdict(response: &Response) -> Result<(), Refusal> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let header = |name| {
        let value = response.headers().get(name)?;
        value.to_str().ok()
    };
    let asks = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let pause = header(RETRY_AFTER)
        .filter(|_| asks.contains(&status))
        .and_then(|value| retry_after(value, header(DATE)))
        // "At once" is no pause: the ladder decides.
        .filter(|pause| !pause.is_zero());
    Err(Refusal::Status {
        status: status.as_u16(),
        pause,
    })
}

/// Seconds, or a date, which is compared with the answer's own: our clock does not matter.
fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    let pause = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = DateTime::parse_from_rfc2822(value).ok()?;
        let now = DateTime::parse_from_rfc2822(date?).ok()?;
        (until - now).to_std().unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}

/// Reads the body away. What it says, and whether it comes whole, does not matter.
async fn swallow(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > READ_AT_MOST {
            return;
        }
    }
}

/// The error itself is not kept: it names the address.
fn refusal(error: &reqwest::Error) -> Refusal {
    if error.is_timeout() {
        return Refusal::Timeout;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if error.is::<NotPublic>()
            || inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<NotPublic>)
        {
            return Refusal::NotPublic;
        }
        cause = error.source();
    }
    Refusal::Unreachable
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `localhost` stands for a name that looks public and leads inside.
    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads_when_it_is_connected_to() {
        let server = wiremock::MockServer::start().await;
        wiremock::Mock::given(wiremock::matchers::any())
            .respond_with(wiremock::ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let url: Url = format!("http://localhost:{}/", server.address().port())
            .parse()
            .unwrap();
        let mut posted = Vec::new();
        for allow_private in [false, true] {
            let policy = Policy {
                allow_private,
                allow_http: true,
            };
            let sender = Sender::new(policy, Duration::from_secs(5)).unwrap();
            let request = Request {
                url: "",
                id: "id",
                timestamp: 1,
                signature: "v1,x".to_owned(),
                body: Vec::new(),
            };
            posted.push(sender.post(url.clone(), request).await);
        }
        assert_eq!(posted, [Err(Refusal::NotPublic), Ok(())]);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    const DATE: Option<&str> = Some("Sun, 22 Nov 2026 08:00:00 GMT");

    #[rstest::rstest]
    #[case("7", None, Some(7))]
    #[case("Sun, 22 Nov 2026 08:01:30 GMT", DATE, Some(90))]
    #[case::past("Sun, 22 Nov 2026 07:00:00 GMT", DATE, Some(0))]
    #[case::no_date("Sun, 22 Nov 2026 08:01:30 GMT", None, None)]
    #[case::far("86400", None, Some(3600))]
    #[case("soon", DATE, None)]
    fn a_pause_is_honoured_up_to_an_hour(
        #[case] value: &str,
        #[case] date: Option<&str>,
        #[case] seconds: Option<u64>,
    ) {
        assert_eq!(retry_after(value, date), seconds.map(Duration::from_secs));
    }
}
