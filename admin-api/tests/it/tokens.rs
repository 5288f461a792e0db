//! MQTT tokens for staff and devices.

use muster_domain::Role;
use serde_json::json;

use crate::api::Api;

#[tokio::test]
async fn a_member_gets_a_token_with_the_role_they_have() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let tokens = tenant.event_path("/tokens");
    for role in ["operator", "steward"] {
        let person = api.member(&tenant, &format!("{role}@example.org"), role).await;
        let answer = api.post(&tokens, Some(&person.token), json!({})).await.is(201);
        let claims = api.verifier.verify_mqtt(&answer.str("/token")).unwrap();
        assert_eq!(
            (claims.role.as_str(), claims.sub.as_str()),
            (role, person.id.as_str())
        );
        assert_eq!(
            (answer.str("/role"), answer.str("/client_id")),
            (role.to_owned(), person.id.clone())
        );
        assert_eq!(claims.exp - claims.iat, 12 * 3600);
        assert_eq!(claims.evt.unwrap().to_string(), tenant.event);
        // Nobody makes more of themselves.
        for wish in ["organizer", "operator", "device"] {
            let body = json!({ "role": wish, "client": "x" });
            api.post(&tokens, Some(&person.token), body).await.is(403);
        }
    }
    let short = api
        .post(&tokens, tenant.token(), json!({ "ttl_s": 60 }))
        .await
        .is(201);
    let claims = api.verifier.verify_mqtt(&short.str("/token")).unwrap();
    assert_eq!((claims.role, claims.exp - claims.iat), (Role::Organizer, 60));
}

#[tokio::test]
async fn an_organizer_gives_tokens_to_radios_and_beacons_within_bounds() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let tokens = tenant.event_path("/tokens");
    let body = json!({ "role": "steward", "client": "radio-7", "name": "Gate 7", "teams": ["medics"], "ttl_s": 604_800 });
    let claims = api
        .post(&tokens, tenant.token(), body)
        .await
        .is(201)
        .str("/token");
    let claims = api.verifier.verify_mqtt(&claims).unwrap();
    assert_eq!(
        (claims.sub.as_str(), claims.role, claims.teams.as_slice()),
        ("radio-7", Role::Steward, &["medics".to_owned()][..])
    );
    assert_eq!(claims.exp - claims.iat, 604_800);
    let body = json!({ "role": "device", "client": "beacon-1", "ttl_s": 30 * 86_400 });
    api.post(&tokens, tenant.token(), body).await.is(201);

    for (body, field) in [
        (json!({ "role": "participant", "client": "x" }), "role"),
        (json!({ "role": "service", "client": "x" }), "role"),
        (json!({ "role": "device" }), "client"),
        (json!({ "client": "x" }), "role"),
        (json!({ "role": "device", "client": "a/b" }), "client"),
        (json!({ "role": "device", "client": "+" }), "client"),
        (json!({ "role": "device", "client": "x".repeat(65) }), "client"),
        (
            json!({ "role": "device", "client": "x", "ttl_s": 30 * 86_400 + 1 }),
            "ttl_s",
        ),
        (
            json!({ "role": "steward", "client": "x", "ttl_s": 604_801 }),
            "ttl_s",
        ),
        (json!({ "ttl_s": 43_201 }), "ttl_s"),
        (json!({ "ttl_s": -1 }), "ttl_s"),
        (json!({ "ttl_s": i64::MAX }), "ttl_s"),
        (json!({ "teams": ["+"] }), "teams"),
        (json!({ "teams": [""] }), "teams"),
        (json!({ "teams": vec!["t"; 21] }), "teams"),
        (json!({ "acl": [] }), "acl"),
    ] {
        api.post(&tokens, tenant.token(), body).await.is(422).field(field);
    }
}

#[tokio::test]
async fn nobody_gets_a_token_for_somebody_elses_client() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let operator = api.member(&tenant, "operator@example.org", "operator").await;
    let (participant, _) = api.join(&tenant).await;
    for client in [participant, operator.id.to_uppercase(), "bridge".into()] {
        let body = json!({ "role": "operator", "client": client });
        api.post(&tenant.event_path("/tokens"), tenant.token(), body)
            .await
            .is(409)
            .code("client_taken");
    }
}
