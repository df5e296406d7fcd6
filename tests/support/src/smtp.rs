//! A mail server on loopback, as RFC 5321 has it: what a test's mails are handed over to. It keeps what it
//! took, and replies what the test tells it to. One that encrypts has a certificate that only who is told its
//! authority can believe.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::TcpListener, sync::watch};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

mod encryption;
mod session;

pub use self::encryption::Encryption;
use self::encryption::Identity;
use crate::SOON;

/// One recipient of one mail that was handed over, or was to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `RCPT TO`.
    pub to: String,
    /// `MAIL FROM`.
    pub from: String,
    /// What came of it.
    pub reply: Reply,
    /// What stands in it; empty when it was not taken.
    pub message_id: String,
    /// Decoded.
    pub subject: String,
    /// The text, decoded.
    pub body: String,
    /// The header `To`.
    pub header_to: Vec<String>,
    /// The header `Auto-Submitted`.
    pub auto_submitted: String,
    /// The connection was encrypted.
    pub encrypted: bool,
    /// With whose name and password it was handed over; empty without.
    pub login: String,
}

/// What the server says to a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It takes the mail.
    Take,
    /// It refuses the recipient, with a reply that names the address.
    Refuse(u16),
    /// It takes the mail and hangs up before it says so.
    TakeAndHangUp,
}

type Answer = Box<dyn FnMut(&str) -> Reply + Send>;

#[derive(Default)]
struct Inner {
    answer: Option<Answer>,
    mails: Vec<Mail>,
}

/// A running server; it stops when it is dropped.
pub struct MailServer {
    address: SocketAddr,
    encryption: Option<Encryption>,
    shared: Shared,
    _stop: DropGuard,
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    changed: watch::Sender<()>,
    identity: Option<Identity>,
}

impl MailServer {
    /// Listens on a free port and takes every mail, in the clear.
    pub async fn start() -> Self {
        Self::listen(None).await
    }

    /// The same, with an encrypted connection only.
    pub async fn encrypting(encryption: Encryption) -> Self {
        Self::listen(Some(encryption)).await
    }

    async fn listen(encryption: Option<Encryption>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.unwrap_or_else(|error| panic!("no port for mails: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = Shared {
            inner: Arc::default(),
            changed: watch::Sender::new(()),
            identity: encryption.map(|_| Identity::of_localhost()),
        };
        let stop = CancellationToken::new();
        let at_once = encryption == Some(Encryption::FromTheStart);
        TaskTracker::new().spawn(session::serve(
            listener,
            shared.clone(),
            at_once,
            stop.clone(),
        ));
        Self {
            address,
            encryption,
            shared,
            _stop: stop.drop_guard(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What notification is told.
    pub fn url(&self) -> String {
        let scheme = match self.encryption {
            Some(Encryption::FromTheStart) => "smtps",
            Some(Encryption::StartTls) | None => "smtp",
        };
        format!("{scheme}://{}", self.address)
    }

    /// The authority that signed its certificate, as PEM; nothing for a server that does not encrypt.
    pub fn authority(&self) -> Option<String> {
        let identity = self.shared.identity.as_ref();
        identity.map(|identity| identity.authority.clone())
    }

    /// What it says to recipients from now on.
    pub fn answer(&self, answer: impl FnMut(&str) -> Reply + Send + 'static) {
        self.shared
            .with(|inner| inner.answer = Some(Box::new(answer)));
    }

    /// Everything that was handed over or refused, in order.
    pub fn everything(&self) -> Vec<Mail> {
        self.shared.with(|inner| inner.mails.clone())
    }

    /// What was taken, in order.
    pub fn taken(&self) -> Vec<Mail> {
        let everything = self.everything().into_iter();
        everything
            .filter(|mail| !matches!(mail.reply, Reply::Refuse(_)))
            .collect()
    }

    /// Waits until what came, taken or refused, shows something.
    pub async fn wait_for<T>(&self, what: &str, mut look: impl FnMut(&[Mail]) -> Option<T>) -> T {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = look(&self.everything()) {
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
                "{elapsed} ({SOON:?}): the mail server gets {what}; it got {:#?}",
                self.everything()
            ),
        }
    }

    /// Waits for the first mail to this address that was taken.
    pub async fn wait_taken(&self, to: &str) -> Mail {
        let taken = |mail: &&Mail| mail.to == to && !matches!(mail.reply, Reply::Refuse(_));
        self.wait_for(&format!("a mail to {to}"), |mails| {
            mails.iter().find(taken).cloned()
        })
        .await
    }
}

impl Shared {
    fn with<T>(&self, with: impl FnOnce(&mut Inner) -> T) -> T {
        with(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn reply_to(&self, recipient: &str) -> Reply {
        self.with(|inner| {
            let answer = inner.answer.as_mut();
            answer.map_or(Reply::Take, |answer| answer(recipient))
        })
    }

    fn keep(&self, mail: Mail) {
        self.with(|inner| inner.mails.push(mail));
        self.changed.send_replace(());
    }
}
