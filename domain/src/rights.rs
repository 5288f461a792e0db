//! What a token's bearer may publish, subscribe to and receive: a table, and default deny.
//!
//! **Invariant:** decided from the claims and the topic alone; nothing is looked up.
//! **Invariant:** whoever may subscribe to a filter may receive every topic that it matches.
//! **Invariant:** no token but a service's reaches beyond its own event, its own `acl` rules included.
//!
//! A token's `acl` rules add to the table within the token's event, or take from it; deny overrides.

use std::sync::LazyLock;

use crate::claims::{AclAction, Permission};
use crate::topic::{GROUP_DEVICES, GROUP_PARTICIPANTS};
use crate::{Claims, EventId, EventTopic, Role, Topic};

use Role::{Device, Operator, Organizer, Participant, Service, Steward};

const ALL: &[Role] = &Role::ALL;
const STAFF: &[Role] = &[Operator, Organizer, Steward];

/// Rights below `ev/{event}/`. `{me}` is the bearer, `{team}` each of its teams, `+` anything on one level.
/// [`Service`] has none here: it may do everything below its event, or below every event when it has none.
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

/// One level of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Literal(&'static str),
    Me,
    Team,
    Any,
}

type Rules = Vec<Vec<Level>>;

/// The tables, split by role once.
static RULES: LazyLock<[[Rules; 2]; 6]> = LazyLock::new(|| {
    Role::ALL.map(|role| {
        [PUBLISH, SUBSCRIBE].map(|table| {
            table
                .iter()
                .filter(|(_, roles)| roles.contains(&role))
                .map(|(rule, _)| parse(rule))
                .collect()
        })
    })
});

fn parse(rule: &'static str) -> Vec<Level> {
    rule.split('/')
        .map(|level| match level {
            "{me}" => Level::Me,
            "{team}" => Level::Team,
            "+" => Level::Any,
            literal => Level::Literal(literal),
        })
        .collect()
}

fn rules(role: Role, action: AclAction) -> &'static Rules {
    let index = Role::ALL
        .iter()
        .position(|other| *other == role)
        .expect("every role is in the list");
    &RULES[index][usize::from(action != AclAction::Publish)]
}

/// Whether the bearer may publish on a topic name, wills included.
pub fn may_publish(claims: &Claims, topic: &str) -> bool {
    !topic.contains(['+', '#']) && decide(claims, topic, AclAction::Publish)
}

/// Whether the bearer may receive from a topic name. Asked at every delivery.
pub fn may_receive(claims: &Claims, topic: &str) -> bool {
    decide(claims, topic, AclAction::Subscribe)
}

/// Whether the bearer may subscribe to a topic filter: only when every topic it matches may be received.
///
/// Shared subscriptions (`$share/{group}/{filter}`) are for services: a group of people would split an alert among them.
/// A filter that matches more than what a deny rule of the token takes is allowed; each delivery is asked for again.
pub fn may_subscribe(claims: &Claims, filter: &str) -> bool {
    match filter.strip_prefix("$share/") {
        None => decide(claims, filter, AclAction::Subscribe),
        Some(shared) => {
            claims.role == Service
                && shared
                    .split_once('/')
                    .is_some_and(|(_, filter)| decide(claims, filter, AclAction::Subscribe))
        }
    }
}

/// Whether anybody but a service may ask the broker to retain a message on this topic.
pub fn may_retain(topic: &Topic) -> bool {
    matches!(topic, Topic::Loc { .. })
}

/// A topic name is a filter without wildcards, so one test serves both.
fn decide(claims: &Claims, filter: &str, action: AclAction) -> bool {
    let denied = |rule: &crate::claims::AclRule| {
        rule.permission == Permission::Deny && rule.action.covers(action) && covers(&rule.topic, filter)
    };
    if claims.acl.iter().any(denied) {
        return false;
    }
    let Some(rest) = below_own_event(claims, filter) else {
        return false;
    };
    if claims.role == Service {
        return true;
    }
    if rules(claims.role, action)
        .iter()
        .any(|rule| rule_covers(rule, claims, rest))
    {
        return true;
    }
    claims.acl.iter().any(|rule| {
        rule.permission == Permission::Allow
            && rule.action.covers(action)
            && below_own_event(claims, &rule.topic).is_some()
            && covers(&rule.topic, filter)
    })
}

