//! The configuration: one file, overridden by the environment, overridden by flags.
//!
//! **Invariant:** `config/muster.toml` holds every key with its default (a test compares them).
//! **Invariant:** what is unknown or of the wrong kind is refused by name; nothing is guessed.

mod env;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// Everything that can be configured. One struct per section of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub data: Data,
    pub http: Http,
    pub broker: Broker,
    pub auth: Auth,
    pub database: Database,
    pub bridge: Bridge,
    pub metrics: Metrics,
    pub log: Log,
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    pub dir: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: "./data".into() }
    }
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    pub listen: SocketAddr,
    pub public_url: String,
    pub request_timeout_s: u64,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8080).into(),
            public_url: String::new(),
            request_timeout_s: 15,
        }
    }
}

/// `[broker]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Broker {
    pub mqtt: SocketAddr,
    pub ws: SocketAddr,
    pub ws_path: String,
    pub ws_origins: Vec<String>,
    pub durability: Durability,
    pub connections_max: usize,
    pub connect_timeout_s: u64,
    pub packet_bytes_max: usize,
    pub keep_alive_s_max: u16,
    pub session_expiry_s_max: u32,
    pub sessions_max: usize,
    pub inflight_max: u16,
    pub receive_maximum: u16,
    pub queue_messages_max: usize,
    pub queue_bytes_max: usize,
    pub socket_bytes_max: usize,
    pub write_timeout_s: u64,
    pub subscriptions_max: usize,
    pub retained_messages_max: usize,
    pub retained_bytes_max: usize,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            mqtt: ([127, 0, 0, 1], 1883).into(),
            ws: ([127, 0, 0, 1], 8083).into(),
            ws_path: "/mqtt".into(),
            ws_origins: Vec::new(),
            durability: Durability::Memory,
            connections_max: 50_000,
            connect_timeout_s: 10,
            packet_bytes_max: 1 << 20,
            keep_alive_s_max: 0,
            session_expiry_s_max: 86_400,
            sessions_max: 200_000,
            inflight_max: 1_000,
            receive_maximum: 1_000,
            queue_messages_max: 1_000,
            queue_bytes_max: 4 << 20,
            socket_bytes_max: 1 << 20,
            write_timeout_s: 20,
            subscriptions_max: 1_000,
            retained_messages_max: 1_000_000,
            retained_bytes_max: 512 << 20,
        }
    }
}

/// What an acknowledgement promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Stored: survives the machine.
    Fsync,
    /// Written: survives the process.
    Os,
    /// Survives nothing.
    Memory,
}

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    pub issuer: String,
    pub keys_dir: PathBuf,
    pub jwks_url: String,
    pub leeway_s: u64,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            issuer: "muster".into(),
            keys_dir: PathBuf::new(),
            jwks_url: String::new(),
            leeway_s: 30,
        }
    }
}

/// `[database]`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    pub url: String,
    pub connections_max: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: String::new(),
            connections_max: 16,
        }
    }
}

// The address holds a password.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = if self.url.is_empty() { "embedded" } else { "set" };
        f.debug_struct("Database")
            .field("url", &url)
            .field("connections_max", &self.connections_max)
            .finish()
    }
}

/// `[bridge]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bridge {
    pub broker: String,
    pub backlog_max: usize,
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            broker: String::new(),
            backlog_max: 1_000_000,
        }
    }
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    pub listen: String,
}

impl Metrics {
    /// The address, or `None` for nowhere.
    ///
    /// # Errors
    /// It is no address.
    pub fn address(&self) -> anyhow::Result<Option<SocketAddr>> {
        match self.listen.as_str() {
            "" => Ok(None),
            text => Ok(Some(text.parse().with_context(|| {
                format!("metrics.listen {text:?} is no ADDRESS:PORT")
            })?)),
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Text,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Where the file is looked for when nobody names one.
const DEFAULT_FILE: &str = "config/muster.toml";

impl Config {
    /// Reads the file (or takes the defaults), then the environment.
    ///
    /// # Errors
    /// Names the file, key and line, or the variable, that is wrong.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut config = match file {
            Some(file) => Self::from_file(file)?,
            None if Path::new(DEFAULT_FILE).exists() => Self::from_file(Path::new(DEFAULT_FILE))?,
            None => Self::default(),
        };
        config = env::apply(config, std::env::vars())?;
        config.check()?;
        Ok(config)
    }

    fn from_file(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the configuration file {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("the configuration file {} is refused", file.display()))
    }

    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// Names the key and the line.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        // toml's own message quotes the line and points at the key.
        toml::from_str(text).map_err(|error| anyhow::anyhow!("{}", error.to_string().trim_end()))
    }

