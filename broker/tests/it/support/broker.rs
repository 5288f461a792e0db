//! A broker that lives as long as its test.

use std::net::SocketAddr;

use muster_broker::codec::Version;
use muster_broker::{Broker, BrokerBuilder, BrokerHandle, Limits};

use super::{Client, Transport, Wire, connect_packet};

pub struct TestBroker {
    pub handle: BrokerHandle,
}

impl TestBroker {
    /// Open, with default limits.
    pub async fn start() -> Self {
        Self::build(|builder| builder).await
    }

    /// Open, with limits of its own.
    pub async fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self::build(|builder| builder.limits(limits)).await
    }

    /// With plugins.
    pub async fn build(with: impl FnOnce(BrokerBuilder) -> BrokerBuilder) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let builder = Broker::builder().listen_tcp(free).listen_websocket(free, "/mqtt");
        let handle = with(builder).build().start().await.expect("the broker starts");
        Self { handle }
    }

    pub fn address(&self, transport: Transport) -> SocketAddr {
        match transport {
            Transport::Tcp => self.handle.tcp_addresses()[0],
            Transport::WebSocket => self.handle.websocket_addresses()[0],
        }
    }

    /// An open stream on which nothing was sent yet.
    pub async fn dial(&self, transport: Transport) -> Wire {
        Wire::open(self.address(transport), transport).await
    }

    /// A client whose clean start was accepted, over TCP.
    pub async fn client(&self, version: Version, client_id: &str) -> Client {
        self.client_over(version, Transport::Tcp, client_id).await
    }

    /// A client whose clean start was accepted.
    pub async fn client_over(&self, version: Version, transport: Transport, client_id: &str) -> Client {
        let (client, connack) =
            Client::connect(self.dial(transport).await, connect_packet(version, client_id)).await;
        assert!(!connack.reason.is_error(), "{:?}", connack.reason);
        client
    }
}
