//! Passwords, tokens and what people write never reach a log or an error.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::api::Api;

const PASSWORD: &str = "canary-password-7f3a";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log_or_an_error() {
    let log = Log::default();
    // Everything that Muster and its libraries say on the server's side.
    let filter = "trace,hyper=debug,h2=off,reqwest=off,hyper_util::client=off";
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log.clone())
        .finish();
    // The test's runtime has one thread, so all of the server runs under this one.
    let _guard = tracing::subscriber::set_default(subscriber);
    let api = Api::start().await;

    let register = json!({ "email": "canary-mail@example.org", "name": "Ada", "password": PASSWORD });
    let answer = api.post("/auth/register", None, register.clone()).await.is(201);
    let login = answer.str("/token");
    let mut refusals = vec![api.post("/auth/register", None, register).await.is(409).text];
    let wrong = json!({ "email": "canary-mail@example.org", "password": format!("{PASSWORD}x") });
    refusals.push(api.post("/auth/login", None, wrong).await.is(401).text);
    let mistyped = json!({ "email": "canary-mail@example.org", "password": { "x": PASSWORD } });
    refusals.push(api.post("/auth/login", None, mistyped).await.is(422).text);
    let right = json!({ "email": "canary-mail@example.org", "password": PASSWORD });
    api.post("/auth/login", None, right).await.is(200);
    refusals.push(api.get("/me", Some(&format!("{login}x"))).await.is(401).text);

    let agency = api
        .post("/agencies", Some(&login), json!({ "name": "A" }))
        .await
        .is(201)
        .str("/id");
    let events = format!("/agencies/{agency}/events");
    let event = api
        .post(&events, Some(&login), crate::api::event_body("E"))
        .await
        .is(201);
    let path = format!("{events}/{}", event.str("/id"));
    api.call("POST", &format!("{path}/publish"), Some(&login), None)
        .await
        .is(200);
    let staff = api
        .post(&format!("{path}/tokens"), Some(&login), json!({}))
        .await
        .is(201)
        .str("/token");
    let joining = format!("/events/{}/join", event.str("/join_code"));
    let joined = api
        .post(&joining, None, json!({ "name": "canary-name" }))
        .await
        .is(201)
        .str("/token");
    api.call("POST", "/session/renew", Some(&joined), None)
        .await
        .is(200);
    api.database.pool().close().await;
    refusals.push(api.get("/me", Some(&login)).await.is(503).text);
    assert_eq!(format!("{:?}", api.state), "ApiState { .. }");
    api.stop().await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("a request failed") && log.contains("answered"),
        "the log was not caught"
    );
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    for secret in [
        PASSWORD.to_owned(),
        "canary-mail".into(),
        "canary-name".into(),
        "$argon2".into(),
        signature(&login),
        signature(&staff),
        signature(&joined),
    ] {
        let at = log
            .find(&secret)
            .map(|at| &log[at.saturating_sub(200)..(at + 50).min(log.len())]);
        assert!(at.is_none(), "{secret} is in the log: {at:?}");
        assert!(
            refusals.iter().all(|text| !text.contains(&secret)),
            "{secret} is in an error"
        );
    }
}
