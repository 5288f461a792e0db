//! The database as the parts open it.

use anyhow::{Context, anyhow};
use muster_store::{Database, DatabaseConfig, EmbeddedMode};

use crate::config::Config;

/// Opens the configured database, or the private cluster in the data directory.
///
/// # Errors
/// It cannot be reached, started or migrated; says what to do.
pub async fn open(config: &Config, mode: EmbeddedMode) -> anyhow::Result<Database> {
    let url = (!config.database.url.is_empty()).then(|| config.database.url.clone());
    make_private(&config.data.dir)?;
    let config = DatabaseConfig {
        url,
        data_dir: config.data.dir.clone(),
        connections_max: config.database.connections_max,
        mode,
        postgres_bin: None,
    };
    let hint = match config.url {
        Some(_) => {
            "; is the server that database.url names running, and does it take this user and password?"
        }
        None => "",
    };
    // The error's own words hold its cause; the chain behind it would say it again.
    Database::open(config)
        .await
        .map_err(|error| anyhow!("the database cannot be opened: {error}{hint}"))
}

/// Makes the data directory, for its owner alone.
fn make_private(dir: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make the data directory {}", dir.display()))
}
