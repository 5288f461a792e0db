//! `muster keys`: shows and rotates the keys that sign tokens. Running parts take a new one up by themselves.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use muster_auth::KeyDir;
use time::OffsetDateTime;

use crate::cli::{Keys, KeysAction, TTL_MAX};

pub fn run(args: &Keys) -> anyhow::Result<ExitCode> {
    let config = args.common.load()?;
    let dir = config.keys_dir();
    let mut keys = KeyDir::open(&dir).context("there are no keys")?;
    let mut out = std::io::stdout().lock();
    match args.action {
        KeysAction::List => {
            for key in keys.public_set().keys {
                let kid = key.common.key_id.unwrap_or_default();
                let signs = if kid == keys.signer().kid() { "  signs" } else { "" };
                writeln!(out, "{kid}{signs}")?;
            }
        }
        KeysAction::Rotate => {
            keys.rotate().context("no new key can be made")?;
            writeln!(
                out,
                "{} signs from now on; what older keys signed stays valid until it expires",
                keys.signer().kid()
            )?;
            let retired = keys
                .retire(OffsetDateTime::now_utc(), TTL_MAX)
                .context("old keys cannot be retired")?;
            for kid in retired {
                writeln!(
                    out,
                    "{kid} was retired: nothing that it signed can be valid any more"
                )?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
