//! The topic tree of an event: parsing and writing topic names.
//!
//! **Invariant:** `EventTopic::parse(&t.to_string()) == Ok(t)` for every topic.
//!
//! Knows names, not rights (see `rights`), and no wildcards: those are filters, made by the `filter` functions.

use std::fmt;

use crate::{ClientId, EventId};

/// First level of every topic of an event.
pub const ROOT: &str = "ev";
/// The queue of people who wait for help; its state is on `ev/{event}/queue/help/state`.
pub const HELP_QUEUE: &str = "help";
/// The location group of participants.
pub const GROUP_PARTICIPANTS: &str = "participants";
/// The location group of beacons and trackers.
pub const GROUP_DEVICES: &str = "devices";
/// Longest name of a queue, group, team, verb and the like, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// A topic of one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventTopic {
    /// The event.
    pub event: EventId,
    /// What within it.
    pub topic: Topic,
}

/// What a topic is about. `client` is whom it concerns, `sender` who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "the fields are the levels of the topic, named as in the topic tree"
)]
pub enum Topic {
    /// `info`: the event card.
    Info,
    /// `alert/{alert}`
    Alert { alert: String },
    /// `ack/{alert}/{client}`
    Ack { alert: String, client: ClientId },
    /// `feed`
    Feed,
    /// `schedule/{session}`
    Schedule { session: String },
    /// `help/{client}`: ask for help, or withdraw.
    Help { client: ClientId },
    /// `case/{client}`: the state of the case.
    Case { client: ClientId },
    /// `chat/{client}/{sender}`
    Chat { client: ClientId, sender: ClientId },
    /// `chat/{client}/{sender}/seen`
    Seen { client: ClientId, sender: ClientId },
    /// `queue/{queue}/join/{client}`
    QueueJoin { queue: String, client: ClientId },
    /// `queue/{queue}/place/{client}`
    QueuePlace { queue: String, client: ClientId },
    /// `queue/{queue}/state`
    QueueState { queue: String },
    /// `loc/{group}/{client}`
    Loc { group: String, client: ClientId },
    /// `presence/{client}`
    Presence { client: ClientId },
    /// `team/{team}/{sender}`
    Team { team: String, sender: ClientId },
    /// `task/{task}`
    Task { task: String },
    /// `incident/{incident}`
    Incident { incident: String },
    /// `do/{verb}/{client}`: a command of staff.
    Do { verb: String, client: ClientId },
    /// `done/{client}`: the answer to a command.
    Done { client: ClientId },
    /// `poll/{poll}`
    Poll { poll: String },
    /// `vote/{poll}/{client}`
    Vote { poll: String, client: ClientId },
    /// `question/{client}`
    Question { client: ClientId },
    /// `room/{room}`
    Room { room: String },
}

/// Why a topic name is none of an event's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not below `ev/{event}/`.
    #[error("a topic of an event begins with ev/{{event}}/")]
    NotOfAnEvent,
    /// The second level is no event id.
    #[error("the second level of the topic is not an event id")]
    EventId,
    /// No topic of the tree looks like this.
    #[error("unknown topic below ev/{{event}}/")]
    Unknown,
    /// A level that stands for a client is not a client id.
    #[error("a level of the topic is not a client id: {0}")]
    Client(#[from] crate::ids::ClientIdError),
    /// A name level is empty, too long, or holds a wildcard.
    #[error("a level of the topic is not a name of 1 to {NAME_BYTES_MAX} bytes without wildcards")]
    Name,
}

fn name(level: &str) -> Result<String, TopicError> {
    let fine = !level.is_empty() && level.len() <= NAME_BYTES_MAX && !level.contains(['+', '#', '/', '\0']);
    fine.then(|| level.to_owned()).ok_or(TopicError::Name)
}

impl EventTopic {
    /// Puts an event and a topic of it together.
    pub fn new(event: EventId, topic: Topic) -> Self {
        Self { event, topic }
    }

    /// Reads a topic name.
    ///
    /// # Errors
    /// [`TopicError`] says which level is wrong. A name with wildcards is no topic.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        let rest = text.strip_prefix("ev/").ok_or(TopicError::NotOfAnEvent)?;
        let (event, rest) = rest.split_once('/').ok_or(TopicError::NotOfAnEvent)?;
        // Only the hyphenated lower-case form: else one event would have many topic names.
        let id: EventId = event.parse().map_err(|_| TopicError::EventId)?;
        if id.to_string() != event {
            return Err(TopicError::EventId);
        }
        Ok(Self {
            event: id,
            topic: Topic::parse(rest)?,
        })
    }
}

