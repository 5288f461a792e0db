//! Bodies, media types, methods, deadlines: what is refused before a handler sees it.

use std::time::Duration;

use muster_admin_api::{ApiConfig, Readiness};
use muster_store::sqlx;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::{Api, PASSWORD};

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let api = Api::start().await;
    let body = json!({ "email": "x".repeat(70_000), "password": PASSWORD });
    api.post("/auth/login", None, body)
        .await
        .is(413)
        .code("too_large");
    // One that does not tell its length.
    let mut socket = TcpStream::connect(api.address).await.unwrap();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    for _ in 0..70 {
        // It may be refused before all of it is sent.
        if socket.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut status = [0; 12];
    socket.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let api = Api::start().await;
    let post = |kind: &str, body: &str| {
        api.request("POST", "/api/v1/auth/login")
            .header("content-type", kind)
            .body(body.to_owned())
    };
    for body in [
        "",
        "{",
        "email=a",
        "{\"email\":\"a\",\"password\":\"b\"} x",
        "\u{fffd}",
    ] {
        api.send(post("application/json", body))
            .await
            .is(400)
            .code("bad_json");
    }
    api.send(post("application/json", "[]"))
        .await
        .is(422)
        .field("body");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        api.send(post(kind, "{}")).await.is(415).code("not_json");
    }
    let body = r#"{"email":"a@b.c","password":"0123456789"}"#;
    api.send(post("application/json; charset=utf-8", body))
        .await
        .is(401);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let api = Api::start().await;
    api.get("/nothing", None).await.is(404).code("not_found");
    api.delete("/auth/login", None)
        .await
        .is(405)
        .code("method_not_allowed");
    let answer = api.send(api.request("GET", "/nothing.html")).await.is(404);
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let config = ApiConfig {
        request_timeout: Duration::from_millis(300),
        ..ApiConfig::default()
    };
    let api = Api::start_with(config, Readiness::new()).await;
    let mut lock = api.database.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    api.get("/events?q=fair", None).await.is(503).code("unavailable");
    lock.rollback().await.unwrap();
    api.get("/events?q=fair", None).await.is(200);
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_that_does_not_say_why() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    api.database.pool().close().await;
    let answer = api.get(&tenant.path(""), tenant.token()).await.is(503);
    assert!(!answer.text.to_lowercase().contains("pool"), "{}", answer.text);
}

#[tokio::test]
async fn an_invariant_that_broke_is_a_500_that_does_not_say_why() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    sqlx::query("ALTER TABLE agencies RENAME name TO canary")
        .execute(api.database.pool())
        .await
        .unwrap();
    let answer = api
        .get(&tenant.path(""), tenant.token())
        .await
        .is(500)
        .code("internal");
    assert!(
        !answer.text.contains("canary") && !answer.text.contains("column"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_stop_lets_a_running_request_end_and_closes_idle_connections() {
    let api = Api::start().await;
    api.person("ada@example.org").await;
    let mut idle = TcpStream::connect(api.address).await.unwrap();
    let mut busy = TcpStream::connect(api.address).await.unwrap();
    let body = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string();
    let head = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    busy.write_all(head.as_bytes()).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    // Both are known to the server once the idle one is answered and the busy one's head was written before.
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");

    let stopping = tokio::spawn(api.stop());
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    busy.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    busy.read_to_end(&mut answer).await.unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    stopping.await.unwrap();
}
