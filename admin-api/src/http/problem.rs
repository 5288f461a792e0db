//! `application/problem+json` (RFC 9457), written where the request's id is known.
//!
//! A handler's error travels as an extension of an empty response; [`complete`] gives it its body. So a refusal by the
//! router, a body limit, a deadline or a panic becomes the same kind of answer.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

const MEDIA_TYPE: &str = "application/problem+json";

/// A problem on its way to the client.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    pub detail: Option<String>,
    pub field: Option<Cow<'static, str>>,
    pub retry_after_s: Option<u64>,
    /// For the log, never for the client.
    pub cause: Option<String>,
}

/// What the client reads.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// A word for programs, such as `not_found`.
    code: &'a str,
    /// A sentence for people.
    detail: &'a str,
    /// Names this request in the server's log.
    request_id: Uuid,
    /// The field that is wrong, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            detail: None,
            field: None,
            retry_after_s: None,
            cause: None,
        }
    }

    fn detail(&self) -> &str {
        self.detail.as_deref().unwrap_or(match self.status {
            StatusCode::NOT_FOUND => "there is nothing at this address",
            StatusCode::METHOD_NOT_ALLOWED => "this address does not take this method",
            StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than allowed",
            StatusCode::SERVICE_UNAVAILABLE => "this cannot be answered at this moment; try again",
            status if status.is_server_error() => "something went wrong on our side",
            _ => "the request was not understood",
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives an answer that tells of a problem its body; lets every other answer pass.
pub(crate) fn complete(mut response: Response, request_id: Uuid) -> Response {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if !(status.is_client_error() || status.is_server_error()) || is_json(&response) => {
            return response;
        }
        // Refused by the router or a layer, in plain text or without words.
        None => Problem::new(status, code(status)),
    };
    if status.is_server_error() {
        let cause = problem.cause.as_deref().unwrap_or("none told");
        tracing::error!(%request_id, status = status.as_u16(), code = problem.code, cause, "a request failed");
    }
    let body = ProblemBody {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or("Problem"),
        status: status.as_u16(),
        code: problem.code,
        detail: problem.detail(),
        request_id,
        field: problem.field.as_deref(),
    };
    let body = serde_json::to_vec(&body).expect("a problem is JSON");
    let headers = response.headers_mut();
    headers.remove(http::header::CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    *response.body_mut() = Body::from(body);
    response
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}

fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_server_error() => "internal",
        _ => "bad_request",
    }
}
