//! Ways around a refusal that must lead nowhere: other qualities of service, topic aliases, retaining, wildcards.

use std::num::NonZeroU16;

use muster_broker::ReasonCode;
use muster_broker::codec::QoS;
use muster_domain::Role;

use crate::fixture::{Fixture, payload, publish, subscribe};
use crate::matrix::nothing_for;

#[tokio::test]
async fn a_refused_publish_is_refused_with_every_quality_of_service() {
    let f = Fixture::start().await;
    let mut eve = f.connect(f.a, Role::Participant, "eve").await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(&mut mira, &[&f.a.topic("chat/+/+")]).await;
    let forged = f.a.topic("chat/alice/eve");
    let before = f.broker.handle.counters().refused;
    for (qos, expected) in [
        // Without an acknowledgement there is nothing to say; what counts is that nobody gets it.
        (QoS::AtMostOnce, ReasonCode::Success),
        (QoS::AtLeastOnce, ReasonCode::NotAuthorized),
        (QoS::ExactlyOnce, ReasonCode::NotAuthorized),
    ] {
        let message = eve.publish_packet(&forged, qos, &payload(&forged));
        assert_eq!(eve.publish_acknowledged(message).await, expected, "{qos:?}");
    }
    assert_eq!(f.broker.handle.counters().refused - before, 3);
    nothing_for(&mut mira, "a forged message arrived").await;
}

#[tokio::test]
async fn a_topic_alias_opens_nothing() {
    let f = Fixture::start().await;
    let mut eve = f.connect(f.a, Role::Participant, "eve").await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(&mut mira, &[&f.a.topic("chat/+/+")]).await;
    let (own, forged) = (f.a.topic("chat/eve/eve"), f.a.topic("chat/alice/eve"));
    let alias = NonZeroU16::new(1);
    // The alias stands for the allowed topic, then for the forbidden one; each use is judged by what it stands for.
    for (topic, named, expected) in [
        (&own, true, ReasonCode::Success),
        (&own, false, ReasonCode::Success),
        (&forged, true, ReasonCode::NotAuthorized),
        (&forged, false, ReasonCode::NotAuthorized),
    ] {
        let mut message = eve.publish_packet(topic, QoS::AtLeastOnce, &payload(topic));
        message.properties.topic_alias = alias;
        if !named {
            message.topic = None;
        }
        assert_eq!(
            eve.publish_acknowledged(message).await,
            expected,
            "{topic} named: {named}"
        );
    }
    for _ in 0..2 {
        assert_eq!(mira.message().await.topic.unwrap().as_str(), own);
    }
    nothing_for(&mut mira, "a forged message arrived").await;
}

#[tokio::test]
async fn nobody_retains_what_the_tree_does_not_keep_services_neither() {
    let f = Fixture::start().await;
    let mut service = f.connect(f.a, Role::Service, "api").await;
    for (rest, expected) in [
        ("chat/alice/api", ReasonCode::NotAuthorized),
        ("done/mira", ReasonCode::NotAuthorized),
        ("case/alice", ReasonCode::Success),
        ("info", ReasonCode::Success),
    ] {
        let topic = f.a.topic(rest);
        let mut message = service.publish_packet(&topic, QoS::AtLeastOnce, &payload(&topic));
        message.retain = true;
        let code = service.publish_acknowledged(message).await;
        assert_eq!(code.is_error(), expected.is_error(), "{rest}: {code:?}");
    }
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(
        &mut mira,
        &[
            &f.a.topic("chat/+/+"),
            &f.a.topic("done/mira"),
            &f.a.topic("info"),
        ],
    )
    .await;
    assert_eq!(mira.message().await.topic.unwrap().as_str(), f.a.topic("info"));
    nothing_for(&mut mira, "something else was retained").await;
}

#[tokio::test]
async fn a_service_too_publishes_on_topics_of_the_tree_only() {
    let f = Fixture::start().await;
    let mut service = f.connect(f.a, Role::Service, "api").await;
    for topic in [
        "ev/x/info",
        "other",
        "$SYS/x",
        &f.a.topic("nothing"),
        &f.a.topic("case/a/b"),
    ] {
        assert_eq!(
            publish(&mut service, topic, "{}").await,
            ReasonCode::TopicNameInvalid,
            "{topic}"
        );
    }
}
