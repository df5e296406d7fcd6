//! What an administrator has to know, and to copy, before connecting (D3).

use roomsync_proto::integration::v1 as proto;

use super::{consent_scopes, lender::Lender};

impl Lender {
    /// The ways to connect that this installation offers, with their scopes.
    pub(super) fn connect_options(&self) -> proto::GetConnectOptionsResponse {
        let owned = |scopes: &[&str]| scopes.iter().map(|&it| it.to_owned()).collect();
        let optional = consent_scopes::OPTIONAL.iter();
        let delegation = self.offers.delegation();
        let client_id = delegation.and_then(|key| key.client_id());
        proto::GetConnectOptionsResponse {
            consent: self.offers.consent().is_some(),
            required_scopes: owned(&consent_scopes::REQUIRED),
            optional_scopes: optional
                .map(|&(scope, adds)| proto::OptionalScope {
                    scope: scope.to_owned(),
                    adds: adds.to_owned(),
                })
                .collect(),
            delegation: delegation.is_some(),
            delegation_client_id: client_id.unwrap_or_default().to_owned(),
            delegation_scopes: owned(&consent_scopes::DELEGATION),
            key_scopes: owned(&consent_scopes::KEY),
        }
    }
}
