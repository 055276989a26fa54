//! The network as bricks reach it: one request to one host that the person allowed, and never to a machine in the
//! person's own network unless the configuration names it. See `docs/decisions/080-the-network-through-one-door.md`.
//! Models are fetched through the same door ([`download`]).
//!
//! [`Target`] reads a URL, [`head`] checks a request's headers, [`address`] tells public addresses from others; what is
//! granted is looked up before any of this is used (`permissions::gate`).

mod address;
mod client;
pub mod download;
mod head;
mod target;

use std::sync::Arc;
use std::time::Duration;

use qpyt_bricks::HostScope;
use qpyt_bricks::capability::{HttpError, HttpRequest, HttpResponse};
use tokio::sync::{OnceCell, watch};

use self::client::Clients;
pub use self::target::Target;
use crate::store::{SecretValue, Store, StoreError};

/// What a brick hears while the network is off.
const OFF: &str = "The network is switched off. Switch it on again on the Bricks page.";
/// The same where the configuration says so.
const OFF_BY_CONFIGURATION: &str = "The network is switched off by `offline = true` in qpyt.toml (or QPYT_OFFLINE). Change that and start again.";

/// How the network may be used.
#[derive(Debug, Clone)]
pub struct NetworkSettings {
    /// No brick may, whatever the person switches.
    pub offline: bool,
    /// Hosts that may have private addresses.
    pub private_hosts: Vec<HostScope>,
    /// How long a request may take, from the name of the host to the last byte.
    pub timeout: Duration,
}

/// The one way out.
pub struct Network {
    store: Arc<Store>,
    settings: NetworkSettings,
    /// Made when the first brick asks, because reading the system's certificates takes a moment.
    clients: OnceCell<Clients>,
    offline: watch::Sender<bool>,
}

/// Whether bricks reach the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkState {
    /// They don't.
    pub offline: bool,
    /// The configuration says so, and nothing can be switched.
    pub forced: bool,
}

/// Why the switch stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The configuration decides.
    #[error("{OFF_BY_CONFIGURATION}")]
    Forced,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Network {
    /// The network, switched as it was left.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn new(store: Arc<Store>, settings: NetworkSettings) -> Result<Self, StoreError> {
        let offline = settings.offline || store.offline()?;
        Ok(Self { store, settings, clients: OnceCell::new(), offline: watch::Sender::new(offline) })
    }

    /// Whether bricks reach the network.
    #[must_use]
    pub fn state(&self) -> NetworkState {
        NetworkState { offline: *self.offline.borrow(), forced: self.settings.offline }
    }

    /// Switches the network off, which ends every request that is under way, or on.
    ///
    /// # Errors
    /// [`SwitchError::Forced`], and the store's. Where the store fails to keep it, off is off all the same.
    pub fn switch(&self, offline: bool) -> Result<NetworkState, SwitchError> {
        if self.settings.offline {
            return if offline { Ok(self.state()) } else { Err(SwitchError::Forced) };
        }
        if offline {
            self.offline.send_replace(true);
        }
        self.store.set_offline(offline)?;
        self.offline.send_replace(offline);
        Ok(self.state())
    }

    /// Fails while the network is off.
    ///
    /// # Errors
    /// [`HttpError::Denied`].
    pub fn check_on(&self) -> Result<(), HttpError> {
        let state = self.state();
        if state.offline { Err(HttpError::Denied(off(state).to_owned())) } else { Ok(()) }
    }

    /// Whether the configuration names this host as one of the person's own.
    #[must_use]
    pub fn is_exempt(&self, target: &Target) -> bool {
        self.settings.private_hosts.iter().any(|host| host.covers(target.scope()))
    }

    /// Sends a request that was allowed. Ends early with an error when the network is switched off, when the time is
    /// up, or when the body of the response has more than `most` bytes.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn send(
        &self,
        target: &Target,
        request: HttpRequest,
        bearer: Option<&SecretValue>,
        most: u64,
    ) -> Result<HttpResponse, HttpError> {
        let mut offline = self.offline.subscribe();
        self.check_on()?;
        let exempt = self.is_exempt(target);
        if !exempt {
            target.check_address()?;
            if bearer.is_some() {
                target.check_encrypted()?;
            }
        }
        let headers = head::request(&request.headers, bearer)?;
        let exchange = async {
            let clients = self.clients.get_or_try_init(Clients::make).await?;
            clients.exchange(exempt, target, request.method, headers, request.body, most).await
        };
        tokio::select! {
            biased;
            _ = offline.wait_for(|off| *off) => Err(HttpError::Denied(off(self.state()).to_owned())),
            answer = tokio::time::timeout(self.settings.timeout, exchange) => {
                answer.unwrap_or(Err(HttpError::TimedOut))
            }
        }
    }
}

fn off(state: NetworkState) -> &'static str {
    if state.forced { OFF_BY_CONFIGURATION } else { OFF }
}
