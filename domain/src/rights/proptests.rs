//! The rights under random filters and random `acl` rules.

use proptest::prelude::*;

use super::tests::{claims, rule, tree};
use super::*;
use crate::EventTopic;

/// A second matcher, written for clearness: [MQTT-4.7.1-2], [MQTT-4.7.1-3].
fn matches(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => matches(filter, topic),
        ([level, filter @ ..], [name, topic @ ..]) => level == name && matches(filter, topic),
        _ => false,
    }
}

fn is_match(filter: &str, topic: &str) -> bool {
    matches(
        &filter.split('/').collect::<Vec<_>>(),
        &topic.split('/').collect::<Vec<_>>(),
    )
}

const WORDS: [&str; 20] = [
    "+",
    "+",
    "#",
    "me",
    "somebody",
    "x",
    "chat",
    "loc",
    "case",
    "help",
    "seen",
    "red",
    "queue",
    "state",
    "place",
    "join",
    "done",
    "info",
    "participants",
    "team",
];

/// Levels of a filter below an event.
fn levels() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..5).prop_map(|levels| levels.join("/"))
}

/// As [`levels`], with `#` at the end only.
fn filter() -> impl Strategy<Value = String> {
    levels().prop_map(|levels| match levels.split_once('#') {
        Some((before, _)) => format!("{before}#"),
        None => levels,
    })
}

fn acl(event: EventId) -> impl Strategy<Value = Vec<AclRule>> {
    let permission = prop::sample::select(vec![Permission::Allow, Permission::Deny]);
    let action = prop::sample::select(vec![AclAction::Publish, AclAction::Subscribe, AclAction::All]);
    let root = prop::sample::select(vec![format!("ev/{event}/"), "ev/+/".to_owned(), String::new()]);
    let rule = (permission, action, root, levels())
        .prop_map(|(permission, action, root, levels)| rule(permission, action, root + &levels));
    prop::collection::vec(rule, 0..4)
}

/// The event of the generated claims; fixed, so that what fails can be run again.
const MINE: EventId = EventId(uuid::Uuid::from_u128(0x0192_d3c4_0000_7000_8000_0000_0000_0001));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whoever_may_subscribe_may_receive_all_that_matches(
        role in prop::sample::select(Role::ALL.to_vec()),
        acl in acl(MINE),
        filter in levels(),
        words in prop::collection::vec(prop::sample::select(WORDS[3..].to_vec()), 8),
        below in 0_usize..3,
        client in prop::sample::select(vec!["me", "somebody"]),
        sender in prop::sample::select(vec!["me", "somebody"]),
    ) {
        let claims = Claims { acl, ..claims(role, "me", MINE) };
        let filter = format!("ev/{MINE}/{filter}");
        if may_subscribe(&claims, &filter) {
            // A topic made of the filter itself, and each of the tree's.
            let mut words = words.into_iter();
            let mut word = || words.next().expect("a word for each wildcard");
            let made: Vec<&str> = filter
                .split('/')
                .flat_map(|level| match level {
                    "+" => vec![word()],
                    "#" => (0..below).map(|_| word()).collect(),
                    literal => vec![literal],
                })
                .collect();
            let tree = tree(client, sender).into_iter().map(|topic| EventTopic::new(MINE, topic).to_string());
            for topic in tree.chain([made.join("/")]).filter(|topic| is_match(&filter, topic)) {
                if topic == format!("ev/{MINE}") {
                    prop_assert!(!may_publish(&claims, &topic), "nobody publishes on an event's root");
                    continue;
                }
                prop_assert!(may_receive(&claims, &topic), "{role} subscribes {filter} but may not have {topic}");
            }
        }
    }

    #[test]
    fn what_is_no_topic_of_the_tree_is_nobodys_but_the_services(
        role in prop::sample::select(vec![
            Role::Participant,
            Role::Operator,
            Role::Organizer,
            Role::Steward,
            Role::Device,
        ]),
        levels in prop::collection::vec(prop::sample::select(WORDS[3..].to_vec()), 1..6),
    ) {
        let claims = claims(role, "me", MINE);
        let topic = format!("ev/{MINE}/{}", levels.join("/"));
        if EventTopic::parse(&topic).is_err() {
            prop_assert!(!may_publish(&claims, &topic), "{role} publishes on {topic}");
            prop_assert!(!may_receive(&claims, &topic), "{role} receives from {topic}");
        }
    }

    #[test]
    fn nothing_reaches_beyond_the_bearers_event(
        role in prop::sample::select(Role::ALL.to_vec()),
        acl in acl(MINE),
        root in prop::sample::select(vec!["ev/+/", "ev/", "+/+/", "", "$SYS/", "ev/0192d3c4-0000-7000-8000-000000000002/"]),
        rest in levels(),
    ) {
        let claims = Claims { acl, ..claims(role, "me", MINE) };
        let topic = format!("{root}{rest}");
        prop_assert!(!may_publish(&claims, &topic), "{role} publishes on {topic}");
        prop_assert!(!may_receive(&claims, &topic), "{role} receives from {topic}");
        prop_assert!(!may_subscribe(&claims, &topic), "{role} subscribes to {topic}");
        prop_assert!(!may_subscribe(&claims, &format!("$share/g/{topic}")), "{role} shares {topic}");
    }

    #[test]
    fn the_own_filter_tests_agree_with_the_plain_matcher(one in filter(), other in filter(), topic in levels()) {
        if covers(one.split('/'), &other) {
            prop_assert!(!is_match(&other, &topic) || is_match(&one, &topic), "{one} covers {other}, not {topic}");
        }
        if is_match(&one, &topic) && is_match(&other, &topic) && !topic.contains(['+', '#']) {
            prop_assert!(overlaps(one.split('/'), &other), "{one} and {other} meet in {topic}");
        }
    }
}
