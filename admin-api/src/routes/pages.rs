//! The web pages, embedded in the program.
//!
//! **Invariant:** only files that were built in are served, looked up by their whole name: there is no path to walk.

use std::fmt::Write;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode, Uri};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{ApiError, ApiState};

#[derive(RustEmbed)]
#[folder = "../clients/web/dist"]
struct Dist;

const PARTICIPANT: &str = "index.html";
const CONSOLE: &str = "console/index.html";
/// Files below it carry a hash of their content in their name.
const HASHED: &str = "assets/";

pub(super) fn router() -> Router<ApiState> {
    // A page finds out by itself what its address means, so several addresses are one page.
    let participant = get(|headers: HeaderMap| async move { serve(PARTICIPANT, &headers) });
    let console = get(|headers: HeaderMap| async move { serve(CONSOLE, &headers) });
    Router::new()
        .route("/", participant.clone())
        .route("/e/{code}", participant)
        .route("/console", get(|| async { Redirect::permanent("/console/") }))
        .route("/console/", console.clone())
        .route("/console/{*rest}", console)
        .fallback(file)
}

/// Any other embedded file, such as an icon.
async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let name = uri.path().trim_start_matches('/');
    if name.starts_with("api/") || Dist::get(name).is_none() {
        return ApiError::NotFound("address").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    serve(name, &headers)
}

fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = Dist::get(name) else {
        return ApiError::NotFound("page").into_response();
    };
    let etag = etag(&file);
    // A page must be asked for every time: it names the files of one build.
    let cache = if name.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    // Compression makes the tag a weak one on its way.
    let known = known
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == etag);
    if known {
        return (
            StatusCode::NOT_MODIFIED,
            [(CACHE_CONTROL, cache.to_owned()), (ETAG, etag)],
        )
            .into_response();
    }
    let kind = media_type(&file);
    (
        [
            (CONTENT_TYPE, kind),
            (CACHE_CONTROL, cache.to_owned()),
            (ETAG, etag),
        ],
        file.data,
    )
        .into_response()
}

fn media_type(file: &EmbeddedFile) -> String {
    let kind = file.metadata.mimetype();
    let text = kind.starts_with("text/") || kind.ends_with("javascript") || kind.ends_with("json");
    if text {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_owned()
    }
}

fn etag(file: &EmbeddedFile) -> String {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        write!(tag, "{byte:02x}").expect("writing to a string cannot fail");
    }
    tag.push('"');
    tag
}
