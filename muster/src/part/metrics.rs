//! Figures of this process, for Prometheus.

use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// How often the summaries are folded, so that they do not grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// Collects the metrics of this process. Must come before the parts that count.
///
/// # Errors
/// Another recorder was installed.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .install_recorder()
        .context("the metrics cannot be collected")?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP);
        loop {
            interval.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Answers `/metrics` on the configured address until the stop, where there is one: for a part without an HTTP side.
///
/// # Errors
/// The address cannot be used.
pub async fn serve(config: &Config, stop: &CancellationToken) -> anyhow::Result<()> {
    let Some(address) = config.metrics.address()? else {
        return Ok(());
    };
    let handle = install()?;
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (metrics.listen)"))?;
    let router = Router::new().route("/metrics", get(move || std::future::ready(handle.render())));
    tokio::spawn(muster_admin_api::serve(
        listener,
        router,
        stop.clone().cancelled_owned(),
    ));
    Ok(())
}
