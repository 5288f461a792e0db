//! A table of tokens that must not be believed (S14 of the catalogue), and those that must.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use muster_auth::{KeyDir, TokenError, Verifier, api_claims, participant_claims};
use muster_domain::{AgencyId, ClientId, EventId, PersonId, Role};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::keys::{claims, verifier};

struct Case {
    dir: tempfile::TempDir,
    keys: KeyDir,
    verifier: Verifier,
}

fn case() -> Case {
    let dir = tempfile::tempdir().unwrap();
    let keys = KeyDir::open_or_create(dir.path()).unwrap();
    let verifier = verifier(keys.source()).unwrap();
    Case { dir, keys, verifier }
}

impl Case {
    /// Signs any claims with the real key, under any header.
    fn sign(&self, header: &Header, claims: &Value) -> String {
        let kid = self.keys.signer().kid().to_owned();
        let pem = std::fs::read(self.dir.path().join(format!("{kid}.pem"))).unwrap();
        encode(header, claims, &EncodingKey::from_ed_pem(&pem).unwrap()).unwrap()
    }

    fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.keys.signer().kid().to_owned());
        header
    }
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

fn raw(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(header),
        part(claims),
        URL_SAFE_NO_PAD.encode(signature)
    )
}

#[test]
fn claims_that_are_wrong_are_refused_each_with_its_reason() {
    let case = case();
    let good = serde_json::to_value(claims()).unwrap();
    assert!(
        case.verifier
            .verify_mqtt(&case.sign(&case.header(), &good))
            .is_ok()
    );
    let with = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        claims
    };
    let without = |key: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(key);
        claims
    };
    for (what, claims, reason) in [
        ("expired", with("exp", json!(now() - 31)), TokenError::Expired),
        (
            "from the future",
            with("iat", json!(now() + 90)),
            TokenError::NotYet,
        ),
        ("not before", with("nbf", json!(now() + 90)), TokenError::NotYet),
        (
            "another issuer",
            with("iss", json!("somebody")),
            TokenError::Issuer,
        ),
        (
            "another audience",
            with("aud", json!("muster-api")),
            TokenError::Audience,
        ),
        (
            "an operator without an event",
            with("role", json!("operator")),
            TokenError::Contradiction,
        ),
        (
            "an unknown role",
            with("role", json!("king")),
            TokenError::Malformed,
        ),
        (
            "a sub that is a wildcard",
            with("sub", json!("#")),
            TokenError::Malformed,
        ),
        (
            "a sub with a level",
            with("sub", json!("a/b")),
            TokenError::Malformed,
        ),
        ("no exp", without("exp"), TokenError::Malformed),
        ("no aud", without("aud"), TokenError::Malformed),
        ("no iss", without("iss"), TokenError::Malformed),
        ("no sub", without("sub"), TokenError::Malformed),
        ("no role", without("role"), TokenError::Malformed),
    ] {
        let answer = case.verifier.verify_mqtt(&case.sign(&case.header(), &claims));
        assert_eq!(answer.expect_err(what), reason, "{what}");
    }
    let within_leeway = case.sign(&case.header(), &with("exp", json!(now() - 10)));
    assert!(
        case.verifier.verify_mqtt(&within_leeway).is_ok(),
        "clocks may differ by the leeway"
    );
}

