//! `muster api`: the HTTP API and the pages alone.

use std::process::ExitCode;

use muster_admin_api::{Readiness, serve};
use muster_store::{Database, EmbeddedMode};

use crate::cli::Api;
use crate::config::Config;
use crate::part::bridge::reachable;
use crate::part::websocket::Upstream;
use crate::part::{api, database, metrics};
use crate::{logging, shutdown};

pub async fn run(args: Api) -> anyhow::Result<ExitCode> {
    let mut config = args.common.load()?;
    if let Some(address) = args.http {
        config.http.listen = address;
    }
    logging::install(&config.log)?;
    let stop = shutdown::on_signal()?;
    let figures = metrics::install()?;
    let listener = api::bind(config.http.listen).await?;
    let database = database::open(&config, EmbeddedMode::Share).await?;
    let built = build(&config, database.clone(), figures, !args.no_demo).await;
    let router = match built {
        Ok(router) => router,
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    tracing::info!(address = %config.http.listen, "the API takes connections");
    serve(listener, router, stop.cancelled_owned()).await;
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn build(
    config: &Config,
    database: Database,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    demo: bool,
) -> anyhow::Result<axum::Router> {
    let (mqtt, of_bridge) = (config.broker.mqtt, database.clone());
    let readiness = Readiness::new()
        .part("broker", move || api::answers(mqtt))
        .part("bridge", move || {
            let database = of_bridge.clone();
            async move { muster_bridge::is_running(&database).await }
        });
    let upstream = Upstream::There(reachable(config.broker.ws), config.broker.ws_path.as_str().into());
    let (router, credentials) = api::build(config, database, readiness, upstream, metrics, demo).await?;
    if let Some(demo) = credentials {
        super::up::say_demo(&config.public_url(config.http.listen), &demo)?;
    }
    Ok(router)
}
