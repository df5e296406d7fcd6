//! Connecting with the tenant's own service-account key (R47, R50, D21).

use roomsync_domain::{MailAddress, TenantId};
use roomsync_google::ServiceAccountKey;
use sqlx::PgConnection;

use super::{
    activate::{self, NewConnection, OldGrant},
    announce::announce,
    begin_connect::disconnecting,
    complete_connect::another_organisation,
    connecting,
    connections::{self, Connection, Way},
    lender::Lender,
    prove::{Candidate, is_not_delegated, key_invalid},
    warnings::Warning,
};
use crate::{gate, links, status::CommandError};

/// What an administrator pastes.
pub(super) struct ConnectWithKey<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) key_json: &'a [u8],
    pub(super) directory_subject: &'a MailAddress,
    pub(super) rooms_subject: &'a MailAddress,
}

impl Lender {
    /// Proves the key and both subjects, then stores them. Links and bookings stay; every link is
    /// verified anew, with a new channel and a full sync (D23). A key that is not delegated yet waits, where
    /// there is no connection that it would replace (D21).
    pub(super) async fn connect(
        &self,
        command: &ConnectWithKey<'_>,
    ) -> Result<Vec<Warning>, CommandError> {
        let file = std::str::from_utf8(command.key_json)
            .map_err(|_| key_invalid("a JSON key file; this is no text"))?;
        let key = ServiceAccountKey::parse(file).map_err(|why| key_invalid(why.to_string()))?;
        let project = key.project();
        let candidate = Candidate {
            tenant: command.tenant,
            key: &key,
            project,
            directory: command.directory_subject,
            rooms: command.rooms_subject,
        };
        let proved = self.prove(&candidate).await;
        if let Err(refusal) = &proved
            && !is_not_delegated(refusal)
        {
            return proved;
        }
        let place = Connection::place(command.tenant);
        let sealed = self
            .ring
            .seal(command.key_json, &place)
            .map_err(anyhow::Error::from)?;
        let new = NewConnection {
            tenant: command.tenant,
            way: Way::Key,
            domain: command.directory_subject.domain(),
            project,
            service_account: Some(key.client_email()),
            directory_subject: command.directory_subject,
            rooms_subject: command.rooms_subject,
            secret: &sealed,
            granted_scopes: &[],
            account_id: None,
        };
        if proved.is_ok() {
            self.same_organisation(&candidate).await?;
            let replaced = self
                .database
                .tx("connect", |tx| Box::pin(store(tx, &new)))
                .await?;
            tracing::info!(tenant = %command.tenant, "connected with a key");
            self.give_up_grant(command.tenant, replaced).await;
            return proved;
        }
        let waits = self
            .database
            .tx("begin_connecting", |tx| {
                Box::pin(connecting::begin(tx, &new))
            })
            .await?;
        if !waits {
            return proved;
        }
        tracing::info!(tenant = %command.tenant, "a key waits for its delegation");
        Ok(Vec::new())
    }
}

impl Lender {
    /// `FAILED_PRECONDITION` `ANOTHER_ORGANISATION` when links exist that are of another one. An organisation may
    /// have several domains: it is the same one if its Directory knows a linked room.
    async fn same_organisation(&self, candidate: &Candidate<'_>) -> Result<(), CommandError> {
        let domain = candidate.directory.domain();
        let other = another_organisation(&self.database, candidate.tenant, domain).await;
        let Err(refusal) = other else { return Ok(()) };
        for room in connections::linked_rooms(&self.database, candidate.tenant).await? {
            if self.knows(candidate, &room).await? {
                return Ok(());
            }
        }
        Err(refusal)
    }
}

/// Makes a proved connection the tenant's. Links and bookings stay (D23). Answers the grant that it replaces, for
/// [`Lender::give_up_grant`].
pub(super) async fn store(
    tx: &mut PgConnection,
    new: &NewConnection<'_>,
) -> Result<Option<OldGrant>, CommandError> {
    gate::module_in(&mut *tx, new.tenant).await?;
    let before = activate::activate(&mut *tx, new).await?;
    match before.as_ref().map(|before| before.state.as_str()) {
        // What is being taken down has to be down first: the job would take this one down, too.
        Some("disconnecting") => return Err(disconnecting()),
        Some(_) => links::verify_all_again(&mut *tx, new.tenant).await?,
        None => {}
    }
    announce(tx, new.tenant, "active", None).await?;
    Ok(before.and_then(|before| before.grant))
}
