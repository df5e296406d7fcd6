//! `mail.due`: sends a mail that waits. It calls outside, so it has no inbox: the mail's row says whether it
//! is done.

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler, ResultExt as _};
use roomsync_messages::MailDue;

use crate::mail::deliver::Mails;

/// Sends what is due.
#[derive(Debug)]
pub struct MailDueConsumer {
    /// How.
    pub mails: Mails,
}

#[async_trait]
impl Handler<MailDue> for MailDueConsumer {
    async fn handle(&self, message: MailDue, _: &Delivery) -> Result<(), Failure> {
        self.mails.send(message.id).await.or_retry()
    }
}
