//! The lock of a data directory's cluster: held by the one process that supervises it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::error::StoreError;

/// Held as long as it lives; the kernel releases it when the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct ClusterLock {
    _file: File,
}

impl ClusterLock {
    /// Takes the lock, or says who holds it.
    pub fn take(home: &Path) -> Result<Result<Self, Holder>, StoreError> {
        let path = home.join("lock");
        let failed = |error| StoreError::io("cannot open the lock file", &path)(error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                let write = |file: &mut File| {
                    file.set_len(0)?;
                    file.rewind()?;
                    writeln!(file, "{}", std::process::id())
                };
                write(&mut file).map_err(failed)?;
                Ok(Ok(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for the message: the holder may be writing it at this moment.
                file.read_to_string(&mut text).ok();
                let pid = text.trim();
                Ok(Err(Holder(if pid.is_empty() {
                    "unknown".into()
                } else {
                    pid.into()
                })))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// The process that holds the lock, for people.
#[derive(Debug)]
pub(crate) struct Holder(pub String);
