//! A broken configuration is refused with its name and line, and starts nothing.

use crate::muster::{Site, command, run, text};

fn refused(file: &str, expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("muster.toml");
    std::fs::write(&path, file).unwrap();
    for part in ["up", "broker", "bridge", "api"] {
        let output = command()
            .args([part, "--config"])
            .arg(&path)
            .current_dir(dir.path())
            .output()
            .expect("the binary runs");
        let text = text(&output);
        assert!(!output.status.success(), "{part} started with {file:?}");
        for expected in expected {
            assert!(text.contains(expected), "{part}: {text}");
        }
        assert!(
            !dir.path().join("data").exists(),
            "{part} made a data directory in spite of its configuration"
        );
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_name_and_line() {
    refused("[broker]\n\nmqqt = \"127.0.0.1:1\"\n", &["mqqt", "line 3"]);
}

#[test]
fn a_wrong_value_is_refused_with_its_name_and_line() {
    refused("[http]\nlisten = \"nowhere\"\n", &["listen", "line 2"]);
    refused("[broker]\ninflight_max = 0\n", &["broker.inflight_max"]);
}

#[test]
fn a_missing_file_and_an_unknown_variable_are_refused_by_name() {
    let output = run(&["up", "--config", "/nonexistent/muster.toml"]);
    assert!(
        !output.status.success() && text(&output).contains("/nonexistent/muster.toml"),
        "{}",
        text(&output)
    );

    let output = Site::new()
        .command(&["up"])
        .env("MUSTER_HTPP_LISTEN", "127.0.0.1:1")
        .output()
        .unwrap();
    assert!(
        !output.status.success() && text(&output).contains("MUSTER_HTPP_LISTEN"),
        "{}",
        text(&output)
    );
}

#[test]
fn a_database_that_is_not_there_is_said_once_with_what_to_do_and_without_its_password() {
    let nobody = crate::muster::free_address();
    let url = |scheme: &str| format!("{scheme}://user:canary-password@{nobody}/muster");
    for (url, word) in [
        (url("postgres"), "is the server"),
        (url("mysql"), "must begin with postgres://"),
    ] {
        for part in ["up", "doctor"] {
            let output = Site::new()
                .command(&[part])
                .env("DATABASE_URL", &url)
                .output()
                .unwrap();
            let text = text(&output);
            let word = if part == "doctor" && word == "is the server" {
                "is it running"
            } else {
                word
            };
            assert!(!output.status.success() && text.contains(word), "{part}: {text}");
            assert!(!text.contains("canary-password"), "{part}: {text}");
            let last = text.lines().last().unwrap_or_default();
            assert!(
                last.matches("Connection refused").count() <= 1,
                "{part} says it again and again: {last}"
            );
        }
    }
}

#[test]
fn help_teaches_every_command() {
    for part in [
        "up", "broker", "bridge", "api", "token", "keys", "doctor", "crowd",
    ] {
        let output = run(&[part, "--help"]);
        assert!(
            output.status.success() && text(&output).contains("Usage: muster"),
            "{part}: {}",
            text(&output)
        );
    }
}
