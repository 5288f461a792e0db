//! Loading the help desk's image from the database, and writing what has come of it.

use std::collections::{BTreeSet, HashMap};

use muster_domain::line::LineKey;
use muster_domain::payload::CaseState;
use muster_domain::{AgencyId, CaseId, ClientId, EventId, EventTopic, MessageId, Topic};
use muster_store::cases::{self, CaseRow};
use muster_store::outbox::Message;
use muster_store::{audit, outbox};
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::line;
use crate::desk::{Desk, Needs, Outcome, Staff};

/// How long the broker keeps the retained message of a closed case, in seconds: long enough for a phone in a tunnel.
const CLOSED_EXPIRY_S: u32 = 3_600;

fn pairs<'a>(set: impl Iterator<Item = &'a (EventId, ClientId)>) -> (Vec<Uuid>, Vec<String>) {
    set.map(|(event, client)| (event.0, client.to_string())).unzip()
}

fn client(text: &str) -> sqlx::Result<ClientId> {
    ClientId::new(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Loads everything that the messages need, and locks the cases among it.
pub(super) async fn load(conn: &mut PgConnection, needs: &Needs) -> sqlx::Result<Desk> {
    let mut desk = Desk::default();
    let events: Vec<Uuid> = needs.events.iter().map(|event| event.0).collect();
    for row in sqlx::query("SELECT id, agency_id FROM events WHERE id = ANY ($1)")
        .bind(&events)
        .fetch_all(&mut *conn)
        .await?
    {
        desk.events
            .insert(EventId(row.try_get("id")?), AgencyId(row.try_get("agency_id")?));
    }

    let (of, ids): (Vec<Uuid>, Vec<(String, Uuid)>) = needs
        .messages
        .iter()
        .map(|(event, sender, id)| (event.0, (sender.to_string(), id.0)))
        .unzip();
    let (senders, ids): (Vec<String>, Vec<Uuid>) = ids.into_iter().unzip();
    for row in sqlx::query(
        "SELECT a.event_id, a.sender, a.id, a.answer FROM applied_messages a
         JOIN UNNEST($1::uuid[], $2::text[], $3::uuid[]) AS m (event_id, sender, id) USING (event_id, sender, id)",
    )
    .bind(of)
    .bind(senders)
    .bind(ids)
    .fetch_all(&mut *conn)
    .await?
    {
        let key =
            (EventId(row.try_get("event_id")?), client(row.try_get("sender")?)?, MessageId(row.try_get("id")?));
        desk.applied.insert(key, row.try_get("answer")?);
    }

    let (of, clients) = pairs(needs.callers.iter());
    for row in sqlx::query(
        "SELECT p.event_id, p.client, p.name FROM participants p
         JOIN UNNEST($1::uuid[], $2::text[]) AS c (event_id, client) USING (event_id, client)
         WHERE p.name IS NOT NULL",
    )
    .bind(&of)
    .bind(&clients)
    .fetch_all(&mut *conn)
    .await?
    {
        desk.names.insert(
            (EventId(row.try_get("event_id")?), client(row.try_get("client")?)?),
            row.try_get("name")?,
        );
    }

    let sql = format!(
        "{} WHERE c.id = ANY ($1) OR (c.state <> 'closed' AND (c.event_id, c.client) IN
             (SELECT * FROM UNNEST($2::uuid[], $3::text[])))
         FOR UPDATE OF c",
        cases::SELECT
    );
    let named: Vec<Uuid> = needs.cases.iter().map(|case| case.0).collect();
    for row in sqlx::query(AssertSqlSafe(sql))
        .bind(named)
        .bind(&of)
        .bind(&clients)
        .fetch_all(&mut *conn)
        .await?
    {
        desk.add_case(CaseRow::read(&row)?);
    }
    load_staff(conn, needs, &mut desk).await?;
    Ok(desk)
}

async fn load_staff(conn: &mut PgConnection, needs: &Needs, desk: &mut Desk) -> sqlx::Result<()> {
    // A person's client id is the person's id; a radio's is none, and finds nobody.
    let (of, people): (Vec<Uuid>, Vec<Uuid>) = needs
        .staff
        .iter()
        .filter_map(|(event, client)| Some((event.0, Uuid::parse_str(client.as_str()).ok()?)))
        .unzip();
    if of.is_empty() {
        return Ok(());
    }
    for row in sqlx::query(
        "SELECT s.event_id, s.person_id, p.name, m.role = 'organizer' AS organizer
         FROM UNNEST($1::uuid[], $2::uuid[]) AS s (event_id, person_id)
         JOIN events e ON e.id = s.event_id
         JOIN members m ON m.agency_id = e.agency_id AND m.person_id = s.person_id
         JOIN people p ON p.id = s.person_id",
    )
    .bind(of)
    .bind(people)
    .fetch_all(conn)
    .await?
    {
        let person: Uuid = row.try_get("person_id")?;
        let key = (EventId(row.try_get("event_id")?), client(&person.to_string())?);
        desk.staff.insert(
            key,
            Staff {
                name: row.try_get("name")?,
                organizer: row.try_get("organizer")?,
            },
        );
    }
    Ok(())
}

/// Writes what has come of the messages: the cases, and all that tells of them. Returns the events whose line changed.
pub(super) async fn write(
    conn: &mut PgConnection,
    desk: &Desk,
    outcome: Outcome,
    now: time::OffsetDateTime,
) -> sqlx::Result<BTreeSet<EventId>> {
    let changed: Vec<&CaseRow> = outcome.changed.iter().filter_map(|id| desk.case(*id)).collect();
    write_cases(conn, &changed).await?;
    if !outcome.left.is_empty() {
        let (events, left): (Vec<Uuid>, Vec<i64>) = outcome.left.iter().map(|(e, n)| (e.0, *n)).unzip();
        sqlx::query(
            "UPDATE events SET line_gone = line_gone + l.n
             FROM UNNEST($1::uuid[], $2::bigint[]) AS l (event_id, n) WHERE id = l.event_id",
        )
        .bind(events)
        .bind(left)
        .execute(&mut *conn)
        .await?;
    }
    write_applied(conn, &outcome).await?;

    let mut messages = tell_cases(conn, &changed, now).await?;
    for (event, client) in &outcome.cleared {
        let group = muster_domain::topic::GROUP_PARTICIPANTS.to_owned();
        let topic = EventTopic::new(
            *event,
            Topic::Loc {
                group,
                client: client.clone(),
            },
        )
        .to_string();
        messages.push(Message::retained(topic, Vec::new()));
    }
    messages.extend(outcome.answers);
    outbox::append(conn, &messages).await?;
    audit::record_all(conn, &outcome.audit).await?;
    Ok(changed.iter().map(|case| case.event).collect())
}

async fn write_cases(conn: &mut PgConnection, cases: &[&CaseRow]) -> sqlx::Result<()> {
    if cases.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO cases AS c (id, event_id, client, help_id, state, revision, priority, text, seat, operator,
                                 operator_name, opened_at, claimed_at, closed_at, reason)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::bigint[], $7::text[],
                              $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[],
                              $13::timestamptz[], $14::timestamptz[], $15::text[])
         ON CONFLICT (id) DO UPDATE
         SET state = excluded.state, revision = excluded.revision, priority = excluded.priority,
             text = excluded.text, seat = excluded.seat, operator = excluded.operator,
             operator_name = excluded.operator_name, claimed_at = excluded.claimed_at,
             closed_at = excluded.closed_at, reason = excluded.reason",
    )
    .bind(cases.iter().map(|c| c.id.0).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.event.0).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.client.as_str()).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.help_id.0).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.state.as_str()).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.revision).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.priority.as_str()).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.text.as_str()).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.seat.as_deref()).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.operator.as_ref().map(ClientId::as_str)).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.operator_name.as_deref()).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.opened_at).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.claimed_at).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.closed_at).collect::<Vec<_>>())
    .bind(cases.iter().map(|c| c.reason.as_deref()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

async fn write_applied(conn: &mut PgConnection, outcome: &Outcome) -> sqlx::Result<()> {
    if outcome.applied.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO applied_messages (event_id, sender, id, answer)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::bytea[])",
    )
    .bind(
        outcome
            .applied
            .iter()
            .map(|((event, _, _), _)| event.0)
            .collect::<Vec<_>>(),
    )
    .bind(
        outcome
            .applied
            .iter()
            .map(|((_, sender, _), _)| sender.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        outcome
            .applied
            .iter()
            .map(|((_, _, id), _)| id.0)
            .collect::<Vec<_>>(),
    )
    .bind(
        outcome
            .applied
            .iter()
            .map(|(_, answer)| answer.as_deref())
            .collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The retained messages of cases, with exact places for those who wait.
async fn tell_cases(
    conn: &mut PgConnection,
    changed: &[&CaseRow],
    now: time::OffsetDateTime,
) -> sqlx::Result<Vec<Message>> {
    let queued = changed.iter().filter(|case| case.state == CaseState::Queued);
    let events: BTreeSet<EventId> = queued.map(|case| case.event).collect();
    let mut lines = HashMap::new();
    for event in events {
        lines.insert(event, line::load(conn, event, now).await?);
    }
    let mut messages = Vec::with_capacity(changed.len());
    let mut told = Vec::new();
    for case in changed {
        let line = lines.get(&case.event);
        let place = line.and_then(|line| line.place(&key(case)));
        let eta_s = place.zip(line).and_then(|(place, line)| line.eta_s(place));
        if let Some(place) = place.filter(|_| case.state == CaseState::Queued) {
            told.push((case.id, place));
        }
        messages.push(message(case, place, eta_s)?);
    }
    line::note_told(conn, &told).await?;
    Ok(messages)
}

pub(super) fn key(case: &CaseRow) -> LineKey {
    LineKey {
        priority: case.priority,
        opened_at: case.opened_at,
        id: case.id,
    }
}

/// The retained message of one case.
pub(super) fn message(
    case: &CaseRow,
    place: Option<muster_domain::payload::Place>,
    eta_s: Option<u32>,
) -> sqlx::Result<Message> {
    let topic = EventTopic::new(
        case.event,
        Topic::Case {
            client: case.client.clone(),
        },
    )
    .to_string();
    let payload =
        serde_json::to_vec(&case.payload(place, eta_s)).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let message = Message::retained(topic, payload);
    Ok(if case.state == CaseState::Closed {
        message.expires(CLOSED_EXPIRY_S)
    } else {
        message
    })
}

/// Whole rows of cases, by id.
pub(super) async fn cases(conn: &mut PgConnection, ids: &[CaseId]) -> sqlx::Result<Vec<CaseRow>> {
    let sql = format!("{} WHERE c.id = ANY ($1)", cases::SELECT);
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query(AssertSqlSafe(sql))
        .bind(ids)
        .fetch_all(conn)
        .await?
        .iter()
        .map(CaseRow::read)
        .collect()
}
