//! Wills: judged when they are left and again when they fire (S11 of the catalogue).

use muster_broker::ReasonCode;
use muster_broker::codec::{Connack, Password, QoS, Version, Will, WillProperties};
use muster_broker::plugin::{Event, Observer};
use muster_broker::topic::TopicName;
use muster_domain::Role;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::fixture::{Fixture, HOUR, payload, subscribe};
use crate::matrix::nothing_for;
use crate::support::{Client, DEADLINE, Transport, connect_packet};

/// Tells a test which publishes were refused.
struct Refusals(mpsc::UnboundedSender<(String, ReasonCode)>);

impl Observer for Refusals {
    fn observe(&self, event: &Event) {
        if let Event::PublishRefused { topic, reason, .. } = event {
            let _ = self.0.send((topic.as_str().to_owned(), *reason));
        }
    }
}

fn will(topic: &str, delay_s: u32) -> Will {
    Will {
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: TopicName::parse(topic).unwrap(),
        properties: WillProperties {
            will_delay: Some(delay_s),
            ..WillProperties::default()
        },
        payload: payload(topic).into(),
    }
}

/// Connects as a participant of event A with a will.
async fn with_will(f: &Fixture, client: &str, ttl: time::Duration, will: Will) -> (Client, Connack) {
    let mut connect = connect_packet(Version::V5, client);
    let token = f
        .keys
        .signer()
        .mint(&f.claims(f.a, Role::Participant, client, ttl));
    connect.password = Some(Password(token.into()));
    connect.properties.session_expiry = Some(60);
    connect.will = Some(will);
    Client::connect(f.broker.dial(Transport::Tcp).await, connect).await
}

#[tokio::test]
async fn a_will_takes_the_same_check_as_a_publish() {
    let f = Fixture::start().await;
    for topic in [
        f.a.topic("chat/alice/alice"),
        f.a.topic("alert/x"),
        f.b.topic("help/eve"),
        f.a.topic("help/alice"),
        f.a.topic("nothing"),
        "$SYS/x".to_owned(),
    ] {
        let (_, connack) = with_will(&f, "eve", HOUR, will(&topic, 0)).await;
        assert!(connack.reason.is_error(), "a will on {topic} was taken");
    }
    let own = f.a.topic("help/eve");
    let mut retained = will(&own, 0);
    retained.retain = true;
    let (_, connack) = with_will(&f, "eve", HOUR, retained).await;
    assert!(connack.reason.is_error(), "a call for help would be retained");
    let mut shapeless = will(&own, 0);
    shapeless.payload = "help!".into();
    let (_, connack) = with_will(&f, "eve", HOUR, shapeless).await;
    assert!(connack.reason.is_error(), "a will that nobody can read was taken");
}

#[tokio::test]
async fn the_own_will_reaches_who_may_have_it() {
    let f = Fixture::start().await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    let mut spy = f.connect(f.b, Role::Operator, "spy").await;
    subscribe(&mut mira, &[&f.a.topic("help/+")]).await;
    subscribe(&mut spy, &[&f.b.topic("help/+"), &f.a.topic("help/+")]).await;
    let own = f.a.topic("help/eve");
    let (eve, connack) = with_will(&f, "eve", HOUR, will(&own, 0)).await;
    assert_eq!(connack.reason, ReasonCode::Success);
    drop(eve);
    assert_eq!(mira.message().await.topic.unwrap().as_str(), own);
    nothing_for(&mut spy, "a will crossed to another agency").await;
}

#[tokio::test]
async fn a_will_that_fires_after_its_token_has_ended_is_not_published() {
    let (told, mut refusals) = mpsc::unbounded_channel();
    let f = Fixture::with(4, |builder| builder.observer(Refusals(told))).await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(&mut mira, &[&f.a.topic("help/+")]).await;
    let own = f.a.topic("help/eve");
    let (eve, connack) = with_will(&f, "eve", time::Duration::seconds(2), will(&own, 3)).await;
    assert_eq!(connack.reason, ReasonCode::Success);
    drop(eve);
    let refusal = timeout(DEADLINE, refusals.recv()).await.expect("the will fires");
    assert_eq!(refusal, Some((own, ReasonCode::NotAuthorized)));
    nothing_for(&mut mira, "the will of a token that has ended arrived").await;
}

#[tokio::test]
async fn who_was_refused_leaves_no_will() {
    let f = Fixture::start().await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(&mut mira, &[&f.a.topic("help/+")]).await;
    let mut connect = connect_packet(Version::V5, "eve");
    connect.password = Some(Password("no token".into()));
    connect.will = Some(will(&f.a.topic("help/eve"), 0));
    let (mut eve, connack) = Client::connect(f.broker.dial(Transport::Tcp).await, connect).await;
    assert_eq!(connack.reason, ReasonCode::NotAuthorized);
    eve.expect_end().await;
    nothing_for(&mut mira, "the will of somebody who never got in arrived").await;
}
