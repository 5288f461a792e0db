//! What the schema itself refuses, and the shared queries.

use muster_domain::payload::EventStatus;
use muster_domain::{AgencyId, ClientId, EventId, MessageId};
use muster_store::chat::{self, ChatRow, NewChat};
use muster_store::testing::{TestDatabase, database};
use muster_store::{audit, dead_letters, events, outbox};
use sqlx::postgres::PgListener;
use time::OffsetDateTime;

async fn event(database: &TestDatabase) -> (AgencyId, EventId) {
    let (agency, event) = (AgencyId::new(), EventId::new());
    sqlx::query("INSERT INTO agencies (id, name) VALUES ($1, 'A')")
        .bind(agency.0)
        .execute(database.pool())
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO events (id, agency_id, name, starts_at, ends_at, join_code)
         VALUES ($1, $2, 'E', now(), now() + interval '1 day', 'FEST-42')",
    )
    .bind(event.0)
    .bind(agency.0)
    .execute(database.pool())
    .await
    .unwrap();
    (agency, event)
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let (one, two) = tokio::join!(database(), database());
    event(&one).await;
    let others: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
        .fetch_one(two.pool())
        .await
        .unwrap();
    assert_eq!(others, 0);
}

#[tokio::test]
async fn an_event_is_found_and_announced_in_the_transaction_that_changed_it() {
    let database = database().await;
    let (agency, id) = event(&database).await;
    let mut listener = PgListener::connect_with(database.pool()).await.unwrap();
    listener.listen(outbox::CHANNEL).await.unwrap();

    let mut tx = database.pool().begin().await.unwrap();
    let (of, card) = events::find(&mut tx, id).await.unwrap().expect("the event");
    assert_eq!(
        (of, card.status, card.join_code.as_str()),
        (agency, EventStatus::Draft, "FEST-42")
    );
    events::announce(&mut tx, &card).await.unwrap();
    tx.rollback().await.unwrap();
    let mut conn = database.pool().acquire().await.unwrap();
    assert_eq!(outbox::read(&mut conn, &[], 10).await.unwrap(), []);

    let mut tx = database.pool().begin().await.unwrap();
    events::announce(&mut tx, &card).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(listener.recv().await.unwrap().channel(), outbox::CHANNEL);
    let rows = outbox::read(&mut conn, &[], 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    let message = &rows[0].message;
    assert_eq!(
        (message.topic.as_str(), message.qos, message.retain),
        (&*format!("ev/{id}/info"), 1, true)
    );
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&message.payload).unwrap()["status"],
        "draft"
    );
    assert_eq!(
        outbox::read(&mut conn, &[rows[0].id], 10).await.unwrap(),
        [],
        "what is in flight is not read again"
    );
    outbox::remove(&mut conn, &[rows[0].id]).await.unwrap();
    assert_eq!(outbox::read(&mut conn, &[], 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_chat_message_is_stored_once_and_numbered_in_the_order_of_arrival() {
    let database = database().await;
    let (_, event) = event(&database).await;
    let now = OffsetDateTime::from_unix_timestamp(1_795_000_000).unwrap();
    let message = |n: i64| NewChat {
        event,
        id: MessageId::new(),
        client: ClientId::new("phone").unwrap(),
        sender: ClientId::new("phone").unwrap(),
        text: format!("text {n}"),
        reply_to: None,
        received_at: now,
        // The author's clock runs backwards, and decides nothing.
        sent_at: now - time::Duration::seconds(n),
    };
    let messages: Vec<_> = (0..300).map(message).collect();
    let mut conn = database.pool().acquire().await.unwrap();
    let twice: Vec<_> = messages.iter().chain(&messages[..7]).cloned().collect();
    assert_eq!(chat::store(&mut conn, &twice).await.unwrap(), 300);
    assert_eq!(chat::store(&mut conn, &messages).await.unwrap(), 0);
    let rows = sqlx::query("SELECT * FROM chat_messages ORDER BY seq")
        .fetch_all(&mut *conn)
        .await
        .unwrap();
    let stored: Vec<_> = rows
        .iter()
        .map(|row| ChatRow::read(row).unwrap().message)
        .collect();
    assert_eq!(stored, messages);
}

#[tokio::test]
async fn audit_rows_are_never_changed_or_removed() {
    let database = database().await;
    let (agency, event) = event(&database).await;
    let mut conn = database.pool().acquire().await.unwrap();
    let detail = serde_json::json!({"from": "draft"});
    audit::record(
        &mut conn,
        Some(agency),
        "me",
        "event.published",
        &event.to_string(),
        detail,
    )
    .await
    .unwrap();
    for sql in [
        "UPDATE audit SET actor = 'you'",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ] {
        assert!(
            sqlx::query(sql).execute(&mut *conn).await.is_err(),
            "{sql} was done"
        );
    }
    let kept: (String, serde_json::Value) = sqlx::query_as("SELECT actor, detail FROM audit")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(kept, ("me".into(), serde_json::json!({"from": "draft"})));
}

#[tokio::test]
async fn a_dead_letter_of_any_size_and_topic_is_kept_within_its_bounds() {
    let database = database().await;
    let mut conn = database.pool().acquire().await.unwrap();
    let letter = dead_letters::DeadLetter {
        topic: "a\0b".into(),
        payload: vec![0xff; dead_letters::PAYLOAD_BYTES_MAX + 1],
        reason: "it is not JSON".into(),
        received_at: OffsetDateTime::UNIX_EPOCH,
    };
    dead_letters::store(&mut conn, &[letter]).await.unwrap();
    let (topic, bytes, reason): (String, i32, String) =
        sqlx::query_as("SELECT topic, length(payload), reason FROM dead_letters")
            .fetch_one(&mut *conn)
            .await
            .unwrap();
    assert_eq!((topic.as_str(), bytes), ("ab", 65_536));
    assert!(reason.contains("65537"), "{reason}");
}