impl Topic {
    fn parse(rest: &str) -> Result<Self, TopicError> {
        let mut levels = [""; 5];
        let mut count = 0;
        for level in rest.split('/') {
            *levels.get_mut(count).ok_or(TopicError::Unknown)? = level;
            count += 1;
        }
        let client = |s: &str| ClientId::new(s);
        Ok(match levels[..count] {
            ["info"] => Topic::Info,
            ["alert", a] => Topic::Alert { alert: name(a)? },
            ["ack", a, c] => Topic::Ack {
                alert: name(a)?,
                client: client(c)?,
            },
            ["feed"] => Topic::Feed,
            ["schedule", s] => Topic::Schedule { session: name(s)? },
            ["help", c] => Topic::Help { client: client(c)? },
            ["case", c] => Topic::Case { client: client(c)? },
            ["chat", c, s] => Topic::Chat {
                client: client(c)?,
                sender: client(s)?,
            },
            ["chat", c, s, "seen"] => Topic::Seen {
                client: client(c)?,
                sender: client(s)?,
            },
            ["queue", q, "join", c] => Topic::QueueJoin {
                queue: name(q)?,
                client: client(c)?,
            },
            ["queue", q, "place", c] => Topic::QueuePlace {
                queue: name(q)?,
                client: client(c)?,
            },
            ["queue", q, "state"] => Topic::QueueState { queue: name(q)? },
            ["loc", g, c] => Topic::Loc {
                group: name(g)?,
                client: client(c)?,
            },
            ["presence", c] => Topic::Presence { client: client(c)? },
            ["team", t, s] => Topic::Team {
                team: name(t)?,
                sender: client(s)?,
            },
            ["task", t] => Topic::Task { task: name(t)? },
            ["incident", i] => Topic::Incident { incident: name(i)? },
            ["do", v, c] => Topic::Do {
                verb: name(v)?,
                client: client(c)?,
            },
            ["done", c] => Topic::Done { client: client(c)? },
            ["poll", p] => Topic::Poll { poll: name(p)? },
            ["vote", p, c] => Topic::Vote {
                poll: name(p)?,
                client: client(c)?,
            },
            ["question", c] => Topic::Question { client: client(c)? },
            ["room", r] => Topic::Room { room: name(r)? },
            _ => return Err(TopicError::Unknown),
        })
    }
}

impl fmt::Display for EventTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ROOT}/{}/", self.event)?;
        match &self.topic {
            Topic::Info => write!(f, "info"),
            Topic::Alert { alert } => write!(f, "alert/{alert}"),
            Topic::Ack { alert, client } => write!(f, "ack/{alert}/{client}"),
            Topic::Feed => write!(f, "feed"),
            Topic::Schedule { session } => write!(f, "schedule/{session}"),
            Topic::Help { client } => write!(f, "help/{client}"),
            Topic::Case { client } => write!(f, "case/{client}"),
            Topic::Chat { client, sender } => write!(f, "chat/{client}/{sender}"),
            Topic::Seen { client, sender } => write!(f, "chat/{client}/{sender}/seen"),
            Topic::QueueJoin { queue, client } => write!(f, "queue/{queue}/join/{client}"),
            Topic::QueuePlace { queue, client } => write!(f, "queue/{queue}/place/{client}"),
            Topic::QueueState { queue } => write!(f, "queue/{queue}/state"),
            Topic::Loc { group, client } => write!(f, "loc/{group}/{client}"),
            Topic::Presence { client } => write!(f, "presence/{client}"),
            Topic::Team { team, sender } => write!(f, "team/{team}/{sender}"),
            Topic::Task { task } => write!(f, "task/{task}"),
            Topic::Incident { incident } => write!(f, "incident/{incident}"),
            Topic::Do { verb, client } => write!(f, "do/{verb}/{client}"),
            Topic::Done { client } => write!(f, "done/{client}"),
            Topic::Poll { poll } => write!(f, "poll/{poll}"),
            Topic::Vote { poll, client } => write!(f, "vote/{poll}/{client}"),
            Topic::Question { client } => write!(f, "question/{client}"),
            Topic::Room { room } => write!(f, "room/{room}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_of_the_tree_is_read_as_it_is_written() {
        let e = EventId::new();
        let rest = [
            "info",
            "alert/a1",
            "ack/a1/c",
            "feed",
            "schedule/s",
            "help/c",
            "case/c",
            "chat/c/s",
            "chat/c/s/seen",
            "queue/q/join/c",
            "queue/q/place/c",
            "queue/q/state",
            "loc/devices/c",
            "presence/c",
            "team/t/s",
            "task/t",
            "incident/i",
            "do/claim/c",
            "done/c",
            "poll/p",
            "vote/p/c",
            "question/c",
            "room/r",
        ];
        for rest in rest {
            let text = format!("ev/{e}/{rest}");
            assert_eq!(EventTopic::parse(&text).expect(rest).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        let e = EventId::new();
        let upper = e.to_string().to_uppercase();
        for bad in [
            "".to_owned(),
            "ev".into(),
            format!("ev/{e}"),
            format!("ev/{e}/"),
            format!("ev/{e}/nothing"),
            format!("ev/{e}/help"),
            format!("ev/{e}/help/"),
            format!("ev/{e}/help/+"),
            format!("ev/{e}/chat/#"),
            format!("ev/{e}/chat/a/b/c"),
            format!("ev/{e}/chat/a/b/seen/d/e/f"),
            format!("ev/{upper}/info"),
            format!("ev/{}/info", e.0.simple()),
            format!("/ev/{e}/info"),
            format!("ev/{e}/loc//c"),
            "ev/x/info".into(),
        ] {
            assert!(EventTopic::parse(&bad).is_err(), "{bad:?} was taken");
        }
    }
}
