//! Muster's HTTP API, as much of it as a crowd needs.
//!
//! **Invariant:** never more requests at once than it was made with; every request and its repeats are bounded in time.

use std::fmt;
use std::time::Duration;

use muster_domain::payload::EventCard;
use muster_domain::{ClientId, MessageId};
use reqwest::{Method, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// Longest time for one answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// How often a request is made at most, where the server asks for patience or is not there.
const TRIES: u32 = 8;
/// Longest time to wait between two.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Messages asked for at once: the most that the API gives.
const PAGE: usize = 1000;

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer.
    #[error("cannot reach {url}: {cause}. Is Muster running there? Start it with `muster up`, or give --url")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The innermost cause.
        cause: String,
    },
    /// An answer that refuses.
    #[error("{what} was refused with {status}: {detail}")]
    Refused {
        /// Method and path.
        what: String,
        /// The HTTP status.
        status: StatusCode,
        /// The problem's own words.
        detail: String,
    },
    /// An answer of another shape than the contract's.
    #[error("{what} was answered with something else than Muster's API answers: {cause}")]
    Shape {
        /// Method and path.
        what: String,
        /// Where it differs.
        cause: String,
    },
}

/// A client of the API.
pub struct Api {
    http: reqwest::Client,
    base: String,
    permits: Semaphore,
}

/// A session of an account.
#[derive(Deserialize)]
pub struct Account {
    /// For `Authorization`.
    pub token: String,
}

/// A token for the broker.
#[derive(Deserialize)]
pub struct MqttToken {
    /// The password of CONNECT.
    pub token: String,
    /// The client id that it is for.
    pub client_id: ClientId,
    /// The event that it is for.
    pub event: EventCard,
}

/// An agency as its member sees it.
#[derive(Deserialize)]
pub struct Agency {
    /// Its id.
    pub id: String,
    /// The member's role there.
    #[serde(default)]
    pub role: String,
}

/// What the archive holds of an event.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct ArchiveStats {
    /// Rows of all chats.
    #[serde(default)]
    pub chat_messages: u64,
    /// Rows of all locations.
    #[serde(default)]
    pub locations: u64,
    /// Messages that could not be stored.
    #[serde(default)]
    pub dead_letters: u64,
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
    #[serde(default)]
    next: Option<Value>,
}

#[derive(Deserialize)]
struct Row {
    id: MessageId,
}

#[derive(Deserialize)]
struct Me {
    agencies: Vec<Agency>,
}

