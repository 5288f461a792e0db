//! What plugins refuse, as clients see it.

use async_trait::async_trait;
use muster_broker::plugin::{
    Authenticator, Authorizer, ConnectRequest, Decision, Principal, PublishAccess, ReceiveAccess,
    SubscribeAccess,
};

use crate::support::*;

/// The user name is the principal; without one nobody comes in.
struct ByName;

#[async_trait]
impl Authenticator for ByName {
    async fn authenticate(&self, request: &ConnectRequest) -> Result<Principal, ReasonCode> {
        match &request.username {
            Some(name) => Ok(Principal::new(name.as_str())),
            None => Err(ReasonCode::BadUserNameOrPassword),
        }
    }
}

/// Everything but what has `secret` in it.
struct NoSecrets;

fn judge(topic: &str) -> Decision {
    if topic.contains("secret") {
        Decision::Deny
    } else {
        Decision::Allow
    }
}

impl Authorizer for NoSecrets {
    fn publish(&self, _: &Principal, access: &PublishAccess<'_>) -> Decision {
        judge(access.topic)
    }

    fn subscribe(&self, _: &Principal, access: &SubscribeAccess<'_>) -> Decision {
        judge(access.filter)
    }

    fn receive(&self, principal: &Principal, access: &ReceiveAccess<'_>) -> Decision {
        // What the guard may publish, nobody else may have.
        if &*principal.id == "guard" {
            Decision::Allow
        } else {
            judge(access.topic)
        }
    }
}

async fn guarded() -> TestBroker {
    TestBroker::build(|builder| builder.authenticator(ByName).authorizer(NoSecrets)).await
}

fn named(version: Version, client_id: &str, name: &str) -> Connect {
    Connect {
        username: Some(ByteStr::from(name)),
        ..connect_packet(version, client_id)
    }
}

async fn login(broker: &TestBroker, version: Version, client_id: &str, name: &str) -> Client {
    let (client, connack) =
        Client::connect(broker.dial(Transport::Tcp).await, named(version, client_id, name)).await;
    assert_eq!(connack.reason, ReasonCode::Success);
    client
}

#[tokio::test]
async fn mqtt_3_1_4_2_credentials_that_are_refused_get_their_code_and_the_end() {
    let broker = guarded().await;
    for (version, transport) in EVERYWHERE {
        let (mut client, connack) =
            Client::connect(broker.dial(transport).await, connect_packet(version, "nobody")).await;
        assert_eq!(connack.reason, ReasonCode::BadUserNameOrPassword);
        client.expect_end().await;
    }
    assert_eq!(broker.handle.counters().sessions, 0);
}

#[tokio::test]
async fn s09_a_list_with_one_forbidden_filter_is_judged_one_by_one() {
    let broker = guarded().await;
    for (version, refusal) in [
        (V3, ReasonCode::UnspecifiedError),
        (V5, ReasonCode::NotAuthorized),
    ] {
        let mut client = login(&broker, version, "list", "user").await;
        let subscriptions = ["open/a", "secret", "open/b"].map(|filter| Subscription {
            filter: TopicFilter::parse(filter).unwrap(),
            options: SubscribeOptions {
                qos: QoS::AtLeastOnce,
                ..SubscribeOptions::default()
            },
        });
        let reasons = client.subscribe_all(subscriptions.to_vec()).await;
        assert_eq!(
            reasons,
            [ReasonCode::GrantedQos1, refusal, ReasonCode::GrantedQos1]
        );
        for topic in ["open/a", "open/b"] {
            client.publish(topic, QoS::AtLeastOnce, topic).await;
            assert_eq!(client.payload().await, topic);
        }
    }
}

