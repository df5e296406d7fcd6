//! Starting and stopping a simulator, and the state that its parts share.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use chrono::Utc;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    chaos::Dice,
    control::{Command, Control},
    faults::Faults,
    http,
    ledger::Ledger,
    push::{self, Pushes},
    settings::Settings,
    world::{Effect, World},
};

/// How to start a simulator.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Address to listen on; port 0 takes a free one.
    pub listen: String,
    /// The switches to begin with; they can be changed while it runs.
    pub settings: Settings,
    /// Commands to carry out before the first request.
    pub seed: Vec<Command>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            settings: Settings::default(),
            seed: Vec::new(),
        }
    }
}

/// The addresses to configure a Google client with.
#[derive(Debug, Clone)]
pub struct Urls {
    /// Stands in for `https://www.googleapis.com/calendar/v3/`.
    pub calendar_url: String,
    /// Stands in for `https://admin.googleapis.com/`.
    pub directory_url: String,
    /// Stands in for `https://oauth2.googleapis.com/token`.
    pub token_url: String,
    /// Stands in for `https://accounts.google.com/o/oauth2/v2/auth`.
    pub authorize_url: String,
    /// Stands in for `https://oauth2.googleapis.com/revoke`.
    pub revoke_url: String,
    /// Stands in for `https://www.googleapis.com/oauth2/v3/certs`.
    pub certs_url: String,
}

impl Urls {
    /// The addresses under a base such as `http://127.0.0.1:8085`.
    pub fn under(base: &str) -> Self {
        Self {
            calendar_url: format!("{base}/calendar/v3/"),
            directory_url: format!("{base}/"),
            token_url: format!("{base}/token"),
            authorize_url: format!("{base}/o/oauth2/v2/auth"),
            revoke_url: format!("{base}/revoke"),
            certs_url: format!("{base}/oauth2/v3/certs"),
        }
    }
}

/// A simulator; start it with [`Sim::start`].
#[derive(Debug)]
pub struct Sim;

impl Sim {
    /// Listens, carries out the seed and serves until the handle is dropped.
    pub async fn start(config: SimConfig) -> anyhow::Result<SimHandle> {
        let listener = TcpListener::bind(&config.listen)
            .await
            .with_context(|| format!("failed to listen on {}", config.listen))?;
        let addr = listener.local_addr()?;
        let base_url = format!("http://{addr}");
        let core = Arc::new(Core::new(&base_url, config.settings)?);
        let control = Control::new(core.clone());
        for (position, command) in config.seed.into_iter().enumerate() {
            control
                .execute(command)
                .await
                .with_context(|| format!("failed to carry out command {position} of the seed"))?;
        }
        core.tasks.spawn(http::serve(listener, core.clone()));
        let urls = Urls::under(&base_url);
        Ok(SimHandle {
            addr,
            base_url,
            urls,
            control,
            core,
        })
    }
}

/// A running simulator. It stops when this is dropped.
#[derive(Debug)]
pub struct SimHandle {
    /// Where it listens.
    pub addr: SocketAddr,
    /// `http://` and the address.
    pub base_url: String,
    /// The addresses to configure a Google client with.
    pub urls: Urls,
    /// The tester's side.
    pub control: Control,
    core: Arc<Core>,
}

impl SimHandle {
    /// Stops listening and waits until every task has ended.
    pub async fn shutdown(self) {
        self.core.shutdown.cancel();
        self.core.tasks.close();
        self.core.tasks.wait().await;
    }
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        self.core.shutdown.cancel();
        self.core.tasks.close();
    }
}

/// What the parts of one simulator share.
#[derive(Debug)]
pub(crate) struct Core {
    world: Mutex<World>,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    /// Decide over calls that chaos may meet.
    pub(crate) dice: Dice,
    pub(crate) pushes: Pushes,
    pub(crate) urls: Urls,
    pub(crate) client: reqwest::Client,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
    /// Counts changes of the world, so that waiting callers look again.
    pub(crate) changes: watch::Sender<u64>,
}

impl Core {
    fn new(base_url: &str, settings: Settings) -> anyhow::Result<Self> {
        Ok(Self {
            world: Mutex::new(World::new(settings, Utc::now())),
            faults: Faults::default(),
            ledger: Ledger::default(),
            dice: Dice::default(),
            pushes: Pushes::default(),
            urls: Urls::under(base_url),
            client: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .context("failed to build the client for notifications")?,
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            changes: watch::Sender::new(0),
        })
    }

    /// Reads the world. The lock is never held over an await.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the world, then carries out what follows from it: rooms answer, channels notify.
    pub(crate) fn act<T>(self: &Arc<Self>, change: impl FnOnce(&mut World) -> T) -> T {
        let (outcome, effects) = {
            let mut world = self.lock();
            let outcome = change(&mut world);
            (outcome, world.take_effects())
        };
        for effect in effects {
            self.carry_out(effect);
        }
        self.changes.send_modify(|count| *count += 1);
        outcome
    }

    /// Runs a task that ends with the simulator.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = task => {}
            }
        });
    }

    fn carry_out(self: &Arc<Self>, effect: Effect) {
        match effect {
            Effect::Notify(message) => push::send(self, message),
            Effect::AskRoom {
                room,
                event,
                request,
                delay,
            } => {
                let core = self.clone();
                self.spawn(async move {
                    tokio::time::sleep(delay).await;
                    core.act(|world| world.answer_as_room(&room, &event, request));
                });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = Utc::now();
        world
    }
}
