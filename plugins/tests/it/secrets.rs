//! No payload, password or token in any log line, at any level (S20 of the catalogue, for the broker and its plugins).

use std::io::Write;
use std::sync::{Arc, Mutex};

use muster_broker::ReasonCode;
use muster_broker::codec::{Auth, AuthProperties, Packet, Password, QoS, Version};
use muster_domain::Role;

use crate::fixture::{Fixture, payload, publish, subscribe};
use crate::support::{Client, Transport, connect_packet};

const CANARY: &str = "canary-7f3a91";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// Everything runs on this test's own thread, so the thread's subscriber sees all of it.
#[tokio::test(flavor = "current_thread")]
async fn nothing_secret_is_logged_and_no_client_writes_lines_of_its_own() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let f = Fixture::start().await;
    let token = f.token(f.a, Role::Participant, "alice");
    // Refused at the door: a password that is none, a broken token, another's identifier, one with a line of its own.
    for (client, password) in [
        ("alice", CANARY.to_owned()),
        ("alice", format!("{token}{CANARY}")),
        ("eve", token.clone()),
        ("x\nWARN forged line", CANARY.to_owned()),
    ] {
        let mut connect = connect_packet(Version::V5, client);
        connect.username = Some(CANARY.into());
        connect.password = Some(Password(password.into()));
        let mut client = Client::new(f.broker.dial(Transport::Tcp).await, Version::V5);
        client.send(Packet::Connect(Box::new(connect))).await;
        while let Some(packet) = client.receive_or_end().await {
            assert!(!matches!(packet, Packet::Connack(ref connack) if !connack.reason.is_error()));
        }
    }
    // Let in: messages that are taken, refused by their shape and refused by right.
    let mut alice = f.connect(f.a, Role::Participant, "alice").await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(&mut mira, &[&f.a.topic("chat/alice/+"), "a\nWARN forged line"]).await;
    let chat = f.a.topic("chat/alice/alice");
    let good = payload(&chat).replace("hello", CANARY);
    assert_eq!(publish(&mut alice, &chat, &good).await, ReasonCode::Success);
    assert!(mira.payload().await.contains(CANARY));
    let bad = format!(r#"{{"text":"{CANARY}"}}"#);
    assert_eq!(
        publish(&mut alice, &chat, &bad).await,
        ReasonCode::PayloadFormatInvalid
    );
    let forged = f.a.topic("chat/bob/alice");
    let message = alice.publish_packet(&forged, QoS::AtLeastOnce, &good);
    assert_eq!(
        alice.publish_acknowledged(message).await,
        ReasonCode::NotAuthorized
    );
    let mut connect = connect_packet(Version::V5, "bob");
    connect.properties.auth_method = Some("jwt".into());
    connect.properties.auth_data = Some(f.token(f.a, Role::Participant, "bob").into());
    let (mut bob, _) = Client::connect(f.broker.dial(Transport::Tcp).await, connect).await;
    bob.send(Packet::Auth(Auth {
        reason: ReasonCode::ReAuthenticate,
        properties: AuthProperties {
            auth_method: Some("jwt".into()),
            auth_data: Some(CANARY.into()),
            ..AuthProperties::default()
        },
    }))
    .await;
    bob.expect_refusal(ReasonCode::NotAuthorized).await;

    // The observers' task is behind; its last line is awaited.
    let told = async {
        while !text(&lines).contains("a subscription was refused")
            || !text(&lines).contains("a publish was refused")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, told)
        .await
        .expect("refusals are logged");
    let text = text(&lines);
    for secret in [CANARY, &token[..40], token.rsplit('.').next().unwrap()] {
        assert!(!text.contains(secret), "a secret was logged: {secret}");
    }
    assert!(
        !text.lines().any(|line| line.starts_with("WARN forged")),
        "a client wrote a line of its own"
    );
}

fn text(lines: &Lines) -> String {
    String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned()
}
