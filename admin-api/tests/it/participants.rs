//! Finding and joining an event, and renewing a token, without an account.

use muster_admin_api::{ApiConfig, Readiness};
use muster_auth::{participant_claims, staff_claims};
use muster_domain::{ClientId, Role};
use muster_store::sqlx;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::api::{Api, event_body};

#[tokio::test]
async fn a_published_event_is_found_by_code_and_by_name() {
    let api = Api::start().await;
    let tenant = api.tenant("Rock 100% live").await;
    api.post(&tenant.path("/events"), tenant.token(), event_body("Rock draft"))
        .await
        .is(201);
    let card = api
        .get(&format!("/events/{}", tenant.join_code.to_lowercase()), None)
        .await
        .is(200)
        .json;
    assert_eq!(card["id"], tenant.event);
    for query in [
        format!("code={}", tenant.join_code),
        "q=rock".into(),
        "q=100%25".into(),
    ] {
        let found = api.get(&format!("/events?{query}"), None).await.is(200);
        assert_eq!(found.json, json!({ "items": [card], "next": null }), "{query}");
    }
    for query in ["code=NONE-1", "q=__", "q=jazz", "q=';--"] {
        let found = api.get(&format!("/events?{query}"), None).await.is(200);
        assert_eq!(found.json["items"], json!([]), "{query}");
    }
    for query in ["", "q=r", "q=ro&code=ABCD", "code=A", "name=rock"] {
        api.get(&format!("/events?{query}"), None).await.is(422);
    }
    api.get("/events/NONE-1", None).await.is(404);
}

#[tokio::test]
async fn a_search_shows_at_most_twenty() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    sqlx::query(
        "INSERT INTO events (id, agency_id, name, starts_at, ends_at, join_code, status)
         SELECT gen_random_uuid(), $1::uuid, 'Fair', now(), now() + interval '1 day', 'FAIR-' || n, 'published'
         FROM generate_series(1, 30) n",
    )
    .bind(&tenant.agency)
    .execute(api.database.pool())
    .await
    .unwrap();
    let found = api.get("/events?q=fair", None).await.is(200);
    assert_eq!(found.json["items"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn joining_gives_a_token_for_ones_own_topics_only() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let path = format!("/events/{}/join", tenant.join_code);
    let joined = api.post(&path, None, json!({ "name": "Kim" })).await.is(201);
    let claims = api.verifier.verify_mqtt(&joined.str("/token")).unwrap();
    assert_eq!(claims.sub.as_str(), joined.str("/client_id"));
    assert_eq!(claims.role, Role::Participant);
    assert_eq!(claims.evt.unwrap().to_string(), tenant.event);
    assert_eq!(claims.agy.unwrap().to_string(), tenant.agency);
    assert_eq!(claims.exp - claims.iat, 24 * 3600);
    assert!(claims.acl.is_empty() && claims.teams.is_empty());
    assert_eq!(joined.json["mqtt"], json!({ "path": "/mqtt" }));
    assert_eq!(joined.json["event"]["id"], tenant.event);
    assert_eq!(joined.json["role"], "participant");
    let nameless = api.post(&path, None, json!({})).await.is(201);
    assert_ne!(nameless.str("/client_id"), joined.str("/client_id"));
    let names: Vec<Option<String>> = sqlx::query_scalar("SELECT name FROM participants ORDER BY client")
        .fetch_all(api.database.pool())
        .await
        .unwrap();
    assert_eq!(names, [Some("Kim".to_owned()), None]);
    api.get("/me", Some(&joined.str("/token"))).await.is(401);
    api.post(&path, None, json!({ "name": "" }))
        .await
        .is(422)
        .field("name");
    api.post(&path, None, json!({ "client": "me" }))
        .await
        .is(422)
        .field("client");
}

#[tokio::test]
async fn drafts_and_ended_events_are_not_joined() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let draft = api
        .post(&tenant.path("/events"), tenant.token(), event_body("b"))
        .await
        .is(201)
        .str("/join_code");
    api.post(&format!("/events/{draft}/join"), None, json!({}))
        .await
        .is(404);
    let (_, token) = api.join(&tenant).await;
    api.call("POST", &tenant.event_path("/end"), tenant.token(), None)
        .await
        .is(200);
    api.post(&format!("/events/{}/join", tenant.join_code), None, json!({}))
        .await
        .is(404);
    api.get(&format!("/events/{}", tenant.join_code), None)
        .await
        .is(404);
    api.call("POST", "/session/renew", Some(&token), None)
        .await
        .is(404);
}