#[test]
fn signatures_that_are_wrong_are_refused_each_with_its_reason() {
    let case = case();
    let good = serde_json::to_value(claims()).unwrap();
    let kid = case.keys.signer().kid().to_owned();
    let token = case.sign(&case.header(), &good);
    let parts: Vec<&str> = token.split('.').collect();

    // HMAC with the public key as the secret: the classic confusion.
    let public = std::fs::read(case.dir.path().join("jwks.json")).unwrap();
    let mut hmac = Header::new(Algorithm::HS256);
    hmac.kid = Some(kid.clone());
    let confused = encode(&hmac, &good, &EncodingKey::from_secret(&public)).unwrap();
    let empty_key = encode(&hmac, &good, &EncodingKey::from_secret(b"")).unwrap();

    let mut no_kid = case.header();
    no_kid.kid = None;
    let mut other_kid = case.header();
    other_kid.kid = Some("another".into());
    let stranger = self::case();
    let mut stranger_header = case.header();
    stranger_header.kid = Some(kid.clone());
    let swapped = raw(&json!({"alg": "ES256", "kid": kid}), &good, &[1; 64]);

    for (what, token, reason) in [
        (
            "alg none",
            raw(&json!({"alg": "none", "kid": kid}), &good, b""),
            TokenError::Algorithm,
        ),
        (
            "alg in capitals",
            raw(&json!({"alg": "NONE", "kid": kid}), &good, b""),
            TokenError::Algorithm,
        ),
        ("HMAC with the public key", confused, TokenError::Algorithm),
        ("HMAC with an empty key", empty_key, TokenError::Algorithm),
        (
            "RSA",
            raw(&json!({"alg": "RS256", "kid": kid}), &good, &[1; 256]),
            TokenError::Algorithm,
        ),
        ("another algorithm than the key's", swapped, TokenError::Algorithm),
        ("no kid", case.sign(&no_kid, &good), TokenError::UnknownKey),
        (
            "an unknown kid",
            case.sign(&other_kid, &good),
            TokenError::UnknownKey,
        ),
        (
            "a stranger's key under our kid",
            stranger.sign(&stranger_header, &good),
            TokenError::Signature,
        ),
        (
            "changed claims",
            format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode("{}"), parts[2]),
            TokenError::Signature,
        ),
        (
            "no signature",
            format!("{}.{}.", parts[0], parts[1]),
            TokenError::Signature,
        ),
        (
            "two parts",
            format!("{}.{}", parts[0], parts[1]),
            TokenError::Malformed,
        ),
        ("nothing", String::new(), TokenError::Malformed),
        ("noise", "a.b.c".into(), TokenError::Malformed),
        ("huge", "a".repeat(8 * 1024 + 1), TokenError::TooLong),
    ] {
        assert_eq!(
            case.verifier.verify_mqtt(&token).expect_err(what),
            reason,
            "{what}"
        );
    }
}

#[test]
fn a_token_for_one_door_does_not_open_the_other() {
    let case = case();
    let signer = case.keys.signer();
    let api = signer.mint_api(&api_claims(
        "muster",
        PersonId::new(),
        OffsetDateTime::now_utc(),
        Duration::HOUR,
    ));
    assert!(case.verifier.verify_api(&api).is_ok());
    assert_eq!(case.verifier.verify_mqtt(&api).unwrap_err(), TokenError::Audience);
    assert_eq!(
        case.verifier.verify_api(&signer.mint(&claims())).unwrap_err(),
        TokenError::Audience
    );
}

#[test]
fn an_expired_token_is_renewed_within_its_grace_only() {
    let case = case();
    let at = OffsetDateTime::now_utc() - Duration::days(3);
    let claims = participant_claims(
        "muster",
        ClientId::random(),
        AgencyId::new(),
        EventId::new(),
        at,
        Duration::days(1),
    );
    let token = case.keys.signer().mint(&claims);
    let days = |days: u64| std::time::Duration::from_secs(days * 86_400);
    assert_eq!(
        case.verifier.verify_mqtt(&token).unwrap_err(),
        TokenError::Expired
    );
    assert_eq!(
        case.verifier.verify_mqtt_within(&token, days(7)).unwrap().role,
        Role::Participant
    );
    assert_eq!(
        case.verifier.verify_mqtt_within(&token, days(1)).unwrap_err(),
        TokenError::Expired
    );
}

#[test]
fn no_error_or_debug_shows_a_token_or_a_key() {
    let case = case();
    let token = case.keys.signer().mint(&claims());
    let body = token.split('.').nth(1).unwrap().to_owned();
    let shown = format!(
        "{:?} {:?} {:?}",
        case.keys,
        case.verifier,
        case.verifier.verify_api(&token).unwrap_err()
    );
    assert!(!shown.contains(&body) && !shown.contains("PRIVATE"), "{shown}");
}

#[test]
fn es256_keys_sign_too() {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(pkcs8.as_ref());
    let file = dir.path().join("p256.pem");
    std::fs::write(
        &file,
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"),
    )
    .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let keys = KeyDir::open_or_create(dir.path()).unwrap();
    assert_eq!(keys.signer().kid(), "p256");
    let token = keys.signer().mint(&claims());
    assert_eq!(jsonwebtoken::decode_header(&token).unwrap().alg, Algorithm::ES256);
    assert!(verifier(keys.source()).unwrap().verify_mqtt(&token).is_ok());
}
