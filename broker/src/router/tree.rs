//! Filters with wildcards, by level. A wildcard is a level like any other here: topic names cannot hold its text.

use super::SessionKey;
use super::filter_node::FilterNode;
use super::level_tree::{LevelTree, NodeKey};
use crate::topic::TopicName;

/// A tree of filter levels.
#[derive(Debug, Default)]
pub(super) struct FilterTree {
    levels: LevelTree<FilterNode>,
    /// Branches of a topic that are still to be looked at, each with where its rest begins. Kept between publishes.
    branches: Vec<(NodeKey, Option<usize>)>,
}

impl FilterTree {
    /// The node of a filter, made if need be; the caller puts something in.
    pub(super) fn node_mut(&mut self, filter: &str) -> &mut FilterNode {
        let key = self.levels.make(filter);
        self.levels.value_mut(key).get_or_insert_default()
    }

    pub(super) fn get_mut(&mut self, filter: &str) -> Option<&mut FilterNode> {
        let key = self.levels.find(filter)?;
        self.levels.value_mut(key).as_mut()
    }

    pub(super) fn remove(&mut self, filter: &str, group: Option<&str>, session: SessionKey) -> bool {
        let Some(node) = self.get_mut(filter) else {
            return false;
        };
        let found = node.remove(group, session);
        if node.is_empty() {
            self.levels.remove(filter);
        }
        found
    }

    /// Calls `visit` with every filter that matches.
    pub(super) fn visit(&mut self, topic: &TopicName, visit: &mut impl FnMut(&mut FilterNode)) {
        if self.levels.is_empty() {
            return;
        }
        let Self { levels, branches } = self;
        branches.push((LevelTree::<FilterNode>::ROOT, Some(0)));
        while let Some((at, rest)) = branches.pop() {
            // No wildcard in the first level of a `$` topic. [MQTT-4.7.2-1]
            let wild = rest != Some(0) || !topic.is_dollar();
            // '#' stands for its parent level too.
            if wild && let Some(multi) = levels.child(at, "#") {
                levels.value_mut(multi).as_mut().into_iter().for_each(&mut *visit);
            }
            let Some(start) = rest else {
                levels.value_mut(at).as_mut().into_iter().for_each(&mut *visit);
                continue;
            };
            let (level, rest) = split(topic.as_str(), start);
            if wild && let Some(plus) = levels.child(at, "+") {
                branches.push((plus, rest));
            }
            if let Some(child) = levels.child(at, level) {
                branches.push((child, rest));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.levels.len()
    }
}

/// The level that begins at `start`, and where the next begins.
pub(super) fn split(text: &str, start: usize) -> (&str, Option<usize>) {
    let rest = &text[start..];
    match rest.find('/') {
        Some(end) => (&rest[..end], Some(start + end + 1)),
        None => (rest, None),
    }
}
