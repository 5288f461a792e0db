//! `muster broker`: the broker alone, with Muster's plugins or bare.

use std::process::ExitCode;

use anyhow::bail;

use crate::cli::Broker;
use crate::part::broker::{DRAIN_DEADLINE, start, start_open};
use crate::part::metrics;
use crate::{logging, shutdown};

pub async fn run(args: Broker) -> anyhow::Result<ExitCode> {
    let mut config = args.common.load()?;
    if let Some(address) = args.listen {
        config.broker.mqtt = address;
    }
    if let Some(address) = args.ws {
        config.broker.ws = address;
    }
    if let Some(durability) = args.durability {
        config.broker.durability = durability;
    }
    let reachable = [Some(config.broker.mqtt), args.ws]
        .into_iter()
        .flatten()
        .find(|address| !address.ip().is_loopback());
    if let Some(address) = reachable.filter(|_| args.open && !args.i_know_this_is_open) {
        bail!(
            "an open broker on {address} lets everybody who reaches it read and write everything; use a loopback \
             address, or add --i-know-this-is-open"
        );
    }
    logging::install(&config.log)?;
    let stop = shutdown::on_signal()?;
    metrics::serve(&config, &stop).await?;
    let broker = if args.open {
        start_open(&config, args.ws.is_some()).await?
    } else {
        start(&config).await?
    };
    stop.cancelled().await;
    broker.shutdown(DRAIN_DEADLINE).await;
    Ok(ExitCode::SUCCESS)
}
