//! From the topics to PostgreSQL and back: archives chats and locations, applies calls for help and commands of staff,
//! and publishes the state that follows from them.
//!
//! ```text
//!   broker --MQTT--> link --queue--> writer --one transaction per batch--> PostgreSQL
//!     ^               | ^              |  acks, after COMMIT                  |
//!     |               | +--------------+                                      |
//!     +---------------+ <---------------- publisher <------ outbox -----------+
//! ```
//!
//! - [`incoming`] reads what a message means; [`desk`] applies the rules of `muster-domain` to it; neither does IO.
//! - The *link* is the one MQTT connection, with a persistent session: what is not acknowledged waits in the broker.
//! - The *writer* is the one database connection that changes cases. It holds an advisory lock for as long as it lives,
//!   so there is one writer in all, however many bridges are started; a lost connection is a lost lock.
//! - The *publisher* sends what the outbox holds and removes it when the broker has acknowledged it.
//!
//! **Invariant:** a message is acknowledged to the broker only after the COMMIT of the transaction that stored it, and
//! never on another connection than the one that it came on.
//! **Invariant:** applying a message again changes nothing: it is delivered at least once and stored exactly once.
//! **Invariant:** what can never be stored ends in `dead_letters` with a reason, and holds up nothing.
//!
//! It does not accept connections, check tokens or decide who may publish what: the broker has done that before a
//! message comes here.

pub mod desk;
pub mod incoming;

mod backoff;
mod link;
mod publisher;
mod status;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_store::Database;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use link::FILTERS;
pub use status::Readiness;
use status::Status;

/// Most messages of one batch.
pub const BATCH_MAX: usize = 500;
/// Longest time that a message waits for others to share its transaction.
pub const BATCH_WAIT: Duration = Duration::from_millis(5);

/// Makes a fresh token for the connection to the broker; called before each attempt to connect.
pub type TokenSource = Arc<dyn Fn() -> String + Send + Sync>;

/// What a bridge needs.
#[derive(Clone)]
pub struct BridgeConfig {
    /// The broker's MQTT listener.
    pub broker_addr: SocketAddr,
    /// The password of each CONNECT: a token of the role `service` for the client `client_id`.
    pub token_source: TokenSource,
    /// MQTT client identifier; its session in the broker holds the backlog. One bridge at a time uses it.
    pub client_id: String,
    /// Most messages that the broker may send before the first is acknowledged (MQTT receive maximum).
    pub receive_maximum: u16,
    /// How long the broker keeps the session of a bridge that is away, in seconds.
    pub session_expiry_s: u32,
}

impl BridgeConfig {
    /// The usual figures: client `bridge`, receive maximum 2,000, session kept for 7 days.
    pub fn new(broker_addr: SocketAddr, token_source: TokenSource) -> Self {
        Self {
            broker_addr,
            token_source,
            client_id: "bridge".into(),
            receive_maximum: 2_000,
            session_expiry_s: 7 * 24 * 3600,
        }
    }
}

impl std::fmt::Debug for BridgeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BridgeConfig")
            .field("broker_addr", &self.broker_addr)
            .field("client_id", &self.client_id)
            .field("receive_maximum", &self.receive_maximum)
            .finish_non_exhaustive()
    }
}

/// The bridge, before it runs.
#[derive(Debug, Clone, Copy)]
pub struct Bridge;

impl Bridge {
    /// Starts a bridge. It waits for the database and the broker for as long as it takes, says what it waits for, and
    /// stands by while another bridge works on the same database.
    pub fn start(config: BridgeConfig, database: Database) -> BridgeHandle {
        let status = Arc::new(Status::default());
        let stop = CancellationToken::new();
        let hangup = CancellationToken::new();
        let outbox = Arc::new(Notify::new());
        let (leader, leading) = tokio::sync::watch::channel(false);
        // Twice the receive maximum: what an earlier connection brought and what comes again on the next one.
        let (to_writer, from_link) = mpsc::channel(2 * usize::from(config.receive_maximum) + BATCH_MAX);
        let (to_publisher, from_link_sent) = mpsc::unbounded_channel();
        let (link, event_loop) = link::Link::new(&config, Arc::clone(&status), to_writer, to_publisher);

        let mut tasks = JoinSet::new();
        tasks.spawn(link::run(
            Arc::clone(&link),
            event_loop,
            config.token_source,
            leading,
            hangup.clone(),
        ));
        let publisher = publisher::Publisher::new(database.clone(), Arc::clone(&link), Arc::clone(&outbox));
        tasks.spawn(publisher.run(from_link_sent, hangup.clone()));
        tasks.spawn(publisher::listen(
            database.clone(),
            Arc::clone(&outbox),
            hangup.clone(),
        ));
        let writer = writer::Writer::new(database, link, from_link, Arc::clone(&status), outbox, leader);
        // Last to hear of the stop is the link: it must still carry the writer's last acknowledgements.
        let (writer_stop, after_writer) = (stop.clone(), hangup.drop_guard());
        tasks.spawn(async move {
            writer.run(writer_stop).await;
            drop(after_writer);
        });
        BridgeHandle { status, stop, tasks }
    }
}

/// Whether some bridge, in whatever process, writes to this database at this moment. `false` too when the database does
/// not answer.
pub async fn is_running(database: &Database) -> bool {
    writer::is_held(database).await.unwrap_or(false)
}

/// A running bridge. Dropping it aborts the bridge where it stands; what was not acknowledged comes again.
#[derive(Debug)]
pub struct BridgeHandle {
    status: Arc<Status>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl BridgeHandle {
    /// Whether messages are being stored at this moment: subscribed at the broker, and writing to the database.
    pub fn ready(&self) -> bool {
        self.readiness().is_ready()
    }

    /// Which side is there.
    pub fn readiness(&self) -> Readiness {
        self.status.readiness()
    }

    /// A view of [`Self::readiness`] that outlives a borrow of the handle.
    pub fn watch(&self) -> impl Fn() -> Readiness + Send + Sync + 'static {
        let status = Arc::clone(&self.status);
        move || status.readiness()
    }

    /// Finishes the batch at hand, acknowledges it, says DISCONNECT (the session stays, and holds what comes from now
    /// on) and ends; what takes longer than `deadline` is cut off.
    pub async fn stop(mut self, deadline: Duration) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(deadline, all).await.is_err() {
            tracing::warn!(
                deadline_ms = deadline.as_millis(),
                "the bridge did not end in time and is cut off"
            );
        }
        self.tasks.shutdown().await;
    }

    /// Ends it at once, as a crash would; returns when nothing of it runs any more.
    pub async fn abort(mut self) {
        self.tasks.shutdown().await;
    }
}
