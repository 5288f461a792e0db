//! Messages there and back, over both transports.

use muster_crowd::client::{Client, Endpoint, Event};

use crate::support::{broker, client, endpoints, eventually, next, number, subscriber, topic, until};

/// Publishes `count` numbers to one who listens; all must arrive once and in order, and be acknowledged.
pub async fn exchange(from: &Endpoint, to: &Endpoint, count: u64) {
    let mut receiver = subscriber(to, "receiver", "chat/+").await;
    let mut sender = client(from, "sender");
    let topic = topic("chat/1");
    for n in 0..count {
        sender.publish(topic.clone(), n.to_string(), n).unwrap();
    }
    let (mut acked, mut received) = (0, 0);
    while acked < count || received < count {
        tokio::select! {
            event = next(&mut sender) => match event {
                Event::Acked { reason, .. } => {
                    assert!(!reason.is_error(), "{reason}");
                    acked += 1;
                }
                Event::Connected { .. } => {}
                other => panic!("{other:?}"),
            },
            event = next(&mut receiver) => match event {
                Event::Message(publish) => {
                    assert_eq!(number(&publish.payload), received);
                    received += 1;
                }
                other => panic!("{other:?}"),
            },
        }
    }
    assert_eq!(sender.unacknowledged(), 0);
    assert_eq!((sender.reconnects(), receiver.reconnects()), (0, 0));
    sender.close(true).await;
    receiver.close(true).await;
}

#[tokio::test]
async fn all_arrives_once_and_in_order_over_both_transports() {
    let broker = broker().await;
    let [tcp, websocket] = endpoints(&broker).await;
    for (from, to) in [(&tcp, &websocket), (&websocket, &tcp), (&websocket, &websocket)] {
        exchange(from, to, 5_000).await;
    }
    eventually("a client that leaves for good leaves nothing behind", || {
        broker.sessions().is_empty()
    })
    .await;
}

#[tokio::test]
async fn packets_longer_than_a_read_are_put_together() {
    let broker = broker().await;
    for endpoint in endpoints(&broker).await {
        let mut one = subscriber(&endpoint, "one", "t").await;
        let long = vec![b'x'; 300_000];
        one.publish(topic("t"), long.clone(), 1).unwrap();
        let message = until(&mut one, |event| matches!(event, Event::Message(_))).await;
        assert!(matches!(message, Event::Message(publish) if publish.payload == long));
        one.close(true).await;
    }
}

#[tokio::test]
async fn a_retained_message_comes_with_the_subscription() {
    let broker = broker().await;
    let [_, endpoint] = endpoints(&broker).await;
    let mut one: Client = client(&endpoint, "one");
    one.publish_with(topic("loc/1"), "here", 1, true, Some(900))
        .unwrap();
    until(&mut one, |event| matches!(event, Event::Acked { token: 1, .. })).await;
    let mut two = client(&endpoint, "two");
    crate::support::subscribe(&mut two, "loc/+");
    let message = until(&mut two, |event| matches!(event, Event::Message(_))).await;
    let Event::Message(publish) = message else {
        unreachable!()
    };
    assert!(publish.retain && &publish.payload[..] == b"here");
    assert!(publish.properties.message_expiry.is_some_and(|left| left <= 900));
}

#[tokio::test]
async fn what_is_unsubscribed_comes_no_more() {
    let broker = broker().await;
    let [endpoint, _] = endpoints(&broker).await;
    let mut one = subscriber(&endpoint, "one", "a").await;
    crate::support::subscribe(&mut one, "b");
    until(&mut one, |event| matches!(event, Event::Subscribed(7))).await;
    one.unsubscribe([muster_broker::topic::TopicFilter::parse("a").unwrap()]);
    for (n, name) in ["a", "b"].iter().enumerate() {
        one.publish(topic(name), *name, n as u64).unwrap();
    }
    let message = until(&mut one, |event| matches!(event, Event::Message(_))).await;
    assert!(matches!(message, Event::Message(publish) if publish.topic == Some(topic("b"))));
}
