//! Ids in paths. One that is none is one that nobody has: 404.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use muster_domain::{ClientId, EventId, PersonId};

use crate::{ApiError, ApiState, validate};

pub(super) async fn path_parameter<T: FromStr>(
    parts: &mut Parts,
    state: &ApiState,
    name: &'static str,
) -> Result<T, ApiError> {
    text_parameter(parts, state, name)
        .await?
        .parse()
        .map_err(|_| ApiError::NotFound(name))
}

async fn text_parameter(parts: &mut Parts, state: &ApiState, name: &'static str) -> Result<String, ApiError> {
    // Refused only for text that is not UTF-8, which no id is.
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| ApiError::NotFound(name))?;
    let text = params
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned());
    text.ok_or(ApiError::Internal(
        "a route lacks a path parameter that its handler asks for",
    ))
}

macro_rules! path_id {
    ($(#[$doc:meta])* $name:ident, $id:ty, $parameter:literal) => {
        $(#[$doc])*
        pub(crate) struct $name(pub $id);

        impl FromRequestParts<ApiState> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
                path_parameter(parts, state, $parameter).await.map(Self)
            }
        }
    };
}

path_id!(
    /// `{event}`
    EventPath, EventId, "event"
);
path_id!(
    /// `{person}`
    PersonPath, PersonId, "person"
);
path_id!(
    /// `{client}`
    ClientPath, ClientId, "client"
);

/// `{join_code}`, folded as people type it.
pub(crate) struct JoinCodePath(pub String);

impl FromRequestParts<ApiState> for JoinCodePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let text = text_parameter(parts, state, "join_code").await?;
        validate::join_code(&text)
            .map(Self)
            .map_err(|_| ApiError::NotFound("event"))
    }
}