/// The levels after `ev/{event}/`, when the event is the bearer's own. A service without an event has them all.
fn below_own_event<'a>(claims: &Claims, filter: &'a str) -> Option<&'a str> {
    let (event, rest) = filter.strip_prefix("ev/")?.split_once('/')?;
    let own = match claims.evt {
        Some(id) => is_event(event, id),
        None => claims.role == Service && event != "#",
    };
    (own && !rest.is_empty()).then_some(rest)
}

/// Compares without making a string: this runs for every delivery.
fn is_event(level: &str, id: EventId) -> bool {
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    id.0.as_hyphenated().encode_lower(&mut buffer) == level
}

/// Whether every topic that `rest` matches is within a rule of the table. Rules have no `#`, so no filter with one is.
fn rule_covers(rule: &[Level], claims: &Claims, rest: &str) -> bool {
    let mut levels = rest.split('/');
    let covered = rule.iter().all(|rule| {
        levels.next().is_some_and(|level| match rule {
            Level::Literal(literal) => level == *literal,
            Level::Me => level == claims.sub.as_str(),
            // A team may not be called like the groups that are everybody's, nor like a wildcard.
            Level::Team => {
                !matches!(level, GROUP_PARTICIPANTS | GROUP_DEVICES | "+" | "#")
                    && claims.teams.iter().any(|team| team == level)
            }
            Level::Any => level != "#",
        })
    });
    covered && levels.next().is_none()
}

