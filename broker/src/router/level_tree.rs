//! Values by topic levels.
//!
//! **Invariant:** nothing recurses, dropping included, so depth costs memory and time and no stack.
//! **Invariant:** a branch without a value holds no memory.

use hashbrown::HashMap;
use slab::Slab;

use super::{entry_of, shrink};

/// A node's place.
pub(super) type NodeKey = u32;

/// A tree whose nodes live in one table and know each other by place.
#[derive(Debug)]
pub(super) struct LevelTree<T> {
    nodes: Slab<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    children: HashMap<Box<str>, Child>,
    value: Option<T>,
}

/// A place that is made when it is first asked for.
#[derive(Debug, Clone, Copy, Default)]
struct Child(Option<NodeKey>);

impl<T> Node<T> {
    fn new() -> Self {
        Self {
            children: HashMap::new(),
            value: None,
        }
    }
}

impl<T> Default for LevelTree<T> {
    fn default() -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::new());
        Self { nodes }
    }
}

impl<T> LevelTree<T> {
    /// Where every path begins.
    pub(super) const ROOT: NodeKey = 0;

    /// The node of a path, made if need be; the caller gives it a value.
    pub(super) fn make(&mut self, path: &str) -> NodeKey {
        let mut at = Self::ROOT;
        for level in path.split('/') {
            let vacant = self.nodes.vacant_key() as NodeKey;
            let child = entry_of(&mut self.nodes[at as usize].children, level);
            at = match child.0 {
                Some(key) => key,
                None => {
                    child.0 = Some(vacant);
                    self.nodes.insert(Node::new()) as NodeKey
                }
            };
        }
        at
    }

    /// The node of a path.
    pub(super) fn find(&self, path: &str) -> Option<NodeKey> {
        path.split('/')
            .try_fold(Self::ROOT, |at, level| self.child(at, level))
    }

    /// The node one level below.
    pub(super) fn child(&self, at: NodeKey, level: &str) -> Option<NodeKey> {
        self.nodes[at as usize].children.get(level)?.0
    }

    /// Every node one level below, with its level.
    pub(super) fn children(&self, at: NodeKey) -> impl Iterator<Item = (&str, NodeKey)> {
        self.nodes[at as usize]
            .children
            .iter()
            .filter_map(|(level, child)| Some((&**level, child.0?)))
    }

    pub(super) fn value(&self, at: NodeKey) -> Option<&T> {
        self.nodes[at as usize].value.as_ref()
    }

    pub(super) fn value_mut(&mut self, at: NodeKey) -> &mut Option<T> {
        &mut self.nodes[at as usize].value
    }

    /// Takes the value of a path out, and the branch that held nothing else.
    pub(super) fn remove(&mut self, path: &str) -> Option<T> {
        let mut above = Vec::new();
        let mut at = Self::ROOT;
        for level in path.split('/') {
            above.push((at, level));
            at = self.child(at, level)?;
        }
        let value = self.nodes[at as usize].value.take()?;
        while let Some((parent, level)) = above.pop() {
            let node = &self.nodes[at as usize];
            if node.value.is_some() || !node.children.is_empty() {
                break;
            }
            self.nodes.remove(at as usize);
            let children = &mut self.nodes[parent as usize].children;
            children.remove(level);
            shrink(children);
            at = parent;
        }
        Some(value)
    }

    /// Nodes that hold memory, the root apart.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// True when nothing is below the root.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }
}