    /// Checks what the kinds alone do not say.
    ///
    /// # Errors
    /// Names the key and what it may be.
    pub fn check(&self) -> anyhow::Result<()> {
        let positive = [
            ("broker.connections_max", self.broker.connections_max as u64),
            ("broker.connect_timeout_s", self.broker.connect_timeout_s),
            ("broker.sessions_max", self.broker.sessions_max as u64),
            ("broker.inflight_max", self.broker.inflight_max.into()),
            ("broker.receive_maximum", self.broker.receive_maximum.into()),
            ("broker.queue_messages_max", self.broker.queue_messages_max as u64),
            ("broker.write_timeout_s", self.broker.write_timeout_s),
            ("broker.subscriptions_max", self.broker.subscriptions_max as u64),
            ("bridge.backlog_max", self.bridge.backlog_max as u64),
            ("database.connections_max", self.database.connections_max.into()),
            ("http.request_timeout_s", self.http.request_timeout_s),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            bail!("{key} must be at least 1");
        }
        if self.broker.packet_bytes_max < 1024 {
            bail!("broker.packet_bytes_max must be at least 1024 bytes, else no client can connect");
        }
        if !self.broker.ws_path.starts_with('/') {
            bail!("broker.ws_path must begin with '/'");
        }
        self.metrics.address()?;
        let url = &self.database.url;
        if !(url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            // Not repeated: it may hold a password.
            bail!("database.url (or DATABASE_URL) must begin with postgres://");
        }
        if self.auth.issuer.is_empty() {
            bail!("auth.issuer must not be empty");
        }
        Ok(())
    }

    /// The directory of the signing keys.
    pub fn keys_dir(&self) -> PathBuf {
        if self.auth.keys_dir.as_os_str().is_empty() {
            self.data.dir.join("keys")
        } else {
            self.auth.keys_dir.clone()
        }
    }

    /// The address of pages and API for people.
    pub fn public_url(&self, listening: SocketAddr) -> String {
        if !self.http.public_url.is_empty() {
            return self.http.public_url.trim_end_matches('/').to_owned();
        }
        if listening.ip().is_loopback() || listening.ip().is_unspecified() {
            return format!("http://localhost:{}", listening.port());
        }
        format!("http://{listening}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../config/muster.toml");

    #[test]
    fn the_shipped_file_holds_every_key_with_its_default() {
        assert_eq!(Config::parse(SHIPPED).unwrap(), Config::default());
        let shipped: toml::Table = toml::from_str(SHIPPED).unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(shipped, defaults, "a key is missing in one of them");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_line() {
        let error = Config::parse("[http]\nlisten = \"127.0.0.1:1\"\nlissten = 3\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("lissten") && error.contains("line 3"), "{error}");
        let error = Config::parse("[htttp]\n").unwrap_err().to_string();
        assert!(error.contains("htttp") && error.contains("line 1"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_with_its_name_and_line() {
        let error = Config::parse("[broker]\n\nconnections_max = \"many\"\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("connections_max") && error.contains("line 3"),
            "{error}"
        );
        let error = Config::parse("[http]\nlisten = \"nowhere\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("listen") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn values_out_of_bounds_are_refused_by_name() {
        for (section, key, value) in [
            ("broker", "inflight_max", "0"),
            ("broker", "packet_bytes_max", "10"),
            ("broker", "ws_path", "\"mqtt\""),
            ("bridge", "backlog_max", "0"),
            ("auth", "issuer", "\"\""),
            ("metrics", "listen", "\"here\""),
            ("database", "url", "\"mysql://elsewhere\""),
        ] {
            let config = Config::parse(&format!("[{section}]\n{key} = {value}\n")).unwrap();
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(&format!("{section}.{key}")), "{error}");
        }
    }
}
