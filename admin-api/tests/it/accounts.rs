//! Registering, logging in, limits on attempts.

use std::time::Duration;

use muster_admin_api::{ApiConfig, Readiness};
use muster_store::sqlx;
use serde_json::json;

use crate::api::{Api, PASSWORD};

#[tokio::test]
async fn a_person_registers_logs_in_and_sees_themselves() {
    let api = Api::start().await;
    let body = json!({ "email": " Ada@Example.org ", "name": " Ada ", "password": PASSWORD });
    let answer = api.post("/auth/register", None, body).await.is(201);
    assert_eq!(answer.str("/person/email"), "ada@example.org");
    assert_eq!(answer.str("/person/name"), "Ada");
    assert_eq!(answer.header("cache-control"), "no-store");

    let login = json!({ "email": "ADA@example.org", "password": PASSWORD });
    let answer = api.post("/auth/login", None, login).await.is(200);
    let claims = api.verifier.verify_api(&answer.str("/token")).unwrap();
    assert_eq!(claims.exp - claims.iat, 12 * 3600);
    assert!(
        api.verifier.verify_mqtt(&answer.str("/token")).is_err(),
        "a login is no token for the broker"
    );

    let me = api.get("/me", Some(&answer.str("/token"))).await.is(200);
    assert_eq!(me.str("/person/id"), claims.sub.to_string());
    assert_eq!(me.json["agencies"], json!([]));
    let hash: String = sqlx::query_scalar("SELECT password_hash FROM people")
        .fetch_one(api.database.pool())
        .await
        .unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
}

#[tokio::test]
async fn an_email_is_registered_once_whatever_its_case() {
    let api = Api::start().await;
    api.person("ada@example.org").await;
    let body = json!({ "email": "ADA@EXAMPLE.ORG", "name": "Eve", "password": PASSWORD });
    api.post("/auth/register", None, body)
        .await
        .is(409)
        .code("email_taken")
        .field("email");
}

#[tokio::test]
async fn registering_refuses_what_is_out_of_bounds_by_the_name_of_the_field() {
    let api = Api::start().await;
    let good = json!({ "email": "ada@example.org", "name": "Ada", "password": PASSWORD });
    for (field, value) in [
        ("email", json!("nobody")),
        ("email", json!(7)),
        ("name", json!("  ")),
        ("name", json!("x".repeat(121))),
        ("name", json!("a\u{0}b")),
        ("password", json!("too short")),
        ("password", json!("x".repeat(201))),
        ("password", json!(null)),
        ("admin", json!(true)),
    ] {
        let mut body = good.clone();
        body[field] = value;
        api.post("/auth/register", None, body)
            .await
            .is(422)
            .code("invalid")
            .field(field);
    }
    let mut body = good;
    body.as_object_mut().unwrap().remove("name");
    api.post("/auth/register", None, body).await.is(422).field("name");
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM people")
        .fetch_one(api.database.pool())
        .await
        .unwrap();
    assert_eq!(people, 0);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let api = Api::start().await;
    api.person("ada@example.org").await;
    let mut answers = Vec::new();
    for email in ["ada@example.org", "eve@example.org", "no address"] {
        let body = json!({ "email": email, "password": "wrong password" });
        let mut answer = api
            .post("/auth/login", None, body)
            .await
            .is(401)
            .code("wrong_login");
        answer.json["request_id"].take();
        answers.push(answer.json);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn too_many_failed_logins_close_the_account_for_a_while_even_to_the_right_password() {
    let api = Api::start().await;
    api.person("ada@example.org").await;
    api.person("grace@example.org").await;
    let wrong = json!({ "email": "ada@example.org", "password": "wrong password" });
    for _ in 0..10 {
        api.post("/auth/login", None, wrong.clone()).await.is(401);
    }
    let right = json!({ "email": "ada@example.org", "password": PASSWORD });
    let answer = api
        .post("/auth/login", None, right)
        .await
        .is(429)
        .code("too_many_attempts");
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=300).contains(&seconds));
    api.login("grace@example.org").await;
}

#[tokio::test]
async fn logging_in_well_uses_no_attempts_up() {
    let api = Api::start().await;
    api.person("ada@example.org").await;
    for _ in 0..15 {
        api.login("ada@example.org").await;
    }
}

#[tokio::test]
async fn an_address_has_a_limit_of_its_own() {
    let config = ApiConfig {
        limit_loopback: true,
        address_attempts_max: 3,
        attempts_window: Duration::from_secs(600),
        ..ApiConfig::default()
    };
    let api = Api::start_with(config, Readiness::new()).await;
    api.person("ada@example.org").await;
    for n in 0..2 {
        let body = json!({ "email": format!("nobody{n}@example.org"), "password": "wrong password" });
        api.post("/auth/login", None, body).await.is(401);
    }
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    api.post("/auth/login", None, body.clone()).await.is(429);
    let body = json!({ "email": "eve@example.org", "name": "Eve", "password": PASSWORD });
    api.post("/auth/register", None, body).await.is(429);
}

#[tokio::test]
async fn tokens_that_are_not_believed_are_told_apart_by_code_only() {
    let api = Api::start().await;
    let ada = api.person("ada@example.org").await;
    api.get("/me", None).await.is(401).code("token_missing");
    api.get("/me", Some("nonsense"))
        .await
        .is(401)
        .code("token_invalid");
    let forged = format!("{}x", ada.token);
    let answer = api.get("/me", Some(&forged)).await.is(401).code("token_invalid");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let now = time::OffsetDateTime::now_utc() - time::Duration::hours(2);
    let old = muster_auth::api_claims("muster", ada.id.parse().unwrap(), now, time::Duration::hours(1));
    let old = api.keys.signer().mint_api(&old);
    api.get("/me", Some(&old)).await.is(401).code("token_expired");
    let basic = api.request("GET", "/api/v1/me").basic_auth("ada", Some("x"));
    api.send(basic).await.is(401).code("token_missing");
}
