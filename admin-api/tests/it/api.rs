//! Starts the API for one test: a database of its own, a listener on a free port, keys in a temporary directory.

use std::net::SocketAddr;
use std::time::Duration;

use muster_admin_api::{ApiConfig, ApiParts, ApiState, Readiness, router, serve};
use muster_auth::{KeyDir, Verifier, VerifierConfig};
use muster_store::testing::{TestDatabase, database};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const PASSWORD: &str = "correct horse battery";

/// A running API.
pub struct Api {
    pub address: SocketAddr,
    pub database: TestDatabase,
    pub state: ApiState,
    pub keys: KeyDir,
    pub verifier: Verifier,
    client: Client,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Null when the body is no JSON.
    pub json: Value,
}

impl Answer {
    /// Asserts the status; shows the answer when it is another one.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        if status >= 400 && self.json["parts"].is_null() {
            assert_eq!(self.header("content-type"), "application/problem+json");
            assert_eq!(self.json["status"], status);
            assert_eq!(
                self.json["request_id"],
                self.header("x-request-id"),
                "{}",
                self.text
            );
        }
        self
    }

    /// Asserts the problem's code.
    #[track_caller]
    pub fn code(self, code: &str) -> Self {
        assert_eq!(self.json["code"], code, "{}", self.text);
        self
    }

    /// Asserts the problem's field.
    #[track_caller]
    pub fn field(self, field: &str) -> Self {
        assert_eq!(self.json["field"], field, "{}", self.text);
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    #[track_caller]
    pub fn str(&self, pointer: &str) -> String {
        let found = self.json.pointer(pointer).and_then(Value::as_str);
        found
            .unwrap_or_else(|| panic!("no text at {pointer}: {}", self.text))
            .to_owned()
    }
}

impl Api {
    pub async fn start() -> Self {
        Self::start_with(ApiConfig::default(), Readiness::new()).await
    }

    pub async fn start_with(config: ApiConfig, readiness: Readiness) -> Self {
        // Another test of this process may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let database = database().await;
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyDir::open_or_create(&dir.path().join("keys")).unwrap();
        let verifier = Verifier::new(VerifierConfig {
            source: keys.source(),
            issuer: config.issuer.clone(),
            leeway: Duration::ZERO,
        })
        .unwrap();
        let state = ApiState::new(ApiParts {
            config,
            database: (*database).clone(),
            keys: keys.clone(),
            verifier: verifier.clone(),
            readiness,
            metrics: None,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(
            listener,
            router(state.clone()),
            stop.clone().cancelled_owned(),
        ));
        let client = Client::builder()
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            address,
            database,
            state,
            keys,
            verifier,
            client,
            stop,
            server: Some(server),
            _dir: dir,
        }
    }

    /// Stops it and waits for its end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.server.take().unwrap().await.unwrap();
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            text,
            json,
        }
    }

    /// A call below `/api/v1`.
    pub async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = self.request(method, &format!("/api/v1{path}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.call("GET", path, token, None).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.call("POST", path, token, Some(body)).await
    }

    pub async fn patch(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.call("PATCH", path, token, Some(body)).await
    }

    pub async fn delete(&self, path: &str, token: Option<&str>) -> Answer {
        self.call("DELETE", path, token, None).await
    }

    /// Registers a person.
    pub async fn person(&self, email: &str) -> Person {
        let body = json!({ "email": email, "name": "Ada Lovelace", "password": PASSWORD });
        let answer = self.post("/auth/register", None, body).await.is(201);
        Person {
            id: answer.str("/person/id"),
            token: answer.str("/token"),
        }
    }

    /// An organizer with an agency and a published event; `name` tells two of them apart.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let local: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let organizer = self.person(&format!("{local}@example.org")).await;
        let token = Some(organizer.token.as_str());
        let agency = self
            .post("/agencies", token, json!({ "name": name }))
            .await
            .is(201)
            .str("/id");
        let body = event_body(name);
        let event = self
            .post(&format!("/agencies/{agency}/events"), token, body)
            .await
            .is(201);
        let (event, join_code) = (event.str("/id"), event.str("/join_code"));
        self.call(
            "POST",
            &format!("/agencies/{agency}/events/{event}/publish"),
            token,
            None,
        )
        .await
        .is(200);
        Tenant {
            organizer,
            agency,
            event,
            join_code,
        }
    }

    /// Adds a member with a role and logs them in.
    pub async fn member(&self, tenant: &Tenant, email: &str, role: &str) -> Person {
        let body = json!({ "email": email, "name": "Grace Hopper", "password": PASSWORD, "role": role });
        let path = format!("/agencies/{}/members", tenant.agency);
        self.post(&path, Some(&tenant.organizer.token), body)
            .await
            .is(201);
        self.login(email).await
    }

    pub async fn login(&self, email: &str) -> Person {
        let answer = self
            .post(
                "/auth/login",
                None,
                json!({ "email": email, "password": PASSWORD }),
            )
            .await
            .is(200);
        Person {
            id: answer.str("/person/id"),
            token: answer.str("/token"),
        }
    }

    /// Joins an event: client id and token.
    pub async fn join(&self, tenant: &Tenant) -> (String, String) {
        let path = format!("/events/{}/join", tenant.join_code);
        let answer = self.post(&path, None, json!({ "name": "Kim" })).await.is(201);
        (answer.str("/client_id"), answer.str("/token"))
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A new event whose join code is made.
pub fn event_body(name: &str) -> Value {
    json!({
        "name": name, "venue": "Hall 1", "lat": 52.5, "lon": 13.4, "starts_at": "2026-11-21T10:00:00Z",
        "ends_at": "2026-11-23T10:00:00+01:00",
    })
}

pub struct Person {
    pub id: String,
    pub token: String,
}

pub struct Tenant {
    pub organizer: Person,
    pub agency: String,
    pub event: String,
    pub join_code: String,
}

impl Tenant {
    pub fn path(&self, rest: &str) -> String {
        format!("/agencies/{}{rest}", self.agency)
    }

    pub fn event_path(&self, rest: &str) -> String {
        format!("/agencies/{}/events/{}{rest}", self.agency, self.event)
    }

    pub fn token(&self) -> Option<&str> {
        Some(&self.organizer.token)
    }
}
