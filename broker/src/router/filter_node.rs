//! Everything that is subscribed to one filter.

use hashbrown::HashMap;

use super::members::Members;
use super::{Entry, SessionKey, Target, entry_of};

/// Subscribers and shared groups of one filter.
#[derive(Debug, Default)]
pub(super) struct FilterNode {
    members: Members,
    /// Most filters have none, and then no memory is held.
    groups: Option<Box<HashMap<Box<str>, Group>>>,
}

/// The members of one share group, taken in turn.
#[derive(Debug, Default)]
struct Group {
    members: Members,
    next: usize,
}

impl Group {
    /// The next member, an online one where there is one. [section 4.8.2 leaves the strategy open]
    fn pick(&mut self, online: &impl Fn(SessionKey) -> bool) -> Option<Target> {
        let members = self.members.as_slice();
        let count = members.len();
        let turn = (0..count)
            .map(|step| (self.next + step) % count)
            .find(|at| online(members[*at].session));
        // With nobody online the message waits for the member whose turn it is.
        let at = turn.or((count > 0).then(|| self.next % count))?;
        self.next = at + 1;
        Some(Target::new(&members[at]))
    }
}

impl FilterNode {
    pub(super) fn insert(&mut self, group: Option<&str>, entry: Entry) -> bool {
        match group {
            None => self.members.insert(entry),
            Some(group) => entry_of(self.groups.get_or_insert_default(), group)
                .members
                .insert(entry),
        }
    }

    pub(super) fn remove(&mut self, group: Option<&str>, session: SessionKey) -> bool {
        let Some(name) = group else {
            return self.members.remove(session);
        };
        let Some(groups) = &mut self.groups else {
            return false;
        };
        let Some(group) = groups.get_mut(name) else {
            return false;
        };
        let found = group.members.remove(session);
        if group.members.is_empty() {
            groups.remove(name);
        }
        if groups.is_empty() {
            self.groups = None;
        }
        found
    }

    pub(super) fn members(&self) -> &[Entry] {
        self.members.as_slice()
    }

    /// One member of each group.
    pub(super) fn pick_shared(&mut self, online: &impl Fn(SessionKey) -> bool, targets: &mut Vec<Target>) {
        if let Some(groups) = &mut self.groups {
            targets.extend(groups.values_mut().filter_map(|group| group.pick(online)));
        }
    }

    /// One member of that group.
    pub(super) fn pick(&mut self, group: &str, online: &impl Fn(SessionKey) -> bool) -> Option<Target> {
        self.groups.as_mut()?.get_mut(group)?.pick(online)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.groups.is_none()
    }
}