#[tokio::test]
async fn s10_nothing_comes_by_a_shared_subscription_that_was_refused() {
    let broker = guarded().await;
    for (version, refusal) in [
        (V3, ReasonCode::UnspecifiedError),
        (V5, ReasonCode::NotAuthorized),
    ] {
        let mut client = login(&broker, version, "shares", "user").await;
        assert_eq!(
            client.subscribe("$share/g/secret/#", QoS::AtLeastOnce).await,
            refusal
        );
        client.subscribe("end", QoS::AtLeastOnce).await;
        for topic in ["secret/a", "$share/g/secret/a"] {
            broker.handle.publish(message(topic)).unwrap();
        }
        client.publish("end", QoS::AtLeastOnce, "end").await;
        assert_eq!(client.payload().await, "end");
    }
}

/// A message of the embedding program itself, which no authorizer is asked about.
fn message(topic: &str) -> Publish {
    Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: Some(TopicName::parse(topic).unwrap()),
        packet_id: None,
        properties: PublishProperties::default(),
        payload: "secret".into(),
    }
}

#[tokio::test]
async fn s13_the_client_id_of_another_principal_is_not_taken_over() {
    let broker = guarded().await;
    for version in [V3, V5] {
        let mut owner = login(&broker, version, "mine", "owner").await;
        let (mut thief, connack) =
            Client::connect(broker.dial(Transport::Tcp).await, named(version, "mine", "thief")).await;
        assert!(connack.reason.is_error(), "{:?}", connack.reason);
        thief.expect_end().await;
        owner.ping().await;
        owner.disconnect().await;
    }
}

#[tokio::test]
async fn mqtt_3_3_5_2_a_publish_without_right_is_refused_in_5_and_dropped_in_3_1_1() {
    let broker = guarded().await;
    let mut guard = login(&broker, V5, "guard", "guard").await;
    // The guard may receive everything and so sees what was routed.
    guard.subscribe("#", QoS::AtLeastOnce).await;
    for (version, refusal) in [(V3, ReasonCode::Success), (V5, ReasonCode::NotAuthorized)] {
        let mut client = login(&broker, version, "client", "user").await;
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let publish = client.publish_packet("secret", qos, "x");
            assert_eq!(client.publish_acknowledged(publish).await, refusal);
        }
        client.publish("secret", QoS::AtMostOnce, "x").await;
        client.publish("open", QoS::AtLeastOnce, "open").await;
        assert_eq!(guard.payload().await, "open");
    }
    assert_eq!(broker.handle.counters().refused, 6);
}

#[tokio::test]
async fn a_will_without_right_is_refused_or_never_fires() {
    let broker = guarded().await;
    let mut guard = login(&broker, V5, "guard", "guard").await;
    guard.subscribe("#", QoS::AtLeastOnce).await;
    for version in [V3, V5] {
        let will = Will {
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: TopicName::parse("secret/will").unwrap(),
            properties: Default::default(),
            payload: "x".into(),
        };
        let connect = Connect {
            will: Some(will),
            ..named(version, "willing", "user")
        };
        let (client, connack) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
        assert_eq!(connack.reason, ReasonCode::NotAuthorized);
        drop(client);
    }
    guard.publish("end", QoS::AtLeastOnce, "end").await;
    assert_eq!(guard.payload().await, "end");
    assert_eq!(broker.handle.counters().retained, 0);
}

#[tokio::test]
async fn a_wide_subscription_gets_only_what_the_principal_may_receive() {
    let broker = guarded().await;
    for version in [V3, V5] {
        let mut client = login(&broker, version, "wide", "user").await;
        client.subscribe("#", QoS::AtLeastOnce).await;
        broker
            .handle
            .publish(Publish {
                retain: true,
                ..message("secret/live")
            })
            .unwrap();
        client.publish("open", QoS::AtLeastOnce, "open").await;
        assert_eq!(client.payload().await, "open");
        // Retained messages take the same path.
        client.subscribe("+/+", QoS::AtLeastOnce).await;
        client.publish("open", QoS::AtLeastOnce, "open").await;
        assert_eq!(client.payload().await, "open");
    }
}
