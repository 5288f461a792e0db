//! Shared subscriptions, in both versions.

use std::collections::BTreeSet;

use crate::support::*;

/// Receives until the message that says there is no more; returns the rest.
async fn until_end(client: &mut Client) -> Vec<String> {
    let mut got = Vec::new();
    loop {
        match client.payload().await {
            end if end == "end" => return got,
            payload => got.push(payload),
        }
    }
}

#[tokio::test]
async fn mqtt_4_8_2_4_each_message_goes_to_one_member_and_all_get_their_share() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let mut members = Vec::new();
        for number in 0..3 {
            let mut member = broker
                .client_over(version, transport, &format!("member{number}"))
                .await;
            member.subscribe("$share/group/work/+", QoS::AtLeastOnce).await;
            member.subscribe("end", QoS::AtLeastOnce).await;
            members.push(member);
        }
        let mut outside = broker.client(version, "outside").await;
        outside.subscribe("work/#", QoS::AtLeastOnce).await;
        outside.subscribe("end", QoS::AtLeastOnce).await;
        let mut sender = broker.client(version, "sender").await;
        for number in 0..30 {
            sender
                .publish(&format!("work/{number}"), QoS::AtLeastOnce, &number.to_string())
                .await;
        }
        sender.publish("end", QoS::AtLeastOnce, "end").await;
        let mut all = BTreeSet::new();
        for member in &mut members {
            let got = until_end(member).await;
            assert_eq!(got.len(), 10, "a fair share");
            for payload in got {
                assert!(all.insert(payload), "two members got the same message");
            }
        }
        assert_eq!(all.len(), 30);
        assert_eq!(
            until_end(&mut outside).await.len(),
            30,
            "an ordinary subscription gets all"
        );
    }
}

#[tokio::test]
async fn mqtt_4_8_2_5_what_a_member_left_unacknowledged_goes_to_another() {
    let broker = TestBroker::start().await;
    for version in [V3, V5] {
        let mut leaver = broker.client(version, "leaver").await;
        leaver.subscribe("$share/g/hand/over", QoS::AtLeastOnce).await;
        let mut sender = broker.client(version, "sender").await;
        for number in 0..5 {
            sender
                .publish("hand/over", QoS::AtLeastOnce, &number.to_string())
                .await;
            leaver.message().await;
        }
        let mut stayer = broker.client(version, "stayer").await;
        stayer.subscribe("$share/g/hand/over", QoS::AtLeastOnce).await;
        drop(leaver);
        let mut got = BTreeSet::new();
        for _ in 0..5 {
            got.insert(stayer.payload().await);
        }
        assert_eq!(got.into_iter().collect::<String>(), "01234");
    }
}

#[tokio::test]
async fn groups_of_the_same_filter_are_apart() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V5, "both").await;
    client.subscribe("$share/a/x", QoS::AtLeastOnce).await;
    client.subscribe("$share/b/x", QoS::AtLeastOnce).await;
    client.publish("x", QoS::AtLeastOnce, "one").await;
    assert_eq!(client.payload().await, "one");
    assert_eq!(client.payload().await, "one", "once per group");
}

#[tokio::test]
async fn mqtt_4_8_2_no_retained_messages_come_to_a_shared_subscription() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V5, "client").await;
    client.publish_retained("kept", QoS::AtLeastOnce, "kept").await;
    client.subscribe("$share/g/kept", QoS::AtLeastOnce).await;
    client.publish("kept", QoS::AtLeastOnce, "live").await;
    assert_eq!(client.payload().await, "live");
}
