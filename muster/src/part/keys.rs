//! Keys as the parts use them: who signs, who believes, and the broker's plugins made of that.

use std::time::Duration;

use anyhow::Context;
use muster_auth::{KeyDir, KeySource, Verifier, VerifierConfig, service_claims};
use muster_broker::KeptSession;
use muster_broker::topic::TopicFilter;
use muster_domain::ClientId;
use muster_plugins::{Archive, AuditLog, ClaimsAuthorizer, JwtAuthenticator, PayloadShape, ReceiveStamp};
use time::OffsetDateTime;

use crate::config::Config;

/// The bridge's client id: the session under this name holds the archive's backlog.
pub const BRIDGE_CLIENT: &str = "bridge";
/// How long a token that the bridge mints for itself is valid; it makes a new one at each connection.
const BRIDGE_TOKEN_TTL: time::Duration = time::Duration::days(1);
/// Bytes that the backlog may take for each message of its bound: those of a long chat message.
const BACKLOG_BYTES_PER_MESSAGE: usize = 2 * 1024;

/// Everything that makes the broker Muster's.
pub struct Plugins {
    pub authenticator: JwtAuthenticator,
    pub authorizer: ClaimsAuthorizer,
    pub shape: PayloadShape,
    pub stamp: ReceiveStamp,
    pub audit: AuditLog,
}

/// Opens the signing keys; makes them on a first start.
///
/// # Errors
/// A key is damaged, can be read by others, or cannot be written.
pub fn open(config: &Config) -> anyhow::Result<KeyDir> {
    KeyDir::open_or_create(&config.keys_dir()).context("the signing keys cannot be opened")
}

/// Believes tokens of this installation; keeps up with rotated keys.
///
/// # Errors
/// There is no good public key.
pub async fn verifier(config: &Config) -> anyhow::Result<Verifier> {
    let source = match config.auth.jwks_url.as_str() {
        "" => KeyDir::source_in(&config.keys_dir()),
        url => KeySource::Url(url.to_owned()),
    };
    let verifier = Verifier::fetch(VerifierConfig {
        source,
        issuer: config.auth.issuer.clone(),
        leeway: Duration::from_secs(config.auth.leeway_s),
    });
    let verifier = verifier
        .await
        .context("nobody could be authenticated, so nothing starts")?;
    verifier.spawn_refresh();
    Ok(verifier)
}

/// The broker's plugins.
///
/// # Errors
/// There is no good public key.
pub async fn plugins(config: &Config) -> anyhow::Result<Plugins> {
    let archive = Archive {
        client: bridge_client(),
        backlog_max: config.bridge.backlog_max,
        backlog_bytes_max: config
            .bridge
            .backlog_max
            .saturating_mul(BACKLOG_BYTES_PER_MESSAGE),
    };
    Ok(Plugins {
        authenticator: JwtAuthenticator::new(verifier(config).await?, archive),
        authorizer: ClaimsAuthorizer,
        shape: PayloadShape,
        stamp: ReceiveStamp,
        audit: AuditLog,
    })
}

/// The bridge's client id.
pub fn bridge_client() -> ClientId {
    ClientId::new(BRIDGE_CLIENT).expect("a client id")
}

/// Mints a token for the bridge, now. The directory is read each time, so that a rotated key is taken up.
///
/// # Errors
/// The keys cannot be read.
pub fn bridge_token(config: &Config) -> anyhow::Result<String> {
    let keys = KeyDir::open(&config.keys_dir()).context("the bridge cannot sign its token")?;
    let claims = service_claims(
        &config.auth.issuer,
        bridge_client(),
        OffsetDateTime::now_utc(),
        BRIDGE_TOKEN_TTL,
    );
    Ok(keys.signer().mint(&claims))
}

/// The archive's session, made before the broker listens: nothing that must be stored is acknowledged while nobody
/// would keep it.
pub fn archive_session(config: &Config, authenticator: &JwtAuthenticator) -> KeptSession {
    let now = OffsetDateTime::now_utc();
    let mut principal = authenticator.principal_of(service_claims(
        &config.auth.issuer,
        bridge_client(),
        now,
        BRIDGE_TOKEN_TTL,
    ));
    // It is no connection that could be cut; whoever takes the session over brings a token of its own.
    principal.expires_at = None;
    KeptSession {
        client_id: BRIDGE_CLIENT.into(),
        principal,
        filters: muster_bridge::FILTERS
            .map(|filter| TopicFilter::parse(filter).expect("a topic filter"))
            .into(),
        expiry: Duration::MAX,
    }
}
