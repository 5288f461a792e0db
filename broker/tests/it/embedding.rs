//! The broker as part of a program.

use bytes::BytesMut;
use muster_broker::websocket::upgrade::{OriginPolicy, UpgradePolicy, parse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::*;

#[tokio::test]
async fn a_stream_that_another_server_upgraded_is_served() {
    let broker = TestBroker::start().await;
    // The program's own HTTP server: it answers the upgrade and hands the stream on.
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let handle = broker.handle.clone();
    let serving = tokio::spawn(async move {
        let (mut stream, peer) = server.accept().await.unwrap();
        let policy = UpgradePolicy {
            path: "/mqtt".into(),
            origins: OriginPolicy::Any,
        };
        let mut request = BytesMut::new();
        let upgrade = loop {
            stream.read_buf(&mut request).await.unwrap();
            if let Some(upgrade) = parse(&request, &policy).unwrap() {
                break upgrade;
            }
        };
        stream.write_all(&upgrade.response).await.unwrap();
        handle.serve_upgraded_websocket(stream, peer);
    });
    let wire = Wire::open(address, Transport::WebSocket).await;
    serving.await.unwrap();
    let (mut client, connack) = Client::connect(wire, connect_packet(V5, "upgraded")).await;
    assert_eq!(connack.reason, ReasonCode::Success);
    client.subscribe("a", QoS::AtLeastOnce).await;
    client.publish("a", QoS::AtLeastOnce, "x").await;
    assert_eq!(client.payload().await, "x");
    let connections = broker.handle.connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(
        connections[0].transport,
        muster_broker::plugin::Transport::WebSocket
    );
    client.disconnect().await;
}

#[tokio::test]
async fn mqtt_4_13_1_1_shutdown_tells_every_client_and_ends_in_time() {
    let broker = TestBroker::start().await;
    let mut clients = Vec::new();
    for (number, (version, transport)) in EVERYWHERE.into_iter().enumerate() {
        clients.push(
            broker
                .client_over(version, transport, &format!("client{number}"))
                .await,
        );
    }
    let silent = broker.dial(Transport::Tcp).await;
    let handle = broker.handle.clone();
    let stopping = tokio::spawn(async move { handle.shutdown(DEADLINE).await });
    for client in &mut clients {
        client.expect_refusal(ReasonCode::ServerShuttingDown).await;
    }
    drop((clients, silent));
    assert!(stopping.await.unwrap(), "all connections ended in time");
    assert!(
        tokio::net::TcpStream::connect(broker.address(Transport::Tcp))
            .await
            .is_err(),
        "nobody listens"
    );
}

#[tokio::test]
async fn a_kick_ends_the_connection_with_its_reason_and_leaves_the_session() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let connect = Connect {
            clean_start: false,
            properties: muster_broker::codec::ConnectProperties {
                session_expiry: (version == V5).then_some(60),
                ..Default::default()
            },
            ..connect_packet(version, "kicked")
        };
        let (mut client, _) = Client::connect(broker.dial(transport).await, connect.clone()).await;
        assert!(broker.handle.kick("kicked", ReasonCode::AdministrativeAction));
        client.expect_refusal(ReasonCode::AdministrativeAction).await;
        assert!(
            !broker.handle.kick("kicked", ReasonCode::AdministrativeAction),
            "nobody is connected"
        );
        let (client, connack) = Client::connect(broker.dial(transport).await, connect).await;
        assert!(connack.session_present);
        drop(client);
        broker.client(version, "kicked").await.disconnect().await;
    }
}

#[tokio::test]
async fn the_program_publishes_to_its_subscribers() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V3, "client").await;
    client.subscribe("from/program", QoS::AtLeastOnce).await;
    let publish = client.publish_packet("from/program", QoS::AtLeastOnce, "x");
    assert_eq!(
        broker.handle.publish(Publish {
            packet_id: None,
            ..publish
        }),
        Ok(1)
    );
    assert_eq!(client.payload().await, "x");
}
