//! A broker, a database with one event, and MQTT clients that remember what they were told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_bridge::{Bridge, BridgeConfig, BridgeHandle};
use muster_broker::plugin::Principal;
use muster_broker::topic::TopicFilter;
use muster_broker::{Broker, BrokerHandle, KeptSession, Limits};
use muster_domain::payload::{Case, Chat, Command, Done, Help, HelpKind};
use muster_domain::{AgencyId, CaseId, ClientId, EventId, MessageId, PersonId};
use muster_store::Database;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Longest wait for anything; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `what` gives something.
pub async fn until<T, F: Future<Output = Option<T>>>(name: &str, mut what: impl FnMut() -> F) -> T {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = what().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited
        .await
        .unwrap_or_else(|_| panic!("{name}: not within {PATIENCE:?}"))
}

/// An open broker on a free port.
pub async fn broker() -> BrokerHandle {
    broker_at(([127, 0, 0, 1], 0).into()).await
}

/// An open broker, with the archive's session kept as Muster keeps it.
pub async fn broker_at(address: SocketAddr) -> BrokerHandle {
    // Shown for failed tests alone.
    tracing_subscriber::fmt()
        .with_test_writer()
        .with_env_filter("info")
        .try_init()
        .ok();
    // Room for the backlog of a database that is away: past the default bound, an ordinary session loses what is new.
    let limits = Limits {
        queue_max: 1_000_000,
        queue_bytes_max: 1 << 30,
        ..Limits::default()
    };
    let kept = KeptSession {
        client_id: "bridge".into(),
        principal: Principal::anonymous(),
        filters: muster_bridge::FILTERS
            .map(|filter| TopicFilter::parse(filter).unwrap())
            .into(),
        expiry: Duration::from_secs(3_600),
    };
    let builder = Broker::builder()
        .limits(limits)
        .keep_session(kept)
        .listen_tcp(address);
    builder.build().start().await.expect("a broker")
}

pub fn bridge(broker: SocketAddr, database: &Database) -> BridgeHandle {
    Bridge::start(
        BridgeConfig::new(broker, Arc::new(|| "token".into())),
        database.clone(),
    )
}

pub async fn ready(bridge: &BridgeHandle) {
    until("a ready bridge", || async { bridge.ready().then_some(()) }).await;
}

/// An agency with one event.
pub async fn event(database: &Database) -> (AgencyId, EventId) {
    let (agency, event) = (AgencyId::new(), EventId::new());
    sqlx::query("INSERT INTO agencies (id, name) VALUES ($1, 'A')")
        .bind(agency.0)
        .execute(database.pool())
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO events (id, agency_id, name, starts_at, ends_at, join_code)
         VALUES ($1, $2, 'E', now(), now() + interval '1 day', $3)",
    )
    .bind(event.0)
    .bind(agency.0)
    .bind(format!("FEST-{}", &event.0.simple().to_string()[20..]).to_uppercase())
    .execute(database.pool())
    .await
    .unwrap();
    (agency, event)
}

/// A member of the agency.
pub async fn member(database: &Database, agency: AgencyId, name: &str, role: &str) -> ClientId {
    let person = PersonId::new();
    sqlx::query("INSERT INTO people (id, email, name, password_hash) VALUES ($1, $2, $3, '')")
        .bind(person.0)
        .bind(format!("{person}@example.org"))
        .bind(name)
        .execute(database.pool())
        .await
        .unwrap();
    sqlx::query("INSERT INTO members (agency_id, person_id, role) VALUES ($1, $2, $3)")
        .bind(agency.0)
        .bind(person.0)
        .bind(role)
        .execute(database.pool())
        .await
        .unwrap();
    person.into()
}

pub async fn count(database: &Database, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(database.pool()).await.unwrap()
}

#[derive(Default)]
struct Seen {
    messages: Vec<Publish>,
    acknowledged: usize,
    subscribed: usize,
}

