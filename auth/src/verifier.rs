//! Believes a token, or says why not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use muster_domain::claims::{AUDIENCE_API, AUDIENCE_MQTT};
use muster_domain::{Claims, Role};
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use crate::set::{Keys, Stamp};
use crate::{ApiClaims, KeyError, KeySource, TokenError};

/// Longest token that is looked at, in bytes. Ours take about 500.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How often a key file's time of change is looked at.
const FILE_INTERVAL: Duration = Duration::from_secs(1);
/// How often a key URL is asked.
const URL_INTERVAL: Duration = Duration::from_secs(60);
/// Least time between two questions at a key URL, however many unknown keys tokens name.
const URL_INTERVAL_MIN: Duration = Duration::from_secs(5);

/// What a verifier believes.
#[derive(Debug, Clone)]
pub struct VerifierConfig {
    /// Where the public keys are.
    pub source: KeySource,
    /// The only `iss`.
    pub issuer: String,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// Verifies tokens against a set of public keys that may change while it runs. Cheap to clone.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    config: VerifierConfig,
    /// Replaced whole; nobody holds the lock while a signature is checked.
    keys: RwLock<Arc<Keys>>,
    stamp: RwLock<Option<Stamp>>,
    unknown_key: tokio::sync::Notify,
}

impl Verifier {
    /// Reads the keys of a file or a given set.
    ///
    /// # Errors
    /// They cannot be read, or none can be used: then nothing must start.
    pub fn new(config: VerifierConfig) -> Result<Self, KeyError> {
        let stamp = config.source.stamp();
        let keys = config.source.read_local()?.ok_or_else(|| KeyError::Set {
            source_name: config.source.name(),
            problem: "an address is asked with Verifier::fetch".into(),
        })?;
        Ok(Self::with(config, keys, stamp))
    }

    /// Reads the keys wherever they are, over the network too.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub async fn fetch(config: VerifierConfig) -> Result<Self, KeyError> {
        let stamp = config.source.stamp();
        let keys = config.source.read(&http_client()).await?;
        Ok(Self::with(config, keys, stamp))
    }

    fn with(config: VerifierConfig, keys: Keys, stamp: Option<Stamp>) -> Self {
        Self(Arc::new(Inner {
            config,
            keys: RwLock::new(Arc::new(keys)),
            stamp: RwLock::new(stamp),
            unknown_key: tokio::sync::Notify::new(),
        }))
    }

    /// Keeps the keys current until the returned task is aborted. A set that cannot be read changes nothing: the last
    /// good one stays, and the log says so.
    pub fn spawn_refresh(&self) -> tokio::task::JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let http = http_client();
            let mut asked = Instant::now();
            loop {
                match &this.0.config.source {
                    KeySource::Set(_) => return,
                    KeySource::File(_) => {
                        tokio::time::sleep(FILE_INTERVAL).await;
                        if this.0.config.source.stamp() == *this.0.stamp.read() {
                            continue;
                        }
                    }
                    KeySource::Url(_) => {
                        let _ = tokio::time::timeout(URL_INTERVAL, this.0.unknown_key.notified()).await;
                        tokio::time::sleep(URL_INTERVAL_MIN.saturating_sub(asked.elapsed())).await;
                        asked = Instant::now();
                    }
                }
                this.refresh(&http).await;
            }
        })
    }

    async fn refresh(&self, http: &reqwest::Client) {
        let stamp = self.0.config.source.stamp();
        match self.0.config.source.read(http).await {
            Ok(keys) => {
                tracing::debug!(keys = keys.count(), "the public keys were read again");
                *self.0.keys.write() = Arc::new(keys);
            }
            Err(error) => {
                tracing::warn!(%error, "the public keys cannot be read again; the last good ones stay")
            }
        }
        *self.0.stamp.write() = stamp;
    }

    /// Believes a token for the broker.
    ///
    /// # Errors
    /// [`TokenError`] says why not.
    pub fn verify_mqtt(&self, token: &str) -> Result<Claims, TokenError> {
        self.verify_mqtt_within(token, Duration::ZERO)
    }

    /// As [`Self::verify_mqtt`], and believes one that expired no longer ago than `grace`: to renew it.
    ///
    /// # Errors
    /// [`TokenError`] says why not.
    pub fn verify_mqtt_within(&self, token: &str, grace: Duration) -> Result<Claims, TokenError> {
        let claims: Claims = self.verify(token, AUDIENCE_MQTT, grace)?;
        self.issued(claims.iat)?;
        // Only Muster's own parts work without an event: anybody else without one would have rights nowhere, or, by a
        // mistake elsewhere, everywhere.
        let service = claims.role == Role::Service;
        if !service && (claims.evt.is_none() || claims.agy.is_none()) {
            return Err(TokenError::Contradiction);
        }
        Ok(claims)
    }

    /// Believes a person's login at the HTTP API.
    ///
    /// # Errors
    /// [`TokenError`] says why not.
    pub fn verify_api(&self, token: &str) -> Result<ApiClaims, TokenError> {
        let claims: ApiClaims = self.verify(token, AUDIENCE_API, Duration::ZERO)?;
        self.issued(claims.iat)?;
        Ok(claims)
    }

    /// A token from the future was made by a clock that is wrong, or by somebody who prepares.
    fn issued(&self, iat: i64) -> Result<(), TokenError> {
        let latest = OffsetDateTime::now_utc() + self.0.config.leeway;
        if iat > latest.unix_timestamp() {
            Err(TokenError::NotYet)
        } else {
            Ok(())
        }
    }

    fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
        grace: Duration,
    ) -> Result<T, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let header = decode_header(token).map_err(|error| match error.kind() {
            ErrorKind::InvalidAlgorithmName | ErrorKind::Json(_) => TokenError::Algorithm,
            _ => TokenError::Malformed,
        })?;
        let keys = self.0.keys.read().clone();
        let kid = header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
        let Some((algorithm, key)) = keys.get(kid) else {
            self.0.unknown_key.notify_one();
            return Err(TokenError::UnknownKey);
        };
        if header.alg != *algorithm {
            return Err(TokenError::Algorithm);
        }
        let mut validation = Validation::new(*algorithm);
        validation.leeway = (self.0.config.leeway + grace).as_secs();
        validation.validate_nbf = true;
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&self.0.config.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // First as JSON: a token for another door is told so, and not that it lacks this door's claims.
        let claims = decode::<serde_json::Value>(token, key, &validation).map(|data| data.claims);
        let claims = claims.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::ExpiredSignature => TokenError::Expired,
            ErrorKind::ImmatureSignature => TokenError::NotYet,
            ErrorKind::InvalidIssuer => TokenError::Issuer,
            ErrorKind::InvalidAudience => TokenError::Audience,
            ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
            _ => TokenError::Malformed,
        })?;
        serde_json::from_value(claims).map_err(|_| TokenError::Malformed)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("source", &self.0.config.source.name())
            .finish_non_exhaustive()
    }
}

fn http_client() -> reqwest::Client {
    // Whoever runs the program may have chosen already; then this changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("an HTTP client without special settings can be made")
}
