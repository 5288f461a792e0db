//! What a token's bearer may publish, subscribe to and receive: a table, and default deny.
//!
//! **Invariant:** decided from the claims and the topic alone; nothing is looked up and nothing is allocated.
//! **Invariant:** whoever may subscribe to a filter may receive every topic below an event that it matches. (A filter
//! `ev/{event}/#` matches `ev/{event}` too, which is no topic of an event: nobody publishes or receives there.)
//! **Invariant:** no token but a service's reaches beyond its own event, its own `acl` rules included.
//!
//! A token's `acl` rules add to the table within the token's event, or take from it; deny overrides. They are signed by
//! the installation, so within its event a rule may open what is another client's: that is what they are for. A rule's
//! topic is a topic filter in which `${clientid}` stands for the bearer. One that cannot be understood grants nothing
//! when it allows and takes everything when it denies.
//!
//! Expiry is not looked at here: there is no clock.

#[cfg(test)]
mod proptests;
mod table;
#[cfg(test)]
mod tests;

use table::{Action, Level};

use crate::claims::{AclAction, AclRule, Permission};
use crate::topic::{GROUP_DEVICES, GROUP_PARTICIPANTS};
use crate::{Claims, EventId, Role, Topic};

/// Stands for the bearer in the topic of an `acl` rule, as in EMQX.
const ACL_ME: &str = "${clientid}";

/// Whether the bearer may publish on a topic name, wills included.
pub fn may_publish(claims: &Claims, topic: &str) -> bool {
    !topic.contains(['+', '#']) && decide(claims, topic, Action::Publish)
}

/// Whether the bearer may receive from a topic name. Asked at every delivery.
pub fn may_receive(claims: &Claims, topic: &str) -> bool {
    decide(claims, topic, Action::Subscribe)
}

/// Whether the bearer may subscribe to a topic filter: only when every topic that it matches may be received. So a
/// filter of which a deny rule takes but a part is refused whole.
///
/// Shared subscriptions (`$share/{group}/{filter}`) are for services: a group of people would split an alert among them.
pub fn may_subscribe(claims: &Claims, filter: &str) -> bool {
    match filter.strip_prefix("$share/") {
        None => decide(claims, filter, Action::Subscribe),
        Some(shared) => {
            claims.role == Role::Service
                && shared
                    .split_once('/')
                    .is_some_and(|(_, filter)| decide(claims, filter, Action::Subscribe))
        }
    }
}

/// Whether the bearer may ask the broker to retain a message on this topic: a service where the tree keeps the last
/// message, everybody else only a position.
///
/// What is retained reaches everybody who comes later, so a chat message that is retained by mistake would stay.
pub fn may_retain(claims: &Claims, topic: &Topic) -> bool {
    matches!(topic, Topic::Loc { .. }) || (claims.role == Role::Service && table::is_retained(topic))
}

/// A topic name is a filter without wildcards, so one test serves both.
fn decide(claims: &Claims, filter: &str, action: Action) -> bool {
    let Some(rest) = below_own_event(claims, filter) else {
        return false;
    };
    if claims.acl.iter().any(|rule| takes(rule, claims, filter, action)) {
        return false;
    }
    claims.role == Role::Service
        || table_covers(claims, rest, action)
        || claims.acl.iter().any(|rule| grants(rule, claims, filter, action))
}

/// The levels after `ev/{event}/`, when the event is the bearer's own. A service without an event has them all.
fn below_own_event<'a>(claims: &Claims, filter: &'a str) -> Option<&'a str> {
    let (event, rest) = filter.strip_prefix("ev/")?.split_once('/')?;
    let own = match claims.evt {
        Some(id) => is_event(event, id),
        None => claims.role == Role::Service && event != "#",
    };
    (own && !rest.is_empty()).then_some(rest)
}

/// Compares without making a string: this runs for every delivery.
fn is_event(level: &str, id: EventId) -> bool {
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    id.0.as_hyphenated().encode_lower(&mut buffer) == level
}

/// Whether some rule of the bearer's role covers every topic that `rest` matches.
fn table_covers(claims: &Claims, rest: &str, action: Action) -> bool {
    // Split once for all rules, and on the stack.
    let mut levels = [""; table::LEVELS_MAX];
    let mut count = 0;
    for level in rest.split('/') {
        let Some(slot) = levels.get_mut(count) else {
            return false;
        };
        *slot = level;
        count += 1;
    }
    let levels = &levels[..count];
    table::rules(claims.role, action).iter().any(|rule| {
        rule.len() == count
            && rule
                .iter()
                .zip(levels)
                .all(|(rule, level)| is_within(*rule, level, claims))
    })
}

/// Whether whatever one level of a filter matches is within that level of a rule.
fn is_within(rule: Level, level: &str, claims: &Claims) -> bool {
    match rule {
        Level::Literal(literal) => level == literal,
        Level::Me => level == claims.sub.as_str(),
        // A team may not be called like the groups that are everybody's, nor like a wildcard.
        Level::Team => {
            !matches!(level, GROUP_PARTICIPANTS | GROUP_DEVICES | "+" | "#")
                && claims.teams.iter().any(|team| team == level)
        }
        Level::Any => level != "#",
    }
}

fn speaks_of(rule: &AclRule, permission: Permission, action: Action) -> bool {
    let action = match action {
        Action::Publish => AclAction::Publish,
        Action::Subscribe => AclAction::Subscribe,
    };
    rule.permission == permission && rule.action.covers(action)
}

/// Whether an allow rule of the token covers the filter. The filter is known to be below the bearer's event, and the
/// rule must be too: one about every event would be a mistake of whoever signed it.
fn grants(rule: &AclRule, claims: &Claims, filter: &str, action: Action) -> bool {
    speaks_of(rule, Permission::Allow, action)
        && is_understood(&rule.topic)
        && below_own_event(claims, &rule.topic).is_some()
        && covers(acl_levels(rule, claims), filter)
}

/// Whether a deny rule of the token takes a topic that the filter matches.
fn takes(rule: &AclRule, claims: &Claims, filter: &str, action: Action) -> bool {
    speaks_of(rule, Permission::Deny, action)
        && (!is_understood(&rule.topic) || overlaps(acl_levels(rule, claims), filter))
}

/// A topic filter whose only variable is [`ACL_ME`], without the `eq` of EMQX's rules.
fn is_understood(topic: &str) -> bool {
    let mut levels = topic.split('/').peekable();
    while let Some(level) = levels.next() {
        let plain = !level.contains(['+', '#']) && !level.contains("${") && !level.starts_with("eq ");
        let known = matches!(level, "+" | ACL_ME) || (level == "#" && levels.peek().is_none());
        if !plain && !known {
            return false;
        }
    }
    !topic.is_empty()
}

fn acl_levels<'a>(rule: &'a AclRule, claims: &'a Claims) -> impl Iterator<Item = &'a str> {
    rule.topic.split('/').map(|level| match level {
        ACL_ME => claims.sub.as_str(),
        level => level,
    })
}

/// Whether every topic that `inner` matches is matched by `outer` (both topic filters).
fn covers<'a>(mut outer: impl Iterator<Item = &'a str>, inner: &str) -> bool {
    let mut inner = inner.split('/');
    loop {
        match (outer.next(), inner.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// Whether some topic is matched by both filters.
fn overlaps<'a>(mut one: impl Iterator<Item = &'a str>, other: &str) -> bool {
    let mut other = other.split('/');
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "+" || b == "+" => {}
            _ => return false,
        }
    }
}
