//! `parked` on the command line of a service's binary: the same as the rpcs, without any of our
//! services running. The broker is the one of the binary's own configuration.
//!
//! What it prints is for people, or with `--json` for programs. Exit codes: 0 done; 64 wrong usage, an
//! unknown queue included; 66 no such message; 1 everything else (the text says what).
//!
//! To add a verb: a variant of [`Verb`], its arm in [`answer`], its text in `print.rs`.

mod print;

use std::{fmt, time::Duration};

use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde::Serialize;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{ParkedError, REACH};
use crate::{Broker, BrokerConfig};

/// How long connecting and declaring may take; a fresh broker needs some seconds for its queues.
const CONNECTING: Duration = Duration::from_secs(20);

/// Look at parked messages, send them again, drop them.
#[derive(Debug, Parser)]
#[command(name = "parked", disable_help_subcommand = true)]
struct Arguments {
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the queues and how much is parked of each, or the parked messages of one queue.
    List {
        /// The queue, e.g. `sync-worker.link-due`.
        queue: Option<String>,
        /// Leave out the first ones.
        #[arg(long, default_value_t = 0, requires = "queue")]
        skip: u16,
        /// List at most so many.
        #[arg(long, default_value_t = 100, requires = "queue", value_parser = clap::value_parser!(u16).range(1..=i64::from(REACH)))]
        most: u16,
    },
    /// Show one message: why it is parked, and its body without persons.
    Show {
        /// Its id, as `list` says.
        message_id: String,
    },
    /// Send a message again, or everything that is parked of a queue now.
    Requeue {
        /// The queue.
        queue: String,
        /// The id of the message; without it all.
        message_id: Option<String>,
        /// Who does it, for the log.
        #[arg(long, env = "USER", default_value = "unknown")]
        operator: String,
    },
    /// Drop one message for good.
    Drop {
        /// The queue.
        queue: String,
        /// The id of the message.
        message_id: String,
        /// Who does it, for the log.
        #[arg(long, env = "USER", default_value = "unknown")]
        operator: String,
    },
}

/// Why the command did not do what it was told.
#[derive(Debug)]
pub struct Refused {
    /// The exit code that says so.
    pub exit_code: u8,
    why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refused {}

impl From<ParkedError> for Refused {
    fn from(error: ParkedError) -> Self {
        let exit_code = match &error {
            ParkedError::UnknownQueue { .. } => 64,
            ParkedError::NotFound { .. } => 66,
            _ => 1,
        };
        Self {
            exit_code,
            why: error.to_string(),
        }
    }
}

/// The command with its arguments, to be hung into the command line of a binary.
pub fn command() -> Command {
    Arguments::command()
}

/// Does what the arguments say, and returns what is to be printed.
pub async fn answer(
    service: &'static str,
    config: &BrokerConfig,
    matches: &ArgMatches,
) -> Result<String, Refused> {
    let Arguments { json, verb } =
        Arguments::from_arg_matches(matches).map_err(|error| Refused {
            exit_code: 64,
            why: error.to_string(),
        })?;
    let broker = Broker::start(service, "parked", config, CancellationToken::new());
    let mut connected = broker.connected_changes();
    let connecting = time::timeout(CONNECTING, connected.wait_for(|connected| *connected)).await;
    if !matches!(connecting, Ok(Ok(_))) {
        return Err(ParkedError::Unreachable.into());
    }
    drop(connecting);
    let parked = broker.parked();
    let text = match &verb {
        Verb::List { queue: None, .. } => {
            said(json, parked.queues().await?.as_slice(), print::queues)
        }
        Verb::List {
            queue: Some(queue),
            skip,
            most,
        } => said(json, &parked.page(queue, *skip, *most).await?, print::page),
        Verb::Show { message_id } => said(json, &parked.show(message_id).await?, print::shown),
        Verb::Requeue {
            queue,
            message_id,
            operator,
        } => {
            let sent = parked.send_again(queue, message_id.as_deref(), operator);
            said(json, &sent.await?, print::sent)
        }
        Verb::Drop {
            queue,
            message_id,
            operator,
        } => {
            let dropped = parked.drop_one(queue, message_id, operator).await?;
            said(json, &dropped, print::dropped)
        }
    };
    Ok(text)
}

fn said<T: Serialize + ?Sized>(json: bool, what: &T, for_people: fn(&T) -> String) -> String {
    match json.then(|| serde_json::to_string_pretty(what)) {
        Some(Ok(text)) => text,
        _ => for_people(what),
    }
}
