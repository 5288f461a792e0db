//! The domain's payloads as the OpenAPI document shows them: the domain knows nothing of OpenAPI.
//!
//! **Invariant:** every field that the domain writes is here (a test compares them).

#![allow(dead_code, reason = "these types are read by their derived schemas only")]

use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// An event, as its topic `ev/{event}/info` carries it too.
#[derive(ToSchema)]
#[schema(as = EventCard)]
pub(crate) struct EventCardSchema {
    id: Uuid,
    name: String,
    /// `draft`, `published` or `ended`.
    status: EventStatusSchema,
    venue: String,
    /// Degrees.
    lat: Option<f64>,
    /// Degrees.
    lon: Option<f64>,
    starts_at: OffsetDateTime,
    ends_at: OffsetDateTime,
    /// What participants type to join.
    #[schema(example = "FEST-42")]
    join_code: String,
    /// The public emergency number there.
    #[schema(example = "112")]
    emergency_number: String,
}

#[derive(ToSchema)]
#[schema(as = EventStatus, rename_all = "lowercase")]
pub(crate) enum EventStatusSchema {
    Draft,
    Published,
    Ended,
}

/// A call for help, as its topic `ev/{event}/case/{client}` carries it too.
#[derive(ToSchema)]
#[schema(as = Case)]
pub(crate) struct CaseSchema {
    id: Uuid,
    client: String,
    name: Option<String>,
    /// `queued`, `claimed` or `closed`.
    state: String,
    /// The higher one is the newer one.
    revision: i64,
    /// `life`, `urgent` or `service`.
    priority: String,
    text: String,
    seat: Option<String>,
    place: Option<PlaceSchema>,
    /// Expected seconds until an operator has it.
    eta_s: Option<u32>,
    operator: Option<OperatorSchema>,
    opened_at: OffsetDateTime,
    claimed_at: Option<OffsetDateTime>,
    closed_at: Option<OffsetDateTime>,
    reason: Option<String>,
}

/// A place in line: `ahead` is exact as of `gone`.
#[derive(ToSchema)]
#[schema(as = Place)]
pub(crate) struct PlaceSchema {
    ahead: u32,
    gone: u64,
}

/// Who answers.
#[derive(ToSchema)]
#[schema(as = OperatorCard)]
pub(crate) struct OperatorSchema {
    client: String,
    name: String,
}

/// A domain payload in a list, with its schema.
macro_rules! shown_as {
    ($(#[$doc:meta])* $name:ident($payload:ty) as $schema:ty) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub $payload);

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                <$schema as utoipa::PartialSchema>::schema()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                <$schema as ToSchema>::name()
            }

            fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
                <$schema as ToSchema>::schemas(schemas);
            }
        }
    };
}

shown_as!(
    /// An event card.
    EventView(muster_domain::payload::EventCard) as EventCardSchema
);
shown_as!(
    /// A case.
    CaseView(muster_domain::payload::Case) as CaseSchema
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use muster_domain::payload::{Case, CaseState, EventCard, EventStatus, OperatorCard, Place, Priority};
    use muster_domain::{CaseId, ClientId, EventId};
    use utoipa::PartialSchema;

    use super::*;

    fn keys(value: &serde_json::Value) -> BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    }

    fn properties<T: PartialSchema>() -> BTreeSet<String> {
        keys(&serde_json::to_value(T::schema()).unwrap()["properties"])
    }

    #[test]
    fn the_document_shows_the_fields_that_are_sent() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let card = EventCard {
            id: EventId::new(),
            name: String::new(),
            status: EventStatus::Draft,
            venue: String::new(),
            lat: Some(0.0),
            lon: Some(0.0),
            starts_at: now,
            ends_at: now,
            join_code: String::new(),
            emergency_number: String::new(),
        };
        assert_eq!(
            keys(&serde_json::to_value(&card).unwrap()),
            properties::<EventCardSchema>()
        );
        let place = Place { ahead: 0, gone: 0 };
        let operator = OperatorCard {
            client: ClientId::random(),
            name: String::new(),
        };
        assert_eq!(
            keys(&serde_json::to_value(place).unwrap()),
            properties::<PlaceSchema>()
        );
        assert_eq!(
            keys(&serde_json::to_value(&operator).unwrap()),
            properties::<OperatorSchema>()
        );
        let case = Case {
            id: CaseId::new(),
            client: ClientId::random(),
            name: Some(String::new()),
            state: CaseState::Queued,
            revision: 1,
            priority: Priority::Life,
            text: String::new(),
            seat: Some(String::new()),
            place: Some(place),
            eta_s: Some(1),
            operator: Some(operator),
            opened_at: now,
            claimed_at: Some(now),
            closed_at: Some(now),
            reason: Some(String::new()),
        };
        assert_eq!(
            keys(&serde_json::to_value(&case).unwrap()),
            properties::<CaseSchema>()
        );
    }
}
