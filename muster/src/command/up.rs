//! `muster up`: everything in one process.
//!
//! Started from the database outwards and stopped the other way round: no new requests, then the bridge's last batch,
//! then the broker's goodbye, then PostgreSQL.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use muster_admin_api::seed::DemoCredentials;
use muster_admin_api::{Readiness, serve};
use muster_store::EmbeddedMode;

use crate::cli::Up;
use crate::config::Config;
use crate::part::websocket::Upstream;
use crate::part::{api, bridge, broker, database, keys, metrics};
use crate::{logging, shutdown};

pub async fn run(args: Up) -> anyhow::Result<ExitCode> {
    let config = args.load()?;
    logging::install(&config.log)?;
    let stop = shutdown::on_signal()?;
    let figures = metrics::install()?;
    // The port first: it is the cheapest to find out, and nothing has been made yet.
    let listener = api::bind(config.http.listen).await?;
    let address = listener.local_addr()?;

    let database = database::open(&config, EmbeddedMode::Own).await?;
    let started = start(&config, database.clone(), figures, !args.no_demo).await;
    let (router, demo, broker, bridge) = match started {
        Ok(started) => started,
        Err(error) => {
            // Whatever failed, PostgreSQL is not left running.
            database.close().await;
            return Err(error);
        }
    };
    say_where(&config, address, demo.as_ref())?;
    serve(listener, router, stop.cancelled_owned()).await;
    bridge.stop(bridge::STOP_DEADLINE).await;
    broker.shutdown(broker::DRAIN_DEADLINE).await;
    database.close().await;
    tracing::info!("stopped; the next start goes on with the same data");
    Ok(ExitCode::SUCCESS)
}

type Started = (
    axum::Router,
    Option<DemoCredentials>,
    muster_broker::BrokerHandle,
    muster_bridge::BridgeHandle,
);

async fn start(
    config: &Config,
    database: muster_store::Database,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    demo: bool,
) -> anyhow::Result<Started> {
    keys::open(config)?;
    let broker = broker::start(config).await?;
    let bridge = bridge::start(config, database.clone()).await?;
    let (mqtt, watch) = (config.broker.mqtt, bridge.watch());
    let readiness = Readiness::new()
        .part("broker", move || api::answers(mqtt))
        .part("bridge", move || std::future::ready(watch().is_ready()));
    let upstream = Upstream::Here(broker.clone());
    let (router, credentials) = api::build(config, database, readiness, upstream, metrics, demo).await?;
    Ok((router, credentials, broker, bridge))
}

/// Tells people where to go, on standard output.
fn say_where(config: &Config, address: SocketAddr, demo: Option<&DemoCredentials>) -> std::io::Result<()> {
    let url = config.public_url(address);
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nMuster is running. Ctrl-C stops it.\n")?;
    writeln!(out, "  Participants   {url}/")?;
    writeln!(out, "  Console        {url}/console/")?;
    writeln!(out, "  API            {url}/docs")?;
    writeln!(out, "  MQTT           {}", config.broker.mqtt)?;
    writeln!(
        out,
        "  MQTT over WebSocket  {}/mqtt",
        url.replacen("http", "ws", 1)
    )?;
    writeln!(out)?;
    out.flush()?;
    drop(out);
    demo.map_or(Ok(()), |demo| say_demo(&url, demo))
}

/// Shows what the demo of a first start needs. The passwords are shown here and nowhere else.
pub fn say_demo(url: &str, demo: &DemoCredentials) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "A demo event was made. These are shown once:\n")?;
    writeln!(out, "  Participants   {url}/e/{}", demo.join_code)?;
    writeln!(out, "  Join code: {}", demo.join_code)?;
    writeln!(out, "  Organizer: {}", demo.organizer_email)?;
    writeln!(out, "  Organizer password: {}", demo.organizer_password)?;
    writeln!(out, "  Operator: {}", demo.operator_email)?;
    writeln!(out, "  Operator password: {}", demo.operator_password)?;
    writeln!(out)?;
    out.flush()
}
