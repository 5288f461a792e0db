//! The directory of the Unix socket: below the data directory, or in a short private place when that path is too
//! long for a socket address.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Most bytes of a socket's path: `sun_path` has 108 with the closing zero (unix(7)).
const PATH_BYTES_MAX: usize = 107;
/// What PostgreSQL adds to the directory.
const NAME: &str = "/.s.PGSQL.5432.lock";

/// Makes the directory, with access for its owner alone. `home` is canonical, so every process that uses the same
/// data directory comes to the same place.
pub(crate) fn socket_directory(home: &Path) -> Result<PathBuf, StoreError> {
    let near = home.join("run");
    if near.as_os_str().len() + NAME.len() <= PATH_BYTES_MAX {
        return private(near);
    }
    let uid = rustix::process::geteuid().as_raw();
    let base = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.is_dir() && dir.as_os_str().len() < 40)
        .unwrap_or_else(|| PathBuf::from("/tmp"));
    private(base.join(format!(
        "muster-{uid}-{:016x}",
        fnv1a(home.as_os_str().as_encoded_bytes())
    )))
}

/// Makes a directory for its owner alone. One that is there already must be just that: in `/tmp`, a directory that
/// somebody else made in advance could show us a server of his.
fn private(dir: PathBuf) -> Result<PathBuf, StoreError> {
    match DirBuilder::new().mode(0o700).create(&dir) {
        Ok(()) => Ok(dir),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let meta = dir
                .symlink_metadata()
                .map_err(StoreError::io("cannot read", &dir))?;
            let uid = rustix::process::geteuid().as_raw();
            // Root may run the server as another user, to whom a directory below the data directory then belongs.
            let ours = meta.uid() == uid || (uid == 0 && !dir.starts_with("/tmp"));
            if !meta.is_dir() || !ours {
                return Err(StoreError::SocketDirectory { path: dir });
            }
            if meta.mode() & 0o077 != 0 {
                std::fs::set_permissions(&dir, Permissions::from_mode(0o700))
                    .map_err(StoreError::io("cannot protect", &dir))?;
            }
            Ok(dir)
        }
        Err(error) => Err(StoreError::io("cannot make directory", &dir)(error)),
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): the same for the same path in every process and build.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_path_keeps_its_socket_beside_the_cluster_and_a_long_one_moves_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        assert_eq!(socket_directory(&home).unwrap(), home.join("run"));
        assert_eq!(home.join("run").metadata().unwrap().mode() & 0o777, 0o700);

        let long = home.join("d".repeat(100));
        std::fs::create_dir(&long).unwrap();
        let moved = socket_directory(&long).unwrap();
        assert!(
            moved.as_os_str().len() + NAME.len() <= PATH_BYTES_MAX,
            "{}",
            moved.display()
        );
        assert_eq!(
            socket_directory(&long).unwrap(),
            moved,
            "every process finds the same place"
        );
        std::fs::remove_dir(moved).unwrap();
    }

    #[test]
    fn a_socket_directory_open_to_others_is_closed_and_a_link_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        private(open.clone()).unwrap();
        assert_eq!(open.metadata().unwrap().mode() & 0o777, 0o700);

        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&open, &link).unwrap();
        assert!(matches!(private(link), Err(StoreError::SocketDirectory { .. })));
    }
}
