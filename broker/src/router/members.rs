//! The subscribers of one filter: walked on every publish, found by session on every change.

use hashbrown::HashMap;

use super::{Entry, SessionKey};

/// From this many on an index is kept; below it a search is cheaper than a map.
const INDEX_FROM: usize = 16;

/// A dense list of subscribers with insertion and removal in constant time. Order carries no meaning.
#[derive(Debug, Default)]
pub(super) struct Members {
    entries: Vec<Entry>,
    index: Option<Box<HashMap<SessionKey, u32>>>,
}

impl Members {
    /// Adds or replaces; true when the session is new.
    pub(super) fn insert(&mut self, entry: Entry) -> bool {
        if let Some(at) = self.position(entry.session) {
            self.entries[at] = entry;
            return false;
        }
        if let Some(index) = &mut self.index {
            index.insert(entry.session, self.entries.len() as u32);
        }
        self.entries.push(entry);
        if self.index.is_none() && self.entries.len() >= INDEX_FROM {
            let places = self
                .entries
                .iter()
                .enumerate()
                .map(|(at, entry)| (entry.session, at as u32));
            self.index = Some(Box::new(places.collect()));
        }
        true
    }

    /// Removes; false when the session is not there.
    pub(super) fn remove(&mut self, session: SessionKey) -> bool {
        let Some(at) = self.position(session) else {
            return false;
        };
        self.entries.swap_remove(at);
        if let Some(index) = &mut self.index {
            index.remove(&session);
            if let Some(moved) = self.entries.get(at) {
                index.insert(moved.session, at as u32);
            }
            if self.entries.len() < INDEX_FROM / 2 {
                self.index = None;
            }
        }
        if self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to(self.entries.len() * 2);
        }
        true
    }

    fn position(&self, session: SessionKey) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&session).map(|at| *at as usize),
            None => self.entries.iter().position(|entry| entry.session == session),
        }
    }

    pub(super) fn as_slice(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_set(steps in prop::collection::vec((any::<bool>(), 0u32..40), 0..200)) {
            let (mut members, mut model) = (Members::default(), BTreeSet::new());
            for (add, session) in steps {
                match add {
                    true => {
                        let entry = Entry { session, options: Default::default(), meta: None };
                        prop_assert_eq!(members.insert(entry), model.insert(session));
                    }
                    false => prop_assert_eq!(members.remove(session), model.remove(&session)),
                }
                let held: BTreeSet<_> = members.as_slice().iter().map(|entry| entry.session).collect();
                prop_assert_eq!(held.len(), members.as_slice().len());
                prop_assert_eq!(&held, &model);
            }
        }
    }
}
