//! Log lines: to standard error, for people or for machines.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Installs the log. `RUST_LOG` overrides the level.
///
/// # Errors
/// The level is no filter.
pub fn install(log: &Log) -> anyhow::Result<()> {
    let directives = std::env::var("RUST_LOG").unwrap_or_else(|_| log.level.clone());
    // The pool tells at level info of each connection that a restart of the database cost; the bridge says it once.
    let directives = if directives.contains("sqlx") {
        directives
    } else {
        format!("sqlx=warn,{directives}")
    };
    let filter = EnvFilter::try_new(&directives)
        .with_context(|| format!("log.level {directives:?} is no log filter"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Colours are for people; a file or a collector wants none.
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
