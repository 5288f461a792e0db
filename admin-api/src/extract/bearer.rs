//! Who speaks: the bearer token of RFC 6750.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use muster_auth::TokenError;
use muster_domain::PersonId;

use crate::{ApiError, ApiState};

/// A bearer token that nobody has looked into yet. Has no `Debug`: it would be one log line away from the log.
pub(crate) struct Bearer(pub String);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).ok_or(ApiError::TokenMissing)?;
        let (scheme, token) = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .ok_or(ApiError::TokenRefused(TokenError::Malformed))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ApiError::TokenMissing);
        }
        Ok(Self(token.trim().to_owned()))
    }
}

/// A person who is logged in at the API.
pub(crate) struct Person(pub PersonId);

impl FromRequestParts<ApiState> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let Bearer(token) = Bearer::from_request_parts(parts, state).await?;
        Ok(Self(state.verifier().verify_api(&token)?.sub))
    }
}
