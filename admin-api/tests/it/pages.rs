//! The web pages and the headers around them.

use crate::api::Api;

#[tokio::test]
async fn pages_are_served_at_their_addresses_and_nowhere_else() {
    let api = Api::start().await;
    for path in ["/", "/e/FEST-42", "/console/", "/console/events/1"] {
        let page = api.send(api.request("GET", path)).await.is(200);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert_eq!(page.header("cache-control"), "no-cache", "{path}");
    }
    let moved = api.send(api.request("GET", "/console")).await;
    assert_eq!((moved.status, moved.header("location")), (308, "/console/"));
    for path in [
        "/e",
        "/e/a/b",
        "/anything",
        "/console/../../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fbuild.rs",
        "//etc/passwd",
    ] {
        api.send(api.request("GET", path)).await.is(404);
    }
    api.send(api.request("POST", "/index.html")).await.is(405);
}

#[tokio::test]
async fn security_headers_are_on_every_answer() {
    let api = Api::start().await;
    for path in ["/", "/console/", "/docs/", "/api/v1/me", "/healthz", "/nothing"] {
        let answer = api.send(api.request("GET", path)).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(
            answer
                .header("permissions-policy")
                .contains("geolocation=(self), camera=(self)"),
            "{path}"
        );
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again_and_others_are_compressed() {
    let api = Api::start().await;
    let page = api.send(api.request("GET", "/")).await.is(200);
    let tag = page.header("etag").to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
        let again = api
            .send(api.request("GET", "/").header("if-none-match", known))
            .await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
    }
    let other = api
        .send(api.request("GET", "/").header("if-none-match", "\"x\""))
        .await;
    assert_eq!(other.status, 200);
    // The client of these tests does not unpack: what comes is what was sent.
    let packed = api
        .request("GET", "/docs/swagger-ui.css")
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(&packed.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
    // Answers of the API hold secrets and stay as they are.
    let plain = api
        .request("GET", "/api/v1/events?q=fair")
        .header("accept-encoding", "gzip");
    assert_eq!(api.send(plain).await.header("content-encoding"), "");
}
