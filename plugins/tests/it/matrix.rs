//! Generated matrices over real sockets: participant against participant, agency against agency, both directions
//! (S07-S11, S19 of the catalogue).

use muster_broker::ReasonCode;
use muster_broker::codec::{Packet, QoS, Version};
use muster_domain::Role;

use crate::fixture::{Fixture, payload, publish, subscribe};
use crate::support::Client;

/// What concerns one client, below the event.
pub fn about(client: &str, sender: &str) -> Vec<String> {
    let rest = [
        format!("help/{client}"),
        format!("case/{client}"),
        format!("chat/{client}/{sender}"),
        format!("chat/{client}/{sender}/seen"),
        format!("loc/participants/{client}"),
        format!("queue/gate/place/{client}"),
        format!("queue/gate/join/{client}"),
        format!("presence/{client}"),
        format!("do/claim/{client}"),
        format!("done/{client}"),
        format!("question/{client}"),
        format!("vote/p/{client}"),
        format!("ack/a/{client}"),
        format!("team/red/{client}"),
    ];
    rest.to_vec()
}

pub const FOR_ALL: [&str; 6] = [
    "info",
    "feed",
    "alert/x",
    "schedule/x",
    "poll/x",
    "queue/gate/state",
];

/// Asserts that nothing is on its way to a client: what it is told next is the answer to its ping.
pub async fn nothing_for(client: &mut Client, what: &str) {
    client.send(Packet::Pingreq).await;
    let next = client.receive().await;
    assert_eq!(next, Packet::Pingresp, "{what}");
}

pub fn is_refused(code: ReasonCode) -> bool {
    code == ReasonCode::NotAuthorized
}

#[tokio::test]
async fn a_participant_neither_reads_nor_writes_what_is_anothers() {
    let f = Fixture::start().await;
    let mut eve = f.connect(f.a, Role::Participant, "eve").await;
    let mut service = f.connect(f.a, Role::Service, "api").await;

    let mut filters: Vec<String> = about("alice", "alice")
        .iter()
        .map(|rest| f.a.topic(rest))
        .collect();
    filters.extend(about("alice", "+").iter().map(|rest| f.a.topic(rest)));
    filters.extend(about("+", "+").iter().map(|rest| f.a.topic(rest)));
    for greedy in ["#", "+/#", "ev/#", "ev/+/#", "$SYS/#", "$share/g/#", "+/+/+/+"] {
        filters.push(greedy.to_owned());
    }
    filters.push(f.a.topic("#"));
    filters.push(format!("$share/g/{}", f.a.topic("info")));
    filters.push(format!("$share/g/{}", f.a.topic("chat/eve/+")));
    let refused: Vec<&str> = filters.iter().map(String::as_str).collect();
    // One packet with one good filter among them: each is judged alone.
    let own = f.a.topic("chat/eve/+");
    let codes = subscribe(&mut eve, &[&refused[..], &[own.as_str()]].concat()).await;
    let (last, codes) = codes.split_last().unwrap();
    assert_eq!(*last, ReasonCode::GrantedQos1);
    for (filter, code) in refused.iter().zip(codes) {
        assert!(is_refused(*code), "{filter} was granted: {code:?}");
    }

    // Nothing that is published there reaches her, retained or not.
    for rest in about("alice", "alice") {
        let topic = f.a.topic(&rest);
        let mut message = service.publish_packet(&topic, QoS::AtLeastOnce, &payload(&topic));
        message.retain = ["case/", "loc/", "queue/gate/place/", "presence/"]
            .iter()
            .any(|kept| rest.starts_with(kept));
        assert!(!service.publish_acknowledged(message).await.is_error(), "{topic}");
    }
    nothing_for(&mut eve, "a message about alice reached eve").await;
    subscribe(&mut eve, &refused).await;
    nothing_for(&mut eve, "a retained message about alice reached eve").await;

    // Nor does she publish there.
    for rest in about("alice", "eve").into_iter().chain(about("alice", "alice")) {
        let topic = f.a.topic(&rest);
        let code = publish(&mut eve, &topic, &payload(&topic)).await;
        assert!(is_refused(code), "eve published on {topic}: {code:?}");
    }
    for rest in FOR_ALL.iter().chain(&[
        "case/eve",
        "done/eve",
        "presence/eve",
        "do/claim/eve",
        "team/red/eve",
    ]) {
        let topic = f.a.topic(rest);
        let code = publish(&mut eve, &topic, &payload(&topic)).await;
        assert!(is_refused(code), "eve published on {topic}: {code:?}");
    }
    let outside = publish(&mut eve, "$SYS/broker/x", "x").await;
    assert!(outside.is_error(), "{outside:?}");
}