struct Request<'a> {
    method: Method,
    path: String,
    bearer: Option<&'a str>,
    body: Option<Value>,
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Api {
    /// For the server at `base` (without a slash at the end), with so many requests at once.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(base: &str, concurrency: u16) -> anyhow::Result<Self> {
        // A second provider is refused, and then the first one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            http: reqwest::Client::builder().timeout(ANSWER_TIME).build()?,
            base: base.to_owned(),
            permits: Semaphore::new(usize::from(concurrency.max(1))),
        })
    }

    /// Asks whether the server is there, once.
    ///
    /// # Errors
    /// [`ApiError::Unreachable`] at once.
    pub async fn probe(&self) -> Result<(), ApiError> {
        let request = Request {
            method: Method::GET,
            path: "/healthz".into(),
            bearer: None,
            body: None,
        };
        match self.once(&request).await {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error),
        }
    }

    /// Registers an account.
    ///
    /// # Errors
    /// As every call here: [`ApiError`] with the words of the server.
    pub async fn register(&self, email: &str, name: &str, password: &str) -> Result<Account, ApiError> {
        let body = json!({ "email": email, "name": name, "password": password });
        self.post("/api/v1/auth/register".into(), None, body).await
    }

    /// Logs in.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn login(&self, email: &str, password: &str) -> Result<Account, ApiError> {
        let body = json!({ "email": email, "password": password });
        self.post("/api/v1/auth/login".into(), None, body).await
    }

    /// The agencies of the bearer.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn agencies(&self, bearer: &str) -> Result<Vec<Agency>, ApiError> {
        Ok(self.get::<Me>("/api/v1/me".into(), bearer).await?.agencies)
    }

    /// Founds an agency.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn found_agency(&self, bearer: &str, name: &str) -> Result<Agency, ApiError> {
        self.post("/api/v1/agencies".into(), Some(bearer), json!({ "name": name }))
            .await
    }

    /// Creates an event, as a draft.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn create_event(
        &self,
        bearer: &str,
        agency: &str,
        event: Value,
    ) -> Result<EventCard, ApiError> {
        self.post(format!("/api/v1/agencies/{agency}/events"), Some(bearer), event)
            .await
    }

    /// The events of an agency.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn events(&self, bearer: &str, agency: &str) -> Result<Vec<EventCard>, ApiError> {
        let path = format!("/api/v1/agencies/{agency}/events?limit={PAGE}");
        Ok(self.get::<Items<EventCard>>(path, bearer).await?.items)
    }

    /// Publishes an event.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn publish_event(
        &self,
        bearer: &str,
        agency: &str,
        event: &str,
    ) -> Result<EventCard, ApiError> {
        self.post(
            format!("/api/v1/agencies/{agency}/events/{event}/publish"),
            Some(bearer),
            json!({}),
        )
        .await
    }

    /// Adds an operator to an agency.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn add_operator(
        &self,
        bearer: &str,
        agency: &str,
        email: &str,
        name: &str,
        password: &str,
    ) -> Result<(), ApiError> {
        let body = json!({ "email": email, "name": name, "password": password, "role": "operator" });
        self.post::<Value>(format!("/api/v1/agencies/{agency}/members"), Some(bearer), body)
            .await
            .map(|_| ())
    }

    /// The bearer's own token for the broker.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn staff_token(&self, bearer: &str, agency: &str, event: &str) -> Result<MqttToken, ApiError> {
        self.post(
            format!("/api/v1/agencies/{agency}/events/{event}/tokens"),
            Some(bearer),
            json!({}),
        )
        .await
    }

    /// Joins an event as a participant.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn join(&self, join_code: &str, name: &str) -> Result<MqttToken, ApiError> {
        self.post(
            format!("/api/v1/events/{join_code}/join"),
            None,
            json!({ "name": name }),
        )
        .await
    }

    /// What the archive holds of an event.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn stats(&self, bearer: &str, agency: &str, event: &str) -> Result<ArchiveStats, ApiError> {
        self.get(format!("/api/v1/agencies/{agency}/events/{event}/stats"), bearer)
            .await
    }

    /// The ids of all archived messages of a chat, in the archive's order, page by page. At most `most` and one page.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn chat_message_ids(
        &self,
        bearer: &str,
        event: &str,
        client: &ClientId,
        most: usize,
    ) -> Result<Vec<MessageId>, ApiError> {
        let mut ids = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/api/v1/events/{event}/chats/{client}/messages?limit={PAGE}{after}");
            let page: Items<Row> = self.get(path, bearer).await?;
            ids.extend(page.items.iter().map(|row| row.id));
            let next = match page.next {
                None | Some(Value::Null) => return Ok(ids),
                Some(Value::String(next)) => next,
                Some(next) => next.to_string(),
            };
            if page.items.is_empty() || ids.len() > most {
                return Ok(ids);
            }
            after = format!("&after={next}");
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: String, bearer: &str) -> Result<T, ApiError> {
        self.call(Request {
            method: Method::GET,
            path,
            bearer: Some(bearer),
            body: None,
        })
        .await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: String,
        bearer: Option<&str>,
        body: Value,
    ) -> Result<T, ApiError> {
        self.call(Request {
            method: Method::POST,
            path,
            bearer,
            body: Some(body),
        })
        .await
    }

    /// Makes a request, again where the server asks for patience (429, 503) or nothing answers the door.
    async fn call<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T, ApiError> {
        let mut tries = 0;
        let text = loop {
            tries += 1;
            let permit = self
                .permits
                .acquire()
                .await
                .expect("the semaphore is never closed");
            match self.once(&request).await {
                Ok(text) => break text,
                Err((_, Some(wait))) if tries < TRIES => {
                    drop(permit);
                    tokio::time::sleep(wait.min(WAIT_MAX)).await;
                }
                Err((error, _)) => return Err(error),
            }
        };
        serde_json::from_slice(&text).map_err(|error| ApiError::Shape {
            what: request.to_string(),
            cause: error.to_string(),
        })
    }

    /// One attempt: the body of a success, or the error and how long to wait before another attempt makes sense.
    async fn once(&self, request: &Request<'_>) -> Result<Vec<u8>, (ApiError, Option<Duration>)> {
        let url = format!("{}{}", self.base, request.path);
        let mut builder = self.http.request(request.method.clone(), &url);
        if let Some(bearer) = request.bearer {
            builder = builder.bearer_auth(bearer);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let unreachable = |error: reqwest::Error| {
            // A request that was not sent, or that changes nothing, may be made again.
            let again = error.is_connect() || request.method == Method::GET;
            let error = ApiError::Unreachable {
                url: self.base.clone(),
                cause: innermost(&error),
            };
            (error, again.then_some(Duration::from_secs(1)))
        };
        let response = builder.send().await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(text.to_vec());
        }
        let wait = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Some(Duration::from_secs(retry_after.unwrap_or(1)))
            }
            _ => None,
        };
        let refused = ApiError::Refused {
            what: request.to_string(),
            status,
            detail: detail(&text),
        };
        Err((refused, wait))
    }
}

/// The words of a problem (RFC 9457), or the beginning of whatever it is.
fn detail(body: &[u8]) -> String {
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    let word = |name| problem.as_ref().and_then(|problem| problem.get(name)?.as_str());
    match (word("detail").or(word("title")), word("field")) {
        (Some(detail), Some(field)) => format!("{detail} ({field})"),
        (Some(detail), None) => detail.to_owned(),
        (None, _) => String::from_utf8_lossy(body).chars().take(200).collect(),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_in_its_own_words() {
        let problem =
            br#"{"title":"Conflict","status":409,"detail":"this join code is taken","field":"join_code"}"#;
        assert_eq!(detail(problem), "this join code is taken (join_code)");
        assert_eq!(detail(br#"{"title":"Not Found"}"#), "Not Found");
        assert_eq!(detail(b"<html>"), "<html>");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let url = format!("http://127.0.0.1:{port}");
        let error = Api::new(&url, 1).unwrap().probe().await.unwrap_err().to_string();
        assert!(error.contains(&url) && error.contains("muster up"), "{error}");
    }
}
