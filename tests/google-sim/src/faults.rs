//! What can go wrong with a call: answers instead of the real one, cut connections, held requests.
//!
//! A fault is tried on every call in the order in which faults were added; the first that matches
//! is played. To add one, add a variant to [`Effect`] and play it in `http::gate`.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{ledger::Operation, settings::millis, world::Role};

/// What happens to a call instead of, or around, its ordinary answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Refused with this status and reason; nothing was done.
    Answer {
        /// HTTP status.
        status: u16,
        /// Google's reason, such as `backendError`.
        reason: String,
        /// Value of a `Retry-After` header.
        #[serde(default)]
        retry_after: Option<String>,
        /// Use the newer front end's envelope.
        #[serde(default)]
        newer_envelope: bool,
    },
    /// 502 with an HTML page.
    Html502,
    /// 200 with something that is not JSON.
    Garbage,
    /// The call is carried out; its answer has no `nextSyncToken`, last page or not.
    WithoutSyncToken,
    /// The call is carried out; its answer has no `items`, and its tokens go on behind them: what
    /// changed is never told again.
    WithoutItems,
    /// The connection is closed without an answer; nothing was done.
    CloseConnection,
    /// The call is carried out, then the connection is closed without an answer.
    CommitThenClose,
    /// The call is carried out after a while.
    Delay {
        /// How long.
        #[serde(with = "millis")]
        delay: Duration,
    },
    /// Somebody's access to the call's calendar changes, then the call is carried out: on later
    /// pages, a downgrade in the middle of a sync.
    Share {
        /// Whose access.
        with: String,
        /// The new role; `None` takes it away.
        role: Option<Role>,
        /// Documented is that sync and page tokens die with a change of access; this spares them.
        #[serde(default)]
        tokens_survive: bool,
    },
    /// The call waits before it is carried out, until it is released.
    Hold {
        /// Which hold; made by `Control::hold`.
        hold: u64,
    },
    /// The call is carried out and its answer waits until it is released.
    HoldAnswer {
        /// Which hold; made by `Control::hold_answer`.
        hold: u64,
    },
}

/// A fault that waits for matching calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// Only this operation; `None` matches all.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// Only calls that name this calendar; `None` matches all.
    #[serde(default)]
    pub calendar: Option<String>,
    /// Let this many matching calls pass first.
    #[serde(default)]
    pub skip: u32,
    /// Let this many less one matching calls pass between two that it meets; 0 and 1 meet all.
    #[serde(default)]
    pub every: u32,
    /// Only calls with a page token: in the middle of a listing or delta.
    #[serde(default)]
    pub later_pages: bool,
    /// How many calls it meets; `None` meets all until it is cleared.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// What happens.
    pub effect: Effect,
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn once() -> Option<u32> {
    Some(1)
}

impl Fault {
    /// Meets the next call, whatever it is; narrow it with the other methods.
    pub fn next(effect: Effect) -> Self {
        Self {
            operation: None,
            calendar: None,
            skip: 0,
            every: 1,
            later_pages: false,
            times: Some(1),
            effect,
        }
    }

    /// Refuses the next call with a status and reason.
    pub fn answer(status: u16, reason: &str) -> Self {
        Self::next(Effect::Answer {
            status,
            reason: reason.to_owned(),
            retry_after: None,
            newer_envelope: false,
        })
    }

    /// Only calls of this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only calls that name this calendar.
    #[must_use]
    pub fn of_calendar(mut self, calendar: &str) -> Self {
        self.calendar = Some(calendar.to_lowercase());
        self
    }

    /// The next `times` calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// All calls until the faults are cleared.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Lets `skip` matching calls pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip += skip;
        self
    }

    /// Only each n-th matching call: with `always` it comes and goes.
    #[must_use]
    pub fn every(mut self, nth: u32) -> Self {
        self.every = nth;
        self.skip += nth.saturating_sub(1);
        self
    }

    /// Only calls with a page token: in the middle of a listing or delta.
    #[must_use]
    pub fn on_later_pages(mut self) -> Self {
        self.later_pages = true;
        self
    }

    fn matches(&self, operation: Operation, calendar: Option<&str>, later_page: bool) -> bool {
        (later_page || !self.later_pages)
            && self.operation.is_none_or(|wanted| wanted == operation)
            && self.calendar.as_deref().is_none_or(|wanted| {
                calendar.is_some_and(|calendar| calendar.eq_ignore_ascii_case(wanted))
            })
    }
}

