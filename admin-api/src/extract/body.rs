//! What a client sent: JSON bodies and query parameters. No refusal repeats a value: one of them may be a password.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::ApiError;

/// A JSON body. Unknown fields are refused by the types themselves.
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let media_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let json = media_type.is_some_and(|text| {
            text.split(';')
                .next()
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        });
        if !json {
            return Err(ApiError::NotJson);
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(
                |rejection: BytesRejection| match rejection.into_response().status() {
                    StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
                    _ => ApiError::BadJson("the body ended too early".into()),
                },
            )?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        refusal(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| refusal("", &error))?;
    Ok(value)
}

/// Says what is wrong and where, by serde's words only where they name fields and never values.
fn refusal(path: &str, error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        return ApiError::BadJson(format!(
            "the body is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ));
    }
    let text = error.to_string();
    let named = |start: &str| {
        let rest = text.strip_prefix(start)?;
        rest.split('`').next().map(str::to_owned)
    };
    let (field, problem) = if let Some(field) = named("missing field `") {
        (field, "is missing")
    } else if let Some(field) = named("unknown field `") {
        (field, "is not known here")
    } else if let Some(field) = named("duplicate field `") {
        (field, "is there twice")
    } else if path == "." {
        ("body".to_owned(), "is not a JSON object")
    } else {
        (path.to_owned(), "is not of the kind or form that is asked for")
    };
    ApiError::Invalid {
        field: field.into(),
        problem: problem.into(),
    }
}

/// Query parameters.
pub(crate) struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|_| ApiError::Invalid {
                field: "query".into(),
                problem: "has a parameter that is unknown, twice there or of the wrong kind".into(),
            })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code, reason = "only its parsing matters here")]
        count: u32,
    }

    #[test]
    fn a_refusal_names_the_field_and_never_the_value() {
        for (json, field) in [
            (r#"{"count":"canary"}"#, "count"),
            (r#"{"count":1,"canari":"canary"}"#, "canari"),
            (r#"{}"#, "count"),
            (r#"{"count":1,"count":2}"#, "count"),
            (r#""canary""#, "body"),
        ] {
            let error = parse::<Sample>(json.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
            match error {
                ApiError::Invalid { field: named, .. } => assert_eq!(named, field, "{json}"),
                other => panic!("{json}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_the_wrong_json() {
        for json in ["", "{", "canary", r#"{"count":1} canary"#] {
            let error = parse::<Sample>(json.as_bytes()).unwrap_err();
            assert!(matches!(error, ApiError::BadJson(_)), "{json}: {error:?}");
            assert!(!error.to_string().contains("canary"));
        }
    }
}
