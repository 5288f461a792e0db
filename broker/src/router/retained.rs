//! Retained messages: the last one of each topic, found by filter.
//!
//! **Invariant:** never holds more messages or bytes than its bounds; a message that would pass them is refused and
//! what was there stays.
//! **Invariant:** a topic without a message holds no memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::level_tree::{LevelTree, NodeKey};
use super::tree::split;
use crate::engine::{Message, Time};
use crate::topic::{TopicFilter, TopicName};

/// A tree of topic levels with a message at some of them.
#[derive(Debug)]
pub struct RetainedStore {
    levels: LevelTree<Retained>,
    count: usize,
    bytes: usize,
    count_max: usize,
    bytes_max: usize,
    /// At most one alarm per topic; one that finds a younger message is set anew.
    alarms: BTreeSet<(Time, TopicName)>,
}

#[derive(Debug)]
struct Retained {
    message: Arc<Message>,
    alarm: Option<Time>,
}

/// What is left of a filter below a node.
#[derive(Clone, Copy)]
enum Rest {
    /// The filter from this byte on.
    From(usize),
    /// Nothing: the node itself is meant.
    Ended,
    /// A '#' has come: the node and all below are meant.
    Anything,
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The topic had no message before.
    New,
    /// The topic had one.
    Old,
    /// A bound would be passed; nothing changed.
    Refused,
}

impl RetainedStore {
    /// An empty store for at most that many messages and bytes of topic, payload and properties.
    pub fn new(count_max: usize, bytes_max: usize) -> Self {
        let (levels, alarms) = (LevelTree::default(), BTreeSet::new());
        Self {
            levels,
            count: 0,
            bytes: 0,
            count_max,
            bytes_max,
            alarms,
        }
    }

    /// Makes a message the retained one of its topic.
    pub fn set(&mut self, message: Arc<Message>) -> Replaced {
        let topic = message.topic.clone();
        let old_size = self.get(&topic).map(|old| old.size());
        let bytes = self.bytes - old_size.unwrap_or(0) + message.size();
        if bytes > self.bytes_max || (old_size.is_none() && self.count == self.count_max) {
            return Replaced::Refused;
        }
        self.bytes = bytes;
        self.count += usize::from(old_size.is_none());
        let key = self.levels.make(topic.as_str());
        let slot = self.levels.value_mut(key);
        let mut alarm = slot.as_ref().and_then(|retained| retained.alarm);
        if let Some(at) = message.expires_at
            && alarm.is_none_or(|alarm| at < alarm)
        {
            let topic = topic.detach();
            if let Some(late) = alarm.replace(at) {
                self.alarms.remove(&(late, topic.clone()));
            }
            self.alarms.insert((at, topic));
        }
        *slot = Some(Retained { message, alarm });
        match old_size {
            Some(_) => Replaced::Old,
            None => Replaced::New,
        }
    }

    /// Takes the message of a topic away; true when there was one.
    pub fn clear(&mut self, topic: &TopicName) -> bool {
        let Some(Retained { message, alarm }) = self.levels.remove(topic.as_str()) else {
            return false;
        };
        self.count -= 1;
        self.bytes -= message.size();
        if let Some(alarm) = alarm {
            self.alarms.remove(&(alarm, topic.clone()));
        }
        true
    }

    /// The message of a topic.
    pub fn get(&self, topic: &TopicName) -> Option<&Arc<Message>> {
        let key = self.levels.find(topic.as_str())?;
        self.levels.value(key).map(|retained| &retained.message)
    }

    /// Calls `each` with every message that a filter matches and that has not expired.
    pub fn matching(&self, filter: &TopicFilter, now: Time, each: &mut impl FnMut(&Arc<Message>)) {
        let filter = filter.filter();
        let mut tell = |at| {
            if let Some(Retained { message, .. }) = self.levels.value(at)
                && !message.is_expired(now)
            {
                each(message);
            }
        };
        let mut branches = vec![(LevelTree::<Retained>::ROOT, Rest::From(0))];
        while let Some((at, rest)) = branches.pop() {
            let below = self.levels.children(at);
            match rest {
                Rest::Ended => tell(at),
                Rest::Anything => {
                    tell(at);
                    branches.extend(below.map(|(_, child)| (child, Rest::Anything)));
                }
                Rest::From(start) => {
                    // What a wildcard sees: at the first level nothing that begins with `$`. [MQTT-4.7.2-1]
                    let visible = |(level, _): &(&str, NodeKey)| start > 0 || !level.starts_with('$');
                    let (level, next) = split(filter, start);
                    let rest = next.map_or(Rest::Ended, Rest::From);
                    match level {
                        "#" => {
                            // The level above is matched too.
                            tell(at);
                            branches.extend(below.filter(visible).map(|(_, child)| (child, Rest::Anything)));
                        }
                        "+" => branches.extend(below.filter(visible).map(|(_, child)| (child, rest))),
                        level => branches.extend(self.levels.child(at, level).map(|child| (child, rest))),
                    }
                }
            }
        }
    }

    /// Takes out what has expired; returns how many.
    pub fn expire(&mut self, now: Time) -> usize {
        let mut expired = 0;
        while let Some((at, _)) = self.alarms.first()
            && *at <= now
        {
            let Some((_, topic)) = self.alarms.pop_first() else {
                break;
            };
            let Some(key) = self.levels.find(topic.as_str()) else {
                continue;
            };
            let Some(retained) = self.levels.value_mut(key) else {
                continue;
            };
            retained.alarm = None;
            match retained.message.expires_at {
                Some(at) if at <= now => expired += usize::from(self.clear(&topic)),
                Some(at) => {
                    retained.alarm = Some(at);
                    self.alarms.insert((at, topic));
                }
                None => {}
            }
        }
        expired
    }

    /// When [`Self::expire`] next has something to do.
    pub fn next_alarm(&self) -> Option<Time> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// Messages held.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True without any message.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of topic, payload and properties held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
