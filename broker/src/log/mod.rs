//! The durability gate: what must survive is appended here before it is acknowledged.
//!
//! The engine appends a record and gets a position; an acknowledgement carries the position of what it confirms and
//! leaves when [`Log::durable_upto`] has reached it. [`MemoryLog`] keeps nothing and is durable at once, which is what
//! "acknowledged" then means: taken into this process's memory.
//!
//! Deliberately small: reading back is the business of whatever log keeps something.

mod memory;

use std::time::Duration;

use crate::codec::{PacketId, Publish, QoS};
use crate::engine::Message;
use crate::session::Subscribed;
use crate::topic::{TopicFilter, TopicName};

pub use memory::MemoryLog;

/// A position in the log; larger is later. Position 0 is always durable.
pub type Position = u64;

/// Something that an acknowledgement or a restart depends on. `session` is [`crate::session::Session::id`].
#[derive(Debug)]
pub enum Record<'a> {
    /// A session that outlives its connection began or changed hands or its expiry.
    Session {
        /// Which.
        session: u64,
        /// Its client id.
        client_id: &'a str,
        /// The principal it is bound to.
        principal: &'a str,
        /// How long it outlives its connection.
        expiry: Duration,
        /// Its will.
        will: Option<&'a Publish>,
    },
    /// A session and all that belongs to it ended.
    SessionEnded {
        /// Which.
        session: u64,
    },
    /// A subscription stands.
    Subscribed {
        /// Whose.
        session: u64,
        /// To what.
        filter: &'a TopicFilter,
        /// How.
        subscribed: Subscribed,
    },
    /// A subscription is gone.
    Unsubscribed {
        /// Whose.
        session: u64,
        /// To what.
        filter: &'a TopicFilter,
    },
    /// A message of QoS 1 or 2 was taken over for these sessions; it is stored once for all of them.
    Queued {
        /// The message.
        message: &'a Message,
        /// The sessions and the QoS of each delivery.
        receivers: &'a [(u64, QoS)],
    },
    /// The oldest message that waited in a session was sent with this identifier.
    Sent {
        /// Whose.
        session: u64,
        /// Its identifier until it is finished.
        packet_id: PacketId,
    },
    /// The client confirmed a QoS 2 message; PUBREL follows.
    Released {
        /// Whose.
        session: u64,
        /// Which delivery.
        packet_id: PacketId,
    },
    /// A delivery is over.
    Finished {
        /// Whose.
        session: u64,
        /// Which delivery.
        packet_id: PacketId,
    },
    /// A QoS 2 publish of this identifier was taken over from the client, or (`held` false) released by it.
    Received {
        /// Whose.
        session: u64,
        /// Which publish.
        packet_id: PacketId,
        /// Whether the identifier is to be remembered.
        held: bool,
    },
    /// The retained message of a topic was set, or (`None`) cleared.
    Retained {
        /// The topic.
        topic: &'a TopicName,
        /// Its message.
        message: Option<&'a Message>,
    },
}

/// Where records go.
pub trait Log: Send {
    /// Whether anything is kept. When not, the engine does not gather the records that cost something to gather.
    fn keeps(&self) -> bool;

    /// Appends a record and returns its position. Must not block: writing and syncing happen elsewhere.
    fn append(&mut self, record: Record<'_>) -> Position;

    /// Everything up to this position survives what the log promises to survive. When it moves, the owner of the
    /// engine calls [`Engine::durable_advanced`](crate::engine::Engine::durable_advanced).
    fn durable_upto(&self) -> Position;
}
