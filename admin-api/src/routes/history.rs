//! What was written in the chats of an event: of all of them for its agency, of one for those in it.
//!
//! The cursor is the order of arrival. Every list is ascending; `before` walks towards older pages.

use axum::Json;
use axum::extract::State;
use muster_auth::TokenError;
use muster_domain::{ClientId, EventId, Role};
use muster_store::chat::ChatRow;
use muster_store::{events, sqlx};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::events::find_event;
use crate::extract::{Bearer, ClientPath, EventPath, Member, Params, role_of};
use crate::http::problem::ProblemBody;
use crate::page::{self, Page};
use crate::{ApiError, ApiState};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(of_event))
        .routes(routes!(of_client))
}

/// A chat message. Has no `Debug`: it holds what somebody wrote.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
struct MessageView {
    /// The order of arrival, and the cursor.
    seq: i64,
    /// Named by its author.
    id: Uuid,
    /// Whose chat it is.
    client: String,
    /// Who wrote it.
    sender: String,
    text: String,
    reply_to: Option<Uuid>,
    /// By the broker's clock.
    #[serde(with = "time::serde::rfc3339")]
    received_at: OffsetDateTime,
    /// By the author's clock.
    #[serde(with = "time::serde::rfc3339")]
    sent_at: OffsetDateTime,
}

impl From<ChatRow> for MessageView {
    fn from(row: ChatRow) -> Self {
        let message = row.message;
        Self {
            seq: row.seq,
            id: message.id.0,
            client: message.client.to_string(),
            sender: message.sender.to_string(),
            text: message.text,
            reply_to: message.reply_to.map(|id| id.0),
            received_at: message.received_at,
            sent_at: message.sent_at,
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// Messages after this cursor, the oldest of them first.
    after: Option<String>,
    /// The messages just before this cursor; not together with `after`.
    before: Option<String>,
    /// Items on a page, 1 to 1000; 100 unless given.
    limit: Option<i64>,
}

/// Everything written at an event.
#[utoipa::path(get, path = "/agencies/{agency}/events/{event}/messages", tag = "history", security(("login" = [])),
    params(("agency" = Uuid, Path), ("event" = Uuid, Path), HistoryQuery),
    responses((status = 200, body = Page<MessageView>), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn of_event(
    State(state): State<ApiState>,
    member: Member,
    EventPath(event): EventPath,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<Page<MessageView>>, ApiError> {
    find_event(&state, member.agency, event).await?;
    read(&state, event, None, &query).await.map(Json)
}

/// One chat: for the participant whose it is, for staff of the event, and for members of its agency.
#[utoipa::path(get, path = "/events/{event}/chats/{client}/messages", tag = "history",
    security(("login" = []), ("mqtt" = [])),
    params(("event" = Uuid, Path), ("client" = String, Path), HistoryQuery),
    responses((status = 200, body = Page<MessageView>), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn of_client(
    State(state): State<ApiState>,
    Bearer(token): Bearer,
    EventPath(event): EventPath,
    ClientPath(client): ClientPath,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<Page<MessageView>>, ApiError> {
    may_read(&state, &token, event, &client).await?;
    read(&state, event, Some(&client), &query).await.map(Json)
}

/// To whom another event belongs, it does not exist (404); another's chat is refused whether it exists or not (403).
async fn may_read(state: &ApiState, token: &str, event: EventId, client: &ClientId) -> Result<(), ApiError> {
    match state.verifier().verify_mqtt(token) {
        Ok(claims) if claims.evt != Some(event) => Err(ApiError::NotFound("event")),
        Ok(claims) if claims.role.is_staff() => Ok(()),
        Ok(claims) if claims.role == Role::Participant && claims.sub == *client => Ok(()),
        Ok(_) => Err(ApiError::Forbidden("this is not your chat")),
        // A login has the other audience.
        Err(TokenError::Audience) => {
            let person = state.verifier().verify_api(token)?.sub;
            let found = events::find(&mut *state.pool().acquire().await?, event).await?;
            let (agency, _) = found.ok_or(ApiError::NotFound("event"))?;
            role_of(state, agency, person)
                .await?
                .map(|_| ())
                .ok_or(ApiError::NotFound("event"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn read(
    state: &ApiState,
    event: EventId,
    client: Option<&ClientId>,
    query: &HistoryQuery,
) -> Result<Page<MessageView>, ApiError> {
    let limit = page::limit(query.limit)?;
    let after: Option<i64> = page::cursor("after", query.after.as_deref())?;
    let before: Option<i64> = page::cursor("before", query.before.as_deref())?;
    if after.is_some() && before.is_some() {
        return Err(ApiError::Invalid {
            field: "before".into(),
            problem: "excludes after".into(),
        });
    }
    // One statement each, so that each is a range of an index.
    let sql = match (client.is_some(), before.is_some()) {
        (true, false) => {
            "SELECT seq, event_id, id, client, sender, text, reply_to, received_at, sent_at FROM chat_messages
             WHERE event_id = $1 AND client = $2 AND seq > $3 ORDER BY seq LIMIT $4"
        }
        (true, true) => {
            "SELECT seq, event_id, id, client, sender, text, reply_to, received_at, sent_at FROM chat_messages
             WHERE event_id = $1 AND client = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4"
        }
        (false, false) => {
            "SELECT seq, event_id, id, client, sender, text, reply_to, received_at, sent_at FROM chat_messages
             WHERE event_id = $1 AND $2::text IS NULL AND seq > $3 ORDER BY seq LIMIT $4"
        }
        (false, true) => {
            "SELECT seq, event_id, id, client, sender, text, reply_to, received_at, sent_at FROM chat_messages
             WHERE event_id = $1 AND $2::text IS NULL AND seq < $3 ORDER BY seq DESC LIMIT $4"
        }
    };
    let rows = sqlx::query(sql)
        .bind(event.0)
        .bind(client.map(ClientId::as_str))
        .bind(before.or(after).unwrap_or(0))
        .bind(limit + 1)
        .fetch_all(state.pool())
        .await?;
    let rows: sqlx::Result<Vec<_>> = rows
        .iter()
        .map(|row| ChatRow::read(row).map(MessageView::from))
        .collect();
    let mut page = Page::cut(rows?, limit, |message| message.seq.to_string());
    if before.is_some() {
        page.items.reverse();
    }
    Ok(page)
}
