//! The rights against a second statement of the topic tree, over every role and topic; and tables of filters and rules.

use super::*;
use Role::{Device, Operator, Organizer, Participant, Service, Steward};

use crate::claims::AUDIENCE_MQTT;
use crate::{AgencyId, ClientId, EventTopic};

pub(super) fn claims(role: Role, client: &str, event: EventId) -> Claims {
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
pub(super) fn tree(client: &str, sender: &str) -> Vec<Topic> {
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

pub(super) fn rule(permission: Permission, action: AclAction, topic: impl Into<String>) -> AclRule {
    AclRule {
        permission,
        action,
        topic: topic.into(),
    }
}

#[test]
fn rules_of_a_token_add_within_its_event_and_take_anywhere() {
    use AclAction::{All, Publish, Subscribe};
    use Permission::{Allow, Deny};
    let event = EventId::new();
    let at = |rest: &str| format!("ev/{event}/{rest}");
    let mut device = claims(Device, "gate-3", event);
    device.acl = vec![
        rule(Allow, Subscribe, at("team/+/+")),
        rule(Allow, Publish, at("team/green/${clientid}")),
        rule(Allow, All, "#"),
        rule(Allow, All, "ev/+/info"),
        rule(Allow, All, format!("ev/{}/#", EventId::new())),
        rule(Deny, All, at("feed")),
        rule(Deny, Subscribe, at("team/red/#")),
        rule(Deny, Publish, "ev/+/vote/#"),
    ];
    assert!(may_subscribe(&device, &at("team/blue/+")));
    assert!(may_receive(&device, &at("team/blue/x")));
    assert!(
        !may_subscribe(&device, &at("team/+/+")),
        "a part of it is denied, so all of it is"
    );
    assert!(!may_receive(&device, &at("team/red/x")));
    assert!(!may_subscribe(&device, &at("team/red/+")));
    assert!(may_publish(&device, &at("team/green/gate-3")), "as the bearer");
    assert!(!may_publish(&device, &at("team/green/x")), "and as nobody else");
    assert!(
        !may_publish(&device, &at("team/blue/x")),
        "that rule is about subscribing"
    );
    assert!(!may_subscribe(&device, &at("feed")), "deny overrides the table");
    assert!(
        !may_publish(&device, &at("vote/p/gate-3")),
        "deny overrides the table"
    );
    assert!(
        !may_subscribe(&device, &at("case/x")),
        "a rule beyond the event adds nothing"
    );
    assert!(!may_subscribe(&device, &format!("ev/{}/info", EventId::new())));
    assert!(!may_subscribe(&device, "#"));
}

#[test]
fn a_rule_that_cannot_be_understood_grants_nothing_and_takes_everything() {
    let event = EventId::new();
    let info = format!("ev/{event}/info");
    for strange in ["eq ev/x", "ev/${username}/#", "ev/#/x", "ev/a+/x", "", "x#"] {
        let mut device = claims(Device, "gate-3", event);
        device.acl = vec![rule(
            Permission::Allow,
            AclAction::All,
            format!("ev/{event}/task/{strange}/a+"),
        )];
        assert!(!may_receive(&device, &format!("ev/{event}/task/x")), "{strange}");
        assert!(may_receive(&device, &info), "{strange}: the table still holds");
        device.acl = vec![rule(Permission::Deny, AclAction::Subscribe, strange)];
        assert!(!may_receive(&device, &info), "{strange}");
        assert!(
            may_publish(&device, &format!("ev/{event}/vote/p/gate-3")),
            "{strange}"
        );
    }
}

#[test]
fn filters_that_a_role_lives_on_are_granted() {
    let event = EventId::new();
    for (role, filters) in [
        (
            Participant,
            &[
                "info",
                "alert/+",
                "case/me",
                "chat/me/+",
                "chat/me/+/seen",
                "queue/+/place/me",
                "queue/+/state",
            ][..],
        ),
        (
            Operator,
            &[
                "help/+",
                "case/+",
                "chat/+/+",
                "chat/me/+",
                "chat/+/+/seen",
                "loc/+/+",
                "ack/+/+",
                "done/me",
            ],
        ),
        (
            Organizer,
            &[
                "help/+",
                "presence/+",
                "loc/participants/+",
                "loc/blue/+",
                "queue/+/place/+",
            ],
        ),
        (
            Steward,
            &[
                "help/+",
                "chat/+/+",
                "loc/red/+",
                "team/red/+",
                "task/+",
                "incident/+",
            ],
        ),
        (Device, &["info", "feed", "loc/devices/me"]),
        (Service, &["#", "+/+", "chat/#"]),
    ] {
        for rest in filters {
            let filter = format!("ev/{event}/{rest}");
            assert!(
                may_subscribe(&claims(role, "me", event), &filter),
                "{role} needs {filter}"
            );
        }
    }
    // It matches more than the tree's topics of a participant, `chat/me` and `chat/me/x/y/z` among it.
    for greedy in [
        "chat/me/#",
        "chat/+/me",
        "case/+",
        "help/+",
        "loc/participants/+",
        "loc/+/me",
    ] {
        let filter = format!("ev/{event}/{greedy}");
        assert!(
            !may_subscribe(&claims(Participant, "me", event), &filter),
            "{filter}"
        );
    }
}

#[test]
fn what_is_retained_is_the_services_to_say_but_for_a_position() {
    let event = EventId::new();
    let kept = [
        "info", "alert", "schedule", "case", "place", "state", "loc", "presence", "task", "incident", "poll",
        "room",
    ];
    for topic in tree("me", "me") {
        let text = EventTopic::new(event, topic.clone()).to_string();
        let levels: Vec<&str> = text.split('/').collect();
        let word = if levels[2] == "queue" {
            levels[4.min(levels.len() - 1)]
        } else {
            levels[2]
        };
        for role in Role::ALL {
            let expected = if role == Service {
                kept.contains(&word)
            } else {
                word == "loc"
            };
            assert_eq!(
                may_retain(&claims(role, "me", event), &topic),
                expected,
                "{role} {text}"
            );
        }
    }
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
