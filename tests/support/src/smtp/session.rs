//! One connection to the mail server: its commands and their replies.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mail_parser::MessageParser;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Mail, Reply, Shared};

/// A connection, encrypted or not.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Serves connections until the server stops; encrypted from the first byte with `at_once`.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Shared,
    at_once: bool,
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            connection = listener.accept() => {
                let Ok((stream, _)) = connection else { continue };
                let session = Session {
                    stream: BufReader::new(Box::new(stream)),
                    shared: shared.clone(),
                    encrypted: false,
                    login: String::new(),
                    from: None,
                    to: Vec::new(),
                };
                let stopped = stop.clone().cancelled_owned();
                tasks.spawn(async move {
                    tokio::select! {
                        () = stopped => {}
                        // A client that goes away in the middle has handed nothing over.
                        _ = session.run(at_once) => {}
                    }
                });
            }
        }
    }
}

/// One connection.
struct Session {
    stream: BufReader<Box<dyn Wire>>,
    shared: Shared,
    encrypted: bool,
    login: String,
    from: Option<String>,
    to: Vec<(String, Reply)>,
}

impl Session {
    async fn run(mut self, at_once: bool) -> std::io::Result<()> {
        if at_once {
            self = self.encrypt().await?;
        }
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
                "EHLO" => self.offer().await?,
                "STARTTLS" if self.may_encrypt() => {
                    self.say("220 go on").await?;
                    self = self.encrypt().await?;
                }
                "AUTH" if self.encrypted => self.login(command).await?,
                "HELO" | "NOOP" => self.say("250 OK").await?,
                "RSET" => {
                    self.from = None;
                    self.to.clear();
                    self.say("250 OK").await?;
                }
                // RFC 3207 4.
                "MAIL" if self.may_encrypt() => self.say("530 must issue STARTTLS first").await?,
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

    fn may_encrypt(&self) -> bool {
        self.shared.identity.is_some() && !self.encrypted
    }

    async fn offer(&mut self) -> std::io::Result<()> {
        self.say("250-localhost").await?;
        self.say("250-8BITMIME").await?;
        if self.may_encrypt() {
            self.say("250-STARTTLS").await?;
        }
        if self.encrypted {
            self.say("250-AUTH PLAIN").await?;
        }
        self.say("250 SMTPUTF8").await
    }

    /// What was said before counts no longer (RFC 3207 4.2).
    async fn encrypt(self) -> std::io::Result<Self> {
        let Some(identity) = self.shared.identity.clone() else {
            return Err(std::io::ErrorKind::Unsupported.into());
        };
        let stream = identity.acceptor.accept(self.stream.into_inner()).await?;
        Ok(Self {
            stream: BufReader::new(Box::new(stream)),
            shared: self.shared,
            encrypted: true,
            login: String::new(),
            from: None,
            to: Vec::new(),
        })
    }

    /// `AUTH PLAIN`: nothing, the name and the password, each after a NUL (RFC 4616).
    async fn login(&mut self, command: &str) -> std::io::Result<()> {
        let said = command.strip_prefix("AUTH PLAIN ");
        let said = said.and_then(|it| BASE64_STANDARD.decode(it).ok());
        let said = said.and_then(|it| String::from_utf8(it).ok());
        let Some(said) = said else {
            return self.say("501 not understood").await;
        };
        self.login = said.trim_start_matches('\0').replace('\0', ":");
        self.say("235 welcome").await
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
                encrypted: self.encrypted,
                login: self.login.clone(),
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
            self.shared.keep(Mail {
                encrypted: self.encrypted,
                login: self.login.clone(),
                ..mail
            });
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
        encrypted: false,
        login: String::new(),
    })
}
