//! What the command line takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Durability};

/// Muster carries the live traffic of a mass event: people who need help and those who help them.
///
/// `muster up` starts everything in one process. The parts also run as processes of their own, from the same
/// configuration: `muster broker`, `muster bridge`, `muster api`.
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything in one process: broker, bridge, API, pages, PostgreSQL
    Up(Up),
    /// Start the MQTT broker alone; --open runs it bare, for conformance suites and benchmarks
    Broker(Broker),
    /// Start the bridge alone: broker to PostgreSQL and back
    Bridge(Common),
    /// Start the HTTP API and the pages alone
    Api(Api),
    /// Mint a token for a device, a service or a test, signed with this installation's key
    Token(Token),
    /// Show the signing keys, or rotate them while everything runs
    Keys(Keys),
    /// Check configuration, ports, keys and database, and say what to do
    Doctor(Up),
    /// Simulate an event's crowd over real sockets against a running Muster
    Crowd(Box<muster_crowd::CrowdArgs>),
}

/// What every part takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Configuration file [default: config/muster.toml where it exists]
    #[arg(long, value_name = "FILE", env = "MUSTER_CONFIG")]
    pub config: Option<PathBuf>,
    /// Directory of keys and of the private PostgreSQL cluster
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl Common {
    /// Reads file and environment, and lays the flags over them.
    pub fn load(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(dir) = &self.data_dir {
            config.data.dir.clone_from(dir);
        }
        Ok(config)
    }
}

#[derive(Debug, Clone, Args)]
pub struct Up {
    #[command(flatten)]
    pub common: Common,
    /// Address of pages, API and MQTT over WebSocket at /mqtt
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Address of MQTT over TCP
    #[arg(long, value_name = "ADDR")]
    pub mqtt: Option<SocketAddr>,
    /// Address of MQTT over WebSocket on a port of its own
    #[arg(long, value_name = "ADDR")]
    pub ws: Option<SocketAddr>,
    /// Do not create a demo agency and event on an empty database
    #[arg(long)]
    pub no_demo: bool,
}

impl Up {
    pub fn load(&self) -> anyhow::Result<Config> {
        let mut config = self.common.load()?;
        for (flag, key) in [
            (self.http, &mut config.http.listen),
            (self.mqtt, &mut config.broker.mqtt),
            (self.ws, &mut config.broker.ws),
        ] {
            if let Some(address) = flag {
                *key = address;
            }
        }
        Ok(config)
    }
}

#[derive(Debug, Clone, Args)]
pub struct Api {
    #[command(flatten)]
    pub common: Common,
    /// Address of pages, API and MQTT over WebSocket at /mqtt
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Do not create a demo agency and event on an empty database
    #[arg(long)]
    pub no_demo: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Broker {
    #[command(flatten)]
    pub common: Common,
    /// Run bare: no plugins, everybody may do everything. For conformance suites and benchmarks
    #[arg(long)]
    pub open: bool,
    /// Allow --open on an address that others can reach
    #[arg(long, requires = "open")]
    pub i_know_this_is_open: bool,
    /// Address of MQTT over TCP
    #[arg(long, alias = "mqtt", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address of MQTT over WebSocket
    #[arg(long, value_name = "ADDR")]
    pub ws: Option<SocketAddr>,
    /// What an acknowledgement promises
    #[arg(long, value_enum)]
    pub durability: Option<Durability>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    muster token --role device --event 0192… --agency 0192… --client beacon-7 --ttl 30d\n  \
    muster token --role service --client gateway --everywhere")]
pub struct Token {
    #[command(flatten)]
    pub common: Common,
    /// Role that the token carries: participant, operator, organizer, steward, device, service
    #[arg(long)]
    pub role: muster_domain::Role,
    /// The bearer's client id, which is also its MQTT client identifier [default: a new one]
    #[arg(long)]
    pub client: Option<muster_domain::ClientId>,
    /// The event; every role but service needs one
    #[arg(long, required_unless_present = "everywhere")]
    pub event: Option<muster_domain::EventId>,
    /// The agency of the event
    #[arg(long)]
    pub agency: Option<muster_domain::AgencyId>,
    /// For role service: every event of this installation
    #[arg(long, conflicts_with = "event")]
    pub everywhere: bool,
    /// A team of the bearer; repeat for more
    #[arg(long = "team")]
    pub teams: Vec<String>,
    /// How long it is valid: 90s, 15m, 12h, 30d
    #[arg(long, default_value = "12h", value_parser = parse_ttl)]
    pub ttl: time::Duration,
}

#[derive(Debug, Clone, Args)]
pub struct Keys {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub action: KeysAction,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum KeysAction {
    /// List the keys; the last one signs
    List,
    /// Make a new key that signs from now on; tokens of the older ones stay valid until they expire
    Rotate,
}

/// Longest lifetime of a token that `muster token` mints.
pub const TTL_MAX: time::Duration = time::Duration::days(366);

/// Reads `90s`, `15m`, `12h`, `30d`.
fn parse_ttl(text: &str) -> Result<time::Duration, String> {
    let wrong = || format!("{text:?} is no duration: write 90s, 15m, 12h or 30d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let count: i64 = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| wrong())?;
    let seconds = match unit {
        's' => Some(count),
        'm' => count.checked_mul(60),
        'h' => count.checked_mul(3_600),
        'd' => count.checked_mul(86_400),
        _ => None,
    };
    match seconds {
        Some(seconds) if (1..=TTL_MAX.whole_seconds()).contains(&seconds) => {
            Ok(time::Duration::seconds(seconds))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_read_or_refused() {
        assert_eq!(parse_ttl("30d"), Ok(time::Duration::days(30)));
        assert_eq!(parse_ttl("90s"), Ok(time::Duration::seconds(90)));
        for bad in ["", "s", "10", "-5m", "0s", "400d", "9999999999999999999d", "5é"] {
            assert!(parse_ttl(bad).is_err(), "{bad:?} was taken");
        }
    }
}
