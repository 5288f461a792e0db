//! `muster token`: mints a token and prints it, alone on a line, on standard output.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use muster_auth::{KeyDir, participant_claims, service_claims, staff_claims};
use muster_domain::{Claims, ClientId, Role};
use time::OffsetDateTime;

use crate::cli::Token;

pub fn run(args: &Token) -> anyhow::Result<ExitCode> {
    let config = args.common.load()?;
    let claims = claims(args, &config.auth.issuer, OffsetDateTime::now_utc())?;
    let keys = KeyDir::open(&config.keys_dir()).context("there is no key to sign with")?;
    writeln!(std::io::stdout(), "{}", keys.signer().mint(&claims))?;
    Ok(ExitCode::SUCCESS)
}

/// What the token says.
fn claims(args: &Token, issuer: &str, now: OffsetDateTime) -> anyhow::Result<Claims> {
    let client = args.client.clone().unwrap_or_else(ClientId::random);
    let mut claims = match (args.role, args.event, args.agency) {
        (Role::Service, event, agency) => {
            let mut claims = service_claims(issuer, client, now, args.ttl);
            (claims.evt, claims.agy) = (event, agency);
            claims
        }
        (_, None, _) => bail!(
            "role {} needs --event: only a service works at every event",
            args.role
        ),
        (_, _, None) => bail!("role {} needs --agency, the agency of the event", args.role),
        (Role::Participant, Some(event), Some(agency)) => {
            participant_claims(issuer, client, agency, event, now, args.ttl)
        }
        (role, Some(event), Some(agency)) => staff_claims(issuer, client, role, agency, event, now, args.ttl),
    };
    claims.teams.clone_from(&args.teams);
    Ok(claims)
}
