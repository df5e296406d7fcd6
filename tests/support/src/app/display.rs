//! A display at a door: it follows one object.

use roomsync_process::grpc;
use roomsync_proto::booking::v1::{
    WatchObjectRequest, WatchObjectResponse, display_service_client::DisplayServiceClient,
};
use tonic::{Status, Streaming};

use super::FakeBookingApp;
use crate::SOON;

/// Seconds after which a state is shown although nothing changed, by a second less.
const SIGN_OF_LIFE: i64 = 29;

/// A display that is on.
#[derive(Debug)]
pub struct Display {
    states: Streaming<WatchObjectResponse>,
    /// Everything it showed, for the message of a test that waits in vain.
    shown: Vec<WatchObjectResponse>,
}

impl FakeBookingApp {
    /// `DisplayService`.
    pub fn displays(&self) -> DisplayServiceClient<grpc::Channel> {
        DisplayServiceClient::new(self.booking_command.clone())
    }

    /// Switches a display on.
    pub async fn display(&self, tenant: &str, object: &str) -> Result<Display, Status> {
        let request = WatchObjectRequest {
            tenant_id: tenant.to_owned(),
            object_id: object.to_owned(),
        };
        let states = self.displays().watch_object(request).await?.into_inner();
        Ok(Display {
            states,
            shown: Vec::new(),
        })
    }
}

impl Display {
    /// The next state, or why there is none.
    pub async fn next(&mut self) -> Result<WatchObjectResponse, Status> {
        match tokio::time::timeout(SOON, self.states.message()).await {
            Ok(Ok(Some(state))) => {
                self.shown.push(state.clone());
                Ok(state)
            }
            Ok(Ok(None)) => Err(Status::ok("the stream ended without a reason")),
            Ok(Err(status)) => Err(status),
            Err(tokio::time::error::Elapsed { .. }) => {
                panic!("nothing new within {SOON:?} after {:#?}", self.shown)
            }
        }
    }

    /// The first state from now on that is what `is` says.
    pub async fn wait_for(
        &mut self,
        what: &str,
        mut is: impl FnMut(&WatchObjectResponse) -> bool,
    ) -> WatchObjectResponse {
        let waited = tokio::time::timeout(SOON, async {
            loop {
                match self.next().await {
                    Ok(state) if is(&state) => return state,
                    Ok(_) => {}
                    Err(status) => panic!("the display went dark before {what}: {status:?}"),
                }
            }
        });
        match waited.await {
            Ok(state) => state,
            Err(tokio::time::error::Elapsed { .. }) => {
                panic!("not within {SOON:?}: {what}; shown {:#?}", self.shown)
            }
        }
    }

    /// How many states were shown that say nothing new, but for the signs of life.
    pub fn repeated(&self) -> usize {
        let pairs = self.shown.iter().zip(self.shown.iter().skip(1));
        let repeats = pairs.filter(|(one, other)| {
            let early = seconds(other) - seconds(one) < SIGN_OF_LIFE;
            early && without_time(one) == without_time(other)
        });
        repeats.count()
    }
}

fn seconds(state: &WatchObjectResponse) -> i64 {
    state.now.map_or(0, |now| now.seconds)
}

/// Without what is another one in every state.
fn without_time(state: &WatchObjectResponse) -> WatchObjectResponse {
    let mut state = state.clone();
    state.now = None;
    for option in &mut state.book_now {
        option.ends_at = None;
    }
    state
}
