//! Sessions that are there before their client.

use std::time::Duration;

use muster_broker::codec::{QoS, Version};
use muster_broker::plugin::{Authorizer, Decision, Principal, PublishAccess, ReceiveAccess, SubscribeAccess};
use muster_broker::topic::TopicFilter;
use muster_broker::{Broker, BrokerError, KeptSession, ReasonCode};

use crate::support::{Client, TestBroker, Transport, connect_packet};

fn archive() -> KeptSession {
    KeptSession {
        client_id: "archive".into(),
        principal: Principal::anonymous(),
        filters: vec![
            TopicFilter::parse("a/#").unwrap(),
            TopicFilter::parse("b/+").unwrap(),
        ],
        expiry: Duration::from_secs(3_600),
    }
}

#[tokio::test]
async fn what_is_published_before_its_client_first_connects_waits_for_it() {
    let broker = TestBroker::build(|builder| builder.keep_session(archive())).await;
    let mut publisher = broker.client(Version::V5, "publisher").await;
    for (topic, payload) in [("a/1", "first"), ("c/1", "not for it"), ("b/1", "second")] {
        publisher.publish(topic, QoS::AtLeastOnce, payload).await;
    }
    let mut connect = connect_packet(Version::V5, "archive");
    connect.clean_start = false;
    let (mut client, connack) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
    assert!(connack.session_present);
    assert_eq!(client.payload().await, "first");
    assert_eq!(client.payload().await, "second");
}

struct DenyAll;

impl Authorizer for DenyAll {
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
async fn a_kept_session_that_may_not_subscribe_starts_no_broker() {
    let started = Broker::builder()
        .authorizer(DenyAll)
        .keep_session(archive())
        .build()
        .start()
        .await;
    let error = started.err().expect("no broker");
    assert!(
        matches!(
            error,
            BrokerError::KeptSession {
                reason: ReasonCode::NotAuthorized,
                ..
            }
        ),
        "{error}"
    );
}