/// The faults of one simulator.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Mutex<Vec<Fault>>,
    holds: Mutex<Vec<Arc<Hold>>>,
    last_hold: AtomicU64,
}

/// A place where a call waits.
#[derive(Debug)]
pub(crate) struct Hold {
    id: u64,
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Hold {
    /// Called by the held call: tells that it has arrived and waits until it may go on.
    pub(crate) async fn wait_here(&self) {
        self.reached.send_replace(true);
        let mut released = self.released.subscribe();
        // An error would mean that the sender is gone, but `self` owns it.
        let _ = released.wait_for(|released| *released).await;
    }

    pub(crate) async fn wait_until_reached(&self) {
        let mut reached = self.reached.subscribe();
        // See `wait_here`.
        let _ = reached.wait_for(|reached| *reached).await;
    }
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        lock(&self.waiting).push(fault);
    }

    pub(crate) fn clear(&self) {
        lock(&self.waiting).clear();
    }

    /// The effect to play on a call, used up by being returned.
    pub(crate) fn meet(
        &self,
        operation: Operation,
        calendar: Option<&str>,
        later_page: bool,
    ) -> Option<Effect> {
        let mut waiting = lock(&self.waiting);
        for position in 0..waiting.len() {
            let fault = &mut waiting[position];
            if !fault.matches(operation, calendar, later_page) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            let effect = fault.effect.clone();
            fault.skip = fault.every.saturating_sub(1);
            if let Some(times) = &mut fault.times {
                *times = times.saturating_sub(1);
                if *times == 0 {
                    waiting.remove(position);
                }
            }
            return Some(effect);
        }
        None
    }

    /// Makes a hold and the fault that leads the next matching call into it.
    pub(crate) fn hold(
        &self,
        operation: Operation,
        calendar: Option<&str>,
        effect: impl FnOnce(u64) -> Effect,
    ) -> u64 {
        let id = self.last_hold.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&self.holds).push(Arc::new(Hold {
            id,
            reached: watch::Sender::new(false),
            released: watch::Sender::new(false),
        }));
        let mut fault = Fault::next(effect(id)).on(operation);
        fault.calendar = calendar.map(str::to_lowercase);
        self.add(fault);
        id
    }

    pub(crate) fn find_hold(&self, id: u64) -> Option<Arc<Hold>> {
        lock(&self.holds).iter().find(|hold| hold.id == id).cloned()
    }

    /// Lets the held call go on. A hold that nobody has reached is taken away.
    pub(crate) fn release(&self, id: u64) {
        lock(&self.waiting).retain(|fault| {
            !matches!(fault.effect, Effect::Hold { hold } | Effect::HoldAnswer { hold } if hold == id)
        });
        lock(&self.holds).retain(|hold| {
            if hold.id == id {
                hold.released.send_replace(true);
            }
            hold.id != id
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A held call of an in-process test. Dropping it releases the call.
#[derive(Debug)]
pub struct HoldGuard {
    pub(crate) core: Arc<crate::sim::Core>,
    pub(crate) id: u64,
    pub(crate) hold: Arc<Hold>,
}

impl HoldGuard {
    /// Waits until a matching call has arrived and stands still. Has no deadline of its own.
    pub async fn wait_until_reached(&self) {
        self.hold.wait_until_reached().await;
    }

    /// Whether a call stands still here.
    pub fn is_reached(&self) -> bool {
        *self.hold.reached.borrow()
    }

    /// Lets the call go on.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for HoldGuard {
    fn drop(&mut self) {
        self.core.faults.release(self.id);
    }
}
