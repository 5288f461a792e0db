//! The directory of keys, and verifiers that keep up with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_auth::{
    JwkSet, KeyDir, KeyError, KeySource, TokenError, Verifier, VerifierConfig, service_claims,
};
use muster_domain::{Claims, ClientId};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub fn verifier(source: KeySource) -> Result<Verifier, KeyError> {
    Verifier::new(VerifierConfig {
        source,
        issuer: "muster".into(),
        leeway: Duration::from_secs(30),
    })
}

pub fn claims() -> Claims {
    let client = ClientId::new("bridge").unwrap();
    service_claims(
        "muster",
        client,
        OffsetDateTime::now_utc(),
        time::Duration::hours(1),
    )
}

fn pem_files(dir: &tempfile::TempDir) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "pem"))
        .collect()
}

#[test]
fn a_first_start_makes_a_key_for_its_owner_alone_and_the_next_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = KeyDir::open_or_create(dir.path()).unwrap();
    let files = pem_files(&dir);
    assert_eq!(files.len(), 1);
    assert_eq!(
        fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let second = KeyDir::open_or_create(dir.path()).unwrap();
    assert_eq!(first.signer().kid(), second.signer().kid());

    let published = fs::read_to_string(dir.path().join("jwks.json")).unwrap();
    assert!(!published.contains("\"d\""), "the public set holds a private key");
    let verifier = verifier(first.source()).unwrap();
    assert_eq!(
        verifier
            .verify_mqtt(&second.signer().mint(&claims()))
            .unwrap()
            .sub
            .as_str(),
        "bridge"
    );
}

