//! The shared server of a test run and its keeper.
//!
//! Everything lies in `{target}/tmp/postgres-tests`: `start` (a lock for who starts or finds a server), `current` (the
//! directory of the running one). A server's directory holds `users` (the shared lock) and `alive`, which the keeper
//! removes, under the exclusive lock, before it stops the server: who has the shared lock and sees `alive` is safe.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::LINGER_S;
use crate::embedded::{Binaries, PORT, RunAs, USER, program, socket_directory};
use crate::error::StoreError;

/// Longest wait for the server's first accepted connection.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts the server, and ends it when the lock file has had no user for a while. Arguments: the seconds, the
/// directory, the socket's, the server's program and what it takes.
const KEEPER: &str = r#"
linger=$1 home=$2 sockets=$3; shift 3
"$@" >>"$home/server.log" 2>&1 &
server=$!
trap 'kill -INT $server' INT TERM HUP
idle=0
while kill -0 $server 2>/dev/null; do
  sleep 1
  if [ $idle -ge $linger ]; then
    if flock --nonblock --exclusive "$home/users" rm -f "$home/alive"; then break; else idle=0; fi
  elif flock --nonblock --exclusive "$home/users" true; then idle=$((idle + 1))
  else idle=0; fi
done
kill -INT $server 2>/dev/null
wait $server
cd / && rm -rf "$home" "$sockets"
"#;

/// A share in the running server, for as long as it lives.
#[derive(Debug)]
pub(super) struct TestServer {
    pub sockets: PathBuf,
    _user: File,
}

impl TestServer {
    /// Finds the server of this run, or starts it.
    pub fn join() -> Result<Self, StoreError> {
        let base = base();
        std::fs::create_dir_all(&base).map_err(StoreError::io("cannot make directory", &base))?;
        let base = base
            .canonicalize()
            .map_err(StoreError::io("cannot find", &base))?;
        let start = open(&base.join("start")).map_err(StoreError::io("cannot open", base.join("start")))?;
        start
            .lock()
            .map_err(StoreError::io("cannot lock", base.join("start")))?;
        let current = base.join("current");
        if let Ok(home) = std::fs::read_to_string(&current)
            && let Some(server) = Self::share(Path::new(home.trim()))
        {
            return Ok(server);
        }
        // Anew in a directory of its own: an old server may still be on its way out of the other one.
        let home = base.join(Uuid::now_v7().simple().to_string());
        let user = Self::start(&home)?;
        std::fs::write(&current, home.display().to_string())
            .map_err(StoreError::io("cannot write", &current))?;
        Ok(user)
    }

    fn share(home: &Path) -> Option<Self> {
        let user = File::open(home.join("users")).ok()?;
        user.lock_shared().ok()?;
        let sockets = socket_directory(home).ok()?;
        let answers = home.join("alive").exists() && UnixStream::connect(socket(&sockets)).is_ok();
        answers.then_some(Self { sockets, _user: user })
    }

    fn start(home: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir(home).map_err(StoreError::io("cannot make directory", home))?;
        let cluster = home.join("cluster");
        let binaries = Binaries::find(None, &cluster)?;
        let run_as = RunAs::decide(&cluster);
        let sockets = socket_directory(home)?;
        if let RunAs::User(uid) = run_as {
            for dir in [home, &sockets] {
                std::os::unix::fs::chown(dir, Some(uid), Some(uid))
                    .map_err(StoreError::io("cannot give away", dir))?;
            }
        }
        let user = open(&home.join("users")).map_err(StoreError::io("cannot open", home))?;
        user.lock_shared().map_err(StoreError::io("cannot lock", home))?;
        open(&home.join("alive")).map_err(StoreError::io("cannot write", home))?;

        let initdb = program(&binaries.dir.join("initdb"), run_as, true)
            .args([
                "--username",
                USER,
                "--encoding",
                "UTF8",
                "--no-locale",
                "--auth",
                "trust",
                "--no-sync",
                "-D",
            ])
            .arg(&cluster)
            .current_dir("/")
            .output()
            .map_err(StoreError::io("cannot run", binaries.dir.join("initdb")))?;
        if !initdb.status.success() {
            let said = String::from_utf8_lossy(&initdb.stderr).trim().to_owned();
            return Err(StoreError::Server {
                what: "initdb",
                log: home.join("server.log"),
                said,
            });
        }
        // Not to die with this process: other tests go on using it.
        program(Path::new("/bin/sh"), run_as, false)
            .args(["-c", KEEPER, "keeper", &LINGER_S.to_string()])
            .arg(home)
            .arg(&sockets)
            .arg(binaries.dir.join("postgres"))
            .arg("-D")
            .arg(&cluster)
            .args(["-c", "listen_addresses=", "-c", &format!("port={PORT}")])
            .args(["-c", &format!("unix_socket_directories={}", sockets.display())])
            .args([
                "-c",
                "fsync=off",
                "-c",
                "synchronous_commit=off",
                "-c",
                "full_page_writes=off",
            ])
            .args(["-c", "max_connections=400", "-c", "timezone=UTC"])
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(StoreError::io("cannot run", "/bin/sh"))?;
        let started = Instant::now();
        while UnixStream::connect(socket(&sockets)).is_err() {
            if started.elapsed() > START_TIMEOUT {
                let said = std::fs::read_to_string(home.join("server.log")).unwrap_or_default();
                return Err(StoreError::Server {
                    what: "PostgreSQL",
                    log: home.join("server.log"),
                    said,
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { sockets, _user: user })
    }
}

fn socket(sockets: &Path) -> PathBuf {
    sockets.join(format!(".s.PGSQL.{PORT}"))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Beside the build that the test belongs to: two builds, with other migrations, do not meet.
fn base() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .map(Path::to_owned);
    target
        .unwrap_or_else(std::env::temp_dir)
        .join("tmp/postgres-tests")
}