/// Whether every topic that `inner` matches is matched by `outer` (both topic filters).
fn covers(outer: &str, inner: &str) -> bool {
    let (mut outer, mut inner) = (outer.split('/'), inner.split('/').peekable());
    loop {
        match (outer.next(), inner.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// The topic of an event that a name stands for, when the bearer's own event is meant.
pub fn own_topic(claims: &Claims, topic: &str) -> Option<EventTopic> {
    EventTopic::parse(topic)
        .ok()
        .filter(|topic| claims.evt.is_none_or(|own| own == topic.event))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::claims::{AUDIENCE_MQTT, AclRule};
    use crate::{AgencyId, ClientId};

    fn claims(role: Role, client: &str, event: EventId) -> Claims {
        Claims {
            iss: "muster".into(),
            aud: AUDIENCE_MQTT.into(),
            sub: ClientId::new(client).unwrap(),
            role,
            agy: Some(AgencyId::new()),
            evt: Some(event),
            teams: vec!["red".into()],
            iat: 0,
            exp: 1,
            jti: "j".into(),
            acl: Vec::new(),
        }
    }

    /// Every topic of the tree, about `client` and written by `sender`.
    fn tree(client: &str, sender: &str) -> Vec<Topic> {
        let name = || "x".to_owned();
        let (client, sender) = (ClientId::new(client).unwrap(), ClientId::new(sender).unwrap());
        let mut topics = vec![
            Topic::Info,
            Topic::Feed,
            Topic::Alert { alert: name() },
            Topic::Schedule { session: name() },
            Topic::Task { task: name() },
            Topic::Incident { incident: name() },
            Topic::Poll { poll: name() },
            Topic::Room { room: name() },
            Topic::QueueState { queue: name() },
            Topic::Ack {
                alert: name(),
                client: client.clone(),
            },
            Topic::Help {
                client: client.clone(),
            },
            Topic::Case {
                client: client.clone(),
            },
            Topic::QueueJoin {
                queue: name(),
                client: client.clone(),
            },
            Topic::QueuePlace {
                queue: name(),
                client: client.clone(),
            },
            Topic::Presence {
                client: client.clone(),
            },
            Topic::Do {
                verb: name(),
                client: client.clone(),
            },
            Topic::Done {
                client: client.clone(),
            },
            Topic::Vote {
                poll: name(),
                client: client.clone(),
            },
            Topic::Question {
                client: client.clone(),
            },
            Topic::Chat {
                client: client.clone(),
                sender: sender.clone(),
            },
            Topic::Seen {
                client: client.clone(),
                sender: sender.clone(),
            },
        ];
        for group in [GROUP_PARTICIPANTS, GROUP_DEVICES, "red", "blue"] {
            topics.push(Topic::Loc {
                group: group.into(),
                client: client.clone(),
            });
        }
        for team in ["red", "blue"] {
            topics.push(Topic::Team {
                team: team.into(),
                sender: client.clone(),
            });
        }
        topics
    }

    /// The topic tree's rights written a second time, from the topics' side.
    fn expected(role: Role, me: &str, topic: &Topic, publish: bool) -> bool {
        if role == Service {
            return true;
        }
        let own = |client: &ClientId| client.as_str() == me;
        let desk = matches!(role, Operator | Organizer);
        match (topic, publish) {
            (
                Topic::Info
                | Topic::Alert { .. }
                | Topic::Feed
                | Topic::Schedule { .. }
                | Topic::Poll { .. }
                | Topic::Room { .. }
                | Topic::QueueState { .. },
                publish,
            ) => !publish,
            (Topic::Task { .. } | Topic::Incident { .. } | Topic::Presence { .. }, publish) => {
                !publish && role.is_staff()
            }
            (Topic::Ack { client, .. } | Topic::Question { client }, true) => own(client),
            (Topic::Ack { .. } | Topic::Question { .. }, false) => role.is_staff(),
            (Topic::Vote { client, .. } | Topic::QueueJoin { client, .. }, publish) => publish && own(client),
            (Topic::Help { client }, true) => role == Participant && own(client),
            (Topic::Help { .. }, false) => role.is_staff(),
            (Topic::Case { client }, publish) => {
                !publish && (role.is_staff() || (role == Participant && own(client)))
            }
            (Topic::QueuePlace { client, .. }, publish) => !publish && (role.is_staff() || own(client)),
            (Topic::Chat { client, sender } | Topic::Seen { client, sender }, true) => {
                own(sender) && (desk || (role == Participant && own(client)))
            }
            (Topic::Chat { client, .. } | Topic::Seen { client, .. }, false) => {
                role.is_staff() || (role == Participant && own(client))
            }
            (Topic::Do { client, .. }, publish) => publish && role.is_staff() && own(client),
            (Topic::Done { client }, publish) => !publish && role.is_staff() && own(client),
            (Topic::Team { team, sender }, publish) => {
                role.is_staff() && team == "red" && (own(sender) || !publish)
            }
            (Topic::Loc { group, client }, publish) => match (group.as_str(), role) {
                ("participants", Participant) | ("devices", Device) => own(client),
                (_, Operator | Organizer) if !publish => true,
                ("red", Steward) if !publish => true,
                ("red", Operator | Organizer | Steward | Device) => publish && own(client),
                _ => false,
            },
        }
    }

    #[test]
    fn every_role_topic_and_relation_is_as_the_tree_says() {
        let (mine, other) = (EventId::new(), EventId::new());
        let mut checked = 0;
        for role in Role::ALL {
            let claims = claims(role, "me", mine);
            for client in ["me", "somebody"] {
                for sender in ["me", "somebody"] {
                    for topic in tree(client, sender) {
                        let name = EventTopic::new(mine, topic.clone()).to_string();
                        let foreign = EventTopic::new(other, topic.clone()).to_string();
                        assert_eq!(
                            may_publish(&claims, &name),
                            expected(role, "me", &topic, true),
                            "{role} > {name}"
                        );
                        let receive = expected(role, "me", &topic, false);
                        assert_eq!(may_receive(&claims, &name), receive, "{role} < {name}");
                        assert_eq!(may_subscribe(&claims, &name), receive, "{role} subscribes {name}");
                        assert!(
                            !may_publish(&claims, &foreign),
                            "{role} > another event's {foreign}"
                        );
                        assert!(
                            !may_receive(&claims, &foreign),
                            "{role} < another event's {foreign}"
                        );
                        assert!(
                            !may_subscribe(&claims, &foreign),
                            "{role} subscribes another event's {foreign}"
                        );
                        checked += 6;
                    }
                }
            }
        }
        println!("{checked} decisions checked");
        assert!(checked > 3_000);
    }

    #[test]
    fn greedy_filters_are_refused_to_all_but_services() {
        let event = EventId::new();
        for role in Role::ALL {
            let claims = claims(role, "me", event);
            for filter in [
                "#".to_owned(),
                "+/#".into(),
                "+".into(),
                "ev/#".into(),
                "ev/+/info".into(),
                "$SYS/#".into(),
                "$share/g/#".into(),
                "$share/g/ev/+/info".into(),
                format!("$share/g/ev/{}/info", EventId::new()),
                "ev/+/+/+".into(),
                "/".into(),
                "".into(),
                format!("ev/{event}"),
                format!("ev/{event}/"),
            ] {
                assert!(!may_subscribe(&claims, &filter), "{role} subscribes {filter}");
            }
            for filter in [
                format!("ev/{event}/#"),
                format!("ev/{event}/+/+"),
                format!("$share/g/ev/{event}/info"),
            ] {
                assert_eq!(
                    may_subscribe(&claims, &filter),
                    role == Service,
                    "{role} subscribes {filter}"
                );
            }
            for topic in [
                format!("ev/{event}/chat/+/me"),
                format!("ev/{event}/#"),
                "$SYS/x".into(),
            ] {
                assert!(!may_publish(&claims, &topic), "{role} publishes {topic}");
            }
        }
    }

    #[test]
    fn a_service_without_an_event_serves_every_event_and_nothing_else() {
        let mut claims = claims(Service, "bridge", EventId::new());
        claims.evt = None;
        assert!(may_subscribe(&claims, "ev/+/help/+"));
        assert!(may_subscribe(&claims, "$share/bridges/ev/+/chat/+/+"));
        assert!(may_publish(&claims, &format!("ev/{}/case/x", EventId::new())));
        for filter in ["#", "+/#", "ev/#", "$SYS/#"] {
            assert!(!may_subscribe(&claims, filter), "{filter}");
        }
        let mut nobody = claims;
        nobody.role = Operator;
        assert!(
            !may_subscribe(&nobody, "ev/+/help/+"),
            "without an event only a service has rights"
        );
    }

    #[test]
    fn rules_of_a_token_add_within_its_event_and_take_anywhere() {
        let event = EventId::new();
        let mut device = claims(Device, "gate-3", event);
        let rule = |permission, action, topic: String| AclRule {
            permission,
            action,
            topic,
        };
        device.acl = vec![
            rule(
                Permission::Allow,
                AclAction::Subscribe,
                format!("ev/{event}/team/+/+"),
            ),
            rule(Permission::Allow, AclAction::All, "#".into()),
            rule(Permission::Allow, AclAction::All, "ev/+/info".into()),
            rule(
                Permission::Allow,
                AclAction::All,
                format!("ev/{}/#", EventId::new()),
            ),
            rule(Permission::Deny, AclAction::All, format!("ev/{event}/feed")),
            rule(
                Permission::Deny,
                AclAction::Subscribe,
                format!("ev/{event}/team/red/#"),
            ),
        ];
        assert!(may_subscribe(&device, &format!("ev/{event}/team/blue/+")));
        assert!(
            may_subscribe(&device, &format!("ev/{event}/team/+/+")),
            "wider than what is denied"
        );
        assert!(
            !may_receive(&device, &format!("ev/{event}/team/red/x")),
            "and still denied when it is delivered"
        );
        assert!(!may_subscribe(&device, &format!("ev/{event}/team/red/+")));
        assert!(
            !may_publish(&device, &format!("ev/{event}/team/blue/x")),
            "the rule is about subscribing"
        );
        assert!(
            !may_subscribe(&device, &format!("ev/{event}/feed")),
            "deny overrides the table"
        );
        assert!(
            !may_subscribe(&device, &format!("ev/{event}/case/x")),
            "a rule beyond the event adds nothing"
        );
        assert!(!may_subscribe(&device, &format!("ev/{}/info", EventId::new())));
        assert!(!may_subscribe(&device, "#"));
    }

    #[test]
    fn a_team_called_like_a_group_opens_nothing() {
        let event = EventId::new();
        let mut steward = claims(Steward, "s", event);
        steward.teams = vec![GROUP_PARTICIPANTS.into(), "+".into(), "#".into()];
        assert!(!may_subscribe(
            &steward,
            &format!("ev/{event}/loc/participants/+")
        ));
        assert!(!may_receive(&steward, &format!("ev/{event}/loc/participants/p")));
        assert!(!may_receive(&steward, &format!("ev/{event}/loc/blue/p")));
        assert!(!may_subscribe(&steward, &format!("ev/{event}/loc/+/+")));
    }

    fn matches(filter: &str, topic: &str) -> bool {
        covers(filter, topic)
    }

    proptest! {
        #[test]
        fn whoever_may_subscribe_may_receive_all_that_matches(
            role in prop::sample::select(Role::ALL.to_vec()),
            levels in prop::collection::vec(
                prop::sample::select(vec!["+", "me", "x", "chat", "loc", "case", "help", "seen", "red", "queue", "state",
                    "place", "join", "done", "info", "participants", "team", "#"]), 1..5),
            client in prop::sample::select(vec!["me", "somebody"]),
            sender in prop::sample::select(vec!["me", "somebody"]),
        ) {
            let event = EventId::new();
            let claims = claims(role, "me", event);
            let filter = format!("ev/{event}/{}", levels.join("/"));
            if may_subscribe(&claims, &filter) {
                for topic in tree(client, sender) {
                    let topic = EventTopic::new(event, topic).to_string();
                    if matches(&filter, &topic) {
                        prop_assert!(may_receive(&claims, &topic), "{} subscribes {} but not {}", role, filter, topic);
                    }
                }
            }
        }
    }
}
