//! What a broker is made of, before it runs.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{BrokerError, BrokerHandle, Shared};
use crate::engine::KeptSession;
use crate::limits::Limits;
use crate::listener;
use crate::plugin::{Authenticator, Authorizer, Chain, Observer, PublishFilter};

/// A broker that was built and does not run yet.
pub struct Broker {
    pub(super) parts: BrokerBuilder,
}

/// Gathers plugins, limits and listeners. Everything has a default: no plugins, [`Limits::default`], no listener.
#[derive(Default)]
pub struct BrokerBuilder {
    pub(super) authenticator: Option<Arc<dyn Authenticator>>,
    pub(super) authorizers: Vec<Arc<dyn Authorizer>>,
    pub(super) filters: Vec<Arc<dyn PublishFilter>>,
    pub(super) observers: Vec<Arc<dyn Observer>>,
    pub(super) limits: Limits,
    pub(super) tcp: Vec<SocketAddr>,
    pub(super) websocket: Vec<(SocketAddr, String)>,
    pub(super) kept: Vec<KeptSession>,
}

impl Broker {
    /// Starts with nothing: an open broker that listens nowhere.
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::default()
    }

    /// Binds every listener, then serves until [`BrokerHandle::shutdown`]. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When an address cannot be bound or a path is none; then nothing runs.
    pub async fn start(self) -> Result<BrokerHandle, BrokerError> {
        let parts = self.parts;
        let mut tcp = Vec::with_capacity(parts.tcp.len());
        for address in parts.tcp {
            tcp.push(listener::bind(address).await?);
        }
        let mut websocket = Vec::with_capacity(parts.websocket.len());
        for (address, path) in parts.websocket {
            if !path.starts_with('/') {
                return Err(BrokerError::WebSocketPath(path));
            }
            websocket.push((listener::bind(address).await?, path));
        }
        let chain = Chain::new(parts.filters, parts.authorizers);
        let shared = Shared::start(parts.limits, chain, parts.authenticator, parts.observers);
        for kept in parts.kept {
            let (client_id, now) = (kept.client_id.clone(), shared.now());
            shared
                .with_engine(|engine, effects| engine.keep_session(kept, now, effects))
                .map_err(|reason| {
                    shared.stop.cancel();
                    BrokerError::KeptSession {
                        client_id: client_id.as_str().to_owned(),
                        reason,
                    }
                })?;
        }
        let mut tcp_addresses = Vec::new();
        for (listener, address) in tcp {
            tcp_addresses.push(address);
            listener::serve_tcp(&shared, listener);
        }
        let mut websocket_addresses = Vec::new();
        for ((listener, address), path) in websocket {
            websocket_addresses.push(address);
            listener::serve_websocket(&shared, listener, path);
        }
        Ok(BrokerHandle::new(shared, tcp_addresses, websocket_addresses))
    }
}

impl BrokerBuilder {
    /// Who connects is decided by this one (at most one; the last call holds). Without: everybody is
    /// [`Principal::anonymous`](crate::plugin::Principal::anonymous).
    #[must_use]
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Adds an authorizer. From the first one on, what nobody allows is denied.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizers.push(Arc::new(authorizer));
        self
    }

    /// Adds a publish filter behind those there are.
    #[must_use]
    pub fn filter(mut self, filter: impl PublishFilter) -> Self {
        self.filters.push(Arc::new(filter));
        self
    }

    /// Adds an observer.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Sets the bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a TCP listener; port 0 takes a free one, see [`BrokerHandle::tcp_addresses`].
    #[must_use]
    pub fn listen_tcp(mut self, address: SocketAddr) -> Self {
        self.tcp.push(address);
        self
    }

    /// Adds a WebSocket listener that upgrades requests of this path.
    #[must_use]
    pub fn listen_websocket(mut self, address: SocketAddr, path: impl Into<String>) -> Self {
        self.websocket.push((address, path.into()));
        self
    }

    /// Adds a session that is there before the listeners open, so that nothing is acknowledged which its client, once
    /// it comes, would not get.
    #[must_use]
    pub fn keep_session(mut self, kept: KeptSession) -> Self {
        self.kept.push(kept);
        self
    }

    /// Nothing is checked or bound yet; [`Broker::start`] does both.
    pub fn build(self) -> Broker {
        Broker { parts: self }
    }
}
