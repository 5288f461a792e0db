//! rumqttc, which shares no code with the broker: the main job, and how refusals look to it.

use std::time::Duration;

use muster_domain::Role;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, DisconnectReasonCode, Filter, Packet, PubAckReason, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use tokio::time::timeout;

use crate::fixture::{Fixture, payload};
use crate::support::{DEADLINE, Transport};

struct Foreign {
    client: AsyncClient,
    events: EventLoop,
}

impl Foreign {
    fn new(f: &Fixture, transport: Transport, client: &str, token: String) -> Self {
        let address = f.broker.address(transport);
        let mut options = match transport {
            Transport::Tcp => MqttOptions::new(client, address.ip().to_string(), address.port()),
            Transport::WebSocket => {
                let mut options = MqttOptions::new(client, format!("ws://{address}/mqtt"), address.port());
                options.set_transport(rumqttc::Transport::Ws);
                options
            }
        };
        options.set_keep_alive(Duration::from_secs(30));
        options.set_credentials("anything", token);
        let (client, events) = AsyncClient::new(options, 64);
        Self { client, events }
    }

    /// The next thing from the broker that `wanted` makes something of.
    async fn wait<T>(&mut self, wanted: impl Fn(&Packet) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await.expect("the connection stands")
                    && let Some(found) = wanted(&packet)
                {
                    return found;
                }
            }
        };
        timeout(DEADLINE, found).await.expect("the broker answers")
    }

    /// Subscribes to all in one packet.
    async fn subscribe(&mut self, filters: &[String]) -> Vec<SubscribeReasonCode> {
        let filters = filters.iter().map(|filter| Filter::new(filter, QoS::AtLeastOnce));
        self.client.subscribe_many(filters).await.unwrap();
        self.wait(|packet| match packet {
            Packet::SubAck(suback) => Some(suback.return_codes.clone()),
            _ => None,
        })
        .await
    }

    async fn publish(&mut self, topic: &str, payload: String) -> PubAckReason {
        self.client
            .publish(topic, QoS::AtLeastOnce, false, payload)
            .await
            .unwrap();
        self.wait(|packet| match packet {
            Packet::PubAck(puback) => Some(puback.reason),
            _ => None,
        })
        .await
    }

    async fn message(&mut self) -> String {
        self.wait(|packet| match packet {
            Packet::Publish(publish) => Some(String::from_utf8(publish.payload.to_vec()).unwrap()),
            _ => None,
        })
        .await
    }
}

#[tokio::test]
async fn rumqttc_asks_for_help_is_answered_and_is_told_each_refusal() {
    let f = Fixture::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        let mut alice = Foreign::new(&f, transport, "alice", f.token(f.a, Role::Participant, "alice"));
        let mut mira = Foreign::new(&f, transport, "mira", f.token(f.a, Role::Operator, "mira"));
        let granted = SubscribeReasonCode::Success(QoS::AtLeastOnce);
        assert_eq!(
            mira.subscribe(&[f.a.topic("help/+"), f.b.topic("help/+"), f.a.topic("chat/+/+")])
                .await,
            [granted, SubscribeReasonCode::NotAuthorized, granted]
        );
        assert_eq!(
            alice
                .subscribe(&[f.a.topic("chat/alice/+"), f.a.topic("chat/bob/+"), "#".into()])
                .await,
            [
                granted,
                SubscribeReasonCode::NotAuthorized,
                SubscribeReasonCode::NotAuthorized
            ]
        );
        let help = f.a.topic("help/alice");
        assert_eq!(alice.publish(&help, payload(&help)).await, PubAckReason::Success);
        assert!(mira.message().await.contains("urgent"));
        let answer = f.a.topic("chat/alice/mira");
        assert_eq!(
            mira.publish(&answer, payload(&answer)).await,
            PubAckReason::Success
        );
        assert!(alice.message().await.contains("hello"));

        let forged = f.a.topic("chat/bob/alice");
        assert_eq!(
            alice.publish(&forged, payload(&forged)).await,
            PubAckReason::NotAuthorized
        );
        assert_eq!(
            alice.publish(&help, "help!".into()).await,
            PubAckReason::PayloadFormatInvalid
        );
        assert_eq!(
            alice.publish(&f.a.topic("x"), "{}".into()).await,
            PubAckReason::TopicNameInvalid
        );
    }
}

#[tokio::test]
async fn rumqttc_is_told_why_it_does_not_get_in_and_is_cut_when_its_token_ends() {
    let f = Fixture::start().await;
    let mut eve = Foreign::new(&f, Transport::Tcp, "eve", "no token".into());
    let refused = timeout(DEADLINE, eve.events.poll()).await.unwrap().unwrap_err();
    assert!(
        matches!(
            refused,
            ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized)
                | ConnectionError::MqttState(StateError::ConnFail {
                    reason: ConnectReturnCode::NotAuthorized
                })
        ),
        "{refused:?}"
    );
    let short = f.claims(f.a, Role::Participant, "alice", time::Duration::seconds(2));
    let mut alice = Foreign::new(&f, Transport::WebSocket, "alice", f.keys.signer().mint(&short));
    alice.subscribe(&[f.a.topic("info")]).await;
    let end = async {
        loop {
            if let Err(error) = alice.events.poll().await {
                return error;
            }
        }
    };
    let end = timeout(DEADLINE, end)
        .await
        .expect("a token that ends cuts its connection");
    // rumqttc 0.25 waits for the property length that a DISCONNECT may leave out [section 3.14.2.2.1], so it may see but
    // the end of the stream. That the reason is sent is tested with raw clients.
    assert!(
        matches!(
            end,
            ConnectionError::MqttState(
                StateError::ConnectionAborted
                    | StateError::ServerDisconnect {
                        reason_code: DisconnectReasonCode::NotAuthorized,
                        ..
                    }
            )
        ),
        "{end:?}"
    );
}
