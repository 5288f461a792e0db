//! Who gets in, as whom, and for how long (S07, S13-S15 of the catalogue).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
async fn a_token_that_was_tampered_with_or_is_for_another_door_opens_nothing() {
    let f = Fixture::start().await;
    let good = f.token(f.a, Role::Participant, "eve");
    let parts: Vec<&str> = good.split('.').collect();
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let mut king = f.claims(f.a, Role::Service, "eve", HOUR);
    king.evt = None;
    let king = part(serde_json::to_value(&king).unwrap());
    let unsigned = part(serde_json::json!({"alg": "none", "kid": f.keys.signer().kid()}));
    let mut foreign = f.claims(f.a, Role::Participant, "eve", HOUR);
    foreign.iss = "somebody".into();
    let now = OffsetDateTime::now_utc();
    let login = muster_auth::api_claims("muster", muster_domain::PersonId::new(), now, HOUR);
    for (what, token) in [
        ("alg none", format!("{unsigned}.{king}.")),
        (
            "alg none with a signature",
            format!("{unsigned}.{king}.{}", parts[2]),
        ),
        (
            "other claims under a good signature",
            format!("{}.{king}.{}", parts[0], parts[2]),
        ),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("another issuer", f.keys.signer().mint(&foreign)),
        ("a login of the API", f.keys.signer().mint_api(&login)),
        (
            "huge",
            format!("{good}{}", "A".repeat(muster_auth::TOKEN_BYTES_MAX)),
        ),
    ] {
        for version in [Version::V5, Version::V3_1_1] {
            let mut connect = connect_packet(version, "eve");
            connect.username = Some("anything".into());
            connect.password = Some(Password(token.clone().into()));
            let mut eve = Client::new(f.broker.dial(Transport::Tcp).await, version);
            // A CONNECT may be too large to be answered at all.
            eve.send_or_end(Packet::Connect(Box::new(connect))).await;
            match eve.receive_or_end().await {
                Some(Packet::Connack(connack)) => assert!(connack.reason.is_error(), "{what} was believed"),
                Some(Packet::Disconnect(_)) | None => {}
                Some(other) => panic!("{what}: {other:?}"),
            }
        }
    }
    let (_, connack) = f.try_connect(Version::V5, "eve", &good).await;
    assert_eq!(connack.reason, ReasonCode::Success, "and the good one still is");
}

#[tokio::test]
async fn a_rotated_key_is_believed_by_a_running_broker_and_living_connections_stay() {
    let f = Fixture::start().await;
    let mut alice = f.connect(f.a, Role::Participant, "alice").await;
    let mut keys = f.keys.clone();
    keys.rotate().unwrap();
    let token = keys.signer().mint(&f.claims(f.a, Role::Participant, "bob", HOUR));
    let believed = async {
        let mut interval = tokio::time::interval(Duration::from_millis(50));
        while f
            .try_connect(Version::V5, "bob", &token)
            .await
            .1
            .reason
            .is_error()
        {
            interval.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), believed)
        .await
        .expect("the new key is taken up");
    alice.ping().await;
    let (_, connack) = f
        .try_connect(Version::V5, "carol", &f.token(f.a, Role::Participant, "carol"))
        .await;
    assert_eq!(
        connack.reason,
        ReasonCode::Success,
        "what the old key signed stays good"
    );
}

#[tokio::test]
async fn the_client_identifier_must_be_the_tokens_own() {
    let f = Fixture::start().await;
    let token = f.token(f.a, Role::Participant, "eve");
    for client in ["alice", "", "eve2", "EVE", "#", "+", "eve/", "$SYS"] {
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
