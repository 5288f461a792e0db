//! Chat messages as the database keeps them.

use muster_domain::{ClientId, EventId, MessageId};
use sqlx::{PgConnection, Row, postgres::PgRow};
use time::OffsetDateTime;

/// A chat message to store.
#[derive(Clone, PartialEq)]
pub struct NewChat {
    /// At which event.
    pub event: EventId,
    /// The message, named by its author.
    pub id: MessageId,
    /// Whose chat it is.
    pub client: ClientId,
    /// Who wrote it.
    pub sender: ClientId,
    /// What.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// When the broker accepted it, by the broker's clock.
    pub received_at: OffsetDateTime,
    /// When it was sent, by the author's clock.
    pub sent_at: OffsetDateTime,
}

impl std::fmt::Debug for NewChat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewChat({})", self.id)
    }
}

/// A stored chat message.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRow {
    /// The order of arrival, and the cursor of the history.
    pub seq: i64,
    /// The message.
    pub message: NewChat,
}

impl ChatRow {
    /// Reads a row of `chat_messages`.
    ///
    /// # Errors
    /// [`sqlx::Error`] when a column is missing or holds what no message has.
    pub fn read(row: &PgRow) -> sqlx::Result<Self> {
        let client = |column| {
            let text: &str = row.try_get(column)?;
            ClientId::new(text).map_err(|error| sqlx::Error::Decode(error.into()))
        };
        let reply_to: Option<sqlx::types::Uuid> = row.try_get("reply_to")?;
        Ok(Self {
            seq: row.try_get("seq")?,
            message: NewChat {
                event: EventId(row.try_get("event_id")?),
                id: MessageId(row.try_get("id")?),
                client: client("client")?,
                sender: client("sender")?,
                text: row.try_get("text")?,
                reply_to: reply_to.map(MessageId),
                received_at: row.try_get("received_at")?,
                sent_at: row.try_get("sent_at")?,
            },
        })
    }
}

/// Stores messages in their order; those that are there already change nothing. Returns how many were new.
///
/// # Errors
/// Whatever the database says; none of them is then stored.
pub async fn store(conn: &mut PgConnection, messages: &[NewChat]) -> sqlx::Result<u64> {
    if messages.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(
        // Identity values are drawn after the sort: `seq` follows the order of arrival.
        "INSERT INTO chat_messages (event_id, id, client, sender, text, reply_to, received_at, sent_at)
         SELECT event_id, id, client, sender, text, reply_to, received_at, sent_at
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[],
                     $8::timestamptz[]) WITH ORDINALITY
              AS m (event_id, id, client, sender, text, reply_to, received_at, sent_at, n)
         ORDER BY n
         ON CONFLICT (event_id, id) DO NOTHING",
    )
    .bind(messages.iter().map(|m| m.event.0).collect::<Vec<_>>())
    .bind(messages.iter().map(|m| m.id.0).collect::<Vec<_>>())
    .bind(messages.iter().map(|m| m.client.as_str()).collect::<Vec<_>>())
    .bind(messages.iter().map(|m| m.sender.as_str()).collect::<Vec<_>>())
    .bind(messages.iter().map(|m| m.text.as_str()).collect::<Vec<_>>())
    .bind(messages.iter().map(|m| m.reply_to.map(|id| id.0)).collect::<Vec<_>>())
    .bind(messages.iter().map(|m| m.received_at).collect::<Vec<_>>())
    .bind(messages.iter().map(|m| m.sent_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