#[test]
fn a_bad_key_is_refused_by_its_file_and_never_replaced() {
    for content in [
        "",
        "not a key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        let dir = tempfile::tempdir().unwrap();
        KeyDir::open_or_create(dir.path()).unwrap();
        let file = pem_files(&dir).remove(0);
        fs::write(&file, content).unwrap();
        let error = KeyDir::open_or_create(dir.path()).unwrap_err();
        assert!(matches!(error, KeyError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        assert_eq!(pem_files(&dir), [file], "no other key was made in its place");
    }
}

#[test]
fn a_key_that_others_can_read_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    KeyDir::open_or_create(dir.path()).unwrap();
    fs::set_permissions(&pem_files(&dir)[0], fs::Permissions::from_mode(0o644)).unwrap();
    let error = KeyDir::open_or_create(dir.path()).unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn without_a_good_public_key_there_is_no_verifier() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jwks.json");
    assert!(verifier(KeySource::File(file.clone())).is_err(), "missing");
    let rsa = r#"{"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}]}"#;
    let symmetric = r#"{"keys":[{"kty":"oct","kid":"o","k":"c2VjcmV0"}]}"#;
    let nameless =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    for content in ["", "{", "[]", r#"{"keys":[]}"#, rsa, symmetric, nameless] {
        fs::write(&file, content).unwrap();
        assert!(
            verifier(KeySource::File(file.clone())).is_err(),
            "{content:?} was taken"
        );
    }
    assert!(verifier(KeySource::Set(JwkSet { keys: Vec::new() })).is_err());
}

/// Waits until a verifier's answer is the wanted one.
async fn becomes(verifier: &Verifier, token: &str, wanted: impl Fn(&Result<Claims, TokenError>) -> bool) {
    let reached = async {
        let mut interval = tokio::time::interval(Duration::from_millis(20));
        while !wanted(&verifier.verify_mqtt(token)) {
            interval.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached)
        .await
        .expect("the verifier keeps up with its keys");
}

#[tokio::test]
async fn a_rotated_key_is_believed_without_a_restart_and_old_tokens_stay_good() {
    let dir = tempfile::tempdir().unwrap();
    let mut keys = KeyDir::open_or_create(dir.path()).unwrap();
    let verifier = verifier(keys.source()).unwrap();
    let refresh = verifier.spawn_refresh();
    let old = keys.signer().mint(&claims());
    keys.rotate().unwrap();
    let new = keys.signer().mint(&claims());
    assert_ne!(
        old.split('.').next(),
        new.split('.').next(),
        "the new token names another key"
    );
    becomes(&verifier, &new, Result::is_ok).await;
    assert!(verifier.verify_mqtt(&old).is_ok());

    // A key that is taken out of the set is believed no longer; a broken set changes nothing.
    let set_file = dir.path().join("jwks.json");
    let set: JwkSet = serde_json::from_slice(&fs::read(&set_file).unwrap()).unwrap();
    let only_new = JwkSet {
        keys: set.keys.into_iter().skip(1).collect(),
    };
    fs::write(&set_file, serde_json::to_vec(&only_new).unwrap()).unwrap();
    becomes(&verifier, &old, |answer| *answer == Err(TokenError::UnknownKey)).await;
    fs::write(&set_file, "{").unwrap();
    let third = KeyDir::open(dir.path()).unwrap().signer().mint(&claims());
    becomes(&verifier, &third, Result::is_ok).await;
    refresh.abort();
}

#[test]
fn two_processes_rotate_and_neither_loses_the_others_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut one = KeyDir::open_or_create(dir.path()).unwrap();
    let mut other = KeyDir::open_or_create(dir.path()).unwrap();
    one.rotate().unwrap();
    other.rotate().unwrap();
    let verifier = verifier(other.source()).unwrap();
    assert!(verifier.verify_mqtt(&one.signer().mint(&claims())).is_ok());
    assert!(verifier.verify_mqtt(&other.signer().mint(&claims())).is_ok());
    let opened = KeyDir::open(dir.path()).unwrap();
    assert_eq!(opened.public_set().keys.len(), 3);
    assert_eq!(opened.signer().kid(), other.signer().kid(), "the newest signs");
}

#[test]
fn a_key_is_retired_when_nothing_it_signed_can_be_valid() {
    let ttl = time::Duration::days(30);
    let dir = tempfile::tempdir().unwrap();
    let mut keys = KeyDir::open_or_create(dir.path()).unwrap();
    let first = keys.signer();
    // A key that somebody brought is older than all of ours.
    let brought = dir.path().join("zz-brought.pem");
    fs::copy(&pem_files(&dir)[0], &brought).unwrap();
    keys.rotate().unwrap();
    let second = keys.signer();
    assert_ne!(second.kid(), "zz-brought");

    let now = OffsetDateTime::now_utc();
    let before = now + ttl - time::Duration::minutes(1);
    assert!(
        keys.retire(before, ttl).unwrap().is_empty(),
        "what it signed last is still valid"
    );
    let verifier_of = |keys: &KeyDir| verifier(keys.source()).unwrap();
    assert!(verifier_of(&keys).verify_mqtt(&first.mint(&claims())).is_ok());

    let after = now + ttl + time::Duration::minutes(1);
    assert_eq!(keys.retire(after, ttl).unwrap(), ["zz-brought", first.kid()]);
    assert_eq!(pem_files(&dir).len(), 1);
    assert_eq!(
        verifier_of(&keys).verify_mqtt(&first.mint(&claims())),
        Err(TokenError::UnknownKey)
    );
    assert!(verifier_of(&keys).verify_mqtt(&second.mint(&claims())).is_ok());
    assert!(
        keys.retire(after + ttl * 9, ttl).unwrap().is_empty(),
        "the one that signs stays"
    );
}

/// Serves whatever the set is at the moment, and counts how often it was asked.
async fn serve(set: Arc<Mutex<String>>, asked: Arc<AtomicUsize>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /jwks.json "));
            asked.fetch_add(1, Ordering::SeqCst);
            let body = set.lock().unwrap().clone();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    url
}

fn from(url: &str) -> VerifierConfig {
    VerifierConfig {
        source: KeySource::Url(url.to_owned()),
        issuer: "muster".into(),
        leeway: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn keys_come_from_an_address_and_an_unknown_key_asks_it_again_but_not_often() {
    let dir = tempfile::tempdir().unwrap();
    let mut keys = KeyDir::open_or_create(dir.path()).unwrap();
    let published = |keys: &KeyDir| serde_json::to_string(&keys.public_set()).unwrap();
    let set = Arc::new(Mutex::new(published(&keys)));
    let asked = Arc::new(AtomicUsize::new(0));
    let url = serve(set.clone(), asked.clone()).await;
    let verifier = Verifier::fetch(from(&url)).await.unwrap();
    let refresh = verifier.spawn_refresh();
    let old = keys.signer().mint(&claims());
    assert!(verifier.verify_mqtt(&old).is_ok());

    keys.rotate().unwrap();
    *set.lock().unwrap() = published(&keys);
    // Asked for a new token again and again, as a crowd that reconnects would.
    becomes(&verifier, &keys.signer().mint(&claims()), Result::is_ok).await;
    assert!(verifier.verify_mqtt(&old).is_ok());
    assert_eq!(
        asked.load(Ordering::SeqCst),
        2,
        "once at the start and once for all of them"
    );
    refresh.abort();
}

#[tokio::test]
async fn an_address_without_a_good_set_is_no_verifier() {
    for set in [
        "",
        "<html>",
        r#"{"keys":[]}"#,
        &format!("{{\"keys\":[]{}}}", " ".repeat(300_000)),
    ] {
        let asked = Arc::new(AtomicUsize::new(0));
        let url = serve(Arc::new(Mutex::new(set.to_owned())), asked.clone()).await;
        assert!(Verifier::fetch(from(&url)).await.is_err(), "{set:.20}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    // A port that was free a moment ago: nobody answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    drop(listener);
    assert!(Verifier::fetch(from(&url)).await.is_err());
    assert!(Verifier::new(from(&url)).is_err(), "an address needs to be asked");
}
