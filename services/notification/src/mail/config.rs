//! `[mail]`: where mails are handed over, and as whose.

use std::time::Duration;

use lettre::message::Mailbox;
use roomsync_process::{ConfigError, grpc};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::send::Mailer;

/// Mails to people.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// `smtp://host:port` or `smtps://host:port`; empty: no mails are sent.
    pub url: String,
    /// With `smtp://`: whether the connection must be encrypted.
    pub starttls: bool,
    /// The authority of the server's certificate, as PEM (`ca_file`); the system's without it.
    #[serde(default)]
    pub ca: Option<String>,
    /// The name to log in with; empty: without.
    pub user: String,
    /// Its password.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// Whom mails are from.
    pub from: String,
    /// How long handing over one mail may take.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How long a mail about a booking waits for others that it can be told with.
    #[serde(with = "humantime_serde")]
    pub gather: Duration,
    /// How long one mail is tried.
    #[serde(with = "humantime_serde")]
    pub patience: Duration,
    /// booking-command's internal listener.
    #[serde(default)]
    pub booking_command: Option<grpc::ClientConfig>,
}

impl MailConfig {
    /// The broker gives a message up after a day: ours ends before, so that it is the one that is noted.
    const LONGEST_PATIENCE: Duration = Duration::from_hours(22);

    /// Whoever has booked by mistake, or has lost a room, wants to know while something can be done.
    const LONGEST_GATHERING: Duration = Duration::from_mins(10);

    /// Whether mails are sent.
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }

    /// Whether everything is there and can be used.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let broken = |key: &str, problem: &str| {
            Err(ConfigError::invalid(
                format!("mail.{key}"),
                problem.to_owned(),
            ))
        };
        for (key, duration) in [("timeout", self.timeout), ("patience", self.patience)] {
            if duration.is_zero() {
                return broken(key, "must not be zero");
            }
        }
        if self.patience > Self::LONGEST_PATIENCE {
            return broken("patience", "must be at most 22 hours");
        }
        if self.gather > Self::LONGEST_GATHERING {
            return broken("gather", "must be at most 10 minutes");
        }
        if !self.is_on() {
            return Ok(());
        }
        let Some(server) = self.server() else {
            return broken(
                "url",
                "expected smtp://host:port or smtps://host:port, without a user",
            );
        };
        if self.from.parse::<Mailbox>().is_err() {
            return broken(
                "from",
                "expected an address such as `Flexopus <rooms@example.com>`",
            );
        }
        if self.user.is_empty() != self.password.is_none() {
            return broken("password", "expected with mail.user, and only with it");
        }
        if !self.user.is_empty() && server.scheme() == "smtp" && !self.starttls {
            return broken("starttls", "must be true where a password is sent");
        }
        if self.booking_command.is_none() {
            return broken(
                "booking_command",
                "expected url and token of booking-command's internal listener",
            );
        }
        match Mailer::new(self) {
            Ok(_) => Ok(()),
            Err(_) => broken("ca", "expected certificates as PEM"),
        }
    }

    /// The server, if the address is one.
    pub(super) fn server(&self) -> Option<Url> {
        let url: Url = self.url.parse().ok()?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none();
        let host = url.host_str().is_some_and(|host| !host.is_empty());
        (matches!(url.scheme(), "smtp" | "smtps") && host && bare).then_some(url)
    }
}