/// An MQTT client with a persistent session that keeps all that it receives.
pub struct Client {
    client: AsyncClient,
    seen: Arc<Mutex<Seen>>,
    news: Arc<Notify>,
    polling: JoinHandle<()>,
    published: Mutex<usize>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl Client {
    pub async fn new(broker: SocketAddr, id: &str, filters: &[String]) -> Self {
        let mut options = MqttOptions::new(id, broker.ip().to_string(), broker.port());
        options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(3600))
            .set_credentials(id, "token");
        let (client, mut events) = AsyncClient::new(options, 64);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let news = Arc::new(Notify::new());
        let (in_task, notify) = (Arc::clone(&seen), Arc::clone(&news));
        let polling = tokio::spawn(async move {
            loop {
                let event = events.poll().await;
                let mut seen = in_task.lock().unwrap();
                match event {
                    Ok(Event::Incoming(Packet::Publish(publish))) => seen.messages.push(publish),
                    Ok(Event::Incoming(Packet::PubAck(_))) => seen.acknowledged += 1,
                    Ok(Event::Incoming(Packet::SubAck(_))) => seen.subscribed += 1,
                    Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                    Ok(_) => {}
                    Err(_) => {
                        drop(seen);
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                notify.notify_one();
            }
        });
        let this = Self {
            client,
            seen,
            news,
            polling,
            published: Mutex::new(0),
        };
        for filter in filters {
            this.client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        }
        let all = filters.len();
        this.wait("subscribed", |seen| (seen.subscribed == all).then_some(()))
            .await;
        this
    }

    async fn wait<T>(&self, name: &str, what: impl Fn(&Seen) -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(found) = what(&self.seen.lock().unwrap()) {
                    return found;
                }
                self.news.notified().await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!(
                "{name}: not within {PATIENCE:?}; {} messages came",
                self.all().len()
            ),
        }
    }

    /// Publishes at QoS 1 and does not wait for the broker.
    pub async fn send(&self, topic: String, retain: bool, payload: impl Into<bytes::Bytes>) {
        *self.published.lock().unwrap() += 1;
        self.client
            .publish(topic, QoS::AtLeastOnce, retain, payload)
            .await
            .unwrap();
    }

    /// Waits until the broker has acknowledged everything that was published.
    pub async fn acknowledged(&self) {
        let published = *self.published.lock().unwrap();
        self.wait("acknowledged", |seen| {
            (seen.acknowledged >= published).then_some(())
        })
        .await;
    }

    pub async fn publish(&self, topic: String, payload: &impl Serialize) {
        self.send(topic, false, serde_json::to_vec(payload).unwrap())
            .await;
        self.acknowledged().await;
    }

    /// All messages so far: topic and payload.
    pub fn all(&self) -> Vec<(String, Vec<u8>)> {
        let text = |topic: &[u8]| String::from_utf8(topic.to_vec()).unwrap();
        let seen = self.seen.lock().unwrap();
        seen.messages
            .iter()
            .map(|m| (text(&m.topic), m.payload.to_vec()))
            .collect()
    }

    /// Waits for the first message on `topic` that can be read and that `accept` takes.
    pub async fn get<T: DeserializeOwned>(&self, topic: &str, accept: impl Fn(&T) -> bool) -> T {
        self.wait(topic, |seen| {
            let on_topic = seen.messages.iter().filter(|m| m.topic == topic.as_bytes());
            on_topic
                .filter_map(|m| serde_json::from_slice(&m.payload).ok())
                .find(|m| accept(m))
        })
        .await
    }

    pub async fn case(&self, event: EventId, client: &str, accept: impl Fn(&Case) -> bool) -> Case {
        self.get(&format!("ev/{event}/case/{client}"), accept).await
    }

    pub async fn ask(&self, event: EventId, me: &str, kind: HelpKind, text: &str) -> MessageId {
        let help = Help {
            id: MessageId::new(),
            kind,
            text: text.into(),
            seat: None,
            location: None,
        };
        self.publish(format!("ev/{event}/help/{me}"), &help).await;
        help.id
    }

    /// Commands, and waits for the answer.
    pub async fn command(&self, event: EventId, me: &ClientId, verb: &str, case: CaseId) -> Done {
        let command = Command {
            id: MessageId::new(),
            case,
            reason: None,
        };
        self.publish(format!("ev/{event}/do/{verb}/{me}"), &command).await;
        self.get(&format!("ev/{event}/done/{me}"), |done: &Done| {
            done.id == command.id
        })
        .await
    }
}

pub fn chat(text: impl Into<String>) -> Chat {
    // Whole microseconds, as the database keeps them.
    let at = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    Chat {
        id: MessageId::new(),
        at,
        text: text.into(),
        reply_to: None,
    }
}
