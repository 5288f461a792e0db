//! Brokers, a line that can be cut, and clients that keep count.

mod line;

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_broker::codec::{QoS, SubscribeOptions};
use muster_broker::topic::{TopicFilter, TopicName};
use muster_broker::{Broker, BrokerHandle};
use muster_crowd::client::{Client, ClientConfig, Endpoint, Event};

pub use line::Line;

/// Longest time for anything that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An open broker with a TCP and a WebSocket listener on free ports.
pub async fn broker() -> BrokerHandle {
    let free = ([127, 0, 0, 1], 0).into();
    let builder = Broker::builder().listen_tcp(free).listen_websocket(free, "/mqtt");
    builder.build().start().await.expect("the broker starts")
}

/// Both ways to a broker.
pub async fn endpoints(broker: &BrokerHandle) -> [Endpoint; 2] {
    let websocket = format!("ws://{}/mqtt", broker.websocket_addresses()[0]);
    [
        Endpoint::tcp(broker.tcp_addresses()[0]),
        Endpoint::resolve(&websocket).await.unwrap(),
    ]
}

/// A client that has not connected yet.
pub fn client(endpoint: &Endpoint, id: &str) -> Client {
    Client::new(config(endpoint, id))
}

/// The settings of such a client.
pub fn config(endpoint: &Endpoint, id: &str) -> ClientConfig {
    ClientConfig::new(Arc::new(endpoint.clone()), id)
}

/// A client that is subscribed with QoS 1.
pub async fn subscriber(endpoint: &Endpoint, id: &str, filter: &str) -> Client {
    let mut client = client(endpoint, id);
    subscribe(&mut client, filter);
    until(&mut client, |event| matches!(event, Event::Subscribed(7))).await;
    client
}

/// Asks for a QoS 1 subscription under token 7.
pub fn subscribe(client: &mut Client, filter: &str) {
    let options = SubscribeOptions {
        qos: QoS::AtLeastOnce,
        ..SubscribeOptions::default()
    };
    client.subscribe([(TopicFilter::parse(filter).unwrap(), options)], 7);
}

/// The next event, within the patience of a test.
pub async fn next(client: &mut Client) -> Event {
    let event = tokio::time::timeout(PATIENCE, client.next()).await;
    event.expect("an event in time").expect("the client goes on")
}

/// Drives a client to an event, and returns it.
pub async fn until(client: &mut Client, wanted: impl Fn(&Event) -> bool) -> Event {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let event = next(client).await;
        if wanted(&event) {
            return event;
        }
        assert!(
            Instant::now() < deadline,
            "not the wanted event in time, at last {event:?}"
        );
    }
}

pub fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

/// The number that a message carries as its whole payload.
pub fn number(payload: &[u8]) -> u64 {
    std::str::from_utf8(payload).unwrap().parse().unwrap()
}

/// Looks until it is so.
pub async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::task::yield_now().await;
    }
}