#[tokio::test]
async fn a_participant_renews_for_the_same_client_up_to_a_week_late() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let (client, token) = api.join(&tenant).await;
    let renewed = api
        .call("POST", "/session/renew", Some(&token), None)
        .await
        .is(200);
    assert_eq!(renewed.str("/client_id"), client);
    let fresh = api.verifier.verify_mqtt(&renewed.str("/token")).unwrap();
    assert_eq!(
        (fresh.sub.as_str(), fresh.role),
        (client.as_str(), Role::Participant)
    );
    assert_ne!(renewed.str("/token"), token);

    let client = ClientId::new(&client).unwrap();
    let (agency, event) = (tenant.agency.parse().unwrap(), tenant.event.parse().unwrap());
    for (age, status) in [(Duration::days(7), 200), (Duration::days(9), 401)] {
        let issued = OffsetDateTime::now_utc() - age;
        let old = participant_claims(
            "muster",
            client.clone(),
            agency,
            event,
            issued,
            Duration::hours(24),
        );
        let old = api.keys.signer().mint(&old);
        api.call("POST", "/session/renew", Some(&old), None)
            .await
            .is(status);
    }
    let stranger = participant_claims(
        "muster",
        ClientId::random(),
        agency,
        event,
        OffsetDateTime::now_utc(),
        Duration::hours(1),
    );
    let stranger = api.keys.signer().mint(&stranger);
    api.call("POST", "/session/renew", Some(&stranger), None)
        .await
        .is(403);
    api.call("POST", "/session/renew", Some(&tenant.organizer.token), None)
        .await
        .is(401);
    api.call("POST", "/session/renew", None, None).await.is(401);
}

#[tokio::test]
async fn a_member_renews_with_the_role_of_now_and_never_late() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let operator = api.member(&tenant, "operator@example.org", "operator").await;
    let tokens = tenant.event_path("/tokens");
    let token = api
        .post(&tokens, Some(&operator.token), json!({}))
        .await
        .is(201)
        .str("/token");
    let own = tenant.path(&format!("/members/{}", operator.id));
    api.patch(&own, tenant.token(), json!({ "role": "steward" }))
        .await
        .is(200);
    let renewed = api
        .call("POST", "/session/renew", Some(&token), None)
        .await
        .is(200);
    assert_eq!(renewed.json["role"], "steward");
    api.delete(&own, tenant.token()).await.is(204);
    api.call("POST", "/session/renew", Some(&renewed.str("/token")), None)
        .await
        .is(403);

    let (agency, event) = (tenant.agency.parse().unwrap(), tenant.event.parse().unwrap());
    let issued = OffsetDateTime::now_utc() - Duration::hours(2);
    let me = ClientId::new(&tenant.organizer.id).unwrap();
    let old = staff_claims(
        "muster",
        me,
        Role::Organizer,
        agency,
        event,
        issued,
        Duration::hours(1),
    );
    let old = api.keys.signer().mint(&old);
    api.call("POST", "/session/renew", Some(&old), None)
        .await
        .is(401)
        .code("token_expired");

    let radio = json!({ "role": "steward", "client": "radio-7" });
    let radio = api
        .post(&tokens, tenant.token(), radio)
        .await
        .is(201)
        .str("/token");
    api.call("POST", "/session/renew", Some(&radio), None)
        .await
        .is(403);
}

#[tokio::test]
async fn joins_from_one_address_have_a_bound() {
    let config = ApiConfig {
        limit_loopback: true,
        address_joins_max: 2,
        ..ApiConfig::default()
    };
    let api = Api::start_with(config, Readiness::new()).await;
    let tenant = api.tenant("a").await;
    api.join(&tenant).await;
    api.join(&tenant).await;
    let path = format!("/events/{}/join", tenant.join_code);
    let answer = api
        .post(&path, None, json!({}))
        .await
        .is(429)
        .code("too_many_attempts");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    // Looking is free.
    api.get(&format!("/events/{}", tenant.join_code), None)
        .await
        .is(200);
}
