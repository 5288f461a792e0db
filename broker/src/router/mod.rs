//! Who gets a message: subscriptions by filter.
//!
//! Exact filters, which are nearly all, are found by hash; filters with wildcards by a tree of levels; each filter
//! holds its subscribers and its shared groups.
//!
//! **Invariant:** a publish costs in the number of its receivers (and, with wildcards, of the tree's branches that fit
//! the topic), never in the number of filters, topics or sessions.
//! **Invariant:** a filter without subscribers holds no memory.
//! **Invariant:** one session gets one copy of a message, however many of its own filters match; each shared group
//! that matches adds one copy for one member.
//!
//! Knows sessions by number only: neither rights nor queues.

mod filter_node;
mod level_tree;
mod members;
mod retained;
mod tree;

#[cfg(test)]
mod proptests;

use std::sync::Arc;

use hashbrown::HashMap;

use crate::codec::{QoS, SubscribeOptions, SubscriptionId};
use crate::topic::{TopicFilter, TopicName};
use filter_node::FilterNode;
pub use retained::{Replaced, RetainedStore};
use tree::FilterTree;

/// A session's number; the caller gives a number to one session at a time.
pub type SessionKey = u32;

/// Why a session gets a message, kept with the message while it waits.
#[derive(Debug, PartialEq, Eq)]
pub struct DeliveryMeta {
    /// Identifiers of the subscriptions that match, to be sent along. [MQTT-3.3.4-3]
    pub subscription_ids: Vec<SubscriptionId>,
    /// The shared subscription it is due to: if the member's session ends, another member gets it.
    pub share: Option<TopicFilter>,
}

/// One subscription as the router keeps it.
#[derive(Debug, Clone)]
struct Entry {
    session: SessionKey,
    options: SubscribeOptions,
    /// `None` for most: no identifier, not shared.
    meta: Option<Arc<DeliveryMeta>>,
}

/// One receiver of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The session.
    pub session: SessionKey,
    /// The highest QoS that its matching subscriptions allow. [MQTT-3.3.4-2]
    pub qos: QoS,
    /// Whether the retain flag goes along as published.
    pub retain_as_published: bool,
    /// Identifiers and share, where there are any.
    pub meta: Option<Arc<DeliveryMeta>>,
}

impl Target {
    fn new(entry: &Entry) -> Self {
        Self {
            session: entry.session,
            qos: entry.options.qos,
            retain_as_published: entry.options.retain_as_published,
            meta: entry.meta.clone(),
        }
    }

    /// Adds another matching subscription of the same session.
    fn merge(&mut self, entry: &Entry) {
        self.qos = self.qos.max(entry.options.qos);
        self.retain_as_published |= entry.options.retain_as_published;
        let Some(more) = &entry.meta else { return };
        self.meta = Some(match self.meta.take() {
            None => more.clone(),
            Some(meta) => {
                let ids = meta
                    .subscription_ids
                    .iter()
                    .chain(&more.subscription_ids)
                    .copied();
                Arc::new(DeliveryMeta {
                    subscription_ids: ids.collect(),
                    share: None,
                })
            }
        });
    }
}

/// All subscriptions of a broker.
#[derive(Debug, Default)]
pub struct Router {
    exact: HashMap<Box<str>, FilterNode>,
    wildcard: FilterTree,
    subscriptions: usize,
    /// Per session: the publish that last listed it, and where in its list. Finds overlaps without a search.
    marks: Vec<Mark>,
    round: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    round: u32,
    index: u32,
}

impl Router {
    /// Adds or replaces a subscription. Returns true when it is new.
    pub fn subscribe(
        &mut self,
        session: SessionKey,
        filter: &TopicFilter,
        options: SubscribeOptions,
        id: Option<SubscriptionId>,
    ) -> bool {
        let share = filter.share_group().map(|_| filter.detach());
        let meta = (id.is_some() || share.is_some()).then(|| {
            Arc::new(DeliveryMeta {
                subscription_ids: id.into_iter().collect(),
                share,
            })
        });
        let entry = Entry {
            session,
            options,
            meta,
        };
        let node = match filter.has_wildcard() {
            false => entry_of(&mut self.exact, filter.filter()),
            true => self.wildcard.node_mut(filter.filter()),
        };
        let new = node.insert(filter.share_group(), entry);
        self.subscriptions += usize::from(new);
        new
    }

