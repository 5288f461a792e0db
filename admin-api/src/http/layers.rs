//! Layers around the router: request id, security headers, deadline, counting.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use uuid::Uuid;

use super::problem;

/// Everything comes from here, nothing is inline, nobody frames us. `'self'` covers the WebSocket of the same origin.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
/// A participant may share a location and scan a code; nothing else of the device is asked for.
const PERMISSIONS_POLICY: &str = "geolocation=(self), camera=(self), microphone=(), payment=(), usb=()";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The outermost layer: names the request, completes problems, sets security headers, counts, and logs at `debug`.
///
/// The log holds the route's pattern, never the path: a path may hold what a person typed.
pub(crate) async fn around(request: Request, next: Next) -> Response {
    let request_id = Uuid::now_v7();
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    // Whatever was not routed is one series, whatever was asked for.
    let route = route.unwrap_or_else(|| "none".to_owned());

    let mut response = problem::complete(next.run(request).await, request_id);

    set_headers(response.headers_mut(), request_id);
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    let labels = [
        ("method", method.as_str().to_owned()),
        ("route", route.clone()),
        ("status", status.to_string()),
    ];
    metrics::counter!("muster_http_requests_total", &labels).increment(1);
    metrics::histogram!("muster_http_request_duration_seconds", "route" => route.clone()).record(elapsed);
    tracing::debug!(%request_id, %method, route, status, elapsed_ms = elapsed.as_millis() as u64, "answered");
    response
}

fn set_headers(headers: &mut HeaderMap, request_id: Uuid) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Answers of the API hold tokens and names; whoever may be kept says so itself.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let id = HeaderValue::from_str(&request_id.to_string()).expect("a UUID is a header value");
    headers.insert("x-request-id", id);
}
