//! The directory of the signing keys: one PKCS#8 PEM file per key, and the public set beside them.
//!
//! The newest key signs; all of them are in the set, so that what an older one signed stays valid until it expires.
//! A key's file is named by its `kid`. Ours are UUIDv7, so their names tell when they were made; a key of another name was
//! brought by somebody, counts as older than all of ours and signs only while it is alone.
//!
//! **Invariant:** private keys are readable by their owner only.
//! **Invariant:** whoever changes the directory holds its lock and has read it anew, so that two processes never publish
//! a set without each other's key.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use ring::rand::{SecureRandom, SystemRandom};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{KeyError, KeySource, Signer};

/// What stands before the 32 bytes of an Ed25519 private key in PKCS#8 (RFC 8410, section 7; version 1, which every
/// library reads).
const ED25519_PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// The public set's file name.
const SET_FILE: &str = "jwks.json";

/// An opened directory of keys.
#[derive(Debug, Clone)]
pub struct KeyDir {
    dir: PathBuf,
    /// Oldest first; never empty.
    signers: Vec<Signer>,
}

impl KeyDir {
    /// Opens the directory, makes it and a first Ed25519 key where there is none, and writes the public set anew.
    ///
    /// # Errors
    /// A key is damaged or can be read by others, or the directory cannot be read or written; names the file.
    pub fn open_or_create(dir: &Path) -> Result<Self, KeyError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(io("create", dir))?;
        let _lock = lock(dir)?;
        let mut signers = load(dir)?;
        if signers.is_empty() {
            signers.push(generate(dir)?);
        }
        let keys = Self {
            dir: dir.to_owned(),
            signers,
        };
        keys.publish()?;
        Ok(keys)
    }

    /// Opens a directory that must hold a key already.
    ///
    /// # Errors
    /// As [`Self::open_or_create`], and when there is no key.
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        let signers = load(dir)?;
        if signers.is_empty() {
            return Err(KeyError::Set {
                source_name: dir.display().to_string(),
                problem: "it holds no signing key; start `muster up` or `muster api` once, which makes one"
                    .into(),
            });
        }
        Ok(Self {
            dir: dir.to_owned(),
            signers,
        })
    }

    /// Makes a new key that signs from now on. Those before it stay in the set: what they signed stays valid.
    ///
    /// A verifier takes a new key up within about a second from a file and at the first token that names it from an
    /// address; see [`crate::Verifier::spawn_refresh`].
    ///
    /// # Errors
    /// The directory cannot be read or written.
    pub fn rotate(&mut self) -> Result<(), KeyError> {
        let _lock = lock(&self.dir)?;
        self.signers = load(&self.dir)?;
        self.signers.push(generate(&self.dir)?);
        self.publish()
    }

    /// Takes the keys away that signed nothing which can still be valid: those whose successor is older than the longest
    /// life of a token. Returns their names.
    ///
    /// The set is published without them before their files go: a crash in between leaves a key too many, never a token
    /// that nobody can check.
    ///
    /// # Errors
    /// The directory cannot be read or written.
    pub fn retire(&mut self, now: OffsetDateTime, longest_ttl: Duration) -> Result<Vec<String>, KeyError> {
        let _lock = lock(&self.dir)?;
        self.signers = load(&self.dir)?;
        let over = |signer: &Signer| made_at(signer.kid()).is_some_and(|made| made + longest_ttl < now);
        // A key has not signed since the next one was made.
        let retired = self.signers.iter().skip(1).take_while(|next| over(next)).count();
        let names: Vec<String> = self
            .signers
            .drain(..retired)
            .map(|key| key.kid().to_owned())
            .collect();
        self.publish()?;
        for name in &names {
            let path = self.dir.join(format!("{name}.pem"));
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
        Ok(names)
    }

    /// The key that signs.
    pub fn signer(&self) -> Signer {
        self.signers.last().expect("a key directory holds a key").clone()
    }

    /// The public halves of all keys.
    pub fn public_set(&self) -> JwkSet {
        JwkSet {
            keys: self.signers.iter().filter_map(Signer::public).collect(),
        }
    }

    /// Where verifiers read the public set.
    pub fn source(&self) -> KeySource {
        KeySource::File(self.dir.join(SET_FILE))
    }

    /// Where verifiers read the public set of a directory.
    pub fn source_in(dir: &Path) -> KeySource {
        KeySource::File(dir.join(SET_FILE))
    }

    /// Writes the set whole or not at all: verifiers may read at any moment.
    fn publish(&self) -> Result<(), KeyError> {
        let path = self.dir.join(SET_FILE);
        let json = serde_json::to_vec_pretty(&self.public_set()).expect("a key set is JSON");
        write_new(&self.dir, &path, &json, 0o644)
    }
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { doing, path, source }
}

/// Waits for the directory's lock, which is held until the file is dropped.
fn lock(dir: &Path) -> Result<fs::File, KeyError> {
    let path = dir.join("lock");
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(io("open", &path))?;
    file.lock().map_err(io("lock", &path))?;
    Ok(file)
}

/// When a key of ours was made; `None` for one that was brought.
fn made_at(kid: &str) -> Option<OffsetDateTime> {
    let (seconds, nanos) = Uuid::parse_str(kid).ok()?.get_timestamp()?.to_unix();
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    Some(at + Duration::nanoseconds(nanos.into()))
}

/// All keys, oldest first.
fn load(dir: &Path) -> Result<Vec<Signer>, KeyError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(io("read", dir))? {
        let path = entry.map_err(io("read", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            files.push(path);
        }
    }
    let mut signers = files
        .iter()
        .map(|path| load_key(path))
        .collect::<Result<Vec<_>, _>>()?;
    // A key that was brought has no time, and `None` is before all times.
    signers.sort_by_key(|signer| (made_at(signer.kid()), signer.kid().to_owned()));
    Ok(signers)
}

fn load_key(path: &Path) -> Result<Signer, KeyError> {
    let mode = fs::metadata(path).map_err(io("read", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed {
            path: path.to_owned(),
        });
    }
    let pem = fs::read(path).map_err(io("read", path))?;
    let kid = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    Signer::from_pem(kid, &pem).ok_or_else(|| KeyError::Damaged {
        path: path.to_owned(),
    })
}

fn generate(dir: &Path) -> Result<Signer, KeyError> {
    let kid = Uuid::now_v7().to_string();
    let mut pkcs8 = ED25519_PKCS8_HEAD.to_vec();
    let mut seed = [0; 32];
    SystemRandom::new()
        .fill(&mut seed)
        .map_err(|_| KeyError::Generate)?;
    pkcs8.extend_from_slice(&seed);
    let body = STANDARD.encode(&pkcs8);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    // RFC 7468: lines of 64 characters.
    for line in body.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    let path = dir.join(format!("{kid}.pem"));
    write_new(dir, &path, pem.as_bytes(), 0o600)?;
    load_key(&path)
}

/// Writes a file beside its place, syncs it, then renames it: after a crash there is the old one or the new one.
fn write_new(dir: &Path, path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io("write", path))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(io("write", path))?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(mode))
        .map_err(io("write", path))?;
    file.persist(path).map_err(|error| KeyError::Io {
        doing: "write",
        path: path.to_owned(),
        source: error.error,
    })?;
    fs::File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io("sync", dir))
}
