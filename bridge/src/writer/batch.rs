//! One batch, one transaction.

use std::collections::BTreeSet;

use muster_domain::EventId;
use muster_domain::payload::Done;
use muster_domain::topic::GROUP_PARTICIPANTS;
use muster_domain::{EventTopic, Topic};
use muster_store::chat::NewChat;
use muster_store::dead_letters::{self, DeadLetter};
use muster_store::error::is_transient;
use muster_store::outbox::Message;
use muster_store::{chat, outbox};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

use super::{image, locations};
use crate::desk::{Needs, done_topic};
use crate::incoming::{self, Incoming, NewLocation, Work};

/// What a transaction did.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Messages that were stored before, or applied before.
    pub absorbed: u64,
    /// Messages that can never be stored.
    pub dead: usize,
    /// Events whose line changed.
    pub lines: BTreeSet<EventId>,
}

impl Applied {
    fn add(&mut self, other: Applied) {
        self.absorbed += other.absorbed;
        self.dead += other.dead;
        self.lines.extend(other.lines);
    }
}

/// Stores and applies all messages in one transaction. When one of them breaks a constraint, all are done again one by
/// one, and that one becomes a dead letter.
///
/// # Errors
/// What may go away by itself: nothing has been stored then, or all of it has and the COMMIT's answer was lost.
pub(super) async fn apply(
    conn: &mut PgConnection,
    messages: &[&Incoming],
    now: OffsetDateTime,
) -> sqlx::Result<Applied> {
    let mut tx = conn.begin().await?;
    match apply_within(&mut tx, messages, now).await {
        Ok(applied) => {
            tx.commit().await?;
            Ok(applied)
        }
        Err(error) if is_transient(&error) => Err(error),
        Err(_) => {
            tx.rollback().await?;
            apply_singly(conn, messages, now).await
        }
    }
}

/// As [`apply`], with a savepoint around each message.
async fn apply_singly(
    conn: &mut PgConnection,
    messages: &[&Incoming],
    now: OffsetDateTime,
) -> sqlx::Result<Applied> {
    let mut tx = conn.begin().await?;
    let mut all = Applied::default();
    for message in messages {
        let mut savepoint = tx.begin().await?;
        match apply_within(&mut savepoint, &[message], now).await {
            Ok(applied) => {
                savepoint.commit().await?;
                all.add(applied);
            }
            Err(error) if is_transient(&error) => return Err(error),
            Err(error) => {
                savepoint.rollback().await?;
                let reason = muster_store::describe(&error);
                tracing::warn!(topic = message.topic, reason, "a message can never be stored");
                dead_letters::store(&mut tx, &[dead_letter(message, reason)]).await?;
                all.dead += 1;
            }
        }
    }
    tx.commit().await?;
    Ok(all)
}

async fn apply_within(
    conn: &mut PgConnection,
    messages: &[&Incoming],
    now: OffsetDateTime,
) -> sqlx::Result<Applied> {
    let mut chats: Vec<NewChat> = Vec::new();
    let mut positions: Vec<NewLocation> = Vec::new();
    let mut needs = Needs::default();
    let mut desk_work = Vec::new();
    let mut letters = Vec::new();
    let mut answers = Vec::new();
    for message in messages {
        match incoming::read(message) {
            Ok(Work::Chat(chat)) => chats.push(chat),
            Ok(Work::Location(location)) => positions.push(location),
            Ok(Work::Nothing) => {}
            Ok(work) => {
                match &work {
                    Work::Call(call) => needs.call(call),
                    Work::Order(order) => needs.order(order),
                    _ => {}
                }
                desk_work.push((*message, work));
            }
            Err(reason) => {
                answers.extend(refusal(message, &reason));
                letters.push(dead_letter(message, reason));
            }
        }
    }

    let mut applied = Applied::default();
    if !needs.is_empty() {
        let mut desk = image::load(conn, &needs).await?;
        for (message, work) in desk_work {
            let done = match &work {
                Work::Call(call) => {
                    let done = desk.call(call);
                    if done.is_ok()
                        && let Some(position) = call.help.location.clone()
                    {
                        let group = GROUP_PARTICIPANTS.to_owned();
                        let client = call.client.clone();
                        // A position with an impossible time is no reason to refuse the call.
                        positions.extend(incoming::location(
                            call.event,
                            group,
                            client,
                            position,
                            call.received_at,
                        ));
                    }
                    done
                }
                Work::Order(order) => desk.order(order),
                _ => Ok(()),
            };
            if let Err(reason) = done {
                letters.push(dead_letter(message, reason));
            }
        }
        let outcome = desk.take_outcome();
        applied.absorbed += outcome.repeated;
        applied.lines = image::write(conn, &desk, outcome, now).await?;
    }
    applied.absorbed += chats.len() as u64 - chat::store(conn, &chats).await?;
    applied.absorbed += positions.len() as u64 - locations::store(conn, &positions).await?;
    if !letters.is_empty() {
        tracing::warn!(
            count = letters.len(),
            reason = letters[0].reason,
            "messages that can never be stored"
        );
        dead_letters::store(conn, &letters).await?;
        outbox::append(conn, &answers).await?;
        applied.dead = letters.len();
    }
    Ok(applied)
}

fn dead_letter(message: &Incoming, reason: String) -> DeadLetter {
    DeadLetter {
        topic: message.topic.clone(),
        payload: message.payload.to_vec(),
        reason,
        received_at: message.received_at,
    }
}

/// The answer to a command that cannot be read but has an id.
fn refusal(message: &Incoming, reason: &str) -> Option<Message> {
    let EventTopic {
        event,
        topic: Topic::Do { client, .. },
    } = EventTopic::parse(&message.topic).ok()?
    else {
        return None;
    };
    let id = incoming::id_of(&message.payload)?;
    let done = Done {
        id,
        ok: false,
        code: "bad_command".into(),
        message: reason.to_owned(),
    };
    Some(Message::answer(
        done_topic(event, &client),
        serde_json::to_vec(&done).ok()?,
    ))
}
