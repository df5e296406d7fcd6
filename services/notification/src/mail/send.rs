//! Handing a mail over by SMTP. What a server says in words is never kept: it may name the address.

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters, TlsParametersBuilder},
    },
};
use roomsync_domain::MailAddress;
use secrecy::ExposeSecret as _;
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

use super::{config::MailConfig, text::Text};

/// Replies to logging in: about our own configuration, so nothing that a mail should be given up for.
const ABOUT_US: [u16; 5] = [454, 530, 534, 535, 538];

/// Hands mails over.
#[derive(Debug, Clone)]
pub struct Mailer {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

/// Why there is no mailer.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// No address of a server.
    #[error("mail.url is not the address of a mail server")]
    Server,
    /// No address to send from.
    #[error("mail.from is no address")]
    From(#[source] lettre::address::AddressError),
    /// The certificates cannot be used.
    #[error("failed to set up tls to the mail server")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// Why a mail was not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The server refuses it for good.
    #[error("the mail server refused the mail with {code}")]
    Refused {
        /// Its reply.
        code: u16,
    },
    /// This address or text cannot be made a mail of.
    #[error("no mail can be made for this address")]
    Unwritable,
    /// The server does not take it now.
    #[error("the mail server does not take the mail now ({code})")]
    NotNow {
        /// Its reply.
        code: u16,
    },
    /// There was no reply.
    #[error("the mail server did not answer: {why}")]
    NoReply {
        /// In a word.
        why: &'static str,
    },
}

impl NotSent {
    /// Whether another try can succeed.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Unwritable)
    }
}

impl Mailer {
    /// A mailer as configured. Connects for each mail: there are few.
    pub fn new(config: &MailConfig) -> Result<Self, MailerError> {
        let url = config.server().ok_or(MailerError::Server)?;
        let host = url.host_str().ok_or(MailerError::Server)?;
        let from: Mailbox = config.from.parse().map_err(MailerError::From)?;
        let (tls, usual_port) = match (url.scheme(), config.starttls) {
            ("smtps", _) => (Tls::Wrapper(encryption(config, host)?), 465),
            (_, true) => (Tls::Required(encryption(config, host)?), 587),
            (_, false) => (Tls::None, 25),
        };
        let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(url.port().unwrap_or(usual_port))
            .tls(tls)
            .timeout(Some(config.timeout));
        if let Some(password) = &config.password {
            let password = password.expose_secret().to_owned();
            server = server.credentials(Credentials::new(config.user.clone(), password));
        }
        Ok(Self {
            server: server.build(),
            from,
            timeout: config.timeout,
        })
    }

    /// Sends a mail to one person. `part` tells the mails of one `mail_id` apart; together they are the
    /// `Message-ID`, which is the same when a mail is sent again.
    pub async fn send(
        &self,
        mail_id: Uuid,
        part: usize,
        to: &MailAddress,
        text: &Text,
    ) -> Result<(), NotSent> {
        let message = self.message(mail_id, part, to, text)?;
        match timeout(self.timeout, self.server.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(NotSent::NoReply { why: "timeout" }),
        }
    }

    fn message(
        &self,
        mail_id: Uuid,
        part: usize,
        to: &MailAddress,
        text: &Text,
    ) -> Result<Message, NotSent> {
        let to: Address = to.as_str().parse().map_err(|_| NotSent::Unwritable)?;
        let domain = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(text.subject.clone())
            .message_id(Some(format!("<{mail_id}.{part}@{domain}>")))
            // Automatic answers to it would reach nobody (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN)
            .body(text.body.clone())
            .map_err(|_| NotSent::Unwritable)
    }
}

fn encryption(config: &MailConfig, host: &str) -> Result<TlsParameters, MailerError> {
    let mut parameters = TlsParametersBuilder::new(host.to_owned());
    if let Some(ca) = &config.ca {
        let authority = Certificate::from_pem(ca.as_bytes()).map_err(MailerError::Tls)?;
        parameters = parameters.add_root_certificate(authority);
    }
    parameters.build().map_err(MailerError::Tls)
}

fn refusal(error: &lettre::transport::smtp::Error) -> NotSent {
    match error.status().map(u16::from) {
        Some(code) if error.is_permanent() && !ABOUT_US.contains(&code) => {
            NotSent::Refused { code }
        }
        Some(code) => NotSent::NotNow { code },
        None => NotSent::NoReply {
            why: match error {
                error if error.is_timeout() => "timeout",
                error if error.is_tls() => "tls",
                error if error.is_response() => "unreadable reply",
                error if error.is_client() => "what it offers does not do",
                _ => "unreachable",
            },
        },
    }
}
