//! A webhook that the simulator posts to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::support::PATIENCE;

/// A webhook that answers 204, or what it was told to answer first.
pub(crate) struct Hook {
    pub(crate) address: String,
    arrived: mpsc::UnboundedReceiver<HeaderMap>,
    pub(crate) answers: Arc<Mutex<VecDeque<u16>>>,
    _task: JoinSet<()>,
}

type HookState = (mpsc::UnboundedSender<HeaderMap>, Arc<Mutex<VecDeque<u16>>>);

impl Hook {
    pub(crate) async fn start() -> Self {
        async fn receive(
            State((sender, answers)): State<HookState>,
            headers: HeaderMap,
        ) -> StatusCode {
            let _ = sender.send(headers);
            let answer = answers.lock().expect("no test panics here").pop_front();
            StatusCode::from_u16(answer.unwrap_or(204)).expect("tests give valid codes")
        }
        let (sender, arrived) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let app = Router::new()
            .route("/hook", post(receive))
            .with_state((sender, answers.clone()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = format!(
            "http://{}/hook",
            listener.local_addr().expect("it is bound")
        );
        let mut task = JoinSet::new();
        task.spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Self {
            address,
            arrived,
            answers,
            _task: task,
        }
    }

    pub(crate) async fn next(&mut self) -> HeaderMap {
        timeout(PATIENCE, self.arrived.recv())
            .await
            .expect("it comes in time")
            .expect("it runs")
    }

    /// What has arrived and was not looked at.
    pub(crate) fn pending(&mut self) -> usize {
        std::iter::from_fn(|| self.arrived.try_recv().ok()).count()
    }
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

pub(crate) fn number(headers: &HeaderMap) -> u64 {
    text(headers, "x-goog-message-number")
        .parse()
        .expect("it is a number")
}
