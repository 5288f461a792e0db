//! Starts and stops the binary for the tests: on free loopback ports, in a directory of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use std::io::{BufRead, BufReader, Read};

/// Longest wait for a condition. Generous: two cores may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The binary, with an environment that holds none of the tester's own settings.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    for (name, _) in std::env::vars() {
        if name == "DATABASE_URL" || (name.starts_with("MUSTER_") && name != "MUSTER_POSTGRES_BIN") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the binary to its end.
pub fn run(args: &[&str]) -> Output {
    // A directory without config/muster.toml: the defaults hold.
    let dir = tempfile::tempdir().expect("a temporary directory");
    command()
        .args(args)
        .current_dir(dir.path())
        .output()
        .expect("the binary runs")
}

/// What a finished program wrote, both streams.
pub fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Asks again until the answer is yes.
///
/// # Panics
/// When [`PATIENCE`] is over; `what` names the thing waited for.
pub fn eventually(what: &str, mut yes: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !yes() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// An address that is free at this moment.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}

/// A running process of Muster; killed when dropped.
pub struct Process {
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Process {
    /// Starts the binary; what it prints is kept.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("piped")),
            Box::new(child.stderr.take().expect("piped")),
        ];
        for stream in streams {
            let output = Arc::clone(&output);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut output = output.lock().expect("not poisoned");
                    output.push_str(&line);
                    output.push('\n');
                }
            });
        }
        Self { child, output }
    }

    /// Everything printed so far.
    pub fn output(&self) -> String {
        self.output.lock().expect("not poisoned").clone()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("the child can be asked").is_none()
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("the process takes signals");
    }

    /// SIGTERM, then waits for the end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        eventually("the process ends after SIGTERM", || !self.runs());
        self.child.wait().expect("the child ended")
    }

    /// How it ended, once it has.
    pub fn stop_status(&mut self) -> ExitStatus {
        self.child.wait().expect("the child ended")
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("the child takes signals");
        self.child.wait().expect("the child ended");
    }

    /// Waits for the end, however long `patience` is.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        while self.runs() {
            assert!(
                Instant::now() < deadline,
                "the process did not end within {patience:?}:\n{}",
                self.output()
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
        self.child.wait().expect("the child ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("--- a process of Muster printed:\n{}", self.output());
        }
    }
}

/// Where one Muster lives: its directory and addresses. Processes come and go.
pub struct Site {
    dir: tempfile::TempDir,
    pub http: SocketAddr,
    pub mqtt: SocketAddr,
    pub ws: SocketAddr,
    /// More settings, as environment variables.
    pub settings: Vec<(&'static str, String)>,
}

impl Site {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self {
            dir,
            http: free_address(),
            mqtt: free_address(),
            ws: free_address(),
            settings: Vec::new(),
        }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// A command of the binary at this site, configured through the environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command();
        command
            .args(args)
            .current_dir(self.dir())
            .env("MUSTER_DATA_DIR", self.data())
            .env("MUSTER_HTTP_LISTEN", self.http.to_string())
            .env("MUSTER_BROKER_MQTT", self.mqtt.to_string())
            .env("MUSTER_BROKER_WS", self.ws.to_string());
        command.envs(self.settings.iter().cloned());
        command
    }

    /// Starts a part.
    pub fn start(&self, args: &[&str]) -> Process {
        Process::start(self.command(args))
    }

    /// `muster up`, once it says that it is ready.
    pub fn up(&self) -> Process {
        let mut process = self.start(&["up"]);
        self.wait_ready(&mut [&mut process]);
        process
    }

    /// The status and body of a GET, or `None` while nobody answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let url = format!("{}{path}", self.url());
        runtime().block_on(async {
            let response = client().get(url).send().await.ok()?;
            Some((response.status().as_u16(), response.text().await.ok()?))
        })
    }

    /// Waits until `/readyz` answers 200 while all `processes` live.
    pub fn wait_ready(&self, processes: &mut [&mut Process]) {
        eventually("/readyz answers 200", || {
            for process in processes.iter_mut() {
                assert!(
                    process.runs(),
                    "a process ended before it was ready:\n{}",
                    process.output()
                );
            }
            self.get("/readyz").is_some_and(|(status, _)| status == 200)
        });
    }
}

/// A runtime for the HTTP calls of one test.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// An HTTP client that gives up on a silent server.
pub fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .expect("an HTTP client")
}
