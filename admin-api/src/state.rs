//! What every route may reach.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use muster_auth::{KeyDir, Verifier};
use muster_store::Database;
use muster_store::sqlx::{PgPool, Postgres, Transaction};
use parking_lot::RwLock;

use crate::http::attempts::Attempts;
use crate::password::Passwords;
use crate::{ApiConfig, ApiError, Readiness};

/// What [`ApiState`] is made of.
#[derive(Debug)]
pub struct ApiParts {
    /// Settings.
    pub config: ApiConfig,
    /// An open database.
    pub database: Database,
    /// The keys that sign tokens.
    pub keys: KeyDir,
    /// Believes tokens; must know the public halves of `keys`.
    pub verifier: Verifier,
    /// Broker and bridge.
    pub readiness: Readiness,
    /// Renders `/metrics`; without it that route answers 404.
    pub metrics: Option<PrometheusHandle>,
}

/// The state of the HTTP interface; clones share it.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    parts: ApiParts,
    /// Those of the parts, or what replaced them.
    keys: RwLock<KeyDir>,
    passwords: Passwords,
    accounts: Attempts,
    addresses: Attempts,
    joins: Attempts,
}

impl ApiState {
    /// Makes it. Takes about 20 ms: one password is hashed.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub fn new(parts: ApiParts) -> Self {
        let config = &parts.config;
        let attempts = |max| Attempts::new(max, config.attempts_window);
        Self(Arc::new(Inner {
            passwords: Passwords::new(config.hashing_max, config.hashing_waiting_max),
            accounts: attempts(config.account_attempts_max),
            addresses: attempts(config.address_attempts_max),
            joins: attempts(config.address_joins_max),
            keys: RwLock::new(parts.keys.clone()),
            parts,
        }))
    }

    pub(crate) fn config(&self) -> &ApiConfig {
        &self.0.parts.config
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.parts.database
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.database().pool()
    }

    /// Begins the transaction of a change.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>, ApiError> {
        Ok(self.pool().begin().await?)
    }

    /// The keys as they are now.
    pub(crate) fn keys(&self) -> KeyDir {
        self.0.keys.read().clone()
    }

    /// Signs with these keys from now on, and publishes their public halves: after a rotation by another process.
    /// The verifier must know them already.
    pub fn replace_keys(&self, keys: KeyDir) {
        *self.0.keys.write() = keys;
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.0.parts.verifier
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.parts.readiness
    }

    pub(crate) fn metrics(&self) -> Option<&PrometheusHandle> {
        self.0.parts.metrics.as_ref()
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Failed logins by account.
    pub(crate) fn account_attempts(&self) -> &Attempts {
        &self.0.accounts
    }

    /// Failed logins and registrations by address.
    pub(crate) fn address_attempts(&self) -> &Attempts {
        &self.0.addresses
    }

    /// Joins by address.
    pub(crate) fn join_attempts(&self) -> &Attempts {
        &self.0.joins
    }
}

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiState").finish_non_exhaustive()
    }
}
