//! rumqttc, in both versions and over both transports. Other clients of others are in `interop/`.

use std::time::Duration;

use tokio::time::timeout;

use crate::support::{DEADLINE, TestBroker, Transport};

/// The host that rumqttc wants for a transport: it takes a URL for WebSocket.
fn host(broker: &TestBroker, transport: Transport) -> (String, u16) {
    let address = broker.address(transport);
    match transport {
        Transport::Tcp => (address.ip().to_string(), address.port()),
        Transport::WebSocket => (format!("ws://{address}/mqtt"), address.port()),
    }
}

/// Connects, subscribes, publishes with every QoS and reads it all back. The two versions of rumqttc have the same
/// methods on different types.
macro_rules! exchange {
    ($broker:expr, $transport:expr, $options:path, $client:path, $event:path, $publish:path, $qos:path) => {{
        use $event as Event;
        use $publish as Incoming;
        use $qos as QoS;

        let (host, port) = host($broker, $transport);
        let mut options = <$options>::new("rumqttc", host, port);
        options.set_keep_alive(Duration::from_secs(30));
        if $transport == Transport::WebSocket {
            options.set_transport(rumqttc::Transport::Ws);
        }
        let (client, mut events) = <$client>::new(options, 16);
        client.subscribe("rumqttc/#", QoS::ExactlyOnce).await.unwrap();
        let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let mut received = Vec::new();
        let conversation = async {
            while received.len() < levels.len() {
                match events.poll().await.expect("the connection stands") {
                    Event::Incoming(Incoming::SubAck(_)) => {
                        for qos in levels {
                            client
                                .publish("rumqttc/\u{e4}", qos, false, format!("{qos:?}"))
                                .await
                                .unwrap();
                        }
                    }
                    Event::Incoming(Incoming::Publish(publish)) => {
                        let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
                        received.push((payload, format!("{:?}", publish.qos)));
                    }
                    _ => {}
                }
            }
        };
        timeout(DEADLINE, conversation)
            .await
            .expect("every message comes");
        received.sort();
        let mut expected = levels.map(|qos| (format!("{qos:?}"), format!("{qos:?}")));
        expected.sort();
        assert_eq!(received, expected);
        client.disconnect().await.unwrap();
        let end = async { while events.poll().await.is_ok() {} };
        timeout(DEADLINE, end).await.expect("the connection ends");
    }};
}

#[tokio::test]
async fn rumqttc_3_1_1_exchanges_messages_over_tcp_and_websocket() {
    let broker = TestBroker::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        exchange!(
            &broker,
            transport,
            rumqttc::MqttOptions,
            rumqttc::AsyncClient,
            rumqttc::Event,
            rumqttc::Packet,
            rumqttc::QoS
        );
    }
}

#[tokio::test]
async fn rumqttc_5_exchanges_messages_over_tcp_and_websocket() {
    let broker = TestBroker::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        exchange!(
            &broker,
            transport,
            rumqttc::v5::MqttOptions,
            rumqttc::v5::AsyncClient,
            rumqttc::v5::Event,
            rumqttc::v5::mqttbytes::v5::Packet,
            rumqttc::v5::mqttbytes::QoS
        );
    }
}
