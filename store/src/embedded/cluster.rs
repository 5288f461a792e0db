//! Making the cluster's directory, and the settings that the server runs with.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::embedded::{Binaries, PORT, RunAs, USER, program};
use crate::error::StoreError;

/// A log that has grown past this is set aside at the next start, in bytes.
const LOG_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// How many of the log's last bytes an error shows.
const LOG_TAIL_BYTES: usize = 1_200;

/// The places of one embedded cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// PGDATA.
    pub data: PathBuf,
    /// What the server writes to stderr.
    pub log: PathBuf,
    /// Where its socket is.
    pub sockets: PathBuf,
    /// As whom its programs run.
    pub run_as: RunAs,
    /// The programs.
    pub binaries: Binaries,
}

impl Cluster {
    /// Finds the programs, and makes the cluster when there is none.
    pub fn prepare(home: &Path, sockets: &Path, bin: Option<&Path>) -> Result<Self, StoreError> {
        let data = home.join("cluster");
        let binaries = Binaries::find(bin, &data)?;
        let run_as = RunAs::decide(&data);
        // Again: an earlier supervisor may have removed it at its end.
        super::socket_directory(home)?;
        let cluster = Self {
            data,
            log: home.join("server.log"),
            sockets: sockets.to_owned(),
            run_as,
            binaries,
        };
        if let RunAs::User(uid) = run_as {
            give(sockets, uid)?;
        }
        if !cluster.data.join("PG_VERSION").is_file() {
            cluster.init(home)?;
        }
        Ok(cluster)
    }

    fn init(&self, home: &Path) -> Result<(), StoreError> {
        let making = home.join("cluster.making");
        if making.exists() {
            std::fs::remove_dir_all(&making).map_err(StoreError::io("cannot clear", &making))?;
        }
        std::fs::create_dir(&making).map_err(StoreError::io("cannot make directory", &making))?;
        if let RunAs::User(uid) = self.run_as {
            give(&making, uid)?;
        }
        tracing::info!(directory = %self.data.display(), version = self.binaries.major, "making a PostgreSQL cluster");
        let (out, err) = self.log_files()?;
        let status = program(&self.binaries.dir.join("initdb"), self.run_as, true)
            .arg("--pgdata")
            .arg(&making)
            .args([
                "--username",
                USER,
                "--encoding",
                "UTF8",
                "--no-locale",
                "--data-checksums",
            ])
            // The socket's directory keeps everybody else out.
            .args(["--auth", "trust"])
            .current_dir("/")
            .stdout(out)
            .stderr(err)
            .status()
            .map_err(StoreError::io("cannot run", self.binaries.dir.join("initdb")))?;
        if !status.success() {
            return Err(self.failed("initdb"));
        }
        std::fs::rename(&making, &self.data).map_err(StoreError::io("cannot rename", &making))?;
        // The rename itself must outlive a power cut, as everything in the new directory does.
        File::open(home)
            .and_then(|dir| dir.sync_all())
            .map_err(StoreError::io("cannot sync", home))
    }

    /// The server's command, ready to be started.
    pub fn server(&self) -> Result<std::process::Command, StoreError> {
        let (out, err) = self.log_files()?;
        let mut command = program(&self.binaries.dir.join("postgres"), self.run_as, true);
        command
            .arg("-D")
            .arg(&self.data)
            .args(settings(&self.sockets))
            .current_dir("/")
            .stdout(out)
            .stderr(err);
        // Settings of another server must not reach ours.
        for name in ["PGDATA", "PGPORT", "PGHOST", "PGOPTIONS"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// An error with the program's own last words.
    pub fn failed(&self, what: &'static str) -> StoreError {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LOG_TAIL_BYTES)..]).into_owned();
        let lines: Vec<&str> = tail.lines().filter(|line| !line.trim().is_empty()).collect();
        let said = lines[lines.len().saturating_sub(4)..].join(" / ");
        StoreError::Server {
            what,
            log: self.log.clone(),
            said,
        }
    }

    fn log_files(&self) -> Result<(Stdio, Stdio), StoreError> {
        if self.log.metadata().is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
            std::fs::rename(&self.log, self.log.with_extension("log.1"))
                .map_err(StoreError::io("cannot set aside", &self.log))?;
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(StoreError::io("cannot write", &self.log))?;
        let again = log
            .try_clone()
            .map_err(StoreError::io("cannot write", &self.log))?;
        Ok((log.into(), again.into()))
    }
}

fn give(path: &Path, uid: u32) -> Result<(), StoreError> {
    chown(path, Some(uid), Some(uid)).map_err(StoreError::io("cannot give away", path))
}

/// What differs from PostgreSQL's defaults, and why.
fn settings(sockets: &Path) -> Vec<String> {
    let set = [
        ("listen_addresses", "".to_owned()),
        ("port", PORT.to_string()),
        ("unix_socket_directories", sockets.display().to_string()),
        ("unix_socket_permissions", "0700".into()),
        ("max_connections", "100".into()),
        ("shared_buffers", "64MB".into()),
        // Bounds the time that recovery takes after a crash.
        ("max_wal_size", "512MB".into()),
        ("timezone", "UTC".into()),
        ("log_timezone", "UTC".into()),
        // A refused row must not be found in the log: neither its values nor the statement that brought it.
        ("log_error_verbosity", "terse".into()),
        ("log_min_error_statement", "panic".into()),
        ("log_parameter_max_length", "0".into()),
        ("log_parameter_max_length_on_error", "0".into()),
        ("log_checkpoints", "off".into()),
        ("log_line_prefix", "%m [%p] ".into()),
        ("cluster_name", "muster".into()),
    ];
    set.into_iter()
        .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")])
        .collect()
}
