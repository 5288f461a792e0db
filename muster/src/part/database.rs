//! The database as the parts open it.

use anyhow::Context;
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
    Database::open(config)
        .await
        .context("the database cannot be opened")
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
