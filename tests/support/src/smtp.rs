//! A mail server on loopback, as RFC 5321 has it: what a test's mails are handed over to. It keeps what it
//! took, and replies what the test tells it to.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use mail_parser::MessageParser;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

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
}

impl MailServer {
    /// Listens on a free port and takes every mail.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.unwrap_or_else(|error| panic!("no port for mails: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = Shared {
            inner: Arc::default(),
            changed: watch::Sender::new(()),
        };
        let stop = CancellationToken::new();
        TaskTracker::new().spawn(serve(listener, shared.clone(), stop.clone()));
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

    /// What notification is told.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
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

async fn serve(listener: TcpListener, shared: Shared, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            connection = listener.accept() => {
                let Ok((stream, _)) = connection else { continue };
                let session = Session { stream: BufReader::new(stream), shared: shared.clone(), from: None, to: Vec::new() };
                let stopped = stop.clone().cancelled_owned();
                tasks.spawn(async move {
                    tokio::select! {
                        () = stopped => {}
                        // A client that goes away in the middle has handed nothing over.
                        _ = session.run() => {}
                    }
                });
            }
        }
    }
}

/// One connection.
struct Session {
    stream: BufReader<TcpStream>,
    shared: Shared,
    from: Option<String>,
    to: Vec<(String, Reply)>,
}

impl Session {
    async fn run(mut self) -> std::io::Result<()> {
        self.say("220 localhost ESMTP").await?;
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let command = line.trim_end();
            let verb = command.split(' ').next().unwrap_or_default();
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    self.say("250-localhost").await?;
                    self.say("250-8BITMIME").await?;
                    self.say("250 SMTPUTF8").await?;
                }
                "HELO" | "NOOP" => self.say("250 OK").await?,
                "RSET" => {
                    self.from = None;
                    self.to.clear();
                    self.say("250 OK").await?;
                }
                "MAIL" => {
                    self.from = Some(address(command));
                    self.to.clear();
                    self.say("250 OK").await?;
                }
                "RCPT" if self.from.is_some() => self.recipient(address(command)).await?,
                "DATA" if !self.to.is_empty() => {
                    if self.data().await? == Reply::TakeAndHangUp {
                        return Ok(());
                    }
                }
                "RCPT" | "DATA" => self.say("503 bad sequence of commands").await?,
                "QUIT" => return self.say("221 bye").await,
                _ => self.say("502 not implemented").await?,
            }
        }
    }

    async fn recipient(&mut self, to: String) -> std::io::Result<()> {
        let reply = self.shared.reply_to(&to);
        if let Reply::Refuse(code) = reply {
            let said = format!("{code} <{to}>: not here");
            self.shared.keep(Mail {
                from: self.from.clone().unwrap_or_default(),
                to,
                reply,
                message_id: String::new(),
                subject: String::new(),
                body: String::new(),
                header_to: Vec::new(),
                auto_submitted: String::new(),
            });
            return self.say(&said).await;
        }
        self.to.push((to, reply));
        self.say("250 OK").await
    }

    /// Everything up to the line with a dot alone; a dot before a line's own is taken off (RFC 5321 4.5.2).
    async fn data(&mut self) -> std::io::Result<Reply> {
        self.say("354 go on").await?;
        let mut message = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                break;
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let from = self.from.take().unwrap_or_default();
        let mut last = Reply::Take;
        for (to, reply) in std::mem::take(&mut self.to) {
            last = reply;
            let Some(mail) = read(&message, &from, to, reply) else {
                self.say("554 no message").await?;
                return Ok(Reply::Refuse(554));
            };
            self.shared.keep(mail);
        }
        if last == Reply::Take {
            self.say("250 taken").await?;
        }
        Ok(last)
    }

    async fn say(&mut self, line: &str) -> std::io::Result<()> {
        let line = format!("{line}\r\n");
        self.stream.write_all(line.as_bytes()).await
    }
}

/// What stands between `<` and `>`.
fn address(command: &str) -> String {
    let between = command
        .split_once('<')
        .and_then(|(_, it)| it.split_once('>'));
    between.map_or(String::new(), |(address, _)| address.to_owned())
}

fn read(message: &[u8], from: &str, to: String, reply: Reply) -> Option<Mail> {
    let parsed = MessageParser::default().parse(message)?;
    let header_to = parsed.to().into_iter().flat_map(|to| to.iter());
    Some(Mail {
        to,
        from: from.to_owned(),
        reply,
        message_id: parsed.message_id()?.to_owned(),
        subject: parsed.subject()?.to_owned(),
        body: parsed.body_text(0)?.replace("\r\n", "\n"),
        header_to: header_to
            .filter_map(|to| to.address.as_deref().map(str::to_owned))
            .collect(),
        auto_submitted: parsed
            .header_raw("Auto-Submitted")
            .unwrap_or_default()
            .trim()
            .to_owned(),
    })
}
