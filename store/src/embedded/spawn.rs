//! Starting the server's programs as whom they accept: PostgreSQL refuses to run as root.
//!
//! Root runs them in a user namespace of their own, in which root is mapped to `nobody`: the files stay root's, and
//! nothing on the machine changes hands. Where user namespaces are switched off, or the cluster belongs to another
//! user already, they run as that user.
//!
//! **Invariant:** a program started here gets `SIGINT` (a fast stop) when the thread that started it ends; so the
//! caller starts it from a thread that lives as long as the server should.
//!
//! The one place of the crate with `unsafe`: `pre_exec` runs between fork and exec, where only what is
//! async-signal-safe is allowed. The closures below make bare system calls on data that was prepared before the fork;
//! they neither allocate nor lock.
#![allow(
    unsafe_code,
    reason = "pre_exec is the only way to enter a namespace and to be told of the parent's death"
)]

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{Signal, geteuid, getppid, set_parent_process_death_signal};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// `nobody` of every Linux distribution; the mapped user must be in passwd, where initdb looks it up.
const NOBODY: u32 = 65534;

/// As whom the server's programs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunAs {
    /// As who we are: not root.
    Caller,
    /// As root outside and `nobody` inside of a user namespace.
    Namespace,
    /// As another user: what root falls back to.
    User(u32),
}

impl RunAs {
    /// Decides. A cluster that is there already must go on under the user whom it belongs to.
    pub fn decide(cluster: &Path) -> Self {
        if !geteuid().is_root() {
            return Self::Caller;
        }
        if let Ok(meta) = cluster.metadata()
            && meta.uid() != 0
        {
            return Self::User(meta.uid());
        }
        // A program that does nothing: what is tried is the way into the namespace.
        let probe = program(Path::new("/bin/true"), Self::Namespace, true).status();
        match probe {
            Ok(_) => Self::Namespace,
            Err(error) => {
                tracing::info!(%error, "no user namespaces here; PostgreSQL runs as nobody");
                Self::User(NOBODY)
            }
        }
    }
}

/// A command that runs `path` as `run_as`, with no input, in a session of its own so that a terminal's Ctrl-C reaches
/// this process alone, which then stops the server in order. `dies_with_us` asks for `SIGINT` at our end.
pub(crate) fn program(path: &Path, run_as: RunAs, dies_with_us: bool) -> Command {
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    if let RunAs::User(uid) = run_as {
        command.uid(uid).gid(uid);
    }
    let uid_map = format!("{NOBODY} {} 1", geteuid().as_raw());
    let gid_map = format!("{NOBODY} {} 1", rustix::process::getegid().as_raw());
    let parent = rustix::process::getpid();
    let before_exec = move || -> io::Result<()> {
        rustix::process::setsid()?;
        if run_as == RunAs::Namespace {
            // SAFETY: the child of a fork has one thread, as CLONE_NEWUSER demands, and shares no file descriptors.
            unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }?;
            // Without `deny`, an unprivileged process may not write gid_map (user_namespaces(7)).
            write(c"/proc/self/setgroups", b"deny")?;
            write(c"/proc/self/uid_map", uid_map.as_bytes())?;
            write(c"/proc/self/gid_map", gid_map.as_bytes())?;
        }
        if dies_with_us {
            // After the change of identity, which would clear it.
            set_parent_process_death_signal(Some(Signal::INT))?;
            // The parent may have died before the line above: then nobody would ever tell us.
            if getppid() != Some(parent) {
                return Err(rustix::io::Errno::SRCH.into());
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls on memory that it owns since before the fork, and nothing else.
    unsafe { command.pre_exec(before_exec) };
    command
}

fn write(path: &std::ffi::CStr, bytes: &[u8]) -> io::Result<()> {
    let file = rustix::fs::openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, bytes)?;
    Ok(())
}
