//! Connections that break, and what the client does about it.

use std::time::Duration;

use muster_broker::{Broker, ReasonCode};
use muster_crowd::client::{Client, ClientConfig, Endpoint, Event};

use crate::support::{Line, broker, config, endpoints, next, number, subscribe, subscriber, topic, until};

/// Both sides lose their line again and again while messages flow: none is lost, and each comes in order for the first
/// time; repeats are only those that QoS 1 allows.
#[tokio::test]
async fn nothing_is_lost_over_lines_that_break() {
    const COUNT: u64 = 4_000;
    const CUT_EVERY: u64 = 250;
    let broker = broker().await;
    let websocket = broker.websocket_addresses()[0];
    let (up, down) = (Line::to(websocket).await, Line::to(websocket).await);
    let url = |line: &Line| format!("ws://{}/mqtt", line.address());
    let (from, to) = (
        Endpoint::resolve(&url(&up)).await.unwrap(),
        Endpoint::resolve(&url(&down)).await.unwrap(),
    );
    let mut receiver = subscriber(&to, "receiver", "t").await;
    let mut sender = Client::new(config(&from, "sender"));
    for n in 0..COUNT {
        sender.publish(topic("t"), n.to_string(), n).unwrap();
    }
    let (mut acked, mut expected, mut resent, mut cuts) = (0, 0, 0, 0);
    while acked < COUNT || expected < COUNT {
        tokio::select! {
            event = next(&mut sender) => match event {
                Event::Acked { .. } => {
                    acked += 1;
                    if acked % CUT_EVERY == 0 {
                        cuts += 1;
                        if cuts % 2 == 0 { up.cut() } else { down.cut() }
                    }
                }
                Event::Resent(_) => resent += 1,
                Event::Connected { .. } | Event::Disconnected(_) => {}
                other => panic!("{other:?}"),
            },
            event = next(&mut receiver) => match event {
                Event::Message(publish) => {
                    let n = number(&publish.payload);
                    assert!(n <= expected, "{n} came before {expected}");
                    expected = expected.max(n + 1);
                }
                Event::Connected { session_present, .. } => assert!(session_present),
                Event::Disconnected(_) => {}
                other => panic!("{other:?}"),
            },
        }
    }
    assert!(
        sender.reconnects() >= 4 && receiver.reconnects() >= 4,
        "the lines were cut"
    );
    assert!(resent > 0, "something was under way when a line was cut");
}

#[tokio::test]
async fn a_broker_that_forgot_everything_is_told_again() {
    let first = broker().await;
    let address = first.tcp_addresses()[0];
    let endpoint = Endpoint::tcp(address);
    let mut one = subscriber(&endpoint, "one", "t").await;
    assert!(first.shutdown(Duration::from_secs(5)).await);
    drop(first);
    until(&mut one, |event| matches!(event, Event::Disconnected(_))).await;
    one.publish(topic("t"), "still here", 1).unwrap();

    // The port may be in use a moment longer by the connections that just ended.
    let second = loop {
        match Broker::builder().listen_tcp(address).build().start().await {
            Ok(broker) => break broker,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let connected = until(&mut one, |event| matches!(event, Event::Connected { .. })).await;
    assert!(matches!(
        connected,
        Event::Connected {
            session_present: false,
            ..
        }
    ));
    until(&mut one, |event| matches!(event, Event::Message(_))).await;
    assert_eq!(second.sessions().len(), 1);
}

#[tokio::test]
async fn an_idle_client_keeps_itself_alive() {
    let broker = broker().await;
    let [endpoint, _] = endpoints(&broker).await;
    let mut idle = Client::new(ClientConfig {
        keep_alive_s: 1,
        ..config(&endpoint, "idle")
    });
    subscribe(&mut idle, "t");
    until(&mut idle, |event| matches!(event, Event::Subscribed(_))).await;
    // More than twice what the broker waits for a silent client. [MQTT-3.1.2-22]
    let silent = tokio::time::timeout(Duration::from_millis(3_500), idle.next()).await;
    assert!(silent.is_err(), "{silent:?}");
    assert_eq!(broker.connections().len(), 1);
}

#[tokio::test]
async fn a_kicked_client_comes_back_and_a_taken_over_one_does_not() {
    let broker = broker().await;
    let [endpoint, _] = endpoints(&broker).await;
    let mut one = subscriber(&endpoint, "one", "t").await;
    assert!(broker.kick("one", ReasonCode::ServerBusy));
    until(&mut one, |event| matches!(event, Event::Disconnected(_))).await;
    until(&mut one, |event| {
        matches!(
            event,
            Event::Connected {
                session_present: true,
                ..
            }
        )
    })
    .await;

    let mut other = Client::new(config(&endpoint, "one"));
    until(&mut other, |event| matches!(event, Event::Connected { .. })).await;
    let error = one
        .next()
        .await
        .expect_err("the session is another's now")
        .to_string();
    assert!(error.contains("taken over"), "{error}");
}
