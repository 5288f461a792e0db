//! Retained messages.

use crate::support::*;

#[tokio::test]
async fn mqtt_3_3_1_5_the_last_retained_message_is_kept_for_new_subscribers() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let mut sender = broker.client_over(version, transport, "sender").await;
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            sender.publish_retained("kept/a", qos, "old").await;
            sender.publish_retained("kept/a", qos, "new").await;
            let mut receiver = broker.client_over(version, transport, "receiver").await;
            receiver.subscribe("kept/+", QoS::ExactlyOnce).await;
            let got = receiver.message().await;
            assert_eq!(
                (got.payload.as_ref(), got.retain, got.qos),
                (&b"new"[..], true, qos)
            );
        }
    }
}

#[tokio::test]
async fn mqtt_3_3_1_6_an_empty_retained_payload_clears_and_a_live_one_does_not() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V3, "client").await;
    client.publish_retained("r", QoS::AtLeastOnce, "kept").await;
    // Not retained: changes nothing. [MQTT-3.3.1-8]
    client.publish("r", QoS::AtLeastOnce, "").await;
    client.publish("r", QoS::AtLeastOnce, "live").await;
    client.subscribe("r", QoS::AtLeastOnce).await;
    assert_eq!(client.payload().await, "kept");
    client.publish_retained("r", QoS::AtLeastOnce, "").await;
    assert_eq!(
        client.payload().await,
        "",
        "live subscribers get the clearing message"
    );
    client.subscribe("r", QoS::AtLeastOnce).await;
    client.publish("r", QoS::AtLeastOnce, "end").await;
    assert_eq!(client.payload().await, "end", "nothing is kept any more");
    assert_eq!(broker.handle.counters().retained, 0);
}

#[tokio::test]
async fn every_retained_match_is_delivered_past_the_window() {
    let broker = TestBroker::start().await;
    let mut sender = broker.client(V3, "sender").await;
    for number in 0..1_500 {
        let publish = Publish {
            retain: true,
            ..sender.publish_packet(&format!("many/{number}"), QoS::AtMostOnce, &number.to_string())
        };
        sender.send(Packet::Publish(publish)).await;
    }
    sender.ping().await;
    let mut receiver = broker.client(V3, "receiver").await;
    receiver.subscribe("many/#", QoS::ExactlyOnce).await;
    let mut got = std::collections::HashSet::new();
    while got.len() < 1_500 {
        assert!(
            got.insert(receiver.payload().await),
            "a retained message came twice"
        );
    }
}

#[tokio::test]
async fn mqtt_3_3_1_9_retain_handling_is_followed() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V5, "client").await;
    client.publish_retained("h", QoS::AtLeastOnce, "kept").await;
    let with = |retain_handling| SubscribeOptions {
        retain_handling,
        ..SubscribeOptions::default()
    };
    // In order: never; not for one that stands; each time; then for a new one.
    client.subscribe_with("h", with(RetainHandling::DoNotSend)).await;
    client.subscribe_with("h", with(RetainHandling::SendIfNew)).await;
    client.publish("h", QoS::AtMostOnce, "live").await;
    assert_eq!(client.payload().await, "live");
    client.subscribe_with("h", with(RetainHandling::Send)).await;
    assert_eq!(client.payload().await, "kept");
    client.subscribe_with("+", with(RetainHandling::SendIfNew)).await;
    assert_eq!(client.payload().await, "kept");
}

#[tokio::test]
async fn mqtt_3_3_1_12_retain_as_published_decides_the_flag_of_live_messages() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V5, "client").await;
    for (retain_as_published, topic) in [(false, "flag/off"), (true, "flag/on")] {
        let options = SubscribeOptions {
            retain_as_published,
            ..SubscribeOptions::default()
        };
        client.subscribe_with(topic, options).await;
        client.publish_retained(topic, QoS::AtMostOnce, "x").await;
        let live = client.wait_for(|packet| match packet {
            Packet::Publish(publish) => Some(publish.retain),
            _ => None,
        });
        assert_eq!(live.await, retain_as_published);
    }
}

#[tokio::test]
async fn mqtt_4_7_2_1_wildcards_at_the_front_do_not_match_dollar_topics() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V3, "client").await;
    client
        .publish_retained("$own/x", QoS::AtLeastOnce, "hidden")
        .await;
    for filter in ["#", "+/x", "+/#"] {
        client.subscribe(filter, QoS::AtLeastOnce).await;
    }
    client.publish("$own/x", QoS::AtLeastOnce, "hidden").await;
    client.publish("y", QoS::AtLeastOnce, "seen").await;
    assert_eq!(client.payload().await, "seen");
    client.subscribe("$own/#", QoS::AtLeastOnce).await;
    assert_eq!(client.payload().await, "hidden");
}
