//! A member of the agency that the path names: the tenant boundary of every route below it.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;
use muster_domain::{AgencyId, PersonId, Role};
use muster_store::sqlx;

use super::Person;
use super::ids::path_parameter;
use crate::{ApiError, ApiState};

/// What a route asks of a member.
pub(crate) trait Needs {
    /// Why others are refused, or `None` when `role` will do.
    fn refusal(role: Role) -> Option<&'static str>;
}

/// Any role will do.
pub(crate) struct AnyRole;

impl Needs for AnyRole {
    fn refusal(_: Role) -> Option<&'static str> {
        None
    }
}

/// Organizers only.
pub(crate) struct Organizer;

impl Needs for Organizer {
    fn refusal(role: Role) -> Option<&'static str> {
        (role != Role::Organizer).then_some("only an organizer of this agency may do this")
    }
}

/// A member of the agency in the path (`{agency}`), whose role is what the route needs.
///
/// Asked in this order: is there a person (401), is the agency theirs (404), is their role enough (403).
pub(crate) struct Member<N = AnyRole> {
    /// Who.
    pub person: PersonId,
    /// Of which agency.
    pub agency: AgencyId,
    /// As what.
    pub role: Role,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequestParts<ApiState> for Member<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let Person(person) = Person::from_request_parts(parts, state).await?;
        let agency: AgencyId = path_parameter(parts, state, "agency").await?;
        let role = role_of(state, agency, person)
            .await?
            .ok_or(ApiError::NotFound("agency"))?;
        match N::refusal(role) {
            Some(refusal) => Err(ApiError::Forbidden(refusal)),
            None => Ok(Self {
                person,
                agency,
                role,
                needs: PhantomData,
            }),
        }
    }
}

/// The role of a person in an agency, or `None` when they are no member.
pub(crate) async fn role_of(
    state: &ApiState,
    agency: AgencyId,
    person: PersonId,
) -> Result<Option<Role>, ApiError> {
    let word: Option<String> =
        sqlx::query_scalar("SELECT role FROM members WHERE agency_id = $1 AND person_id = $2")
            .bind(agency.0)
            .bind(person.0)
            .fetch_optional(state.pool())
            .await?;
    word.map(|word| {
        word.parse()
            .map_err(|_| ApiError::Internal("a member has an unknown role"))
    })
    .transpose()
}
