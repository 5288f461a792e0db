//! Making an event: a draft that only its agency sees.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_domain::payload::EventCard;
use muster_domain::{AgencyId, EventId, PersonId};
use muster_store::sqlx::{self, PgConnection};
use muster_store::{audit, events};
use rand::seq::IndexedRandom;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::extract::{Body, Member, Organizer};
use crate::http::problem::ProblemBody;
use crate::schema::EventView;
use crate::{ApiError, ApiState, validate};

/// The public emergency number where nobody says another one: that of the European Union.
const EMERGENCY_NUMBER: &str = "112";
/// What a generated join code begins with.
const CODE_PREFIX: &str = "FEST-";
/// Characters of a generated join code that nobody takes for each other when heard over a radio or read on a poster.
const CODE_ALPHABET: &[u8] = b"234679ACDEFGHJKMNPQRTUVWXYZ";
/// Characters after the prefix: half a million codes.
const CODE_LENGTH: usize = 4;
/// Codes tried until one is free. With 10,000 events taken, all of them are with a chance of one in 10^13.
const CODE_TRIES: usize = 8;

/// A new event.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvent {
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Name of the venue.
    #[schema(max_length = 120)]
    pub venue: Option<String>,
    /// Degrees, with `lon`.
    #[schema(minimum = -90, maximum = 90)]
    pub lat: Option<f64>,
    /// Degrees, with `lat`.
    #[schema(minimum = -180, maximum = 180)]
    pub lon: Option<f64>,
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub ends_at: OffsetDateTime,
    /// 4 to 24 of A-Z, 0-9 and `-`; generated when absent.
    #[schema(example = "FEST-42")]
    pub join_code: Option<String>,
    /// 112 when absent.
    pub emergency_number: Option<String>,
}

/// A new event whose every field was checked.
pub(crate) struct Draft {
    name: String,
    venue: String,
    position: Option<(f64, f64)>,
    starts_at: OffsetDateTime,
    ends_at: OffsetDateTime,
    join_code: Option<String>,
    emergency_number: String,
}

impl TryFrom<NewEvent> for Draft {
    type Error = ApiError;

    fn try_from(new: NewEvent) -> Result<Self, ApiError> {
        validate::position(new.lat, new.lon)?;
        validate::period(new.starts_at, new.ends_at)?;
        Ok(Self {
            name: validate::label("name", &new.name)?,
            venue: validate::optional_label("venue", new.venue.as_deref().unwrap_or_default())?,
            position: new.lat.zip(new.lon),
            starts_at: new.starts_at,
            ends_at: new.ends_at,
            join_code: new.join_code.as_deref().map(validate::join_code).transpose()?,
            emergency_number: validate::emergency_number(
                new.emergency_number.as_deref().unwrap_or(EMERGENCY_NUMBER),
            )?,
        })
    }
}

/// Creates an event.
pub(crate) async fn create_event(
    conn: &mut PgConnection,
    agency: AgencyId,
    draft: &Draft,
    actor: PersonId,
) -> Result<EventCard, ApiError> {
    let id = EventId::new();
    let card = match &draft.join_code {
        Some(code) => insert(conn, id, agency, draft, code)
            .await?
            .ok_or(ApiError::Conflict {
                code: "join_code_taken",
                detail: "another event has this join code",
                field: Some("join_code"),
            })?,
        None => {
            let mut card = None;
            for _ in 0..CODE_TRIES {
                card = insert(conn, id, agency, draft, &random_code()).await?;
                if card.is_some() {
                    break;
                }
            }
            card.ok_or(ApiError::Internal("no free join code was found"))?
        }
    };
    let detail = json!({ "name": card.name, "join_code": card.join_code });
    audit::record(
        conn,
        Some(agency),
        &actor.to_string(),
        "event.created",
        &id.to_string(),
        detail,
    )
    .await?;
    Ok(card)
}

/// `None` when the join code is taken.
async fn insert(
    conn: &mut PgConnection,
    id: EventId,
    agency: AgencyId,
    draft: &Draft,
    join_code: &str,
) -> Result<Option<EventCard>, ApiError> {
    let row = sqlx::query(
        "INSERT INTO events (id, agency_id, name, venue, lat, lon, starts_at, ends_at, join_code, emergency_number)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (join_code) DO NOTHING
         RETURNING id, name, status, venue, lat, lon, starts_at, ends_at, join_code, emergency_number",
    )
    .bind(id.0)
    .bind(agency.0)
    .bind(&draft.name)
    .bind(&draft.venue)
    .bind(draft.position.map(|(lat, _)| lat))
    .bind(draft.position.map(|(_, lon)| lon))
    .bind(draft.starts_at)
    .bind(draft.ends_at)
    .bind(join_code)
    .bind(&draft.emergency_number)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(events::card).transpose()?)
}

fn random_code() -> String {
    let mut rng = rand::rng();
    let mut code = CODE_PREFIX.to_owned();
    code.extend(
        (0..CODE_LENGTH)
            .filter_map(|_| CODE_ALPHABET.choose(&mut rng))
            .map(|&b| char::from(b)),
    );
    code
}

/// Creates an event as a draft.
#[utoipa::path(post, path = "/agencies/{agency}/events", tag = "events", security(("login" = [])),
    params(("agency" = Uuid, Path)), request_body = NewEvent,
    responses((status = 201, body = EventView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "The join code is taken"),
        (status = 422, body = ProblemBody)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    Body(body): Body<NewEvent>,
) -> Result<(StatusCode, Json<EventView>), ApiError> {
    let draft = Draft::try_from(body)?;
    let mut tx = state.begin().await?;
    let card = create_event(&mut tx, member.agency, &draft, member.person).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(EventView(card))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_codes_are_valid_and_differ() {
        let codes: Vec<String> = (0..50).map(|_| random_code()).collect();
        for code in &codes {
            assert_eq!(&validate::join_code(code).unwrap(), code);
        }
        assert!(codes.iter().any(|code| *code != codes[0]));
    }
}
