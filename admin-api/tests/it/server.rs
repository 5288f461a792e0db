//! Keys, liveness, readiness, figures, the document.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics_exporter_prometheus::PrometheusBuilder;
use muster_admin_api::{ApiConfig, ApiParts, ApiState, Readiness, router};
use muster_auth::{KeySource, Verifier, VerifierConfig};
use serde_json::json;
use tower::ServiceExt;

use crate::api::Api;

#[tokio::test]
async fn the_published_keys_verify_the_tokens() {
    let api = Api::start().await;
    let ada = api.person("ada@example.org").await;
    let answer = api
        .send(api.request("GET", "/.well-known/jwks.json"))
        .await
        .is(200);
    assert!(!answer.text.contains("\"d\""), "a private key was published");
    let set = serde_json::from_str(&answer.text).unwrap();
    let config = VerifierConfig {
        source: KeySource::Set(set),
        issuer: "muster".into(),
        leeway: std::time::Duration::ZERO,
    };
    let claims = Verifier::new(config).unwrap().verify_api(&ada.token).unwrap();
    assert_eq!(claims.sub.to_string(), ada.id);
}

#[tokio::test]
async fn readiness_names_the_part_that_is_not() {
    let broker = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&broker);
    let readiness = Readiness::new()
        .part("broker", move || {
            let ready = asked.load(Ordering::SeqCst);
            async move { ready }
        })
        .part("bridge", || async { true });
    let api = Api::start_with(ApiConfig::default(), readiness).await;
    let readyz = || async { api.send(api.request("GET", "/readyz")).await };
    let answer = readyz().await.is(503);
    let parts = json!({ "broker": "not_ready", "bridge": "ready", "database": "ready" });
    assert_eq!(answer.json, json!({ "status": "not_ready", "parts": parts }));
    broker.store(true, Ordering::SeqCst);
    assert_eq!(readyz().await.is(200).json["status"], "ready");
    api.database.pool().close().await;
    let answer = readyz().await.is(503);
    assert_eq!(answer.json["parts"]["database"], "not_ready");
    // The process lives all the same.
    let answer = api.send(api.request("GET", "/healthz")).await.is(200);
    assert_eq!(answer.json["status"], "ok");
}

#[tokio::test]
async fn a_part_that_does_not_answer_is_not_ready() {
    let readiness = Readiness::new().part("bridge", std::future::pending::<bool>);
    let api = Api::start_with(ApiConfig::default(), readiness).await;
    let answer = api.send(api.request("GET", "/readyz")).await.is(503);
    assert_eq!(
        answer.json["parts"],
        json!({ "bridge": "not_ready", "database": "ready" })
    );
}

#[tokio::test]
async fn figures_are_rendered_when_somebody_collects_them() {
    let api = Api::start().await;
    api.send(api.request("GET", "/metrics")).await.is(404);
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = Some(recorder.handle());
    let state = ApiState::new(ApiParts {
        config: ApiConfig::default(),
        database: (*api.database).clone(),
        keys: api.keys.clone(),
        verifier: api.verifier.clone(),
        readiness: Readiness::new(),
        metrics,
    });
    let app = router(state);
    let get = |path: &str| {
        axum::extract::Request::get(path.to_owned())
            .body(axum::body::Body::empty())
            .unwrap()
    };
    // Recorded on this thread, where the test's runtime runs.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let secret = app.clone().oneshot(get("/api/v1/events/CANARY-1")).await.unwrap();
    assert_eq!(secret.status(), 404);
    let answer = app.oneshot(get("/metrics")).await.unwrap();
    let text = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(
        text.contains(
            r#"muster_http_requests_total{method="GET",route="/api/v1/events/{join_code}",status="404"} 1"#
        ),
        "{text}"
    );
    assert!(!text.contains("CANARY"), "what was typed became a label");
}

#[tokio::test]
async fn the_document_and_its_reader_are_served() {
    let api = Api::start().await;
    let document = api.send(api.request("GET", "/openapi.json")).await.is(200);
    assert_eq!(
        document.json,
        serde_json::to_value(muster_admin_api::openapi()).unwrap()
    );
    assert!(document.json["components"]["schemas"]["EventCard"].is_object());
    let moved = api.send(api.request("GET", "/docs")).await;
    assert_eq!((moved.status, moved.header("location")), (303, "/docs/"));
    let page = api.send(api.request("GET", "/docs/")).await.is(200);
    assert!(
        page.text.contains("swagger-ui") && !page.text.contains("https://"),
        "{}",
        page.text
    );
    // Every reference in the document leads somewhere.
    let text = document.text;
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(
            document.json["components"]["schemas"][name].is_object(),
            "{name} is not described"
        );
    }
}
