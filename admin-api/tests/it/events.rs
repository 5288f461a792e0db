//! Events from draft to end, and what the people there are told.

use muster_domain::payload::{EventCard, EventStatus};
use muster_store::{outbox, sqlx};
use serde_json::{Value, json};

use crate::api::{Api, event_body};

/// The cards in the outbox, oldest first.
async fn told(api: &Api) -> Vec<(outbox::Message, EventCard)> {
    let mut conn = api.database.pool().acquire().await.unwrap();
    let pending = outbox::read(&mut conn, &[], 100).await.unwrap();
    let read = |pending: outbox::Pending| {
        let card = serde_json::from_slice(&pending.message.payload).unwrap();
        (pending.message, card)
    };
    pending.into_iter().map(read).collect()
}

#[tokio::test]
async fn an_event_is_made_changed_published_and_ended_and_everybody_there_hears_of_it() {
    let api = Api::start().await;
    let ada = api.person("ada@example.org").await;
    let token = Some(ada.token.as_str());
    let agency = api
        .post("/agencies", token, json!({ "name": "A" }))
        .await
        .is(201)
        .str("/id");
    let events = format!("/agencies/{agency}/events");
    let mut body = event_body("Spring Fair");
    body["join_code"] = json!("spring-26");
    let made = api.post(&events, token, body).await.is(201);
    assert_eq!(made.json["status"], "draft");
    assert_eq!(made.json["join_code"], "SPRING-26");
    assert_eq!(made.json["ends_at"], "2026-11-23T09:00:00Z");
    assert_eq!(made.json["emergency_number"], "112");
    assert!(told(&api).await.is_empty(), "nobody is there yet");
    api.get("/events/SPRING-26", None).await.is(404);

    let path = format!("{events}/{}", made.str("/id"));
    assert_eq!(api.get(&path, token).await.is(200).json, made.json);
    assert_eq!(
        api.get(&events, token).await.is(200).json["items"],
        json!([made.json])
    );
    let published = api
        .call("POST", &format!("{path}/publish"), token, None)
        .await
        .is(200);
    assert_eq!(published.json["status"], "published");
    api.call("POST", &format!("{path}/publish"), token, None)
        .await
        .is(200);
    let changed = api
        .patch(
            &path,
            token,
            json!({ "name": "Summer Fair", "lat": null, "lon": null }),
        )
        .await
        .is(200);
    assert_eq!(
        (changed.str("/name"), &changed.json["lat"]),
        ("Summer Fair".into(), &Value::Null)
    );
    api.patch(&path, token, json!({})).await.is(200);
    let ended = api
        .call("POST", &format!("{path}/end"), token, None)
        .await
        .is(200);
    assert_eq!(ended.json["status"], "ended");
    api.patch(&path, token, json!({ "name": "x" }))
        .await
        .is(409)
        .code("event_ended");
    api.call("POST", &format!("{path}/publish"), token, None)
        .await
        .is(409)
        .code("event_ended");

    let told = told(&api).await;
    let steps: Vec<_> = told
        .iter()
        .map(|(_, card)| (card.status, card.name.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            (EventStatus::Published, "Spring Fair"),
            (EventStatus::Published, "Summer Fair"),
            (EventStatus::Ended, "Summer Fair"),
        ],
        "what changes nothing tells nothing"
    );
    for (message, _) in &told {
        assert_eq!(message.topic, format!("ev/{}/info", made.str("/id")));
        assert!(message.retain && message.qos == 1 && message.expiry_s.is_none());
    }
    assert_eq!(
        serde_json::to_value(&told[2].1).unwrap(),
        ended.json,
        "topic and API show the same card"
    );
}

#[tokio::test]
async fn a_draft_cannot_end() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let draft = api
        .post(&tenant.path("/events"), tenant.token(), event_body("b"))
        .await
        .is(201)
        .str("/id");
    let path = tenant.path(&format!("/events/{draft}/end"));
    api.call("POST", &path, tenant.token(), None)
        .await
        .is(409)
        .code("not_published");
}

#[tokio::test]
async fn join_codes_are_made_when_absent_and_taken_once_over_all_agencies() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a").await, api.tenant("b").await);
    assert!(
        a.join_code.starts_with("FEST-") && a.join_code.len() == 9,
        "{}",
        a.join_code
    );
    assert_ne!(a.join_code, b.join_code);
    let mut body = event_body("c");
    body["join_code"] = json!(a.join_code);
    api.post(&b.path("/events"), b.token(), body)
        .await
        .is(409)
        .code("join_code_taken")
        .field("join_code");
    let change = json!({ "join_code": a.join_code.to_lowercase() });
    api.patch(&b.event_path(""), b.token(), change)
        .await
        .is(409)
        .code("join_code_taken");
}

#[tokio::test]
async fn fields_of_an_event_are_bounded() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    for (field, value, named) in [
        ("name", json!(""), "name"),
        ("name", json!("x".repeat(121)), "name"),
        ("venue", json!("x".repeat(121)), "venue"),
        ("lat", json!(91), "lat"),
        ("lon", json!(-181), "lon"),
        ("lat", json!(null), "lat"),
        ("starts_at", json!("2026-11-24T10:00:00Z"), "ends_at"),
        ("starts_at", json!("1066-10-14T10:00:00Z"), "starts_at"),
        ("starts_at", json!("tomorrow"), "starts_at"),
        ("join_code", json!("A"), "join_code"),
        ("join_code", json!("A/../B"), "join_code"),
        ("emergency_number", json!("nine"), "emergency_number"),
        ("status", json!("published"), "status"),
    ] {
        let mut body = event_body("x");
        body[field] = value;
        api.post(&tenant.path("/events"), tenant.token(), body)
            .await
            .is(422)
            .field(named);
    }
    api.patch(&tenant.event_path(""), tenant.token(), json!({ "lat": null }))
        .await
        .is(422)
        .field("lat");
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
        .fetch_one(api.database.pool())
        .await
        .unwrap();
    assert_eq!(events, 1);
}

#[tokio::test]
async fn ids_that_are_none_and_ids_of_nobody_are_not_found() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    for event in [
        "nonsense",
        "0192d3c4-0000-7000-8000-000000000000",
        "%2e%2e%2fx",
        "%ff",
    ] {
        api.get(&tenant.path(&format!("/events/{event}")), tenant.token())
            .await
            .is(404);
    }
    api.get("/agencies/nonsense", tenant.token()).await.is(404);
    api.delete(&tenant.path("/members/nonsense"), tenant.token())
        .await
        .is(404);
}
