//! Who gets in, as whom, and for how long (S13, S15 of the catalogue).

use std::time::Duration;

use muster_broker::ReasonCode;
use muster_broker::codec::{Auth, AuthProperties, Packet, Password, Version};
use muster_domain::Role;
use time::OffsetDateTime;

use crate::fixture::{Fixture, HOUR, payload, publish, subscribe};
use crate::support::{Client, EVERYWHERE, Transport, connect_packet};

#[tokio::test]
async fn without_a_good_token_nobody_gets_in() {
    let f = Fixture::start().await;
    let stranger = Fixture::start().await;
    let expired = f
        .keys
        .signer()
        .mint(&f.claims(f.a, Role::Participant, "eve", -HOUR));
    for token in ["", "x", &stranger.token(f.a, Role::Organizer, "eve"), &expired] {
        let (_, connack) = f.try_connect(Version::V5, "eve", token).await;
        assert_eq!(connack.reason, ReasonCode::NotAuthorized);
        let (_, connack) = f.try_connect(Version::V3_1_1, "eve", token).await;
        assert!(connack.reason.is_error());
    }
    let (_, connack) = Client::connect(
        f.broker.dial(Transport::WebSocket).await,
        connect_packet(Version::V5, "x"),
    )
    .await;
    assert_eq!(connack.reason, ReasonCode::NotAuthorized, "no password at all");
}

#[tokio::test]
async fn the_client_identifier_must_be_the_tokens_own() {
    let f = Fixture::start().await;
    let token = f.token(f.a, Role::Participant, "eve");
    for client in ["alice", "", "eve2", "#"] {
        let (_, connack) = f.try_connect(Version::V5, client, &token).await;
        assert!(connack.reason.is_error(), "eve came in as {client:?}");
    }
}

#[tokio::test]
async fn a_session_is_its_principals_own() {
    let f = Fixture::start().await;
    let mut alice = f.connect(f.a, Role::Participant, "alice").await;
    // The same client id with another event's token is somebody else.
    let (_, connack) = f
        .try_connect(Version::V5, "alice", &f.token(f.b, Role::Participant, "alice"))
        .await;
    assert!(connack.reason.is_error(), "another principal took the client id");
    alice.ping().await;
    // The same one takes the session over, and the first is told so.
    let _second = f.connect(f.a, Role::Participant, "alice").await;
    alice.expect_refusal(ReasonCode::SessionTakenOver).await;
}

#[tokio::test]
async fn a_token_that_expires_cuts_its_connection_even_of_one_that_only_listens() {
    let f = Fixture::start().await;
    let mut cuts = Vec::new();
    for (at, (version, transport)) in EVERYWHERE.into_iter().enumerate() {
        let name = format!("alice-{at}");
        let claims = f.claims(f.a, Role::Participant, &name, time::Duration::seconds(2));
        let mut connect = connect_packet(version, &name);
        connect.username = Some("anything".into());
        connect.password = Some(Password(f.keys.signer().mint(&claims).into()));
        let (mut client, connack) = Client::connect(f.broker.dial(transport).await, connect).await;
        assert_eq!(connack.reason, ReasonCode::Success);
        let granted = subscribe(&mut client, &[&f.a.topic("info")]).await;
        assert_eq!(granted, [ReasonCode::GrantedQos1]);
        cuts.push(async move {
            client.expect_refusal(ReasonCode::NotAuthorized).await;
            let over = OffsetDateTime::now_utc() - OffsetDateTime::from_unix_timestamp(claims.exp).unwrap();
            assert!(over >= time::Duration::ZERO, "cut before its time");
            // The broker's word is "by the next second"; the rest is for a machine that is busy.
            assert!(over < time::Duration::seconds(5), "cut {over} after its time");
        });
    }
    let all = futures_util::future::join_all(cuts);
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("every connection is cut");
}

#[tokio::test]
async fn a_token_is_renewed_on_a_living_connection() {
    let f = Fixture::start().await;
    let mut connect = connect_packet(Version::V5, "alice");
    let short = f.claims(f.a, Role::Participant, "alice", time::Duration::seconds(3));
    connect.properties.auth_method = Some("jwt".into());
    connect.properties.auth_data = Some(f.keys.signer().mint(&short).into());
    let (mut alice, connack) = Client::connect(f.broker.dial(Transport::Tcp).await, connect).await;
    assert_eq!(connack.reason, ReasonCode::Success);

    let auth = |token: String| {
        Packet::Auth(Auth {
            reason: ReasonCode::ReAuthenticate,
            properties: AuthProperties {
                auth_method: Some("jwt".into()),
                auth_data: Some(token.into()),
                ..AuthProperties::default()
            },
        })
    };
    alice.send(auth(f.token(f.a, Role::Participant, "alice"))).await;
    let answer = alice.receive().await;
    assert!(
        matches!(answer, Packet::Auth(ref auth) if auth.reason == ReasonCode::Success),
        "{answer:?}"
    );
    // Past the first token's end she is still there. Bob, who came with an equal one and did not renew it, is not.
    let bob = f.claims(f.a, Role::Participant, "bob", time::Duration::seconds(3));
    let (mut bob, _) = f
        .try_connect(Version::V5, "bob", &f.keys.signer().mint(&bob))
        .await;
    bob.expect_refusal(ReasonCode::NotAuthorized).await;
    assert!(OffsetDateTime::now_utc().unix_timestamp() >= short.exp);
    let own = f.a.topic("help/alice");
    assert!(!publish(&mut alice, &own, &payload(&own)).await.is_error());

    // With another's token it ends.
    alice.send(auth(f.token(f.b, Role::Participant, "alice"))).await;
    alice.expect_refusal(ReasonCode::NotAuthorized).await;
}
