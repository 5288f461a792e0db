//! What an earlier server of this cluster left behind when it was killed: its `postmaster.pid`, or itself.
//!
//! Called with the cluster's lock held, so no other supervisor is at work.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server that lost its supervisor may take for its own stop before it is told to hurry.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until no earlier server of this cluster runs any more, and removes a `postmaster.pid` whose number belongs to
/// another program by now (PostgreSQL would refuse to start because of it).
pub(crate) fn clear(cluster: &Path) {
    let file = cluster.join("postmaster.pid");
    let started = Instant::now();
    let mut hurried = false;
    loop {
        let Some(pid) = recorded(&file) else { return };
        if !serves(pid, cluster) {
            tracing::info!(
                pid = pid.as_raw_nonzero().get(),
                "removing the lock file that a killed PostgreSQL left"
            );
            if let Err(error) = std::fs::remove_file(&file)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, "cannot remove the lock file");
            }
            return;
        }
        if started.elapsed() > PATIENCE && !hurried {
            tracing::warn!(
                pid = pid.as_raw_nonzero().get(),
                "an earlier PostgreSQL is still there; stopping it"
            );
            kill_process(pid, Signal::QUIT).ok();
            hurried = true;
        }
        if started.elapsed() > 2 * PATIENCE {
            kill_process(pid, Signal::KILL).ok();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn recorded(file: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(file).ok()?;
    Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
}

/// Whether the process is a server that was started with this very directory: its command line has both.
fn serves(pid: Pid, cluster: &Path) -> bool {
    let Ok(line) = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) else {
        return false;
    };
    let mut words = line.split(|&byte| byte == 0);
    let program = words.next().unwrap_or_default();
    program.ends_with(b"postgres") && words.any(|word| word == cluster.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_now_belongs_to_another_program_does_not_block_the_start() {
        let cluster = tempfile::tempdir().unwrap();
        let file = cluster.path().join("postmaster.pid");
        std::fs::write(&file, format!("{}\n/somewhere\n", std::process::id())).unwrap();
        clear(cluster.path());
        assert!(!file.exists());
    }
}