#[tokio::test]
async fn nothing_crosses_from_one_agency_to_another_in_either_direction() {
    let f = Fixture::start().await;
    for (from, to) in [(f.a, f.b), (f.b, f.a)] {
        for role in [
            Role::Participant,
            Role::Operator,
            Role::Organizer,
            Role::Steward,
            Role::Device,
        ] {
            let mut spy = f.connect(from, role, "spy").await;
            let mut topics: Vec<String> = about("alice", "alice")
                .iter()
                .map(|rest| to.topic(rest))
                .collect();
            topics.extend(about("spy", "spy").iter().map(|rest| to.topic(rest)));
            topics.extend(FOR_ALL.iter().map(|rest| to.topic(rest)));
            let filters: Vec<&str> = topics.iter().map(String::as_str).collect();
            for (filter, code) in filters.iter().zip(subscribe(&mut spy, &filters).await) {
                assert!(is_refused(code), "{role} of another agency was granted {filter}");
            }
            for topic in &topics {
                let code = publish(&mut spy, topic, &payload(topic)).await;
                assert!(
                    is_refused(code),
                    "{role} of another agency published on {topic}: {code:?}"
                );
            }
            // What the other agency's own service publishes does not arrive.
            let mut service = f.connect(to, Role::Service, "api").await;
            let mut witness = f.connect(to, Role::Service, "witness").await;
            subscribe(&mut witness, &[&to.topic("#")]).await;
            for topic in &topics {
                let message = payload(topic);
                assert!(
                    !publish(&mut service, topic, &message).await.is_error(),
                    "{topic}"
                );
                assert_eq!(witness.payload().await, message, "who may have it has it");
            }
            nothing_for(&mut spy, "a message of another agency arrived").await;
            spy.disconnect().await;
            service.disconnect().await;
            witness.disconnect().await;
        }
    }
}

#[tokio::test]
async fn staff_read_and_answer_everybody_of_their_own_event() {
    let f = Fixture::start().await;
    let mut alice = f.connect(f.a, Role::Participant, "alice").await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    assert_eq!(
        subscribe(
            &mut mira,
            &[
                &f.a.topic("help/+"),
                &f.a.topic("case/+"),
                &f.a.topic("chat/alice/+")
            ]
        )
        .await,
        [ReasonCode::GrantedQos1; 3]
    );
    subscribe(&mut alice, &[&f.a.topic("chat/alice/+")]).await;
    let help = f.a.topic("help/alice");
    assert_eq!(
        publish(&mut alice, &help, &payload(&help)).await,
        ReasonCode::Success
    );
    assert!(mira.payload().await.contains("urgent"));
    let answer = f.a.topic("chat/alice/mira");
    assert_eq!(
        publish(&mut mira, &answer, &payload(&answer)).await,
        ReasonCode::Success
    );
    assert!(alice.payload().await.contains("hello"));
    // In her own name only.
    let forged = f.a.topic("chat/alice/alice");
    assert!(is_refused(publish(&mut mira, &forged, &payload(&forged)).await));
}

#[tokio::test]
async fn in_3_1_1_a_refused_publish_is_dropped_and_a_refused_filter_is_0x80() {
    let f = Fixture::start().await;
    let mut eve = f
        .connect_over(Version::V3_1_1, f.a, Role::Participant, "eve")
        .await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    subscribe(&mut mira, &[&f.a.topic("chat/alice/+"), &f.a.topic("chat/eve/+")]).await;
    let codes = subscribe(&mut eve, &[&f.a.topic("chat/alice/+"), &f.a.topic("chat/eve/+")]).await;
    assert_eq!(codes, [ReasonCode::UnspecifiedError, ReasonCode::GrantedQos1]);
    let forged = f.a.topic("chat/alice/eve");
    publish(&mut eve, &forged, &payload(&forged)).await;
    let own = f.a.topic("chat/eve/eve");
    publish(&mut eve, &own, &payload(&own)).await;
    let got = mira.message().await;
    assert_eq!(got.topic.unwrap().as_str(), own, "only the allowed one arrived");
}
