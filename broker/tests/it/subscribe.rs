//! SUBSCRIBE and UNSUBSCRIBE.

use crate::support::*;

#[tokio::test]
async fn mqtt_3_8_4_5_every_filter_of_a_subscribe_gets_its_own_code() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let mut client = broker.client_over(version, transport, "many").await;
        let subscriptions = [
            ("a", QoS::AtMostOnce),
            ("b/#", QoS::AtLeastOnce),
            ("+", QoS::ExactlyOnce),
        ]
        .map(|(filter, qos)| Subscription {
            filter: TopicFilter::parse(filter).unwrap(),
            options: SubscribeOptions {
                qos,
                ..SubscribeOptions::default()
            },
        });
        let reasons = client.subscribe_all(subscriptions.to_vec()).await;
        assert_eq!(
            reasons.iter().map(|reason| reason.as_u8()).collect::<Vec<_>>(),
            [0, 1, 2]
        );
    }
}

#[tokio::test]
async fn mqtt_3_8_4_3_subscribing_again_replaces_the_subscription() {
    let broker = TestBroker::start().await;
    for version in [V3, V5] {
        let mut client = broker.client(version, "again").await;
        client.subscribe("a", QoS::ExactlyOnce).await;
        client.subscribe("a", QoS::AtMostOnce).await;
        client.publish("a", QoS::ExactlyOnce, "x").await;
        client.publish("a", QoS::ExactlyOnce, "y").await;
        for payload in ["x", "y"] {
            let got = client.wait_for(|packet| match packet {
                Packet::Publish(publish) => Some(publish.clone()),
                _ => None,
            });
            let got = got.await;
            assert_eq!(
                (got.payload.as_ref(), got.qos),
                (payload.as_bytes(), QoS::AtMostOnce)
            );
        }
    }
}

#[tokio::test]
async fn mqtt_3_10_4_1_unsubscribing_ends_new_messages_and_is_answered_per_filter() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let mut client = broker.client_over(version, transport, "leaves").await;
        client.subscribe("a", QoS::AtLeastOnce).await;
        client.subscribe("end", QoS::AtLeastOnce).await;
        let unsubscribe: &[u8] = match version {
            V3 => b"\xA2\x0a\x01\x00\0\x01a\0\x03no/",
            V5 => b"\xA2\x0b\x01\x00\0\0\x01a\0\x03no/",
        };
        client.wire.send(unsubscribe).await;
        match client.receive().await {
            Packet::Unsuback(unsuback) => {
                assert_eq!(unsuback.packet_id.get(), 0x100);
                let expected = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
                assert_eq!(unsuback.reasons, if version == V5 { &expected[..] } else { &[] });
            }
            other => panic!("{other:?}"),
        }
        let mut sender = broker.client(version, "sender").await;
        sender.publish("a", QoS::AtLeastOnce, "missed").await;
        sender.publish("end", QoS::AtLeastOnce, "end").await;
        assert_eq!(client.payload().await, "end");
    }
}

#[tokio::test]
async fn mqtt_3_8_3_3_no_local_keeps_back_what_the_client_published_itself() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V5, "self").await;
    let options = SubscribeOptions {
        no_local: true,
        ..SubscribeOptions::default()
    };
    client.subscribe_with("n/#", options).await;
    client.publish("n/own", QoS::AtLeastOnce, "own").await;
    broker
        .client(V5, "other")
        .await
        .publish("n/other", QoS::AtLeastOnce, "other")
        .await;
    assert_eq!(client.payload().await, "other");
}

#[tokio::test]
async fn mqtt_4_7_1_1_wildcards_match_as_the_examples_say() {
    let broker = TestBroker::start().await;
    let mut sender = broker.client(V3, "sender").await;
    for (filter, matching, other) in [
        (
            "sport/tennis/#",
            &["sport/tennis", "sport/tennis/a", "sport/tennis/a/b"][..],
            &["sport", "sport/tennisx"][..],
        ),
        (
            "sport/+/p",
            &["sport/a/p", "sport//p"],
            &["sport/p", "sport/a/b/p", "sport/a/p/q"],
        ),
        ("+/+", &["/finance", "a/b", "a/"], &["a", "a/b/c"]),
        ("/+", &["/finance"], &["finance", "x/finance"]),
    ] {
        let mut receiver = broker.client(V3, "receiver").await;
        receiver.subscribe(filter, QoS::AtMostOnce).await;
        receiver.subscribe("end/of/this/test", QoS::AtMostOnce).await;
        for topic in matching.iter().chain(other) {
            sender.publish(topic, QoS::AtMostOnce, topic).await;
        }
        sender.publish("end/of/this/test", QoS::AtMostOnce, "end").await;
        for topic in matching {
            assert_eq!(receiver.payload().await, *topic, "{filter}");
        }
        assert_eq!(receiver.payload().await, "end", "{filter}");
    }
}

#[tokio::test]
async fn a_filter_past_the_bound_of_a_session_is_refused_by_its_own_code() {
    let broker = TestBroker::with_limits(|limits| limits.subscriptions_max = 2).await;
    for (version, refusal) in [
        (V3, ReasonCode::UnspecifiedError),
        (V5, ReasonCode::QuotaExceeded),
    ] {
        let mut client = broker.client(version, "greedy").await;
        let subscriptions = ["a", "b", "c"].map(|filter| Subscription {
            filter: TopicFilter::parse(filter).unwrap(),
            options: SubscribeOptions::default(),
        });
        let reasons = client.subscribe_all(subscriptions.to_vec()).await;
        assert_eq!(reasons, [ReasonCode::Success, ReasonCode::Success, refusal]);
        assert_eq!(
            client.subscribe("a", QoS::AtLeastOnce).await,
            ReasonCode::GrantedQos1,
            "one that stands"
        );
    }
}
