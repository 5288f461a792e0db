//! A broker with the whole chain, an event of each of two agencies, and tokens for everybody.

use std::time::Duration;

use muster_auth::{KeyDir, Verifier, VerifierConfig, participant_claims, service_claims, staff_claims};
use muster_broker::codec::{
    Connack, Packet, Password, QoS, Subscribe, SubscribeOptions, Subscription, Version,
};
use muster_broker::topic::TopicFilter;
use muster_broker::{BrokerBuilder, ReasonCode};
use muster_domain::{AgencyId, Claims, ClientId, EventId, Role};
use muster_plugins::{Archive, AuditLog, ClaimsAuthorizer, JwtAuthenticator, PayloadShape, ReceiveStamp};
use time::OffsetDateTime;

use crate::support::{Client, TestBroker, Transport, connect_packet};

pub const HOUR: time::Duration = time::Duration::HOUR;

/// One agency with one event.
#[derive(Clone, Copy)]
pub struct Tenant {
    pub agency: AgencyId,
    pub event: EventId,
}

impl Tenant {
    fn new() -> Self {
        Self {
            agency: AgencyId::new(),
            event: EventId::new(),
        }
    }

    pub fn topic(self, rest: &str) -> String {
        format!("ev/{}/{rest}", self.event)
    }
}

pub struct Fixture {
    pub broker: TestBroker,
    pub keys: KeyDir,
    pub a: Tenant,
    pub b: Tenant,
    _dir: tempfile::TempDir,
}

impl Fixture {
    pub async fn start() -> Self {
        Self::with(4, |builder| builder).await
    }

    /// `backlog_max`: messages that may wait for the archive.
    pub async fn with(backlog_max: usize, more: impl FnOnce(BrokerBuilder) -> BrokerBuilder) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyDir::open_or_create(dir.path()).unwrap();
        let verifier = Verifier::new(VerifierConfig {
            source: keys.source(),
            issuer: "muster".into(),
            leeway: Duration::ZERO,
        })
        .unwrap();
        verifier.spawn_refresh();
        let archive = Archive {
            client: ClientId::new("bridge").unwrap(),
            backlog_max,
            backlog_bytes_max: 1 << 20,
        };
        let broker = TestBroker::build(|builder| {
            more(builder)
                .authenticator(JwtAuthenticator::new(verifier, archive))
                .filter(PayloadShape)
                .filter(ReceiveStamp)
                .authorizer(ClaimsAuthorizer)
                .observer(AuditLog)
        })
        .await;
        Self {
            broker,
            keys,
            a: Tenant::new(),
            b: Tenant::new(),
            _dir: dir,
        }
    }

    pub fn claims(&self, tenant: Tenant, role: Role, client: &str, ttl: time::Duration) -> Claims {
        let (client, now) = (ClientId::new(client).unwrap(), OffsetDateTime::now_utc());
        match role {
            Role::Participant => participant_claims("muster", client, tenant.agency, tenant.event, now, ttl),
            Role::Service => service_claims("muster", client, now, ttl),
            role => {
                let mut claims = staff_claims("muster", client, role, tenant.agency, tenant.event, now, ttl);
                claims.teams = vec!["red".into()];
                claims
            }
        }
    }

    pub fn token(&self, tenant: Tenant, role: Role, client: &str) -> String {
        self.keys.signer().mint(&self.claims(tenant, role, client, HOUR))
    }

    /// Tries to connect with a token under a client identifier.
    pub async fn try_connect(&self, version: Version, client: &str, token: &str) -> (Client, Connack) {
        let mut connect = connect_packet(version, client);
        connect.username = Some("anything".into());
        connect.password = Some(Password(token.to_owned().into()));
        Client::connect(self.broker.dial(Transport::Tcp).await, connect).await
    }

    pub async fn connect(&self, tenant: Tenant, role: Role, client: &str) -> Client {
        self.connect_over(Version::V5, tenant, role, client).await
    }

    pub async fn connect_over(&self, version: Version, tenant: Tenant, role: Role, client: &str) -> Client {
        let (connected, connack) = self
            .try_connect(version, client, &self.token(tenant, role, client))
            .await;
        assert_eq!(connack.reason, ReasonCode::Success, "{role} {client}");
        connected
    }
}

/// Subscribes to all filters in one packet and returns their codes.
pub async fn subscribe(client: &mut Client, filters: &[&str]) -> Vec<ReasonCode> {
    let packet_id = client.next_id();
    let options = SubscribeOptions {
        qos: QoS::AtLeastOnce,
        ..SubscribeOptions::default()
    };
    let subscriptions = filters
        .iter()
        .map(|filter| Subscription {
            filter: TopicFilter::parse(filter).expect("a topic filter"),
            options,
        })
        .collect();
    let subscribe = Subscribe {
        packet_id,
        subscription_id: None,
        user_properties: Default::default(),
        subscriptions,
    };
    client.send(Packet::Subscribe(subscribe)).await;
    client
        .wait_for(|packet| match packet {
            Packet::Suback(suback) if suback.packet_id == packet_id => Some(suback.reasons.clone()),
            _ => None,
        })
        .await
}

/// Publishes at QoS 1 and returns the code of the PUBACK.
pub async fn publish(client: &mut Client, topic: &str, payload: &str) -> ReasonCode {
    let publish = client.publish_packet(topic, QoS::AtLeastOnce, payload);
    client.publish_acknowledged(publish).await
}

/// A payload that the topic takes.
pub fn payload(topic: &str) -> String {
    let id = muster_domain::MessageId::new();
    let text = match topic.split('/').nth(2) {
        Some("help") => serde_json::json!({"id": id, "kind": "urgent", "text": "help"}),
        Some("chat") if topic.ends_with("/seen") => serde_json::json!({"up_to": id}),
        Some("chat") => serde_json::json!({"id": id, "at": "2026-11-21T10:00:00Z", "text": "hello"}),
        Some("loc") => {
            serde_json::json!({"_type": "location", "lat": 52.5, "lon": 13.4, "tst": 1_795_000_000})
        }
        Some("do") => serde_json::json!({"id": id, "case": id}),
        _ => serde_json::json!({"id": id}),
    };
    text.to_string()
}
