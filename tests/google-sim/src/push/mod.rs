//! Notifications: what becomes of each message on its way to the client's webhook.
//!
//! The rules of channels are in `world/channels.rs`; here messages are delivered, retried, recorded
//! and, by [`PushFault`]s, lost or mangled. To add a fault, add a variant to [`PushEffect`] and an
//! arm to `Pushes::plan`.

mod deliver;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    chaos::{Dice, PushChaos},
    settings::millis,
    world::Message,
};

pub(crate) use deliver::{clear_faults, send, send_and_wait};

/// What happens to a notification.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PushEffect {
    /// It is lost.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives late.
    Delay {
        /// How late.
        #[serde(with = "millis")]
        delay: Duration,
    },
    /// It is kept back until this many are together; then they arrive in reverse order.
    Reorder {
        /// How many.
        of: usize,
    },
    /// It arrives with another token.
    WrongToken,
    /// It arrives under a channel id that nobody made.
    UnknownChannel,
}

/// A fault that waits for notifications.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PushFault {
    /// Only those of this calendar; `None` matches all.
    #[serde(default)]
    pub calendar: Option<String>,
    /// How many it meets; `None` meets all until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub effect: PushEffect,
}

impl PushFault {
    /// Meets all notifications until the faults are cleared.
    pub fn always(effect: PushEffect) -> Self {
        Self {
            calendar: None,
            times: None,
            effect,
        }
    }

    /// Meets the next `times` notifications.
    pub fn next(times: u32, effect: PushEffect) -> Self {
        Self {
            calendar: None,
            times: Some(times),
            effect,
        }
    }

    /// Only those of this calendar.
    #[must_use]
    pub fn of_calendar(mut self, calendar: &str) -> Self {
        self.calendar = Some(calendar.to_lowercase());
        self
    }
}

/// One notification and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Push {
    /// When it was sent, or dropped.
    pub at: DateTime<Utc>,
    /// The channel's id.
    pub channel: String,
    /// The calendar that changed.
    pub calendar: String,
    /// `sync` or `exists`.
    pub state: String,
    /// The message number.
    pub number: u64,
    /// The webhook's answer to each attempt; `None` where there was none.
    pub answers: Vec<Option<u16>>,
    /// A fault lost it.
    pub dropped: bool,
}

/// What was sent, and the faults that wait.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    state: Mutex<State>,
    dice: Dice,
}

#[derive(Debug, Default)]
struct State {
    sent: Vec<Push>,
    faults: Vec<PushFault>,
    kept_back: Vec<Message>,
}

/// What to do with a message.
#[derive(Debug)]
enum Plan {
    /// Nothing now: it is lost or kept back.
    Nothing,
    /// Deliver these after a while, each for itself.
    Each(Vec<Message>, Duration),
    /// Deliver these one after the other.
    InTurn(Vec<Message>),
}

impl Pushes {
    pub(crate) fn add_fault(&self, fault: PushFault) {
        self.lock().faults.push(fault);
    }

    pub(crate) fn list(&self) -> Vec<Push> {
        self.lock().sent.clone()
    }

    /// Notes a message on its way; its place is for [`Pushes::answered`].
    fn record(&self, message: &Message, dropped: bool) -> usize {
        let sent = &mut self.lock().sent;
        sent.push(Push {
            at: Utc::now(),
            channel: message.channel.clone(),
            calendar: message.calendar.clone(),
            state: message.state.to_owned(),
            number: message.number,
            answers: Vec::new(),
            dropped,
        });
        sent.len() - 1
    }

    /// Notes the webhook's answer to one attempt.
    fn answered(&self, place: usize, answer: Option<u16>) {
        if let Some(push) = self.lock().sent.get_mut(place) {
            push.answers.push(answer);
        }
    }

    /// Uses up the first fault that meets a message; what meets none is left to chaos.
    fn plan(&self, mut message: Message, chaos: Option<&PushChaos>) -> Plan {
        let fault = self.lock().meet(&message.calendar);
        let effect = fault.or_else(|| chaos?.fate(&self.dice));
        match effect {
            None => Plan::Each(vec![message], Duration::ZERO),
            Some(PushEffect::Drop) => {
                self.record(&message, true);
                Plan::Nothing
            }
            Some(PushEffect::Duplicate) => {
                Plan::Each(vec![message.clone(), message], Duration::ZERO)
            }
            Some(PushEffect::Delay { delay }) => Plan::Each(vec![message], delay),
            Some(PushEffect::Reorder { of }) => {
                let mut state = self.lock();
                state.kept_back.push(message);
                if state.kept_back.len() < of {
                    return Plan::Nothing;
                }
                let mut messages = std::mem::take(&mut state.kept_back);
                messages.reverse();
                Plan::InTurn(messages)
            }
            Some(PushEffect::WrongToken) => {
                message.token = Some("not-the-token".to_owned());
                Plan::Each(vec![message], Duration::ZERO)
            }
            Some(PushEffect::UnknownChannel) => {
                "00000000-0000-4000-8000-000000000000".clone_into(&mut message.channel);
                Plan::Each(vec![message], Duration::ZERO)
            }
        }
    }

    /// Forgets the faults; returns what was kept back.
    fn clear(&self) -> Vec<Message> {
        let mut state = self.lock();
        state.faults.clear();
        std::mem::take(&mut state.kept_back)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn meet(&mut self, calendar: &str) -> Option<PushEffect> {
        let position = self.faults.iter().position(|fault| {
            fault
                .calendar
                .as_deref()
                .is_none_or(|wanted| wanted == calendar)
        })?;
        let fault = &mut self.faults[position];
        let effect = fault.effect.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.faults.remove(position);
            }
        }
        Some(effect)
    }
}
