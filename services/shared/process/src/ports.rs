//! The addresses a process listens on.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::sync::watch;

/// Bound addresses by name (`admin`, `public`, ...). Tests bind port 0 and ask here.
#[derive(Clone, Debug)]
pub struct Ports {
    bound: watch::Sender<BTreeMap<&'static str, SocketAddr>>,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            bound: watch::Sender::new(BTreeMap::new()),
        }
    }
}

impl Ports {
    /// Says that `name` listens on `address` now.
    pub fn announce(&self, name: &'static str, address: SocketAddr) {
        tracing::info!(port = name, %address, "listening");
        self.bound.send_modify(|bound| {
            bound.insert(name, address);
        });
    }

    /// The address of `name`, waiting until it is announced.
    pub async fn get(&self, name: &str) -> SocketAddr {
        let mut bound = self.bound.subscribe();
        loop {
            if let Some(address) = bound.borrow_and_update().get(name) {
                return *address;
            }
            if bound.changed().await.is_err() {
                // Cannot happen: `self` holds a sender. Waiting is the honest answer anyway.
                std::future::pending::<()>().await;
            }
        }
    }
}