    /// Takes a subscription out. Returns false when there was none.
    pub fn unsubscribe(&mut self, session: SessionKey, filter: &TopicFilter) -> bool {
        let text = filter.filter();
        let group = filter.share_group();
        let found = match filter.has_wildcard() {
            true => self.wildcard.remove(text, group, session),
            false => match self.exact.get_mut(text) {
                None => false,
                Some(node) => {
                    let found = node.remove(group, session);
                    if node.is_empty() {
                        self.exact.remove(text);
                        shrink(&mut self.exact);
                    }
                    found
                }
            },
        };
        self.subscriptions -= usize::from(found);
        found
    }

    /// Appends every receiver of a message to `targets`, which must be empty. `from` is the publisher's session, for
    /// subscriptions that do not want their own messages. `online` says which members of a shared group to prefer.
    pub fn route(
        &mut self,
        topic: &TopicName,
        from: Option<SessionKey>,
        online: impl Fn(SessionKey) -> bool,
        targets: &mut Vec<Target>,
    ) {
        debug_assert!(targets.is_empty());
        let Self {
            exact,
            wildcard,
            marks,
            round,
            ..
        } = self;
        *round = round.wrapping_add(1);
        if *round == 0 {
            marks.fill(Mark::default());
            *round = 1;
        }
        let mut first = true;
        let mut shared = Vec::new();
        let mut visit = |node: &mut FilterNode| {
            for entry in node.members() {
                if entry.options.no_local && from == Some(entry.session) {
                    continue;
                }
                let at = entry.session as usize;
                if at >= marks.len() {
                    marks.resize(at + 1, Mark::default());
                }
                // The first filter cannot overlap with anything before it.
                if !first && marks[at].round == *round {
                    targets[marks[at].index as usize].merge(entry);
                    continue;
                }
                marks[at] = Mark {
                    round: *round,
                    index: targets.len() as u32,
                };
                targets.push(Target::new(entry));
            }
            node.pick_shared(&online, &mut shared);
            first = false;
        };
        if let Some(node) = exact.get_mut(topic.as_str()) {
            visit(node);
        }
        wildcard.visit(topic, &mut visit);
        targets.append(&mut shared);
    }

    /// Another member of a shared subscription, for a message whose member went away. `None` when there is none.
    pub fn reassign(&mut self, share: &TopicFilter, online: impl Fn(SessionKey) -> bool) -> Option<Target> {
        let node = match share.has_wildcard() {
            true => self.wildcard.get_mut(share.filter())?,
            false => self.exact.get_mut(share.filter())?,
        };
        node.pick(share.share_group()?, &online)
    }

    /// Subscriptions that stand, shared ones counted per member.
    pub fn len(&self) -> usize {
        self.subscriptions
    }

    /// True without any subscription.
    pub fn is_empty(&self) -> bool {
        self.subscriptions == 0
    }

    /// Filters that hold memory; for tests of the invariant.
    #[cfg(test)]
    fn nodes(&self) -> usize {
        self.exact.len() + self.wildcard.nodes()
    }
}

/// Gives memory back after many entries went; amortized over the removals that made it worthwhile.
fn shrink<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>) {
    if map.capacity() > 64 && map.len() * 8 < map.capacity() {
        map.shrink_to(map.len() * 2);
    }
}

/// The value of a key, made if need be. The key is copied only then.
fn entry_of<'a, V: Default>(map: &'a mut HashMap<Box<str>, V>, key: &str) -> &'a mut V {
    match map.contains_key(key) {
        true => map.get_mut(key).expect("it is contained"),
        false => map.entry(key.into()).or_default(),
    }
}
