//! What all of a crowd share while it runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use muster_broker::topic::{TopicFilter, TopicName};
use muster_domain::payload::EventCard;
use muster_domain::{ClientId, EventTopic, Topic};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::args::Plan;
use crate::client::ClientConfig;
use crate::ledger::{Ledger, Tally};
use crate::stats::Stats;

/// Most failures that are kept in words; more are only counted.
const FAILURES_MAX: usize = 5;

/// One chat.
pub struct Chat {
    /// Its number.
    pub index: u32,
    /// The books. Both sides are in this process, so both write into the same.
    pub ledger: Mutex<Ledger>,
}

/// The shared state of a run.
pub struct Stage {
    /// What was asked for.
    pub plan: Plan,
    /// The API.
    pub api: Arc<Api>,
    /// Settings that every client begins with.
    pub client: ClientConfig,
    /// The event.
    pub event: EventCard,
    /// What is measured.
    pub stats: Stats,
    /// Every chat by its number.
    pub chats: Vec<Arc<Chat>>,
    /// The chats of those who have joined.
    pub joined: RwLock<HashMap<ClientId, Arc<Chat>>>,
    /// No new messages; what is on its way may arrive.
    pub halt: CancellationToken,
    /// Everybody leaves.
    pub end: CancellationToken,
    /// When the open loop begins, once it is known.
    pub go: watch::Sender<Option<Instant>>,
    /// What went wrong.
    pub failures: Mutex<Vec<String>>,
}

impl Stage {
    /// Notes what went wrong for one of the crowd.
    pub fn fail(&self, what: String) {
        let mut failures = self.failures.lock();
        if failures.len() < FAILURES_MAX {
            failures.push(what);
        }
    }

    /// A topic of the event.
    pub fn topic(&self, topic: Topic) -> TopicName {
        let name = EventTopic::new(self.event.id, topic).to_string();
        TopicName::parse(&name).expect("an event's topics are topic names")
    }

    /// A filter of the event, from the levels behind `ev/{event}/`.
    pub fn filter(&self, rest: &str) -> TopicFilter {
        TopicFilter::parse(&format!("ev/{}/{rest}", self.event.id))
            .expect("the crowd's filters are topic filters")
    }

    /// The levels of a topic behind `ev/{event}/`, or nothing for a topic of elsewhere.
    pub fn rest<'a>(&self, topic: &'a TopicName) -> &'a str {
        let levels = topic
            .as_str()
            .strip_prefix("ev/")
            .and_then(|rest| rest.split_once('/'));
        levels.map_or("", |(_, rest)| rest)
    }

    /// The books of all chats, added up.
    pub fn tally(&self) -> Tally {
        let mut all = Tally::default();
        for chat in &self.chats {
            all += chat.ledger.lock().tally();
        }
        all
    }

    /// True when nothing is under way in any chat.
    pub fn is_settled(&self) -> bool {
        self.chats.iter().all(|chat| chat.ledger.lock().is_settled())
    }
}
