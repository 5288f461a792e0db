//! What is delivered again is stored once and answered the same.

use muster_domain::MessageId;
use muster_domain::payload::{CaseState, Command, Done, Help, HelpKind};
use muster_store::testing::database;

use crate::support::{Client, bridge, broker, chat, count, event, member, ready, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_publish_is_stored_once_and_answered_the_same() {
    let (database, broker) = (database().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (agency, event) = event(&database).await;
    let ann = member(&database, agency, "Ann", "operator").await;
    let bridge = bridge(address, &database);
    ready(&bridge).await;
    let filters = [format!("ev/{event}/case/+"), format!("ev/{event}/done/+")];
    let client = Client::new(address, "phone", &filters).await;

    let help = Help {
        id: MessageId::new(),
        kind: HelpKind::Urgent,
        text: "x".into(),
        seat: None,
        location: None,
    };
    let words = chat("once");
    for _ in 0..3 {
        client.publish(format!("ev/{event}/help/phone"), &help).await;
        client
            .publish(format!("ev/{event}/chat/phone/phone"), &words)
            .await;
    }
    let case = client.case(event, "phone", |_| true).await;
    let claim = Command {
        id: MessageId::new(),
        case: case.id,
        reason: None,
    };
    client.publish(format!("ev/{event}/do/claim/{ann}"), &claim).await;
    client
        .case(event, "phone", |case| case.state == CaseState::Claimed)
        .await;
    let release = Command {
        id: MessageId::new(),
        case: case.id,
        reason: None,
    };
    client
        .publish(format!("ev/{event}/do/release/{ann}"), &release)
        .await;
    client.case(event, "phone", |case| case.revision == 3).await;
    // The claim comes once more, late: its answer too, and the case stays in the line.
    client.publish(format!("ev/{event}/do/claim/{ann}"), &claim).await;
    let done = format!("ev/{event}/done/{ann}");
    let answers: Vec<Done> = until("three answers", || async {
        let all = client.all();
        let answers: Vec<Done> = all
            .iter()
            .filter(|(topic, _)| *topic == done)
            .map(|(_, p)| serde_json::from_slice(p).unwrap())
            .collect();
        (answers.len() == 3).then_some(answers)
    })
    .await;
    assert_eq!(answers[0], answers[2]);
    assert!(answers.iter().all(|answer| answer.ok));

    assert_eq!(count(&database, "SELECT count(*) FROM chat_messages").await, 1);
    assert_eq!(count(&database, "SELECT count(*) FROM cases").await, 1);
    assert_eq!(
        count(&database, "SELECT revision FROM cases WHERE state = 'queued'").await,
        3
    );
    bridge.stop(std::time::Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_position_never_moves_now_backwards() {
    let (database, broker) = (database().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (_, event) = event(&database).await;
    let bridge = bridge(address, &database);
    ready(&bridge).await;
    let client = Client::new(address, "radio", &[]).await;
    for (lat, tst) in [
        (1.0, 1_795_000_010),
        (2.0, 1_795_000_030),
        (3.0, 1_795_000_020),
        (2.0, 1_795_000_030),
    ] {
        let json = format!(r#"{{"_type":"location","lat":{lat},"lon":0,"tst":{tst}}}"#);
        client
            .send(format!("ev/{event}/loc/devices/radio"), true, json)
            .await;
        client.acknowledged().await;
    }
    until("three positions", || async {
        (count(&database, "SELECT count(*) FROM locations").await == 3).then_some(())
    })
    .await;
    assert_eq!(count(&database, "SELECT lat::bigint FROM locations_now").await, 2);
    bridge.stop(std::time::Duration::from_secs(5)).await;
}
