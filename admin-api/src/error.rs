//! Everything that can go wrong with a request, as `application/problem+json` (RFC 9457).
//!
//! Belongs here: what a client did wrong, in words that help, and what we did wrong, in words that say nothing of it.
//! The cause of a 5xx goes to the log, named by the request's id.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use muster_auth::TokenError;
use muster_store::{describe, sqlx};

use crate::http::problem::Problem;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There is no bearer token.
    #[error("this needs a token: Authorization: Bearer ...")]
    TokenMissing,
    /// There is one, but it is not believed.
    #[error("{0}")]
    TokenRefused(#[from] TokenError),
    /// E-mail and password do not belong together, or there is no such account.
    #[error("e-mail or password is wrong")]
    WrongLogin,
    /// The bearer is known and may not.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such thing, or not for this bearer.
    #[error("there is no such {0}, or not for you")]
    NotFound(&'static str),
    /// The state of things does not allow it.
    #[error("{detail}")]
    Conflict {
        /// A word for programs.
        code: &'static str,
        /// A sentence for people.
        detail: &'static str,
        /// The field whose value collides.
        field: Option<&'static str>,
    },
    /// A field is missing, unknown or out of bounds.
    #[error("{field} {problem}")]
    Invalid {
        /// Which one.
        field: Cow<'static, str>,
        /// What is wrong with it.
        problem: String,
    },
    /// The body is no JSON at all.
    #[error("{0}")]
    BadJson(String),
    /// The body is declared as something else than JSON.
    #[error("the body must be JSON: Content-Type: application/json")]
    NotJson,
    /// The body is longer than allowed.
    #[error("the body is larger than allowed")]
    TooLarge,
    /// Too often from this address, or for this account.
    #[error("too many attempts; come back in {retry_after_s} seconds")]
    TooManyAttempts {
        /// When another attempt is welcome.
        retry_after_s: u64,
    },
    /// As many as can be served wait already.
    #[error("too much to do at this moment; come back in a second")]
    Busy,
    /// The database refused or is away.
    #[error("the database: {}", describe(.0))]
    Database(sqlx::Error),
    /// An invariant does not hold. The text is for the log.
    #[error("{0}")]
    Internal(&'static str),
}

impl From<sqlx::Error> for ApiError {
    /// A constraint that a request can break becomes the client's error; what else the database says is ours.
    fn from(error: sqlx::Error) -> Self {
        let constraint = match &error {
            sqlx::Error::Database(database) => database.constraint(),
            _ => None,
        };
        let conflict = |code, detail, field| Self::Conflict { code, detail, field };
        match constraint {
            Some("people_email_key") => conflict(
                "email_taken",
                "there is an account with this e-mail address",
                Some("email"),
            ),
            Some("events_join_code_key") => conflict(
                "join_code_taken",
                "another event has this join code",
                Some("join_code"),
            ),
            Some("members_pkey") => conflict("already_member", "this person is a member already", None),
            Some(constraint) if is_check(&error) => Self::Invalid {
                field: checked_field(constraint).into(),
                problem: "is not what the database takes".into(),
            },
            _ => Self::Database(error),
        }
    }
}

fn is_check(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.is_check_violation())
}

/// The field in the name that PostgreSQL gives to a column's check, `{table}_{column}_check`; a check of several
/// columns names none. Every bound is looked at before the database is asked: this is for one that was forgotten.
fn checked_field(constraint: &str) -> String {
    let column = constraint
        .strip_suffix("_check")
        .and_then(|name| name.split_once('_'));
    column.map_or("body", |(_, column)| column).to_owned()
}

impl ApiError {
    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TokenMissing | Self::TokenRefused(_) | Self::WrongLogin => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::BadJson(_) => StatusCode::BAD_REQUEST,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(error) if muster_store::error::is_transient(error) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Database(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenRefused(TokenError::Expired) => "token_expired",
            Self::TokenRefused(_) => "token_invalid",
            Self::WrongLogin => "wrong_login",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Conflict { code, .. } => code,
            Self::Invalid { .. } => "invalid",
            Self::BadJson(_) => "bad_json",
            Self::NotJson => "not_json",
            Self::TooLarge => "too_large",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Busy => "busy",
            Self::Database(_) if self.status() == StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            Self::Database(_) | Self::Internal(_) => "internal",
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut problem = Problem::new(status, self.code());
        match &self {
            // The cause is for the log alone.
            Self::Database(_) | Self::Internal(_) => problem.cause = Some(self.to_string()),
            _ => problem.detail = Some(self.to_string()),
        }
        match &self {
            Self::Invalid { field, .. } => problem.field = Some(field.clone()),
            Self::Conflict { field, .. } => problem.field = field.map(Cow::Borrowed),
            Self::TooManyAttempts { retry_after_s } => problem.retry_after_s = Some(*retry_after_s),
            Self::Busy => problem.retry_after_s = Some(1),
            _ => {}
        }
        problem.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_of_a_check_is_in_its_name() {
        assert_eq!(checked_field("events_emergency_number_check"), "emergency_number");
        assert_eq!(checked_field("events_check"), "body");
        assert_eq!(checked_field("something_else"), "body");
    }
}
