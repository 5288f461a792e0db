//! Connections that do not come about.

use std::num::NonZeroU16;
use std::time::Duration;

use muster_broker::plugin::{
    Authenticator, Authorizer, ConnectRequest, Decision, Principal, PublishAccess, ReceiveAccess,
    SubscribeAccess,
};
use muster_broker::{Broker, ReasonCode};
use muster_crowd::client::{Client, ClientConfig, ClientError, Endpoint, Event};
use tokio::net::TcpListener;

use crate::support::{broker, client, config, endpoints, topic, until};

#[tokio::test]
async fn attempts_on_a_silent_server_are_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::tcp(listener.local_addr().unwrap());
    let mut client = Client::new(ClientConfig {
        connect_timeout: Duration::from_millis(50),
        reconnect_limit: 2,
        ..config(&endpoint, "one")
    });
    let mut attempts = 0;
    let error = loop {
        match client.next().await {
            Ok(Event::Disconnected(_)) => attempts += 1,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(attempts, 2);
    assert!(
        matches!(error, ClientError::ReconnectLimit { limit: 2, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_path_without_a_broker_is_told() {
    let broker = broker().await;
    let url = format!("ws://{}/elsewhere", broker.websocket_addresses()[0]);
    let endpoint = Endpoint::resolve(&url).await.unwrap();
    let mut client = Client::new(ClientConfig {
        reconnect_limit: 0,
        ..config(&endpoint, "one")
    });
    let error = client
        .next()
        .await
        .expect_err("nothing listens there")
        .to_string();
    assert!(error.contains("404") || error.contains("HTTP"), "{error}");
}

#[tokio::test]
async fn the_queue_and_the_window_are_bounded() {
    let broker = broker().await;
    let [endpoint, _] = endpoints(&broker).await;
    let mut one = Client::new(ClientConfig {
        queue_max: 3,
        inflight_max: NonZeroU16::MIN,
        ..config(&endpoint, "one")
    });
    for n in 0..3 {
        one.publish(topic("t"), "x", n).unwrap();
    }
    one.publish(topic("t"), "x", 3).unwrap_err();
    for n in 0..3 {
        let acked = until(&mut one, |event| matches!(event, Event::Acked { .. })).await;
        assert!(
            matches!(acked, Event::Acked { token, .. } if token == n),
            "{acked:?}"
        );
    }
}

#[tokio::test]
async fn an_at_most_once_publish_needs_a_connection() {
    let broker = broker().await;
    let [endpoint, _] = endpoints(&broker).await;
    let mut one = client(&endpoint, "one");
    assert!(!one.publish_at_most_once(&topic("t"), b"x"));
    crate::support::subscribe(&mut one, "t");
    until(&mut one, |event| matches!(event, Event::Subscribed(_))).await;
    assert!(one.publish_at_most_once(&topic("t"), b"x"));
    until(&mut one, |event| matches!(event, Event::Message(_))).await;
}

/// Refuses everybody.
struct Nobody;

#[async_trait::async_trait]
impl Authenticator for Nobody {
    async fn authenticate(&self, _: &ConnectRequest) -> Result<Principal, ReasonCode> {
        Err(ReasonCode::BadUserNameOrPassword)
    }
}

/// Lets nobody do anything.
struct Nothing;

impl Authorizer for Nothing {
    fn publish(&self, _: &Principal, _: &PublishAccess<'_>) -> Decision {
        Decision::Deny
    }

    fn subscribe(&self, _: &Principal, _: &SubscribeAccess<'_>) -> Decision {
        Decision::Deny
    }

    fn receive(&self, _: &Principal, _: &ReceiveAccess<'_>) -> Decision {
        Decision::Deny
    }
}

#[tokio::test]
async fn a_refused_token_and_a_refused_filter_end_the_client_at_once() {
    let free = ([127, 0, 0, 1], 0).into();
    let closed = Broker::builder()
        .authenticator(Nobody)
        .listen_tcp(free)
        .build()
        .start()
        .await
        .unwrap();
    let mut one = client(&Endpoint::tcp(closed.tcp_addresses()[0]), "one");
    let error = one.next().await.expect_err("nobody is let in");
    assert!(
        matches!(error, ClientError::Refused(ReasonCode::BadUserNameOrPassword)),
        "{error}"
    );

    let mute = Broker::builder()
        .authorizer(Nothing)
        .listen_tcp(free)
        .build()
        .start()
        .await
        .unwrap();
    let mut one = client(&Endpoint::tcp(mute.tcp_addresses()[0]), "one");
    crate::support::subscribe(&mut one, "secret/+");
    let error = loop {
        match one.next().await {
            Ok(Event::Connected { .. }) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, ClientError::SubscriptionRefused { ref filter, .. } if filter == "secret/+"),
        "{error}"
    );
}
