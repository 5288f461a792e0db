//! The commands, one file each.

mod api;
mod bridge;
mod broker;
mod doctor;
mod keys;
mod token;
mod up;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// Runs a command to its end.
///
/// # Errors
/// What failed, with its causes.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Up(args) => up::run(args).await,
            Command::Broker(args) => broker::run(args).await,
            Command::Bridge(args) => bridge::run(args).await,
            Command::Api(args) => api::run(args).await,
            Command::Token(args) => token::run(&args),
            Command::Keys(args) => keys::run(&args),
            Command::Doctor(args) => doctor::run(args).await,
            Command::Crowd(args) => crowd(*args).await,
        }
    })
}

async fn crowd(args: muster_crowd::CrowdArgs) -> anyhow::Result<ExitCode> {
    if args.visits() {
        muster_crowd::visit(args).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = muster_crowd::run(args).await?;
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
