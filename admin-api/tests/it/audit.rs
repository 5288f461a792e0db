//! A row for every change, that nobody takes away.

use std::collections::BTreeSet;

use muster_store::sqlx;
use serde_json::{Value, json};

use crate::api::{Api, PASSWORD, event_body};

async fn actions(api: &Api) -> Vec<String> {
    sqlx::query_scalar("SELECT action FROM audit ORDER BY id")
        .fetch_all(api.database.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn every_route_that_changes_something_leaves_a_row() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let operator = api.member(&tenant, "operator@example.org", "operator").await;
    let draft = api
        .post(&tenant.path("/events"), tenant.token(), event_body("b"))
        .await
        .is(201)
        .str("/id");
    let (agency, event, person) = (tenant.agency.as_str(), draft.as_str(), operator.id.as_str());
    let new = json!({ "email": "new@example.org", "name": "New", "password": PASSWORD });
    let mut member = json!({ "email": "second@example.org", "name": "S", "password": PASSWORD });
    member["role"] = json!("steward");
    let steps: [(&str, &str, Option<Value>, &str); 12] = [
        ("POST", "/auth/register", Some(new), "person.registered"),
        ("POST", "/agencies", Some(json!({ "name": "x" })), "member.added"),
        (
            "PATCH",
            "/agencies/{agency}",
            Some(json!({ "name": "y" })),
            "agency.renamed",
        ),
        ("POST", "/agencies/{agency}/members", Some(member), "member.added"),
        (
            "PATCH",
            "/agencies/{agency}/members/{person}",
            Some(json!({ "role": "steward" })),
            "member.changed",
        ),
        (
            "DELETE",
            "/agencies/{agency}/members/{person}",
            None,
            "member.removed",
        ),
        (
            "POST",
            "/agencies/{agency}/events",
            Some(event_body("c")),
            "event.created",
        ),
        (
            "PATCH",
            "/agencies/{agency}/events/{event}",
            Some(json!({ "name": "d" })),
            "event.changed",
        ),
        (
            "POST",
            "/agencies/{agency}/events/{event}/publish",
            None,
            "event.published",
        ),
        (
            "POST",
            "/agencies/{agency}/events/{event}/tokens",
            Some(json!({})),
            "token.issued",
        ),
        (
            "POST",
            "/events/{join_code}/join",
            Some(json!({})),
            "participant.joined",
        ),
        (
            "POST",
            "/agencies/{agency}/events/{event}/end",
            None,
            "event.ended",
        ),
    ];
    let mut covered = BTreeSet::new();
    for (method, path, body, action) in steps {
        let target = path
            .replace("{agency}", agency)
            .replace("{event}", event)
            .replace("{person}", person)
            .replace("{join_code}", &tenant.join_code);
        let before = actions(&api).await.len();
        let answer = api.call(method, &target, tenant.token(), body).await;
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {}",
            answer.text
        );
        let after = actions(&api).await;
        assert!(after.len() > before, "{method} {path} left no row");
        assert_eq!(after.last().map(String::as_str), Some(action), "{method} {path}");
        covered.insert(format!("{method} /api/v1{path}"));
    }
    // These change nothing that is stored.
    covered.insert("POST /api/v1/auth/login".into());
    covered.insert("POST /api/v1/session/renew".into());
    let document = serde_json::to_value(muster_admin_api::openapi()).unwrap();
    let mut changing = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                changing.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    assert_eq!(
        covered, changing,
        "a route that changes something is not in this test"
    );
}

#[tokio::test]
async fn a_refused_change_leaves_neither_row_nor_trace() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let before = actions(&api).await.len();
    let own = tenant.path(&format!("/members/{}", tenant.organizer.id));
    api.delete(&own, tenant.token()).await.is(409);
    api.patch(
        &tenant.event_path(""),
        tenant.token(),
        json!({ "join_code": "-" }),
    )
    .await
    .is(422);
    assert_eq!(actions(&api).await.len(), before);
}

#[tokio::test]
async fn organizers_read_the_rows_of_their_agency_newest_first() {
    let api = Api::start().await;
    let (tenant, _) = (api.tenant("a").await, api.tenant("b").await);
    let all = api.get(&tenant.path("/audit"), tenant.token()).await.is(200);
    let items = all.json["items"].as_array().unwrap();
    let actions: Vec<_> = items
        .iter()
        .map(|item| item["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "event.published",
            "event.created",
            "member.added",
            "agency.created"
        ]
    );
    assert!(items.iter().all(|item| item["actor"] == tenant.organizer.id));
    assert_eq!(items[0]["target"], tenant.event);
    let first = api
        .get(&tenant.path("/audit?limit=3"), tenant.token())
        .await
        .is(200);
    let rest = api
        .get(
            &tenant.path(&format!("/audit?after={}", first.str("/next"))),
            tenant.token(),
        )
        .await
        .is(200);
    assert_eq!(rest.json["items"], json!([items[3]]));
}

#[tokio::test]
async fn rows_are_never_changed_or_removed() {
    let api = Api::start().await;
    api.tenant("a").await;
    let before = actions(&api).await;
    for sql in [
        "UPDATE audit SET action = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ] {
        let error = sqlx::query(sql).execute(api.database.pool()).await.unwrap_err();
        assert!(error.to_string().contains("never changed"), "{error}");
    }
    assert_eq!(actions(&api).await, before);
}
