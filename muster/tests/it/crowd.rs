//! `muster crowd` against a whole Muster: nothing lost, nothing doubled, everything in order, all of it stored.

use std::time::Duration;

use serde_json::Value;

use crate::muster::{Process, Site, client, runtime};

/// Starts a crowd with a JSON report.
pub fn start(site: &Site, args: &[&str]) -> Process {
    let url = site.url();
    let mut all = vec!["crowd", "--url", &url, "--json"];
    all.extend(args);
    site.start(&all)
}

/// Waits for a crowd's end and checks its report: no loss, no double, nothing out of order, everything stored.
pub fn finish(mut crowd: Process, patience: Duration) -> Value {
    let status = crowd.wait(patience);
    let output = crowd.output();
    assert!(status.success(), "the crowd found something wrong:\n{output}");
    let line = output
        .lines()
        .find(|line| line.starts_with('{'))
        .unwrap_or_else(|| panic!("no report in:\n{output}"));
    let report: Value = serde_json::from_str(line).expect("the report is JSON");
    let messages = &report["messages"];
    let count = |key: &str| {
        messages[key]
            .as_u64()
            .unwrap_or_else(|| panic!("no {key} in {report}"))
    };
    assert!(count("sent") > 0, "{report}");
    for key in [
        "lost_delivery",
        "lost_archive",
        "doubled_delivery",
        "doubled_archive",
        "out_of_order",
        "unexpected",
    ] {
        assert_eq!(count(key), 0, "{key} in {report}");
    }
    assert_eq!(count("acked"), count("sent"), "{report}");
    assert_eq!(
        count("stored"),
        count("acked"),
        "every acknowledged message is stored once: {report}"
    );
    println!("{report}");
    report
}

#[test]
fn a_small_crowd_is_helped() {
    let site = Site::new();
    let up = site.up();
    let crowd = start(
        &site,
        &["--participants", "40", "--operators", "5", "--messages", "5"],
    );
    finish(crowd, Duration::from_secs(120));
    assert!(up.stop().success());
}

#[test]
fn a_crowd_without_a_muster_says_what_is_wrong() {
    let site = Site::new();
    let mut crowd = start(
        &site,
        &["--participants", "1", "--operators", "1", "--messages", "1"],
    );
    let status = crowd.wait(Duration::from_secs(60));
    assert!(
        !status.success() && crowd.output().contains(&site.url()),
        "{}",
        crowd.output()
    );
}

#[test]
fn visitors_come_by_join_code_wait_in_line_and_withdraw_when_they_leave() {
    let site = Site::new();
    let up = site.up();
    let url = site.url();
    let flags = [
        "--code",
        "FEST-42",
        "--operators",
        "0",
        "--participants",
        "3",
        "--timeout",
        "4",
    ];
    let mut visitors = site.start(&[&["crowd", "--url", &url][..], &flags].concat());
    assert!(
        visitors.wait(Duration::from_secs(60)).success(),
        "{}",
        visitors.output()
    );
    assert!(
        visitors.output().contains("0 helped, 3 left and withdrew"),
        "{}",
        visitors.output()
    );

    let printed = up.output();
    let value = |label: &str| {
        printed
            .lines()
            .find_map(|line| line.trim().strip_prefix(label))
            .expect("the first start prints it")
            .trim()
    };
    let stats = runtime().block_on(async {
        let client = client();
        let login =
            serde_json::json!({"email": value("Organizer:"), "password": value("Organizer password:")});
        let post = client.post(format!("{url}/api/v1/auth/login")).json(&login);
        let session: Value = post.send().await.unwrap().json().await.unwrap();
        let get = |path: String| {
            let request = client.get(format!("{url}/api/v1{path}"));
            request
                .bearer_auth(session["token"].as_str().unwrap().to_owned())
                .send()
        };
        let me: Value = get("/me".into()).await.unwrap().json().await.unwrap();
        let agency = me["agencies"][0]["id"].as_str().unwrap().to_owned();
        let card: Value = get("/events/FEST-42".into()).await.unwrap().json().await.unwrap();
        let event = card["id"].as_str().unwrap();
        get(format!("/agencies/{agency}/events/{event}/stats"))
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap()
    });
    assert_eq!(
        stats["cases"],
        serde_json::json!({"queued": 0, "claimed": 0, "closed": 3}),
        "{stats}"
    );
    assert!(up.stop().success());
}
