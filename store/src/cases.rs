//! Cases as the database keeps them, and as topics and API show them.

use muster_domain::payload::{Case, CaseState, OperatorCard, Place, Priority};
use muster_domain::{CaseId, ClientId, EventId, MessageId};
use sqlx::{Row, postgres::PgRow};
use time::OffsetDateTime;

/// One row of `cases`, with the participant's name beside it.
#[derive(Clone, PartialEq)]
pub struct CaseRow {
    /// The case.
    pub id: CaseId,
    /// At which event.
    pub event: EventId,
    /// Who asked.
    pub client: ClientId,
    /// Their name, if they gave one.
    pub name: Option<String>,
    /// The message that opened it.
    pub help_id: MessageId,
    /// Where it stands.
    pub state: CaseState,
    /// Grows by one with each change.
    pub revision: i64,
    /// How urgent.
    pub priority: Priority,
    /// What was written when asking.
    pub text: String,
    /// Seat or zone.
    pub seat: Option<String>,
    /// Who has it, or had it last.
    pub operator: Option<ClientId>,
    /// The name that the participant sees.
    pub operator_name: Option<String>,
    /// Asked at.
    pub opened_at: OffsetDateTime,
    /// Claimed at.
    pub claimed_at: Option<OffsetDateTime>,
    /// Closed at.
    pub closed_at: Option<OffsetDateTime>,
    /// Why it was closed.
    pub reason: Option<String>,
    /// The place last told to the participant.
    pub told: Option<Place>,
}

impl std::fmt::Debug for CaseRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "CaseRow({}, {:?}, revision {})",
            self.id, self.state, self.revision
        )
    }
}

/// A query of whole rows, to be followed by WHERE and ORDER BY: `c` is the case, `p` the participant.
pub const SELECT: &str = "SELECT c.id, c.event_id, c.client, p.name, c.help_id, c.state, c.revision, c.priority, \
     c.text, c.seat, c.operator, c.operator_name, c.opened_at, c.claimed_at, c.closed_at, c.reason, c.told_ahead, \
     c.told_gone FROM cases c LEFT JOIN participants p ON p.event_id = c.event_id AND p.client = c.client ";

impl CaseRow {
    /// Reads a row of [`SELECT`].
    ///
    /// # Errors
    /// [`sqlx::Error`] when a column is missing or holds what no case has.
    pub fn read(row: &PgRow) -> sqlx::Result<Self> {
        let ahead: Option<i32> = row.try_get("told_ahead")?;
        let gone: Option<i64> = row.try_get("told_gone")?;
        let operator: Option<String> = row.try_get("operator")?;
        Ok(Self {
            id: CaseId(row.try_get("id")?),
            event: EventId(row.try_get("event_id")?),
            client: client(row.try_get("client")?)?,
            name: row.try_get("name")?,
            help_id: MessageId(row.try_get("help_id")?),
            state: word(
                [CaseState::Queued, CaseState::Claimed, CaseState::Closed],
                CaseState::as_str,
                row.try_get("state")?,
            )?,
            revision: row.try_get("revision")?,
            priority: word(Priority::ALL, Priority::as_str, row.try_get("priority")?)?,
            text: row.try_get("text")?,
            seat: row.try_get("seat")?,
            operator: operator.as_deref().map(client).transpose()?,
            operator_name: row.try_get("operator_name")?,
            opened_at: row.try_get("opened_at")?,
            claimed_at: row.try_get("claimed_at")?,
            closed_at: row.try_get("closed_at")?,
            reason: row.try_get("reason")?,
            told: ahead.zip(gone).map(|(ahead, gone)| Place {
                ahead: u32::try_from(ahead).unwrap_or(0),
                gone: u64::try_from(gone).unwrap_or(0),
            }),
        })
    }

    /// The case as its topic and the API show it. `place` and `eta_s` are of the caller's reckoning, and shown only
    /// while the case waits in line.
    pub fn payload(&self, place: Option<Place>, eta_s: Option<u32>) -> Case {
        let queued = self.state == CaseState::Queued;
        let operator = self
            .operator
            .clone()
            .filter(|_| !queued)
            .map(|client| OperatorCard {
                name: self.operator_name.clone().unwrap_or_else(|| client.to_string()),
                client,
            });
        Case {
            id: self.id,
            client: self.client.clone(),
            name: self.name.clone(),
            state: self.state,
            revision: self.revision,
            priority: self.priority,
            text: self.text.clone(),
            seat: self.seat.clone(),
            place: place.filter(|_| queued),
            eta_s: eta_s.filter(|_| queued),
            operator,
            opened_at: self.opened_at,
            claimed_at: self.claimed_at,
            closed_at: self.closed_at,
            reason: self.reason.clone(),
        }
    }
}

fn client(text: &str) -> sqlx::Result<ClientId> {
    ClientId::new(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn word<T: Copy, const N: usize>(all: [T; N], name: fn(T) -> &'static str, text: &str) -> sqlx::Result<T> {
    all.into_iter()
        .find(|&t| name(t) == text)
        .ok_or_else(|| sqlx::Error::Decode("unknown word".into()))
}
