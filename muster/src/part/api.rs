//! The HTTP side as this binary starts it: API, pages, `/mqtt`, readiness of the other parts.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use muster_admin_api::seed::{DemoCredentials, ensure_demo};
use muster_admin_api::{ApiConfig, ApiParts, ApiState, Readiness, router};
use muster_auth::KeyDir;
use muster_store::Database;
use tokio::net::{TcpListener, TcpStream};

use super::websocket::{self, Upstream};
use crate::config::Config;

/// Longest time that a listener may take to accept when it is asked whether it is there.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);
/// How often the directory of the signing keys is read; verifiers look every second.
const KEYS_INTERVAL: Duration = Duration::from_secs(5);

/// Takes the address of pages and API.
///
/// # Errors
/// It is taken or not this machine's.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} (http.listen); stop what holds it or choose another with --http")
    })
}

/// Makes the API and, on an empty database and where wanted, the demo.
///
/// # Errors
/// Keys or database refuse.
pub async fn build(
    config: &Config,
    database: Database,
    readiness: Readiness,
    upstream: Upstream,
    metrics: PrometheusHandle,
    demo: bool,
) -> anyhow::Result<(Router, Option<DemoCredentials>)> {
    let state = ApiState::new(ApiParts {
        config: ApiConfig {
            issuer: config.auth.issuer.clone(),
            request_timeout: Duration::from_secs(config.http.request_timeout_s),
            ..ApiConfig::default()
        },
        database,
        keys: super::keys::open(config)?,
        verifier: super::keys::verifier(config).await?,
        readiness,
        metrics: Some(metrics),
    });
    tokio::spawn(follow_keys(state.clone(), config.clone()));
    let credentials = if demo {
        ensure_demo(&state).await.context("the demo cannot be made")?
    } else {
        None
    };
    Ok((router(state).merge(websocket::router(upstream)), credentials))
}

/// Takes up keys that `muster keys rotate` made. Later than verifiers do, so that nobody is given a token that the broker
/// does not believe yet.
async fn follow_keys(state: ApiState, config: Config) {
    let mut signs_with = None;
    let mut interval = tokio::time::interval(KEYS_INTERVAL);
    loop {
        interval.tick().await;
        match KeyDir::open(&config.keys_dir()) {
            Ok(keys) => {
                let kid = keys.signer().kid().to_owned();
                if signs_with.as_ref().is_some_and(|before| *before != kid) {
                    tracing::info!(kid, "tokens are signed with a new key");
                }
                signs_with = Some(kid);
                state.replace_keys(keys);
            }
            Err(error) => {
                tracing::warn!(%error, "the signing keys cannot be read again; the last good ones stay")
            }
        }
    }
}

/// Whether somebody accepts connections there.
pub async fn answers(address: SocketAddr) -> bool {
    let address = super::bridge::reachable(address);
    matches!(
        tokio::time::timeout(PROBE_DEADLINE, TcpStream::connect(address)).await,
        Ok(Ok(_))
    )
}
