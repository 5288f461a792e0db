//! What waits in a session belongs to its principal, and is judged by the rights of the day it is delivered (S12, S13).

use muster_broker::ReasonCode;
use muster_broker::codec::{Connack, Password, Version};
use muster_domain::Role;

use crate::fixture::{Fixture, HOUR, Tenant, payload, publish, subscribe};
use crate::matrix::nothing_for;
use crate::support::{Client, Transport, connect_packet};

/// Connects to a session that outlives the connection.
async fn resume(f: &Fixture, client: &str, token: String) -> (Client, Connack) {
    let mut connect = connect_packet(Version::V5, client);
    connect.clean_start = false;
    connect.properties.session_expiry = Some(3_600);
    connect.password = Some(Password(token.into()));
    Client::connect(f.broker.dial(Transport::Tcp).await, connect).await
}

fn steward(f: &Fixture, tenant: Tenant, teams: &[&str]) -> String {
    let mut claims = f.claims(tenant, Role::Steward, "sam", HOUR);
    claims.teams = teams.iter().map(|team| (*team).to_owned()).collect();
    f.keys.signer().mint(&claims)
}

#[tokio::test]
async fn a_message_that_waits_is_judged_by_the_rights_at_its_delivery() {
    let f = Fixture::start().await;
    let (red, task) = (f.a.topic("team/red/mira"), f.a.topic("task/x"));
    let (mut sam, _) = resume(&f, "sam", steward(&f, f.a, &["red"])).await;
    assert_eq!(
        subscribe(&mut sam, &[&f.a.topic("team/red/+"), &task]).await,
        [ReasonCode::GrantedQos1; 2]
    );
    sam.disconnect().await;

    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    let mut service = f.connect(f.a, Role::Service, "api").await;
    assert_eq!(
        publish(&mut mira, &red, &payload(&red)).await,
        ReasonCode::Success
    );
    assert_eq!(publish(&mut service, &task, "after").await, ReasonCode::Success);

    // Taken out of the team while away: the subscription is still there, what it brings is not his any more.
    let (mut sam, connack) = resume(&f, "sam", steward(&f, f.a, &[])).await;
    assert!(connack.session_present);
    assert_eq!(sam.payload().await, "after");
    publish(&mut mira, &red, &payload(&red)).await;
    nothing_for(&mut sam, "a message of a team that he has left arrived").await;
    assert_eq!(
        subscribe(&mut sam, &[&f.a.topic("team/red/+")]).await,
        [ReasonCode::NotAuthorized]
    );
}

#[tokio::test]
async fn what_waits_for_one_principal_is_never_anothers() {
    let f = Fixture::start().await;
    let own = f.a.topic("chat/alice/+");
    let (mut alice, _) = resume(&f, "alice", f.token(f.a, Role::Participant, "alice")).await;
    subscribe(&mut alice, &[&own]).await;
    alice.disconnect().await;
    let mut mira = f.connect(f.a, Role::Operator, "mira").await;
    let chat = f.a.topic("chat/alice/mira");
    let message = payload(&chat);
    assert_eq!(publish(&mut mira, &chat, &message).await, ReasonCode::Success);

    // The same client id of another agency's event, or in another role, with and without a clean start.
    for (tenant, role) in [
        (f.b, Role::Participant),
        (f.a, Role::Operator),
        (f.b, Role::Service),
    ] {
        let token = f.token(tenant, role, "alice");
        let (_, connack) = resume(&f, "alice", token.clone()).await;
        assert!(
            connack.reason.is_error() && !connack.session_present,
            "{role} resumed alice's session"
        );
        let (_, connack) = f.try_connect(Version::V5, "alice", &token).await;
        assert!(connack.reason.is_error(), "{role} ended alice's session");
    }
    let (mut alice, connack) = resume(&f, "alice", f.token(f.a, Role::Participant, "alice")).await;
    assert!(connack.session_present);
    assert_eq!(alice.payload().await, message, "it waited for her");
}
