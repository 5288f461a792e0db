//! Messages that can never be stored, kept with the reason so that the rest goes on and a person can look.

use sqlx::PgConnection;
use time::OffsetDateTime;

/// Most bytes kept of one payload; what is longer is cut, and the reason says so.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Most characters kept of one topic.
pub const TOPIC_CHARS_MAX: usize = 1_024;

/// A message that was refused for good.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The topic that it came on.
    pub topic: String,
    /// What it carried.
    pub payload: Vec<u8>,
    /// Why it can never be stored; repeats nothing of the payload.
    pub reason: String,
    /// When the broker accepted it.
    pub received_at: OffsetDateTime,
}

impl std::fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeadLetter({}, {} bytes)", self.reason, self.payload.len())
    }
}

/// Keeps messages in their order.
///
/// # Errors
/// Whatever the database says.
pub async fn store(conn: &mut PgConnection, letters: &[DeadLetter]) -> sqlx::Result<()> {
    if letters.is_empty() {
        return Ok(());
    }
    // U+0000 is legal in no MQTT topic, but what reaches this table is what nobody expected.
    let clean = |text: &str| {
        text.chars()
            .filter(|&c| c != '\0')
            .take(TOPIC_CHARS_MAX)
            .collect::<String>()
    };
    let reasons = letters.iter().map(|letter| match letter.payload.len() {
        0..=PAYLOAD_BYTES_MAX => letter.reason.clone(),
        all => format!(
            "{} (the first {PAYLOAD_BYTES_MAX} of {all} bytes are kept)",
            letter.reason
        ),
    });
    sqlx::query(
        "INSERT INTO dead_letters (topic, payload, reason, received_at)
         SELECT topic, payload, reason, received_at
         FROM UNNEST($1::text[], $2::bytea[], $3::text[], $4::timestamptz[]) WITH ORDINALITY
              AS l (topic, payload, reason, received_at, n)
         ORDER BY n",
    )
    .bind(letters.iter().map(|l| clean(&l.topic)).collect::<Vec<_>>())
    .bind(
        letters
            .iter()
            .map(|l| &l.payload[..l.payload.len().min(PAYLOAD_BYTES_MAX)])
            .collect::<Vec<_>>(),
    )
    .bind(reasons.collect::<Vec<_>>())
    .bind(letters.iter().map(|l| l.received_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
