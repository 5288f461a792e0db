//! What can never be stored goes aside with a reason, and the rest goes on.

use muster_domain::payload::{Done, HelpKind};
use muster_domain::{EventId, MessageId};
use muster_store::testing::database;

use crate::support::{Client, bridge, broker, chat, count, event, ready, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_goes_to_the_dead_letters_and_the_batch_goes_on() {
    let (database, broker) = (database().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (_, event) = event(&database).await;
    // A rule of the database that the program does not know of.
    sqlx::query("ALTER TABLE chat_messages ADD CONSTRAINT no_bird CHECK (text NOT LIKE 'canary%')")
        .execute(database.pool())
        .await
        .unwrap();
    let bridge = bridge(address, &database);
    ready(&bridge).await;
    let client = Client::new(
        address,
        "phone",
        &[format!("ev/{event}/case/+"), format!("ev/{event}/done/+")],
    )
    .await;

    let nowhere = EventId::new();
    for n in 0..40 {
        let text = if n % 10 == 5 {
            format!("canary {n}")
        } else {
            format!("fine {n}")
        };
        client
            .send(
                format!("ev/{event}/chat/phone/phone"),
                false,
                serde_json::to_vec(&chat(text)).unwrap(),
            )
            .await;
    }
    client
        .send(format!("ev/{event}/chat/phone/phone"), false, "canary{")
        .await;
    client
        .send(format!("ev/{event}/help/phone"), false, vec![b'x'; 20_000])
        .await;
    client.ask(nowhere, "phone", HelpKind::Life, "canary").await;
    let id = MessageId::new();
    client
        .send(
            format!("ev/{event}/do/claim/op"),
            false,
            format!(r#"{{"id":"{id}","case":"canary"}}"#),
        )
        .await;
    client.ask(event, "phone", HelpKind::Life, "fine").await;

    client.case(event, "phone", |_| true).await;
    let refused: Done = client
        .get(&format!("ev/{event}/done/op"), |done: &Done| done.id == id)
        .await;
    assert_eq!((refused.ok, refused.code.as_str()), (false, "bad_command"));
    let letters: Vec<(String, String)> = until("eight dead letters", || async {
        let rows = sqlx::query_as("SELECT topic, reason FROM dead_letters ORDER BY id");
        let rows: Vec<_> = rows.fetch_all(database.pool()).await.unwrap();
        (rows.len() == 8).then_some(rows)
    })
    .await;
    let reasons: Vec<&str> = letters.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(
        reasons.iter().filter(|reason| reason.contains("no_bird")).count(),
        4,
        "{reasons:?}"
    );
    for part in [
        "it is not JSON",
        "20000 bytes",
        "no such event",
        "a field is missing or of the wrong kind",
    ] {
        assert_eq!(
            reasons.iter().filter(|reason| reason.contains(part)).count(),
            1,
            "{part}: {reasons:?}"
        );
    }
    assert!(
        !reasons.iter().any(|reason| reason.contains("canary")),
        "a reason repeats the text: {reasons:?}"
    );
    assert_eq!(count(&database, "SELECT count(*) FROM chat_messages").await, 36);
    assert!(bridge.ready());
    bridge.stop(std::time::Duration::from_secs(5)).await;
}
