//! The tenant boundary on every route, generated from the OpenAPI document: a route that is added is tested by that.

use std::collections::BTreeSet;

use muster_store::sqlx;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Api, Tenant};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Every route: method, path, and whether the document says that it needs a token.
fn routes() -> Vec<(String, String, bool)> {
    let document = serde_json::to_value(muster_admin_api::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if METHODS.contains(&method.as_str()) {
                let guarded = operation.get("security").is_some();
                routes.push((method.to_uppercase(), path.clone(), guarded));
            }
        }
    }
    assert!(
        routes.len() > 30,
        "the document lost its routes: {}",
        routes.len()
    );
    routes
}

/// A body that passes the body's own checks, so that what refuses is the right to it.
fn body(method: &str, path: &str) -> Option<Value> {
    match (method, path.rsplit('/').next().unwrap()) {
        ("GET" | "DELETE", _) | (_, "publish" | "end" | "renew") => None,
        (_, "events") => Some(crate::api::event_body("x")),
        (_, "members") => Some(
            json!({ "email": "x@example.org", "name": "x", "password": "0123456789", "role": "operator" }),
        ),
        (_, "{person}") => Some(json!({ "role": "operator" })),
        (_, "{agency}" | "agencies") => Some(json!({ "name": "x" })),
        _ => Some(json!({})),
    }
}

fn fill(path: &str, agency: &str, event: &str, person: &str, client: &str) -> String {
    path.replace("{agency}", agency)
        .replace("{event}", event)
        .replace("{person}", person)
        .replace("{client}", client)
}

async fn send(
    api: &Api,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> crate::api::Answer {
    let mut request = api.request(method, path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    api.send(request).await
}

/// Everything that an agency has, to see that nothing of it changed.
async fn snapshot(api: &Api) -> String {
    let sql = "SELECT jsonb_build_array(
        (SELECT jsonb_agg(a ORDER BY a) FROM agencies a), (SELECT jsonb_agg(m ORDER BY m) FROM members m),
        (SELECT jsonb_agg(e ORDER BY e) FROM events e), (SELECT count(*) FROM audit), (SELECT count(*) FROM people),
        (SELECT count(*) FROM outbox))::text";
    sqlx::query_scalar(sql)
        .fetch_one(api.database.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn every_route_of_an_agency_is_closed_to_another_agencys_organizer() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a").await, api.tenant("b").await);
    let (client, _) = api.join(&a).await;
    let mqtt = api
        .post(&b.event_path("/tokens"), b.token(), json!({}))
        .await
        .is(201)
        .str("/token");
    let before = snapshot(&api).await;
    let mut tried = 0;
    for (method, path, guarded) in routes() {
        if !path.contains("{agency}") && !path.contains("{event}") {
            continue;
        }
        assert!(guarded, "{method} {path} must say that it needs a token");
        let body = body(&method, &path);
        // All of A's; then B's own agency with A's things in it.
        let targets = [
            fill(&path, &a.agency, &a.event, &a.organizer.id, &client),
            fill(&path, &b.agency, &a.event, &a.organizer.id, &client),
        ];
        for target in targets {
            let own =
                target.contains(&b.agency) && !target.contains(&a.event) && !target.contains(&a.organizer.id);
            if own {
                continue;
            }
            for token in [&b.organizer.token, &mqtt] {
                let answer = send(&api, &method, &target, Some(token), body.clone()).await;
                // A token for the broker is none at the routes of the API.
                let status = if *token == mqtt && path.contains("{agency}") {
                    401
                } else {
                    404
                };
                assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
                assert!(
                    !answer.text.contains(&a.agency) && !answer.text.contains(&a.event),
                    "{}",
                    answer.text
                );
                tried += 1;
            }
            let answer = send(&api, &method, &target, None, body.clone()).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text);
        }
    }
    assert!(tried > 40, "{tried}");
    assert_eq!(snapshot(&api).await, before, "something changed");
}

#[tokio::test]
async fn an_agency_of_others_and_one_of_nobody_get_the_same_answer() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a").await, api.tenant("b").await);
    let nobody = Tenant {
        agency: Uuid::now_v7().to_string(),
        event: Uuid::now_v7().to_string(),
        ..api.tenant("c").await
    };
    for rest in ["", "/members", "/audit", "/events"] {
        let mut answers = [
            api.get(&a.path(rest), b.token()).await.is(404).json,
            api.get(&nobody.path(rest), b.token()).await.is(404).json,
        ];
        for answer in &mut answers {
            answer["request_id"].take();
        }
        assert_eq!(answers[0], answers[1], "{rest}");
    }
}

#[tokio::test]
async fn the_only_open_routes_are_those_that_are_meant_to_be() {
    let open: BTreeSet<String> = routes()
        .into_iter()
        .filter(|(_, _, guarded)| !guarded)
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    let meant = [
        "GET /.well-known/jwks.json",
        "GET /api/v1/events",
        "GET /api/v1/events/{join_code}",
        "GET /healthz",
        "GET /metrics",
        "GET /readyz",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/register",
        "POST /api/v1/events/{join_code}/join",
    ];
    assert_eq!(open, meant.map(str::to_owned).into());

    let api = Api::start().await;
    for (method, path, guarded) in routes() {
        if guarded {
            let target = fill(
                &path,
                &Uuid::now_v7().to_string(),
                &Uuid::now_v7().to_string(),
                "x",
                "x",
            );
            let answer = send(&api, &method, &target, None, body(&method, &path)).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            let answer = send(&api, &method, &target, Some("a.b.c"), body(&method, &path)).await;
            assert_eq!(answer.status, 401, "{method} {path}");
        }
    }
}
