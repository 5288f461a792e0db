//! The broker as a part of another program: plugins, limits, management and the end of it all.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use muster_broker::codec::{Auth, AuthProperties, Connack, ConnectProperties};
use muster_broker::plugin::{
    Authenticator, Authorizer, ConnectRequest, Decision, Event, FilterContext, Observer, Principal,
    PublishAccess, PublishFilter, ReauthenticateRequest, ReceiveAccess, SubscribeAccess, WhenFull,
};
use tokio::sync::Notify;

use crate::support::*;

/// The password says what the principal is like.
struct Door;

fn principal_of(name: &str, password: &[u8]) -> Result<Principal, ReasonCode> {
    let mut principal = Principal::new(name);
    match password {
        b"short" => principal.expires_at = Some(SystemTime::now() + Duration::from_millis(300)),
        b"archive" => {
            principal.limits.queue_max = Some(2);
            principal.limits.when_full = Some(WhenFull::PushBack);
        }
        b"panic" => panic!("as the test asks"),
        b"long" => {}
        _ => return Err(ReasonCode::BadUserNameOrPassword),
    }
    Ok(principal)
}

#[async_trait]
impl Authenticator for Door {
    async fn authenticate(&self, request: &ConnectRequest) -> Result<Principal, ReasonCode> {
        if request.password.as_deref() == Some(b"never") {
            std::future::pending::<()>().await;
        }
        let name = request
            .username
            .clone()
            .ok_or(ReasonCode::BadUserNameOrPassword)?;
        principal_of(&name, request.password.as_deref().unwrap_or_default())
    }

    async fn reauthenticate(&self, request: &ReauthenticateRequest) -> Result<Principal, ReasonCode> {
        let data = request.auth_data.clone().unwrap_or_default();
        match data.strip_prefix(b"as other ") {
            Some(password) => principal_of("other", password),
            None => principal_of(&request.principal.id, &data),
        }
    }
}

async fn login(broker: &TestBroker, client_id: &str, password: &str) -> (Client, Connack) {
    let mut connect = connect_packet(V5, client_id);
    connect.username = Some(ByteStr::from("name"));
    connect.password = Some(muster_broker::codec::Password(password.to_owned().into()));
    connect.properties = ConnectProperties {
        auth_method: Some(ByteStr::from("jwt")),
        ..ConnectProperties::default()
    };
    connect.properties.session_expiry = Some(60);
    Client::connect(broker.dial(Transport::Tcp).await, connect).await
}

fn renewal(data: &'static str) -> Packet {
    let properties = AuthProperties {
        auth_method: Some(ByteStr::from("jwt")),
        auth_data: Some(data.into()),
        ..AuthProperties::default()
    };
    Packet::Auth(Auth {
        reason: ReasonCode::ReAuthenticate,
        properties,
    })
}

#[tokio::test]
async fn s15_expired_credentials_end_a_connection_that_says_nothing() {
    let broker = TestBroker::build(|builder| builder.authenticator(Door)).await;
    let (mut client, connack) = login(&broker, "c", "short").await;
    assert_eq!(connack.reason, ReasonCode::Success);
    assert_eq!(client.subscribe("#", QoS::AtMostOnce).await, ReasonCode::Success);
    client.expect_refusal(ReasonCode::NotAuthorized).await;
}

#[tokio::test]
async fn renewed_credentials_keep_the_connection() {
    let broker = TestBroker::build(|builder| builder.authenticator(Door)).await;
    let (mut client, connack) = login(&broker, "c", "short").await;
    assert_eq!(connack.properties.auth_method.as_deref(), Some("jwt"));
    client.send(renewal("long")).await;
    match client.receive().await {
        Packet::Auth(auth) => assert_eq!(auth.reason, ReasonCode::Success),
        other => panic!("no AUTH but {other:?}"),
    }
    // Another one that was not renewed shows that the time is over.
    let (mut witness, _) = login(&broker, "witness", "short").await;
    witness.expect_refusal(ReasonCode::NotAuthorized).await;
    client.ping().await;
    // Renewed as somebody else, or by credentials that are refused, it ends.
    client.send(renewal("as other long")).await;
    client.expect_refusal(ReasonCode::NotAuthorized).await;
    let (mut client, _) = login(&broker, "c", "long").await;
    client.send(renewal("wrong")).await;
    // The code of the authenticator has no place in a DISCONNECT.
    client.expect_refusal(ReasonCode::UnspecifiedError).await;
}

