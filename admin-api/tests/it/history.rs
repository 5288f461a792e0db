//! Chats, cases and figures: who reads them, page by page.

use muster_domain::{ClientId, EventId, MessageId};
use muster_store::chat::{self, NewChat};
use muster_store::{outbox, sqlx};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::api::{Api, Tenant};

/// Stores `count` messages of a participant's chat: "m0", "m1", ...
async fn write(api: &Api, event: &str, client: &str, count: usize) {
    let message = |n: usize| NewChat {
        event: event.parse::<EventId>().unwrap(),
        id: MessageId::new(),
        client: ClientId::new(client).unwrap(),
        sender: ClientId::new(client).unwrap(),
        text: format!("m{n}"),
        reply_to: None,
        received_at: OffsetDateTime::now_utc(),
        sent_at: OffsetDateTime::now_utc(),
    };
    let messages: Vec<_> = (0..count).map(message).collect();
    let mut conn = api.database.pool().acquire().await.unwrap();
    assert_eq!(chat::store(&mut conn, &messages).await.unwrap(), count as u64);
}

fn texts(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["text"].as_str().unwrap())
        .collect()
}

fn chat_path(tenant: &Tenant, client: &str) -> String {
    format!("/events/{}/chats/{client}/messages", tenant.event)
}

#[tokio::test]
async fn a_chat_is_read_forwards_and_backwards_by_its_cursor() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let (kim, token) = api.join(&tenant).await;
    write(&api, &tenant.event, &kim, 7).await;
    let token = Some(token.as_str());
    let path = chat_path(&tenant, &kim);

    let one = api.get(&format!("{path}?limit=3"), token).await.is(200);
    assert_eq!(texts(&one.json), ["m0", "m1", "m2"]);
    let two = api
        .get(&format!("{path}?limit=3&after={}", one.str("/next")), token)
        .await
        .is(200);
    assert_eq!(texts(&two.json), ["m3", "m4", "m5"]);
    let three = api
        .get(&format!("{path}?limit=3&after={}", two.str("/next")), token)
        .await
        .is(200);
    assert_eq!(texts(&three.json), ["m6"]);
    assert_eq!(three.json["next"], Value::Null);

    let newest = three.json["items"][0]["seq"].as_i64().unwrap();
    let older = api
        .get(&format!("{path}?limit=4&before={newest}"), token)
        .await
        .is(200);
    assert_eq!(texts(&older.json), ["m2", "m3", "m4", "m5"]);
    let oldest = api
        .get(&format!("{path}?limit=4&before={}", older.str("/next")), token)
        .await
        .is(200);
    assert_eq!(texts(&oldest.json), ["m0", "m1"]);
    assert_eq!(oldest.json["next"], Value::Null);
    for bad in ["after=x", "before=x", "after=1&before=2", "limit=0", "offset=1"] {
        api.get(&format!("{path}?{bad}"), token).await.is(422);
    }
    let item = &one.json["items"][0];
    assert_eq!(
        (&item["client"], &item["sender"], &item["reply_to"]),
        (&json!(kim), &json!(kim), &Value::Null)
    );
}

