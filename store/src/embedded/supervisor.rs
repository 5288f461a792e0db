//! The thread that starts the server, waits for its end and starts it again.
//!
//! A thread and not a task: the server is told of its parent's death by the kernel, which means the death of the
//! *thread* that started it, and the threads of an executor come and go.
//!
//! **Invariant:** a signal is sent only while the process is not yet reaped (both under the state's mutex), so it
//! never reaches a stranger who got the same number.

use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::embedded::cluster::Cluster;
use crate::embedded::lock::{ClusterLock, Holder};
use crate::embedded::{EmbeddedMode, StopMode, leftovers};
use crate::error::StoreError;

/// First pause before a server that ended by itself is started again; it doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// Longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A server that ran this long has earned a fresh backoff.
const STEADY: Duration = Duration::from_secs(30);
/// A server that ends this often in a row without having run for [`STEADY`] cannot work: the open fails.
const FUTILE: u32 = 4;
/// How often a process that shares the cluster looks whether its supervisor has gone.
const LOCK_POLL: Duration = Duration::from_millis(500);
/// From the immediate stop to the kill.
const KILL_AFTER: Duration = Duration::from_secs(3);

/// What to supervise.
pub(crate) struct Plan {
    pub data_dir: PathBuf,
    pub home: PathBuf,
    pub sockets: PathBuf,
    pub mode: EmbeddedMode,
    pub bin: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Running,
    Stopped,
    Gone,
}

struct State {
    wanted: Wanted,
    pid: Option<Pid>,
    starts: u64,
    /// Why it cannot work, until somebody has asked.
    failure: Option<StoreError>,
    thread_ended: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A handle on the thread. Clones share it.
#[derive(Clone)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
}

impl Supervisor {
    /// Takes the lock (in [`EmbeddedMode::Own`]) and starts the thread.
    pub fn start(plan: Plan) -> Result<Self, StoreError> {
        let lock = match ClusterLock::take(&plan.home)? {
            Ok(lock) => Some(lock),
            Err(Holder(holder)) if plan.mode == EmbeddedMode::Own => {
                return Err(StoreError::InUse {
                    dir: plan.data_dir,
                    holder,
                });
            }
            Err(Holder(holder)) => {
                tracing::info!(holder, "using the PostgreSQL that another process supervises");
                None
            }
        };
        let state = State {
            wanted: Wanted::Running,
            pid: None,
            starts: 0,
            failure: None,
            thread_ended: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let in_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("postgres-supervisor".into())
            .spawn(move || {
                if let Err(error) = in_thread.run(&plan, lock) {
                    in_thread.lock().failure = Some(error);
                }
                // One in /tmp would stay for good. It is made again by whoever starts the server next.
                std::fs::remove_dir(&plan.sockets).ok();
                in_thread.lock().thread_ended = true;
                in_thread.changed.notify_all();
            })
            .map_err(StoreError::io("cannot start a thread for", "postgres"))?;
        Ok(Self { shared })
    }

    pub fn pid(&self) -> Option<u32> {
        self.shared
            .lock()
            .pid
            .and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
    }

    pub fn starts(&self) -> u64 {
        self.shared.lock().starts
    }

    /// Why the server cannot work, once.
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.lock().failure.take()
    }

    /// Stops the server until [`Self::resume`]; returns when it has gone.
    pub fn stop(&self, mode: StopMode, deadline: Duration) {
        let mut state = self.shared.lock();
        if state.wanted == Wanted::Running {
            state.wanted = Wanted::Stopped;
        }
        drop(self.shared.end(state, mode, deadline));
    }