#[tokio::test]
async fn s16_an_authenticator_that_panics_or_hangs_has_refused() {
    let broker = TestBroker::build(|builder| {
        let limits = muster_broker::Limits {
            authenticate_deadline: Duration::from_millis(200),
            ..muster_broker::Limits::default()
        };
        builder.authenticator(Door).limits(limits)
    })
    .await;
    assert_eq!(
        login(&broker, "c", "panic").await.1.reason,
        ReasonCode::NotAuthorized
    );
    assert_eq!(
        login(&broker, "c", "never").await.1.reason,
        ReasonCode::ServerUnavailable
    );
    assert_eq!(login(&broker, "c", "long").await.1.reason, ReasonCode::Success);
}

#[tokio::test]
async fn a_full_archive_pushes_publishers_back_and_takes_them_again_when_it_has_room() {
    let broker = TestBroker::build(|builder| builder.authenticator(Door)).await;
    let (mut archive, _) = login(&broker, "archive", "archive").await;
    archive.subscribe("#", QoS::AtLeastOnce).await;
    archive.disconnect().await;
    let (mut publisher, _) = login(&broker, "publisher", "long").await;
    let mut reasons = Vec::new();
    for at in 0..4 {
        let publish = publisher.publish_packet("t", QoS::AtLeastOnce, &at.to_string());
        reasons.push(publisher.publish_acknowledged(publish).await);
    }
    let (taken, full) = (ReasonCode::Success, ReasonCode::QuotaExceeded);
    assert_eq!(reasons, [taken, taken, full, full]);
    let mut connect = connect_packet(V5, "archive");
    connect.clean_start = false;
    connect.username = Some(ByteStr::from("name"));
    connect.password = Some(muster_broker::codec::Password("archive".into()));
    let (mut archive, connack) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
    assert!(connack.session_present);
    assert_eq!(archive.payload().await, "0");
    assert_eq!(archive.payload().await, "1");
    let publish = publisher.publish_packet("t", QoS::AtLeastOnce, "4");
    assert_eq!(publisher.publish_acknowledged(publish).await, taken);
    assert_eq!(archive.payload().await, "4");
}

/// Moves topics, marks payloads, refuses some and panics at others.
struct Mill;

impl PublishFilter for Mill {
    fn filter(&self, publish: &mut Publish, context: &FilterContext<'_>) -> Result<(), ReasonCode> {
        let topic = publish
            .topic
            .as_ref()
            .expect("a filter sees the topic")
            .as_str()
            .to_owned();
        match &*topic {
            "panic" => panic!("as the test asks"),
            "refused" => return Err(ReasonCode::PayloadFormatInvalid),
            "moved" => publish.topic = Some(TopicName::parse("secret/x").expect("a topic name")),
            _ => {
                publish.payload = [context.client_id.as_bytes(), b":", &publish.payload[..]]
                    .concat()
                    .into()
            }
        }
        Ok(())
    }
}

/// Everything but secrets; one topic panics.
struct NoSecrets;

fn judge(topic: &str) -> Decision {
    match topic.split('/').next() {
        Some("secret") => Decision::Deny,
        Some("boom") => panic!("as the test asks"),
        _ => Decision::Allow,
    }
}

impl Authorizer for NoSecrets {
    fn publish(&self, _: &Principal, access: &PublishAccess<'_>) -> Decision {
        judge(access.topic)
    }

    fn subscribe(&self, _: &Principal, access: &SubscribeAccess<'_>) -> Decision {
        judge(access.filter)
    }

    fn receive(&self, _: &Principal, access: &ReceiveAccess<'_>) -> Decision {
        judge(access.topic)
    }
}

