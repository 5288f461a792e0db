//! What a message must look like, what the broker adds to it, and what happens when the archive cannot keep up.

use muster_broker::ReasonCode;
use muster_broker::codec::{QoS, Version};
use muster_domain::Role;
use muster_plugins::RECEIVED_AT;

use crate::fixture::{Fixture, payload, publish, subscribe};

#[tokio::test]
async fn a_payload_of_the_wrong_shape_is_refused_while_its_author_listens() {
    let f = Fixture::start().await;
    let mut alice = f.connect(f.a, Role::Participant, "alice").await;
    let chat = f.a.topic("chat/alice/alice");
    let too_large = format!(
        r#"{{"id":"0192d3c4-0000-7000-8000-000000000000","text":"{}"}}"#,
        "x".repeat(17_000)
    );
    for bad in [
        "",
        "not json",
        "{}",
        "[1,2]",
        r#"{"id":"x","at":"y","text":"z"}"#,
        &too_large,
    ] {
        assert_eq!(
            publish(&mut alice, &chat, bad).await,
            ReasonCode::PayloadFormatInvalid,
            "{bad:.40}"
        );
    }
    assert_eq!(
        publish(&mut alice, &f.a.topic("nothing"), "{}").await,
        ReasonCode::TopicNameInvalid
    );
    assert_eq!(
        publish(&mut alice, "elsewhere", "{}").await,
        ReasonCode::TopicNameInvalid
    );
    assert!(
        !publish(&mut alice, &chat, &payload(&chat)).await.is_error(),
        "and the next good one is taken"
    );
}

#[tokio::test]
async fn only_a_position_may_be_retained_and_an_empty_one_takes_it_back() {
    let f = Fixture::start().await;
    let mut alice = f.connect(f.a, Role::Participant, "alice").await;
    let retained = |client: &mut crate::support::Client, topic: &str, payload: &str| {
        let mut message = client.publish_packet(topic, QoS::AtLeastOnce, payload);
        message.retain = true;
        message
    };
    let (chat, loc) = (f.a.topic("chat/alice/alice"), f.a.topic("loc/participants/alice"));
    let message = retained(&mut alice, &chat, &payload(&chat));
    assert_eq!(
        alice.publish_acknowledged(message).await,
        ReasonCode::NotAuthorized
    );
    for payload in [payload(&loc), String::new()] {
        let message = retained(&mut alice, &loc, &payload);
        assert!(!alice.publish_acknowledged(message).await.is_error());
    }
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(&mut mira, &[&f.a.topic("loc/participants/+")]).await;
    mira.send(muster_broker::codec::Packet::Pingreq).await;
    assert_eq!(
        mira.receive().await,
        muster_broker::codec::Packet::Pingresp,
        "the position was taken back"
    );
}

#[tokio::test]
async fn the_brokers_clock_is_on_every_message_and_nobody_elses() {
    let f = Fixture::start().await;
    let mut alice = f.connect(f.a, Role::Participant, "alice").await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(&mut mira, &[&f.a.topic("chat/alice/+")]).await;
    let chat = f.a.topic("chat/alice/alice");
    let mut message = alice.publish_packet(&chat, QoS::AtLeastOnce, &payload(&chat));
    message.properties.user_properties.0 =
        vec![(RECEIVED_AT.into(), "1".into()), ("mine".into(), "kept".into())];
    let before_ms = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    alice.publish_acknowledged(message).await;
    let got = mira.message().await;
    let stamps: Vec<i128> = got
        .properties
        .user_properties
        .iter()
        .filter(|(name, _)| *name == RECEIVED_AT)
        .map(|(_, value)| value.parse().unwrap())
        .collect();
    assert!(matches!(stamps[..], [at_ms] if at_ms >= before_ms), "{stamps:?}");
    assert!(
        got.properties
            .user_properties
            .iter()
            .any(|pair| pair == ("mine", "kept"))
    );
}

#[tokio::test]
async fn past_the_archives_backlog_publishers_are_pushed_back_and_nothing_acknowledged_is_lost() {
    let f = Fixture::start().await;
    let mut connect = crate::support::connect_packet(Version::V5, "bridge");
    connect.clean_start = false;
    connect.properties.session_expiry = Some(3_600);
    let token = f.token(f.a, Role::Service, "bridge");
    connect.password = Some(muster_broker::codec::Password(token.into()));
    let dial = || f.broker.dial(crate::support::Transport::Tcp);
    let (mut bridge, _) = crate::support::Client::connect(dial().await, connect.clone()).await;
    assert_eq!(
        subscribe(&mut bridge, &["ev/+/chat/+/+"]).await,
        [ReasonCode::GrantedQos1]
    );
    bridge.disconnect().await;

    let mut alice = f.connect(f.a, Role::Participant, "alice").await;
    let chat = f.a.topic("chat/alice/alice");
    let mut acknowledged = Vec::new();
    let refused = loop {
        let message = payload(&chat);
        match publish(&mut alice, &chat, &message).await {
            ReasonCode::Success => acknowledged.push(message),
            code => break code,
        }
        assert!(acknowledged.len() <= 100, "the bound holds nobody back");
    };
    assert_eq!(refused, ReasonCode::QuotaExceeded);
    assert!(!acknowledged.is_empty());

    let (mut bridge, connack) = crate::support::Client::connect(dial().await, connect).await;
    assert!(connack.session_present);
    for message in &acknowledged {
        assert_eq!(
            bridge.payload().await,
            *message,
            "every acknowledged message reaches the archive, in order"
        );
    }
}