    /// Lets it run again.
    pub fn resume(&self) {
        let mut state = self.shared.lock();
        if state.wanted == Wanted::Stopped {
            state.wanted = Wanted::Running;
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Stops the server and the thread, which releases the lock; returns when both have gone.
    pub fn shutdown(&self, deadline: Duration) {
        let mut state = self.shared.lock();
        state.wanted = Wanted::Gone;
        self.shared.changed.notify_all();
        let state = self.shared.end(state, StopMode::Fast, deadline);
        let ended = self
            .shared
            .changed
            .wait_timeout_while(state, KILL_AFTER, |state| !state.thread_ended);
        if ended.is_ok_and(|(state, _)| !state.thread_ended) {
            tracing::warn!("the PostgreSQL supervisor is still busy");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Signals the server and waits for its end, more and more firmly.
    fn end<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        mode: StopMode,
        deadline: Duration,
    ) -> MutexGuard<'a, State> {
        let first = match mode {
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        };
        for (signal, patience) in [
            (first, deadline),
            (Signal::QUIT, KILL_AFTER),
            (Signal::KILL, KILL_AFTER),
        ] {
            let Some(pid) = state.pid else { break };
            if signal != first {
                tracing::warn!(signal = signal.as_raw(), "PostgreSQL takes too long to stop");
            }
            kill_process(pid, signal).ok();
            // A frozen process takes its signals only once it runs again.
            kill_process(pid, Signal::CONT).ok();
            state = self
                .changed
                .wait_timeout_while(state, patience, |state| state.pid == Some(pid))
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
        state
    }

    fn run(&self, plan: &Plan, lock: Option<ClusterLock>) -> Result<(), StoreError> {
        let Some(_lock) = (match lock {
            Some(lock) => Some(lock),
            None => self.wait_for_lock(plan)?,
        }) else {
            return Ok(());
        };
        let cluster = Cluster::prepare(&plan.home, &plan.sockets, plan.bin.as_deref())?;
        let mut backoff = BACKOFF_MIN;
        let mut futile = 0;
        while self.wait_until_wanted() {
            leftovers::clear(&cluster.data);
            let Some(mut child) = self.spawn(&cluster)? else {
                continue;
            };
            let started = Instant::now();
            self.wait_for_end(&mut child);
            let state = self.lock();
            if state.wanted != Wanted::Running {
                continue;
            }
            if started.elapsed() > STEADY {
                (backoff, futile) = (BACKOFF_MIN, 0);
            }
            futile += 1;
            tracing::warn!(
                ran_ms = started.elapsed().as_millis(),
                again_in_ms = backoff.as_millis(),
                log = %cluster.log.display(),
                "PostgreSQL ended by itself; it will be started again"
            );
            drop(state);
            if futile >= FUTILE {
                // Told to whoever waits for the server; the tries go on, as what is in the way may go.
                self.lock().failure = Some(cluster.failed("PostgreSQL"));
            }
            self.pause(backoff);
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
        Ok(())
    }

    /// Until the supervisor of another process has gone; `None` when we are to go before that.
    fn wait_for_lock(&self, plan: &Plan) -> Result<Option<ClusterLock>, StoreError> {
        loop {
            if let Ok(lock) = ClusterLock::take(&plan.home)? {
                tracing::info!("taking over the supervision of PostgreSQL");
                return Ok(Some(lock));
            }
            self.pause(LOCK_POLL);
            if self.lock().wanted == Wanted::Gone {
                return Ok(None);
            }
        }
    }

    /// False when it is time to go.
    fn wait_until_wanted(&self) -> bool {
        let waited = self
            .changed
            .wait_while(self.lock(), |state| state.wanted == Wanted::Stopped);
        waited.unwrap_or_else(|poisoned| poisoned.into_inner()).wanted == Wanted::Running
    }

    /// Waits, but not for what is no longer wanted.
    fn pause(&self, pause: Duration) {
        let wanted = self.lock().wanted;
        drop(
            self.changed
                .wait_timeout_while(self.lock(), pause, |state| state.wanted == wanted),
        );
    }

    fn spawn(&self, cluster: &Cluster) -> Result<Option<Child>, StoreError> {
        let mut command = cluster.server()?;
        let mut state = self.lock();
        if state.wanted != Wanted::Running {
            return Ok(None);
        }
        let program = cluster.binaries.dir.join("postgres");
        let child = command.spawn().map_err(StoreError::io("cannot run", program))?;
        state.pid = Some(Pid::from_child(&child));
        state.starts += 1;
        tracing::info!(pid = child.id(), directory = %cluster.data.display(), "PostgreSQL started");
        Ok(Some(child))
    }

    fn wait_for_end(&self, child: &mut Child) {
        let pid = Pid::from_child(child);
        // Leaves the process unreaped, so that its number stays its own until `pid` is cleared.
        while let Err(error) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            if error != rustix::io::Errno::INTR {
                break;
            }
        }
        let mut state = self.lock();
        child.wait().ok();
        state.pid = None;
        drop(state);
        self.changed.notify_all();
    }
}
