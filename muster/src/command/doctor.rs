//! `muster doctor`: looks at everything a start needs and says what to do about what is wrong. Changes nothing.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use muster_auth::KeyDir;
use muster_store::embedded::find_binaries;
use muster_store::sqlx::{self, Connection};

use crate::cli::Up;
use crate::config::Config;

/// Longest wait for a database server.
const DATABASE_DEADLINE: Duration = Duration::from_secs(5);
/// Open files that a busy event needs: one per connection, and some.
const FILES_WANTED: u64 = 10_000;

/// What looking at one thing gave.
enum Finding {
    Good(String),
    /// Works, and could be better.
    Advice(String),
    /// A start would fail.
    Bad(String),
}

pub async fn run(args: Up) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    match args.load() {
        // Without a configuration there is nothing else to look at.
        Err(error) => findings.push(("configuration", Finding::Bad(format!("{error:#}")))),
        Ok(config) => {
            findings.push((
                "configuration",
                Finding::Good("every key is known and within its bounds".into()),
            ));
            for (what, address) in [
                ("http port", config.http.listen),
                ("mqtt port", config.broker.mqtt),
                ("ws port", config.broker.ws),
            ] {
                findings.push((what, port(address)));
            }
            findings.push(("data directory", data_dir(&config.data.dir)));
            findings.push(("signing keys", keys(&config)));
            findings.push(("database", database(&config).await));
            findings.push(("open files", files()));
        }
    }
    let mut out = std::io::stdout().lock();
    let mut bad = 0;
    for (what, finding) in &findings {
        let (word, text) = match finding {
            Finding::Good(text) => ("ok  ", text),
            Finding::Advice(text) => ("note", text),
            Finding::Bad(text) => {
                bad += 1;
                ("BAD ", text)
            }
        };
        writeln!(out, "{word}  {what:<16} {text}")?;
    }
    writeln!(
        out,
        "\n{}",
        if bad == 0 {
            "Muster can start.".into()
        } else {
            format!("{bad} to mend before a start.")
        }
    )?;
    Ok(if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn port(address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) if address.ip().is_loopback() => {
            Finding::Good(format!("{address} is free; only this machine reaches it"))
        }
        Ok(_) => Finding::Good(format!("{address} is free")),
        Err(error) => Finding::Bad(format!(
            "{address} cannot be used: {error}; stop what holds it (a running Muster?) or choose another address"
        )),
    }
}

fn data_dir(dir: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::Good(format!("{} is made at the first start", dir.display()))
        }
        Err(error) => Finding::Bad(format!("{} cannot be read: {error}", dir.display())),
        Ok(meta) if !meta.is_dir() => Finding::Bad(format!("{} is not a directory", dir.display())),
        Ok(meta) if meta.permissions().mode() & 0o022 != 0 => Finding::Bad(format!(
            "{0} can be written by others; run: chmod 700 {0}",
            dir.display()
        )),
        Ok(_) => match tempfile::tempfile_in(dir) {
            Ok(_) => Finding::Good(format!("{} can be written", dir.display())),
            Err(error) => Finding::Bad(format!("{} cannot be written: {error}", dir.display())),
        },
    }
}

fn keys(config: &Config) -> Finding {
    let dir = config.keys_dir();
    if !dir.exists() {
        return Finding::Good(format!("{} is made at the first start", dir.display()));
    }
    match KeyDir::open(&dir) {
        Ok(keys) => Finding::Good(format!(
            "{} signs with key {}",
            dir.display(),
            keys.signer().kid()
        )),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

async fn database(config: &Config) -> Finding {
    if config.database.url.is_empty() {
        return match find_binaries(&config.data.dir) {
            Ok(bin) => Finding::Good(format!(
                "a private cluster, with the programs in {}",
                bin.display()
            )),
            Err(error) => Finding::Bad(error.to_string()),
        };
    }
    let attempt = tokio::time::timeout(DATABASE_DEADLINE, async {
        let mut connection = sqlx::PgConnection::connect(&config.database.url).await?;
        let version: String = sqlx::query_scalar("SHOW server_version")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(version)
    });
    match attempt.await {
        Ok(Ok(version)) => Finding::Good(format!("the server answers; PostgreSQL {version}")),
        Ok(Err(error)) => Finding::Bad(format!(
            "the server that database.url names cannot be used: {}; is it running, and does it take this user and password?",
            muster_store::describe(&error)
        )),
        Err(_) => Finding::Bad(
            "the server did not answer within 5 s; is the address right, and is it running?".into(),
        ),
    }
}

fn files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let count = |value: Option<u64>| value.map_or("any number".to_owned(), |value| value.to_string());
    match limit.current {
        Some(current) if current < FILES_WANTED => Finding::Advice(format!(
            "{current} may be open at once ({} after raising it); one phone takes one: ulimit -n {FILES_WANTED}",
            count(limit.maximum)
        )),
        current => Finding::Good(format!("{} may be open at once", count(current))),
    }
}
