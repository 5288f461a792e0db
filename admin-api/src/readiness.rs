//! Whether the other parts are ready, asked of whoever knows.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, join_all};

/// A part that has not answered by then is not ready.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

type Probe = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// Named questions, one per part of Muster. The database is asked by the API itself.
#[derive(Clone, Default)]
pub struct Readiness(Vec<(&'static str, Probe)>);

impl Readiness {
    /// Nobody to ask but the database.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part: `ready` is asked at every `/readyz` and has three seconds to answer.
    #[must_use]
    pub fn part<F>(mut self, name: &'static str, ready: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        self.0.push((name, Arc::new(move || ready().boxed())));
        self
    }

    /// Asks everybody at once.
    pub(crate) async fn ask(&self) -> Vec<(&'static str, bool)> {
        join_all(self.0.iter().map(|(name, probe)| async move {
            let ready = tokio::time::timeout(PROBE_TIMEOUT, probe()).await;
            (*name, ready.unwrap_or(false))
        }))
        .await
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}
