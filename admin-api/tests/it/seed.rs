//! The demo of a first start.

use muster_admin_api::seed::{self, ensure_demo};
use muster_store::sqlx;
use serde_json::json;

use crate::api::Api;

#[tokio::test]
async fn an_empty_database_gets_a_demo_once() {
    let api = Api::start().await;
    let demo = ensure_demo(&api.state).await.unwrap().expect("an empty database");
    let card = api
        .get(&format!("/events/{}", seed::JOIN_CODE), None)
        .await
        .is(200);
    assert_eq!(card.str("/id"), demo.event.to_string());
    assert!(card.json["lat"].is_number() && card.json["lon"].is_number());
    for (email, password, role) in [
        (demo.organizer_email, &demo.organizer_password, "organizer"),
        (demo.operator_email, &demo.operator_password, "operator"),
    ] {
        let token = api
            .post(
                "/auth/login",
                None,
                json!({ "email": email, "password": password }),
            )
            .await;
        let token = token.is(200).str("/token");
        let me = api.get("/me", Some(&token)).await.is(200);
        assert_eq!(
            (me.str("/agencies/0/role"), me.str("/agencies/0/id")),
            (role.into(), demo.agency.to_string())
        );
    }
    let shown = format!("{demo:?}");
    assert!(
        !shown.contains(&demo.organizer_password) && !shown.contains(&demo.operator_password),
        "{shown}"
    );
    assert_ne!(demo.organizer_password, demo.operator_password);
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox")
        .fetch_one(api.database.pool())
        .await
        .unwrap();
    assert_eq!(told, 1, "the event's card");
    assert!(ensure_demo(&api.state).await.unwrap().is_none());
}

#[tokio::test]
async fn two_starts_at_once_make_one_demo() {
    let api = Api::start().await;
    let (one, two) = tokio::join!(ensure_demo(&api.state), ensure_demo(&api.state));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.is_some() != two.is_some(), "{one:?} {two:?}");
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
        .fetch_one(api.database.pool())
        .await
        .unwrap();
    assert_eq!(events, 1);
}

#[tokio::test]
async fn a_database_in_use_gets_none() {
    let api = Api::start().await;
    api.person("ada@example.org").await;
    assert!(ensure_demo(&api.state).await.unwrap().is_none());
}