#[tokio::test]
async fn s17_the_topic_that_a_filter_leaves_is_the_one_that_is_authorized() {
    let broker = TestBroker::build(|builder| builder.filter(Mill).authorizer(NoSecrets)).await;
    let mut client = broker.client(V5, "c").await;
    assert_eq!(
        client.subscribe("#", QoS::AtLeastOnce).await,
        ReasonCode::GrantedQos1
    );
    for (topic, reason) in [
        ("moved", ReasonCode::NotAuthorized),
        ("refused", ReasonCode::PayloadFormatInvalid),
        ("panic", ReasonCode::ImplementationSpecificError),
        ("boom", ReasonCode::NotAuthorized),
        ("plain", ReasonCode::Success),
    ] {
        let publish = client.publish_packet(topic, QoS::AtLeastOnce, "x");
        assert_eq!(client.publish_acknowledged(publish).await, reason, "{topic}");
    }
    assert_eq!(
        client.subscribe("boom", QoS::AtLeastOnce).await,
        ReasonCode::NotAuthorized
    );
    assert_eq!(client.payload().await, "c:x");
    assert_eq!(broker.handle.counters().refused, 4);
}

/// Keeps what it was told, as text.
#[derive(Clone, Default)]
struct Diary {
    lines: Arc<Mutex<Vec<String>>>,
    written: Arc<Notify>,
}

impl Observer for Diary {
    fn observe(&self, event: &Event) {
        let line = match event {
            Event::Connected { client_id, .. } => format!("connected {client_id}"),
            Event::ConnectRefused {
                client_id, reason, ..
            } => format!("connect refused {client_id} {reason}"),
            Event::Disconnected {
                client_id, reason, ..
            } => format!("disconnected {client_id} {reason}"),
            Event::Subscribed {
                client_id, filter, ..
            } => format!("subscribed {client_id} {filter}"),
            Event::Published {
                topic,
                payload_bytes,
                receivers,
                ..
            } => {
                format!("published {topic} {payload_bytes} {receivers}")
            }
            Event::SessionEnded { client_id } => format!("ended {client_id}"),
            other => format!("{other:?}"),
        };
        self.lines.lock().expect("no panic while held").push(line);
        self.written.notify_one();
    }
}

