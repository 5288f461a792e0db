//! `muster bridge`: the bridge alone.

use std::process::ExitCode;

use muster_store::EmbeddedMode;

use crate::cli::Common;
use crate::part::{bridge, database, metrics};
use crate::{logging, shutdown};

pub async fn run(args: Common) -> anyhow::Result<ExitCode> {
    let config = args.load()?;
    logging::install(&config.log)?;
    let stop = shutdown::on_signal()?;
    metrics::serve(&config, &stop).await?;
    let database = database::open(&config, EmbeddedMode::Share).await?;
    let running = bridge::start(&config, database.clone()).await?;
    stop.cancelled().await;
    running.stop(bridge::STOP_DEADLINE).await;
    database.close().await;
    Ok(ExitCode::SUCCESS)
}
