//! The router and the retained store against lists and the plain matcher.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Replaced, RetainedStore, Router, SessionKey};
use crate::codec::{PublishProperties, QoS, SubscribeOptions, SubscriptionId};
use crate::engine::{Message, Time};
use crate::topic::{TopicFilter, TopicName};

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just(""), Just("$c")]
}

fn topic() -> impl Strategy<Value = TopicName> {
    prop::collection::vec(level(), 1..4)
        .prop_map(|levels| levels.join("/"))
        .prop_filter_map("empty", |text| TopicName::parse(&text).ok())
}

fn filter() -> impl Strategy<Value = TopicFilter> {
    let levels = prop::collection::vec(prop_oneof![3 => level(), 2 => Just("+")], 0..4);
    (
        levels,
        any::<bool>(),
        prop_oneof![3 => Just(""), 1 => Just("$share/g/"), 1 => Just("$share/h/")],
    )
        .prop_map(|(mut levels, multi, share)| {
            if multi {
                levels.push("#");
            }
            format!("{share}{}", levels.join("/"))
        })
        .prop_filter_map("empty", |text| TopicFilter::parse(&text).ok())
}

fn options() -> impl Strategy<Value = SubscribeOptions> {
    (0u8..3, any::<bool>(), any::<bool>()).prop_map(|(qos, no_local, retain_as_published)| SubscribeOptions {
        qos: QoS::from_u8(qos).unwrap(),
        no_local,
        retain_as_published,
        ..SubscribeOptions::default()
    })
}

#[derive(Debug, Clone)]
enum Step {
    Subscribe(SessionKey, TopicFilter, SubscribeOptions, u32),
    Unsubscribe(SessionKey, TopicFilter),
    Route(TopicName, SessionKey),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u32..5, filter(), options(), 0u32..4).prop_map(|(s, f, o, id)| Step::Subscribe(s, f, o, id)),
        2 => (0u32..5, filter()).prop_map(|(s, f)| Step::Unsubscribe(s, f)),
        4 => (topic(), 0u32..6).prop_map(|(t, s)| Step::Route(t, s)),
    ]
}

type Model = BTreeMap<(SessionKey, TopicFilter), (SubscribeOptions, u32)>;

/// The receivers by the definition, in quadratic time: plain ones with QoS, flag and identifiers, and per matching
/// group its members.
#[allow(clippy::type_complexity)]
fn expected(
    model: &Model,
    topic: &TopicName,
    from: SessionKey,
) -> (
    BTreeMap<SessionKey, (QoS, bool, BTreeSet<u32>)>,
    BTreeMap<String, BTreeSet<SessionKey>>,
) {
    let mut plain: BTreeMap<SessionKey, (QoS, bool, BTreeSet<u32>)> = BTreeMap::new();
    let mut groups: BTreeMap<String, BTreeSet<SessionKey>> = BTreeMap::new();
    for ((session, filter), (options, id)) in model {
        if !filter.matches(topic) {
            continue;
        }
        if filter.share_group().is_some() {
            groups
                .entry(filter.as_str().to_owned())
                .or_default()
                .insert(*session);
        } else if !(options.no_local && from == *session) {
            let found = plain.entry(*session).or_default();
            found.0 = found.0.max(options.qos);
            found.1 |= options.retain_as_published;
            found.2.extend(SubscriptionId::new(*id).map(SubscriptionId::get));
        }
    }
    (plain, groups)
}

proptest! {
    #[test]
    fn routes_as_the_plain_matcher_says(steps in prop::collection::vec(step(), 1..80)) {
        let (mut router, mut model) = (Router::default(), Model::new());
        for step in steps {
            match step {
                Step::Subscribe(session, filter, options, id) => {
                    let new = router.subscribe(session, &filter, options, SubscriptionId::new(id));
                    prop_assert_eq!(new, model.insert((session, filter), (options, id)).is_none());
                }
                Step::Unsubscribe(session, filter) => {
                    let found = router.unsubscribe(session, &filter);
                    prop_assert_eq!(found, model.remove(&(session, filter)).is_some());
                }
                Step::Route(topic, from) => {
                    let mut targets = Vec::new();
                    // Of the shared members only even ones are online.
                    router.route(&topic, Some(from), |session| session % 2 == 0, &mut targets);
                    let (mut plain, mut groups) = expected(&model, &topic, from);
                    for target in targets {
                        let meta = target.meta.as_deref();
                        if let Some(share) = meta.and_then(|meta| meta.share.as_ref()) {
                            let members = groups.remove(share.as_str());
                            let members = members.expect("one copy for each group that matches");
                            prop_assert!(members.contains(&target.session));
                            let someone_online = members.iter().any(|member| member % 2 == 0);
                            prop_assert!(target.session % 2 == 0 || !someone_online);
                            continue;
                        }
                        let found = plain.remove(&target.session);
                        let (qos, retain, ids) = found.expect("one copy for each session that matches");
                        prop_assert_eq!(target.qos, qos);
                        prop_assert_eq!(target.retain_as_published, retain);
                        let sent = meta.map_or(&[][..], |meta| &meta.subscription_ids);
                        prop_assert_eq!(sent.iter().map(|id| id.get()).collect::<BTreeSet<_>>(), ids);
                    }
                    prop_assert!(plain.is_empty() && groups.is_empty(), "missed {:?} {:?}", plain, groups);
                }
            }
            prop_assert_eq!(router.len(), model.len());
        }
        for (session, filter) in model.into_keys() {
            router.unsubscribe(session, &filter);
        }
        prop_assert_eq!(router.nodes(), 0, "an empty router holds no filters");
    }

    #[test]
    fn retained_messages_are_found_as_the_plain_matcher_says(
        steps in prop::collection::vec((topic(), prop::option::of(0u64..40), any::<bool>()), 1..40),
        filter in filter(),
    ) {
        let mut store = RetainedStore::new(8, 64);
        let mut model: BTreeMap<TopicName, Arc<Message>> = BTreeMap::new();
        for (at, (topic, expires, set)) in steps.into_iter().enumerate() {
            let now = Time::from_millis(at as u64);
            model.retain(|_, message| !message.is_expired(now));
            store.expire(now);
            if !set {
                prop_assert_eq!(store.clear(&topic), model.remove(&topic).is_some());
                continue;
            }
            let message = Arc::new(Message::new(
                topic.clone(),
                Bytes::from(vec![b'x'; at % 7]),
                PublishProperties::default(),
                QoS::AtLeastOnce,
                expires.map(|after| Time::from_millis(at as u64 + 1 + after)),
            ));
            if store.set(message.clone()) != Replaced::Refused {
                model.insert(topic, message);
            }
            prop_assert!(store.len() <= 8 && store.bytes() <= 64);
            prop_assert_eq!(store.len(), model.len());
            prop_assert_eq!(store.bytes(), model.values().map(|message| message.size()).sum::<usize>());
            let mut found = BTreeSet::new();
            store.matching(&filter, now, &mut |message| {
                assert!(found.insert(message.topic.clone()), "told once");
            });
            let matching: BTreeSet<_> = model.keys().filter(|topic| filter.matches(topic)).cloned().collect();
            prop_assert_eq!(found, matching);
        }
        let end = Time::from_millis(1_000);
        model.retain(|_, message| !message.is_expired(end));
        store.expire(end);
        prop_assert_eq!(store.len(), model.len());
        let lasting = model.values().any(|message| message.expires_at.is_some());
        prop_assert!(!lasting && store.next_alarm().is_none(), "no alarm is left behind");
    }
}