impl Diary {
    async fn until(&self, last: &str) -> Vec<String> {
        let waited = tokio::time::timeout(DEADLINE, async {
            loop {
                let lines = self.lines.lock().expect("no panic while held").clone();
                if lines.iter().any(|line| line == last) {
                    return lines;
                }
                self.written.notified().await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("never told: {last}"))
    }
}

#[tokio::test]
async fn observers_are_told_in_order_and_never_the_payload() {
    let diary = Diary::default();
    let broker = TestBroker::build(|builder| builder.observer(diary.clone())).await;
    let mut client = broker.client(V5, "c").await;
    client.subscribe("a/+", QoS::AtMostOnce).await;
    client.publish("a/b", QoS::AtLeastOnce, "canary").await;
    assert_eq!(client.payload().await, "canary");
    client.disconnect().await;
    let lines = diary.until("ended c").await;
    let expected = [
        "connected c",
        "subscribed c a/+",
        "published a/b 6 1",
        "disconnected c Success",
        "ended c",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn the_program_publishes_lists_kicks_and_revokes() {
    let broker = TestBroker::start().await;
    let mut connect = connect_packet(V5, "c");
    connect.properties.session_expiry = Some(60);
    let (mut client, _) = Client::connect(broker.dial(Transport::WebSocket).await, connect.clone()).await;
    client.subscribe("t", QoS::AtLeastOnce).await;
    let message = client.publish_packet("t", QoS::AtLeastOnce, "from within");
    assert_eq!(broker.handle.publish(message.clone()), Ok(1));
    assert_eq!(client.payload().await, "from within");

    let connections = broker.handle.connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].client_id, "c");
    assert_eq!(
        connections[0].transport,
        muster_broker::plugin::Transport::WebSocket
    );

    assert!(broker.handle.kick("c", ReasonCode::AdministrativeAction));
    client.expect_refusal(ReasonCode::AdministrativeAction).await;
    assert!(
        !broker.handle.kick("c", ReasonCode::AdministrativeAction),
        "nobody is there any more"
    );
    assert_eq!(broker.handle.publish(message), Ok(1));
    let sessions = broker.handle.sessions();
    assert_eq!(
        (sessions.len(), sessions[0].connected, sessions[0].queued),
        (1, false, 1)
    );

    assert_eq!(broker.handle.revoke("anonymous"), 1);
    assert!(broker.handle.sessions().is_empty());
    connect.clean_start = false;
    let (_, connack) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
    assert!(!connack.session_present, "nothing of it is left");
}

#[tokio::test]
async fn r36_a_graceful_stop_tells_everybody_and_waits_for_them() {
    let broker = TestBroker::start().await;
    let mut clients = Vec::new();
    for (version, transport) in EVERYWHERE {
        let name = format!("{version}{transport:?}");
        clients.push(broker.client_over(version, transport, &name).await);
    }
    // One that has not said anything yet must not hold it up.
    let _silent = broker.dial(Transport::Tcp).await;
    let handle = broker.handle.clone();
    let stopped = tokio::spawn(async move { handle.shutdown(DEADLINE).await });
    for client in &mut clients {
        client.expect_refusal(ReasonCode::ServerShuttingDown).await;
    }
    drop(clients);
    assert!(
        stopped.await.expect("it does not panic"),
        "all connections ended in time"
    );
    assert_eq!(broker.handle.counters().connections, 0);
}

#[tokio::test]
async fn an_upgraded_stream_of_another_server_is_served() {
    use tokio_tungstenite::tungstenite::protocol::Role;
    let broker = TestBroker::start().await;
    let (ours, theirs) = tokio::io::duplex(4096);
    broker
        .handle
        .serve_upgraded_websocket(theirs, ([192, 0, 2, 1], 7).into());
    let mut stream = tokio_tungstenite::WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let connect = connect_packet(V5, "upgraded");
    let mut bytes = bytes::BytesMut::new();
    muster_broker::codec::encode(&Packet::Connect(Box::new(connect)), V5, &mut bytes).expect("a CONNECT");
    let message = tokio_tungstenite::tungstenite::Message::Binary(bytes.freeze());
    futures_util::SinkExt::send(&mut stream, message)
        .await
        .expect("the stream is open");
    let answer = futures_util::StreamExt::next(&mut stream)
        .await
        .expect("an answer")
        .expect("a frame");
    assert_eq!(answer.into_data()[0], 0x20, "a CONNACK");
    assert_eq!(broker.handle.connections()[0].peer, ([192, 0, 2, 1], 7).into());
}

#[tokio::test]
async fn connections_past_the_limit_are_closed_and_room_is_given_back() {
    let broker = TestBroker::with_limits(|limits| limits.connections_max = 1).await;
    let first = broker.client(V5, "first").await;
    let mut second = broker.dial(Transport::Tcp).await;
    assert!(second.receive_to_end().await.is_empty());
    first.disconnect().await;
    // The permit goes with the task, which may end a little after the socket.
    let mut connected = false;
    for _ in 0..1_000 {
        let mut client = Client::new(broker.dial(Transport::Tcp).await, V5);
        client
            .send_or_end(Packet::Connect(Box::new(connect_packet(V5, "third"))))
            .await;
        if client.receive_or_end().await.is_some() {
            connected = true;
            break;
        }
    }
    assert!(connected);
}

#[tokio::test]
async fn r21_r22_a_reader_that_stops_costs_its_bound_and_nobody_else_anything() {
    let broker = TestBroker::with_limits(|limits| {
        limits.queue_max = 100;
        limits.queue_qos0_max = 100;
        limits.write_deadline = Duration::from_millis(300);
    })
    .await;
    let mut stuck = broker.client(V5, "stuck").await;
    stuck.subscribe("t", QoS::AtMostOnce).await;
    let mut other = broker.client(V5, "other").await;
    other.subscribe("u", QoS::AtLeastOnce).await;
    let mut publisher = broker.client(V5, "publisher").await;
    let large = "x".repeat(60_000);
    // More than the socket buffers and the queue hold: the rest is dropped, and the publisher goes on.
    while broker.handle.counters().dropped_queue_full < 50 {
        publisher.publish("t", QoS::AtMostOnce, &large).await;
    }
    publisher.publish("u", QoS::AtLeastOnce, "prompt").await;
    assert_eq!(other.payload().await, "prompt");
    // Nobody reads: the socket does not take what was written, and is closed.
    let gone = tokio::time::timeout(DEADLINE, async {
        while broker.handle.connections().len() == 3 {
            publisher.ping().await;
        }
    });
    gone.await.expect("the reader that stopped is cut");
}
