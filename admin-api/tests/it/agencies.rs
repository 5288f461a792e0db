//! Agencies, members and roles.

use serde_json::json;

use crate::api::{Api, PASSWORD};

#[tokio::test]
async fn whoever_makes_an_agency_is_its_organizer() {
    let api = Api::start().await;
    let ada = api.person("ada@example.org").await;
    let token = Some(ada.token.as_str());
    let made = api
        .post("/agencies", token, json!({ "name": "Festivals Ltd" }))
        .await
        .is(201);
    assert_eq!(made.str("/role"), "organizer");
    let path = format!("/agencies/{}", made.str("/id"));
    assert_eq!(api.get(&path, token).await.is(200).json, made.json);
    assert_eq!(
        api.get("/agencies", token).await.is(200).json,
        json!({ "items": [made.json], "next": null })
    );
    let renamed = api
        .patch(&path, token, json!({ "name": "Festivals Inc" }))
        .await
        .is(200);
    assert_eq!(renamed.str("/name"), "Festivals Inc");
    assert_eq!(api.get("/me", token).await.json["agencies"][0], renamed.json);
    api.patch(&path, token, json!({ "name": "" }))
        .await
        .is(422)
        .field("name");
    api.patch(&path, token, json!({ "nom": "x" }))
        .await
        .is(422)
        .field("nom");
}

#[tokio::test]
async fn lists_are_paged_by_a_cursor() {
    let api = Api::start().await;
    let ada = api.person("ada@example.org").await;
    let token = Some(ada.token.as_str());
    for n in 0..5 {
        api.post("/agencies", token, json!({ "name": format!("Agency {n}") }))
            .await
            .is(201);
    }
    let mut names = Vec::new();
    let mut after = String::new();
    for page in [2, 2, 1] {
        let answer = api.get(&format!("/agencies?limit=2{after}"), token).await.is(200);
        let items = answer.json["items"].as_array().unwrap();
        assert_eq!(items.len(), page);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        after = format!("&after={}", answer.json["next"].as_str().unwrap_or("end"));
    }
    assert_eq!(after, "&after=end");
    assert_eq!(
        names,
        ["Agency 0", "Agency 1", "Agency 2", "Agency 3", "Agency 4"]
    );
    for bad in ["limit=0", "limit=1001", "after=nonsense", "limit=x", "page=2"] {
        api.get(&format!("/agencies?{bad}"), token).await.is(422);
    }
}

#[tokio::test]
async fn members_are_added_with_and_without_an_account() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let members = tenant.path("/members");
    let operator = api.member(&tenant, "operator@example.org", "operator").await;
    // One who has an account keeps name and password.
    let known = api.person("known@example.org").await;
    let body = json!({ "email": "KNOWN@example.org", "name": "Other", "password": "another password", "role": "steward" });
    let added = api.post(&members, tenant.token(), body.clone()).await.is(201);
    assert_eq!(
        (added.str("/person/id"), added.str("/person/name")),
        (known.id.clone(), "Ada Lovelace".into())
    );
    api.login("known@example.org").await;
    api.post(&members, tenant.token(), body)
        .await
        .is(409)
        .code("already_member");
    let body = json!({ "email": "new@example.org", "role": "steward" });
    api.post(&members, tenant.token(), body)
        .await
        .is(422)
        .field("name");
    let body =
        json!({ "email": "new@example.org", "name": "New", "password": PASSWORD, "role": "participant" });
    api.post(&members, tenant.token(), body)
        .await
        .is(422)
        .field("role");

    let list = api.get(&members, Some(&operator.token)).await.is(200);
    let roles: Vec<_> = list.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["role"].clone())
        .collect();
    assert_eq!(roles, ["organizer", "operator", "steward"]);
}

#[tokio::test]
async fn only_organizers_change_an_agency() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let operator = api.member(&tenant, "operator@example.org", "operator").await;
    let token = Some(operator.token.as_str());
    let body = json!({ "email": "x@example.org", "name": "X", "password": PASSWORD, "role": "organizer" });
    api.post(&tenant.path("/members"), token, body)
        .await
        .is(403)
        .code("forbidden");
    let own = tenant.path(&format!("/members/{}", operator.id));
    api.patch(&own, token, json!({ "role": "organizer" }))
        .await
        .is(403);
    api.delete(&own, token).await.is(403);
    api.patch(&tenant.path(""), token, json!({ "name": "x" }))
        .await
        .is(403);
    api.get(&tenant.path("/audit"), token).await.is(403);
    api.post(&tenant.path("/events"), token, crate::api::event_body("x"))
        .await
        .is(403);
    for verb in ["publish", "end"] {
        api.call("POST", &tenant.event_path(&format!("/{verb}")), token, None)
            .await
            .is(403);
    }
    api.patch(&tenant.event_path(""), token, json!({ "name": "x" }))
        .await
        .is(403);
    api.get(&tenant.event_path(""), token).await.is(200);
}

#[tokio::test]
async fn the_last_organizer_stays() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let own = tenant.path(&format!("/members/{}", tenant.organizer.id));
    api.delete(&own, tenant.token())
        .await
        .is(409)
        .code("last_organizer");
    api.patch(&own, tenant.token(), json!({ "role": "operator" }))
        .await
        .is(409)
        .code("last_organizer");
    api.get(&tenant.path("/audit"), tenant.token()).await.is(200);

    let second = api.member(&tenant, "second@example.org", "organizer").await;
    api.patch(&own, tenant.token(), json!({ "role": "operator" }))
        .await
        .is(200);
    let second_path = tenant.path(&format!("/members/{}", second.id));
    api.delete(&second_path, Some(&second.token))
        .await
        .is(409)
        .code("last_organizer");
    api.delete(&own, Some(&second.token)).await.is(204);
    api.get(&tenant.path(""), tenant.token()).await.is(404);
    api.delete(&own, Some(&second.token)).await.is(404);
}

#[tokio::test]
async fn of_two_organizers_who_leave_at_once_one_stays() {
    let api = Api::start().await;
    for round in 0..5 {
        let tenant = api.tenant(&format!("a{round}")).await;
        let second = api
            .member(&tenant, &format!("second{round}@example.org"), "organizer")
            .await;
        let (one, two) = (
            tenant.path(&format!("/members/{}", tenant.organizer.id)),
            tenant.path(&format!("/members/{}", second.id)),
        );
        let (one, two) = tokio::join!(
            api.delete(&one, tenant.token()),
            api.delete(&two, Some(&second.token))
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "{} {}", one.text, two.text);
    }
}
