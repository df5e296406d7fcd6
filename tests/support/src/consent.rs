//! Connecting by consent: the operator's OAuth client and service account, and the administrator's
//! browser, which opens the page that the simulator shows.

use google_sim::{Control, OAuthClient, ServiceAccount, scopes};
use roomsync_proto::integration::v1::{
    BeginConnectRequest, BeginConnectResponse, CompleteConnectRequest, CompleteConnectResponse,
    ConnectionStatus, DisconnectRequest, EnableDelegationRequest, GetStatusRequest,
};
use tonic::Status;
use url::Url;

use crate::{Cluster, FakeBookingApp, Organisation};

/// Where browsers come back to.
pub const BACK: &str = "https://flexopus.example/google/back";

/// What the operator has registered at Google.
#[derive(Debug, Clone)]
pub struct Operator {
    /// For consent.
    pub client: OAuthClient,
    /// What organisations delegate booking as their users to.
    pub account: ServiceAccount,
}

impl Operator {
    /// Makes both, or finds them.
    pub(crate) fn of(google: &Control) -> Self {
        Self {
            client: google.oauth_client("roomsync", &[BACK]),
            account: google.service_account("roomsync-operator"),
        }
    }

    /// An administrator lets us book as the organisation's users.
    pub fn is_delegated_by(&self, organisation: &Organisation) {
        let delegated = organisation
            .org
            .delegate(&self.account, &[scopes::EVENTS_OWNED]);
        delegated.unwrap_or_else(|error| panic!("nothing delegated: {error}"));
    }
}

impl Cluster {
    /// What the operator registered, of a cluster that offers consent.
    pub fn operator(&self) -> Operator {
        Operator::of(self.google())
    }
}

impl FakeBookingApp {
    /// Begins to connect by consent.
    pub async fn begin_connect(
        &self,
        tenant: &str,
        login_hint: &str,
    ) -> Result<BeginConnectResponse, Status> {
        let request = BeginConnectRequest {
            tenant_id: tenant.to_owned(),
            redirect_uri: BACK.to_owned(),
            login_hint: login_hint.to_owned(),
        };
        let begun = self.connections().begin_connect(request).await?;
        Ok(begun.into_inner())
    }

    /// Brings back what the browser came back with.
    pub async fn complete_connect(
        &self,
        tenant: &str,
        brought: &Brought,
    ) -> Result<CompleteConnectResponse, Status> {
        let request = CompleteConnectRequest {
            tenant_id: tenant.to_owned(),
            state: brought.state.clone(),
            code: brought.code.clone(),
            error: brought.error.clone(),
        };
        let done = self.connections().complete_connect(request).await?;
        Ok(done.into_inner())
    }

    /// Connects a tenant by the consent of an administrator, from the first click to the last.
    pub async fn connect_by_consent(
        &self,
        tenant: &str,
        administrator: &str,
    ) -> Result<CompleteConnectResponse, Status> {
        let begun = self.begin_connect(tenant, administrator).await?;
        let brought = consent(&begun.consent_url).await;
        self.complete_connect(tenant, &brought).await
    }

    /// Adds the operator's service account to a consented connection.
    pub async fn enable_delegation(&self, tenant: &str) -> Result<ConnectionStatus, Status> {
        let tenant_id = tenant.to_owned();
        let request = EnableDelegationRequest { tenant_id };
        let answer = self.connections().enable_delegation(request).await?;
        Ok(answer.into_inner().status.unwrap_or_default())
    }

    /// How a tenant is connected.
    pub async fn connection_status(&self, tenant: &str) -> Result<ConnectionStatus, Status> {
        let tenant_id = tenant.to_owned();
        let answer = self
            .connections()
            .get_status(GetStatusRequest { tenant_id })
            .await?;
        Ok(answer.into_inner().status.unwrap_or_default())
    }

    /// Ends a connection, which goes on by itself. What was linked is no longer expected to be as
    /// Google's rooms say.
    pub async fn disconnect(&self, tenant: &str) -> Result<ConnectionStatus, Status> {
        let tenant_id = tenant.to_owned();
        let answer = self
            .connections()
            .disconnect(DisconnectRequest { tenant_id })
            .await?;
        self.known(|known| known.links.retain(|(of, _), _| of != tenant));
        Ok(answer.into_inner().status.unwrap_or_default())
    }
}

/// What the browser came back with.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Ours.
    pub state: String,
    /// Google's, if somebody agreed.
    pub code: String,
    /// Google's, if nobody did.
    pub error: String,
}

/// Opens the consent page as the administrator whom the address names, and reads where it sends the
/// browser back to.
pub async fn consent(url: &str) -> Brought {
    let browser = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(crate::SOON)
        .build();
    let browser = browser.unwrap_or_else(|error| panic!("no browser: {error}"));
    let page = browser.get(url).send().await;
    let page = page.unwrap_or_else(|error| panic!("no consent page: {error}"));
    let back = page
        .headers()
        .get("location")
        .and_then(|location| location.to_str().ok()?.parse::<Url>().ok());
    let Some(back) = back else {
        panic!("the page does not send the browser back: {page:?}");
    };
    assert!(back.as_str().starts_with(BACK), "back to us: {back}");
    let said = |name: &str| {
        let found = back.query_pairs().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    Brought {
        state: said("state"),
        code: said("code"),
        error: said("error"),
    }
}
