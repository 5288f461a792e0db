//! The outbox: what must be published once the transaction that wrote it has committed.
//!
//! **Invariant:** a row is written in the transaction of the change that it tells of, and removed only after the
//! broker has acknowledged it; so a change is told at least once, whatever is killed in between.
//! **Invariant:** rows of one topic are published in the order of their ids. Writers of one topic must exclude each
//! other (lock the row that the topic tells of before they enqueue), else ids and commits may differ in order.

use sqlx::{PgConnection, Row};

/// The NOTIFY channel that wakes the publisher.
pub const CHANNEL: &str = "outbox";

/// One message to publish.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// MQTT topic name.
    pub topic: String,
    /// The payload; empty and retained clears the retained message.
    pub payload: Vec<u8>,
    /// 0 or 1.
    pub qos: u8,
    /// Whether the broker keeps it for those who come later.
    pub retain: bool,
    /// MQTT message expiry interval, seconds; `None` never expires.
    pub expiry_s: Option<u32>,
}

impl Message {
    /// A retained QoS 1 message: the state of something.
    pub fn retained(topic: impl Into<String>, payload: Vec<u8>) -> Self {
        Self {
            topic: topic.into(),
            payload,
            qos: 1,
            retain: true,
            expiry_s: None,
        }
    }

    /// A QoS 1 message that is not kept: an answer.
    pub fn answer(topic: impl Into<String>, payload: Vec<u8>) -> Self {
        Self {
            topic: topic.into(),
            payload,
            qos: 1,
            retain: false,
            expiry_s: None,
        }
    }

    /// Lets it expire after so many seconds.
    pub fn expires(self, expiry_s: u32) -> Self {
        Self {
            expiry_s: Some(expiry_s),
            ..self
        }
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, {} bytes)", self.topic, self.payload.len())
    }
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Order of publishing.
    pub id: i64,
    /// What to publish.
    pub message: Message,
}

/// Writes one message, to be published after COMMIT, and wakes the publisher then.
///
/// # Errors
/// Whatever the database says; the transaction is then over.
pub async fn enqueue(
    conn: &mut PgConnection,
    topic: &str,
    payload: &[u8],
    qos: u8,
    retain: bool,
    expiry_s: Option<u32>,
) -> sqlx::Result<()> {
    let message = Message {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
        qos,
        retain,
        expiry_s,
    };
    append(conn, &[message]).await?;
    notify(conn).await
}

/// Writes many messages in their order, without waking anybody: for a writer that wakes the publisher itself.
///
/// # Errors
/// Whatever the database says; the transaction is then over.
pub async fn append(conn: &mut PgConnection, messages: &[Message]) -> sqlx::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let topics: Vec<&str> = messages.iter().map(|m| m.topic.as_str()).collect();
    let payloads: Vec<&[u8]> = messages.iter().map(|m| m.payload.as_slice()).collect();
    let qos: Vec<i16> = messages.iter().map(|m| i16::from(m.qos)).collect();
    let retain: Vec<bool> = messages.iter().map(|m| m.retain).collect();
    let expiry: Vec<Option<i32>> = messages
        .iter()
        .map(|m| m.expiry_s.map(|s| i32::try_from(s).unwrap_or(i32::MAX)))
        .collect();
    sqlx::query(
        "INSERT INTO outbox (topic, payload, qos, retain, expiry_s)
         SELECT topic, payload, qos, retain, expiry_s
         FROM UNNEST($1::text[], $2::bytea[], $3::smallint[], $4::boolean[], $5::integer[]) WITH ORDINALITY
              AS m (topic, payload, qos, retain, expiry_s, n)
         ORDER BY n",
    )
    .bind(topics)
    .bind(payloads)
    .bind(qos)
    .bind(retain)
    .bind(expiry)
    .execute(conn)
    .await?;
    Ok(())
}

/// Wakes the publisher when the transaction commits.
///
/// # Errors
/// Whatever the database says.
pub async fn notify(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(conn)
        .await?;
    Ok(())
}

/// Reads the oldest `limit` rows that are not among `inflight`, in the order of their ids.
///
/// # Errors
/// Whatever the database says.
pub async fn read(conn: &mut PgConnection, inflight: &[i64], limit: i64) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(
        "SELECT id, topic, payload, qos, retain, expiry_s FROM outbox WHERE id <> ALL ($1) ORDER BY id LIMIT $2",
    )
    .bind(inflight)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let qos: i16 = row.try_get("qos")?;
            let expiry_s: Option<i32> = row.try_get("expiry_s")?;
            Ok(Pending {
                id: row.try_get("id")?,
                message: Message {
                    topic: row.try_get("topic")?,
                    payload: row.try_get("payload")?,
                    qos: u8::from(qos != 0),
                    retain: row.try_get("retain")?,
                    expiry_s: expiry_s.and_then(|s| u32::try_from(s).ok()),
                },
            })
        })
        .collect()
}

/// Removes rows that the broker has acknowledged.
///
/// # Errors
/// Whatever the database says; the rows are then published again, which changes nothing for their readers.
pub async fn remove(conn: &mut PgConnection, ids: &[i64]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM outbox WHERE id = ANY ($1)")
        .bind(ids)
        .execute(conn)
        .await?;
    Ok(())
}