#[tokio::test]
async fn a_participant_reads_the_own_chat_only_and_staff_of_the_event_reads_each() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a").await, api.tenant("b").await);
    let (kim, kims) = api.join(&a).await;
    let (lee, lees) = api.join(&a).await;
    let (_, foreign) = api.join(&b).await;
    write(&api, &a.event, &kim, 1).await;
    write(&api, &a.event, &lee, 1).await;

    api.get(&chat_path(&a, &kim), Some(&kims)).await.is(200);
    api.get(&chat_path(&a, &kim), Some(&lees)).await.is(403);
    api.get(&chat_path(&a, &lee), Some(&kims)).await.is(403);
    api.get(&chat_path(&a, "nobody"), Some(&kims)).await.is(403);
    api.get(&chat_path(&a, &kim), Some(&foreign)).await.is(404);
    api.get(&chat_path(&a, &kim), None).await.is(401);

    let operator = api.member(&a, "operator@example.org", "operator").await;
    let staff = |tenant: &Tenant, body: Value| {
        let path = tenant.event_path("/tokens");
        let token = tenant.organizer.token.clone();
        let api = &api;
        async move { api.post(&path, Some(&token), body).await.is(201).str("/token") }
    };
    let radio = staff(&a, json!({ "role": "steward", "client": "radio" })).await;
    let device = staff(&a, json!({ "role": "device", "client": "beacon" })).await;
    let other = staff(&b, json!({})).await;
    for (token, status) in [
        (&operator.token, 200),
        (&a.organizer.token, 200),
        (&radio, 200),
        (&device, 403),
        (&other, 404),
        (&b.organizer.token, 404),
    ] {
        api.get(&chat_path(&a, &kim), Some(token)).await.is(status);
    }
    let nowhere = format!("/events/{}/chats/{kim}/messages", Uuid::now_v7());
    api.get(&nowhere, a.token()).await.is(404);

    let all = api
        .get(&a.event_path("/messages"), Some(&operator.token))
        .await
        .is(200);
    assert_eq!(all.json["items"].as_array().unwrap().len(), 2);
    // Participants have no way to the list of all chats: their token is for another audience.
    api.get(&a.event_path("/messages"), Some(&kims)).await.is(401);
    let other = api.get(&b.event_path("/messages"), b.token()).await.is(200);
    assert_eq!(other.json["items"], json!([]));
}

#[tokio::test]
async fn cases_are_listed_by_state_and_figures_count_what_is_stored() {
    let api = Api::start().await;
    let tenant = api.tenant("a").await;
    let other = api.tenant("b").await;
    let (kim, _) = api.join(&tenant).await;
    write(&api, &tenant.event, &kim, 3).await;
    write(&api, &other.event, &kim, 1).await;
    let mut conn = api.database.pool().acquire().await.unwrap();
    for (state, operator, closed) in [
        ("queued", None, None),
        ("closed", Some("op"), Some(OffsetDateTime::now_utc())),
    ] {
        sqlx::query(
            "INSERT INTO cases (id, event_id, client, help_id, state, priority, text, operator, opened_at, closed_at)
             VALUES ($1, $2::uuid, $3, $4, $5, 'urgent', 'help', $6, now(), $7)",
        )
        .bind(Uuid::now_v7())
        .bind(&tenant.event)
        .bind(&kim)
        .bind(Uuid::now_v7())
        .bind(state)
        .bind(operator)
        .bind(closed)
        .execute(&mut *conn)
        .await
        .unwrap();
    }
    let pending = format!("ev/{}/case/{kim}", tenant.event);
    outbox::enqueue(&mut conn, &pending, b"{}", 1, true, None)
        .await
        .unwrap();
    sqlx::query("INSERT INTO dead_letters (topic, payload, reason) VALUES ($1, '', 'bad')")
        .bind(format!("ev/{}/help/{kim}", tenant.event))
        .execute(&mut *conn)
        .await
        .unwrap();

    let all = api
        .get(&tenant.event_path("/cases"), tenant.token())
        .await
        .is(200);
    assert_eq!(all.json["items"].as_array().unwrap().len(), 2);
    let queued = api
        .get(&tenant.event_path("/cases?state=queued"), tenant.token())
        .await
        .is(200);
    let items = queued.json["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(
        (&items[0]["client"], &items[0]["name"], &items[0]["state"]),
        (&json!(kim), &json!("Kim"), &json!("queued"))
    );
    let first = api
        .get(&tenant.event_path("/cases?limit=1"), tenant.token())
        .await
        .is(200);
    let rest = api
        .get(
            &tenant.event_path(&format!("/cases?after={}", first.str("/next"))),
            tenant.token(),
        )
        .await;
    assert_eq!(rest.is(200).json["items"][0], all.json["items"][1]);
    api.get(&tenant.event_path("/cases?state=open"), tenant.token())
        .await
        .is(422);

    let stats = api
        .get(&tenant.event_path("/stats"), tenant.token())
        .await
        .is(200);
    assert_eq!(
        stats.json,
        json!({
            "cases": { "queued": 1, "claimed": 0, "closed": 1 }, "chat_messages": 3, "locations": 0,
            // The card of the publication and the case.
            "dead_letters": 1, "outbox_pending": 2,
        })
    );
}
