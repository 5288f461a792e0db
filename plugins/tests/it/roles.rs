//! Every role and every topic of the tree over real sockets: the broker answers as the rights say, at each of its doors.
//!
//! That the rights are what the topic tree says is tested where they are, against a second statement of the tree.

use muster_broker::codec::{Packet, QoS};
use muster_domain::{Role, rights};

use crate::fixture::{Fixture, HOUR, payload, subscribe};
use crate::matrix::{FOR_ALL, about};
use crate::support::Client;

/// Publishes and says whether it was taken.
async fn is_taken(client: &mut Client, topic: &str, qos: QoS) -> bool {
    let publish = client.publish_packet(topic, qos, &payload(topic));
    !client.publish_acknowledged(publish).await.is_error()
}

#[tokio::test]
async fn each_role_is_answered_as_its_rights_say() {
    let f = Fixture::start().await;
    let (mut granted, mut refused) = (0, 0);
    for role in Role::ALL {
        let mut me = f.connect(f.a, role, "me").await;
        let claims = f.claims(f.a, role, "me", HOUR);
        let mut rests: Vec<String> = FOR_ALL.map(str::to_owned).to_vec();
        for (client, sender) in [("me", "me"), ("other", "other"), ("other", "me"), ("me", "other")] {
            rests.extend(about(client, sender));
        }
        let topics: Vec<String> = rests.iter().map(|rest| f.a.topic(rest)).collect();
        for topic in &topics {
            let allowed = rights::may_publish(&claims, topic);
            for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                assert_eq!(is_taken(&mut me, topic, qos).await, allowed, "{role} > {topic}");
            }
            *if allowed { &mut granted } else { &mut refused } += 1;
        }
        let wild = about("+", "+")
            .into_iter()
            .chain(["#".to_owned(), "+/+".to_owned()]);
        let filters: Vec<String> = topics
            .into_iter()
            .chain(wild.map(|rest| f.a.topic(&rest)))
            .collect();
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        for (filter, code) in filters.iter().zip(subscribe(&mut me, &filters).await) {
            let allowed = rights::may_subscribe(&claims, filter);
            assert_eq!(!code.is_error(), allowed, "{role} < {filter}: {code:?}");
            *if allowed { &mut granted } else { &mut refused } += 1;
        }
        me.send(Packet::Disconnect(muster_broker::codec::Disconnect::with_reason(
            muster_broker::ReasonCode::NORMAL_DISCONNECTION,
        )))
        .await;
    }
    assert!(
        granted > 100 && refused > 100,
        "{granted} granted, {refused} refused"
    );
}
