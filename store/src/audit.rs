//! The audit: who did what to what, only ever added to.
//!
//! **Invariant:** written in the transaction of the change that it tells of. A trigger refuses change and removal.
//!
//! `detail` holds what changed in words and ids, never a message's text, a password or a token.

use muster_domain::AgencyId;
use sqlx::PgConnection;

/// One line of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The agency whose organizers may read it; `None` for what belongs to no agency.
    pub agency: Option<AgencyId>,
    /// A person's id, a client id, or a part of Muster.
    pub actor: String,
    /// `noun.verb`, such as `event.published`.
    pub action: &'static str,
    /// What it was done to: an id.
    pub target: String,
    /// The rest, as a JSON object.
    pub detail: serde_json::Value,
}

/// Writes one line.
///
/// # Errors
/// Whatever the database says; the transaction is then over.
pub async fn record(
    conn: &mut PgConnection,
    agency: Option<AgencyId>,
    actor: &str,
    action: &'static str,
    target: &str,
    detail: serde_json::Value,
) -> sqlx::Result<()> {
    let entry = Entry {
        agency,
        actor: actor.to_owned(),
        action,
        target: target.to_owned(),
        detail,
    };
    record_all(conn, &[entry]).await
}

/// Writes many lines in their order.
///
/// # Errors
/// Whatever the database says; the transaction is then over.
pub async fn record_all(conn: &mut PgConnection, entries: &[Entry]) -> sqlx::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO audit (agency_id, actor, action, target, detail)
         SELECT agency_id, actor, action, target, detail
         FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[]) WITH ORDINALITY
              AS e (agency_id, actor, action, target, detail, n)
         ORDER BY n",
    )
    .bind(
        entries
            .iter()
            .map(|e| e.agency.map(|id| id.0))
            .collect::<Vec<_>>(),
    )
    .bind(entries.iter().map(|e| e.actor.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.action).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.target.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| &e.detail).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
