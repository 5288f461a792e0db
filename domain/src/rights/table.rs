//! The rights of the topic tree as two tables, and what of the tree is kept for those who come later.

use std::sync::LazyLock;

use crate::{Role, Topic};

use Role::{Device, Operator, Organizer, Participant, Steward};

const ALL: &[Role] = &Role::ALL;
const STAFF: &[Role] = &[Operator, Organizer, Steward];

/// Rights below `ev/{event}/`. `{me}` is the bearer, `{team}` each of its teams, `+` anything on one level.
/// [`Role::Service`] needs none: it may do everything below its event, or below every event when it has none.
///
/// **Invariant:** no rule has a `#`, so that no filter with one is within a rule.
const PUBLISH: &[(&str, &[Role])] = &[
    ("ack/+/{me}", ALL),
    ("help/{me}", &[Participant]),
    ("chat/{me}/{me}", &[Participant]),
    ("chat/{me}/{me}/seen", &[Participant]),
    ("chat/+/{me}", &[Operator, Organizer]),
    ("chat/+/{me}/seen", &[Operator, Organizer]),
    ("queue/+/join/{me}", ALL),
    ("loc/participants/{me}", &[Participant]),
    ("loc/devices/{me}", &[Device]),
    ("loc/{team}/{me}", &[Operator, Organizer, Steward, Device]),
    ("team/{team}/{me}", STAFF),
    ("do/+/{me}", STAFF),
    ("vote/+/{me}", ALL),
    ("question/{me}", ALL),
];

/// As [`PUBLISH`], for subscribing and receiving.
const SUBSCRIBE: &[(&str, &[Role])] = &[
    ("info", ALL),
    ("alert/+", ALL),
    ("feed", ALL),
    ("schedule/+", ALL),
    ("poll/+", ALL),
    ("room/+", ALL),
    ("queue/+/state", ALL),
    ("queue/+/place/{me}", ALL),
    ("queue/+/place/+", STAFF),
    ("ack/+/+", STAFF),
    ("help/+", STAFF),
    ("case/{me}", &[Participant]),
    ("case/+", STAFF),
    ("chat/{me}/+", &[Participant]),
    ("chat/{me}/+/seen", &[Participant]),
    ("chat/+/+", STAFF),
    ("chat/+/+/seen", STAFF),
    ("loc/participants/{me}", &[Participant]),
    ("loc/devices/{me}", &[Device]),
    ("loc/+/+", &[Operator, Organizer]),
    ("loc/{team}/+", &[Steward]),
    ("presence/+", STAFF),
    ("team/{team}/+", STAFF),
    ("task/+", STAFF),
    ("incident/+", STAFF),
    ("done/{me}", STAFF),
    ("question/+", STAFF),
];

/// Levels of the longest rule; what has more is within no rule.
pub(super) const LEVELS_MAX: usize = 4;

/// Whether the tree keeps the last message of a topic for those who come later.
pub(super) fn is_retained(topic: &Topic) -> bool {
    use Topic as T;
    match topic {
        T::Info
        | T::Alert { .. }
        | T::Schedule { .. }
        | T::Case { .. }
        | T::QueuePlace { .. }
        | T::QueueState { .. }
        | T::Loc { .. }
        | T::Presence { .. }
        | T::Task { .. }
        | T::Incident { .. }
        | T::Poll { .. }
        | T::Room { .. } => true,
        T::Ack { .. }
        | T::Feed
        | T::Help { .. }
        | T::Chat { .. }
        | T::Seen { .. }
        | T::QueueJoin { .. }
        | T::Team { .. }
        | T::Do { .. }
        | T::Done { .. }
        | T::Vote { .. }
        | T::Question { .. } => false,
    }
}

/// One level of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Literal(&'static str),
    Me,
    Team,
    Any,
}

/// The levels of each rule.
pub(super) type Rules = Vec<Vec<Level>>;

/// What a rule is about; the order is that of the tables in [`RULES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Publish,
    Subscribe,
}

/// The tables, read and split by role once: a check walks a role's few rules and makes no strings.
static RULES: LazyLock<[[Rules; 2]; Role::ALL.len()]> = LazyLock::new(|| {
    Role::ALL.map(|role| {
        [PUBLISH, SUBSCRIBE].map(|table| {
            let own = table.iter().filter(|(_, roles)| roles.contains(&role));
            own.map(|(rule, _)| parse(rule)).collect()
        })
    })
});

/// The rules of a role.
pub(super) fn rules(role: Role, action: Action) -> &'static Rules {
    &RULES[role as usize][action as usize]
}

fn parse(rule: &'static str) -> Vec<Level> {
    let level = |level| match level {
        "{me}" => Level::Me,
        "{team}" => Level::Team,
        "+" => Level::Any,
        literal => Level::Literal(literal),
    };
    rule.split('/').map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_roles_is_in_the_order_of_their_numbers() {
        for (index, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, index, "the rules of {role} would be another's");
        }
    }

    #[test]
    fn no_rule_is_greedy_or_longer_than_is_looked_at() {
        for (rule, roles) in PUBLISH.iter().chain(SUBSCRIBE) {
            assert!(!rule.contains('#') && !roles.is_empty(), "{rule}");
            assert!(
                rule.split('/').count() <= LEVELS_MAX,
                "{rule} would never be found"
            );
        }
    }
}
