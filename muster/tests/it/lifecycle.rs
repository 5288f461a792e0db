//! Start, stop, start again: with Ctrl-C, with `kill -9`, twice at once, and with what a first start prints.

use rustix::process::Signal;

use crate::muster::{Process, Site, eventually, text};

fn value<'a>(output: &'a str, label: &str) -> Option<&'a str> {
    output
        .lines()
        .find_map(|line| line.trim().strip_prefix(label)?.strip_prefix(':'))
        .map(str::trim)
}

fn joinable(site: &Site) -> bool {
    site.get("/api/v1/events/FEST-42")
        .is_some_and(|(status, _)| status == 200)
}

#[test]
fn the_first_start_prints_the_credentials_once_and_the_next_goes_on_with_the_same_data() {
    let site = Site::new();
    let first = site.up();
    eventually("the first start prints the password", || {
        value(&first.output(), "Organizer password").is_some()
    });
    let printed = first.output();
    assert_eq!(value(&printed, "Join code"), Some("FEST-42"), "{printed}");
    assert!(
        printed.contains(&site.http.port().to_string()),
        "no address in:\n{printed}"
    );
    assert!(joinable(&site));
    let password = value(&printed, "Organizer password").unwrap().to_owned();

    assert!(first.stop().success(), "SIGTERM is a clean end");

    let second = site.up();
    assert!(joinable(&site), "the event is still there");
    let login = format!("{}/api/v1/auth/login", site.url());
    let body = serde_json::json!({"email": value(&printed, "Organizer").unwrap(), "password": password});
    let status = crate::muster::runtime().block_on(async {
        crate::muster::client()
            .post(login)
            .json(&body)
            .send()
            .await
            .unwrap()
            .status()
    });
    assert_eq!(status, 200, "the printed credentials open the console");
    assert!(
        !second.output().contains(&password),
        "the password is printed once only"
    );
    assert!(second.stop().success());
}

#[test]
fn ctrl_c_stops_it_cleanly() {
    let site = Site::new();
    let mut process = site.up();
    process.signal(Signal::INT);
    eventually("it ends after Ctrl-C", || !process.runs());
    assert!(process.stop_status().success(), "{}", process.output());
    assert!(
        !site.data().join("postgres/postmaster.pid").exists(),
        "PostgreSQL was left running"
    );
}

#[test]
fn it_starts_again_after_kill_9() {
    let site = Site::new();
    for _ in 0..2 {
        let process = site.up();
        assert!(joinable(&site));
        process.kill();
    }
    assert!(site.up().stop().success());
}

#[test]
fn two_run_at_once_and_the_same_data_directory_is_refused() {
    let (one, other) = (Site::new(), Site::new());
    let (first, second) = (one.up(), other.up());
    assert!(joinable(&one) && joinable(&other));

    let mut intruder = one.command(&["up"]);
    let free = Site::new();
    intruder
        .env("MUSTER_HTTP_LISTEN", free.http.to_string())
        .env("MUSTER_BROKER_MQTT", free.mqtt.to_string())
        .env("MUSTER_BROKER_WS", free.ws.to_string());
    let mut intruder = Process::start(intruder);
    let status = intruder.wait(crate::muster::PATIENCE);
    assert!(!status.success());
    assert!(
        intruder.output().contains("data"),
        "names the directory:\n{}",
        intruder.output()
    );

    assert!(first.stop().success());
    assert!(second.stop().success());
}

#[test]
fn a_taken_port_is_named() {
    let site = Site::new();
    let _holder = std::net::TcpListener::bind(site.http).unwrap();
    let output = site.command(&["up"]).output().unwrap();
    let text = text(&output);
    assert!(
        !output.status.success() && text.contains(&site.http.to_string()),
        "{text}"
    );
}

#[test]
fn doctor_says_what_is_wrong_and_what_to_do() {
    let site = Site::new();
    let output = site.command(&["doctor"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));

    let _holder = std::net::TcpListener::bind(site.mqtt).unwrap();
    let output = site.command(&["doctor"]).output().unwrap();
    let text = text(&output);
    assert!(
        !output.status.success() && text.contains(&site.mqtt.to_string()),
        "{text}"
    );
}

#[test]
fn readyz_and_metrics_tell_of_every_part() {
    let site = Site::new();
    let process = site.up();
    let (status, body) = site.get("/readyz").unwrap();
    assert_eq!(status, 200);
    for part in ["broker", "bridge", "database"] {
        assert!(body.contains(part), "{body}");
    }
    let (_, metrics) = site.get("/metrics").unwrap();
    assert!(metrics.contains("muster_broker_connections"), "{metrics}");
    let (_, openapi) = site.get("/openapi.json").unwrap();
    assert!(openapi.contains("/api/v1/auth/login"));
    assert!(process.stop().success());
}
