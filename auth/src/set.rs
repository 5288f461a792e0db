//! Public keys, ready to verify with, and where they come from.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::KeyError;

/// Largest key set that is read, in bytes: hundreds of keys.
const SET_BYTES_MAX: usize = 256 * 1024;

/// One state of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// Where a verifier finds the public keys.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A JWKS file (RFC 7517); read again when it changes.
    File(PathBuf),
    /// A JWKS address; asked again every minute, and when a token names an unknown key.
    Url(String),
    /// These.
    Set(JwkSet),
}

impl KeySource {
    /// For messages.
    pub(crate) fn name(&self) -> String {
        match self {
            KeySource::File(path) => path.display().to_string(),
            KeySource::Url(url) => url.clone(),
            KeySource::Set(_) => "given to the program".to_owned(),
        }
    }

    /// What tells one state of the file from another; `None` for the other sources and for a missing file.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        use std::os::unix::fs::MetadataExt;
        match self {
            // The time alone is not enough: it may stand still for some milliseconds. A file that is renamed into place
            // is another inode.
            KeySource::File(path) => std::fs::metadata(path).ok().map(|meta| Stamp {
                inode: meta.ino(),
                bytes: meta.len(),
                modified: meta.modified().ok(),
            }),
            KeySource::Url(_) | KeySource::Set(_) => None,
        }
    }

    fn problem(&self, problem: impl Into<String>) -> KeyError {
        KeyError::Set {
            source_name: self.name(),
            problem: problem.into(),
        }
    }

    /// Reads what can be read without a network.
    pub(crate) fn read_local(&self) -> Result<Option<Keys>, KeyError> {
        match self {
            KeySource::Set(set) => Keys::new(set).map(Some).map_err(|problem| self.problem(problem)),
            KeySource::File(path) => {
                let bytes = read_bounded(path).map_err(|error| {
                    self.problem(format!(
                        "{error}; start `muster up` or `muster api` once, which makes it"
                    ))
                })?;
                self.parse(&bytes).map(Some)
            }
            KeySource::Url(_) => Ok(None),
        }
    }

    /// Reads the keys, over the network where they are there.
    pub(crate) async fn read(&self, http: &reqwest::Client) -> Result<Keys, KeyError> {
        let KeySource::Url(url) = self else {
            return Ok(self.read_local()?.expect("only a URL is not local"));
        };
        let problem = |error: reqwest::Error| self.problem(error.without_url().to_string());
        let mut response = http
            .get(url)
            .send()
            .await
            .and_then(|r| r.error_for_status())
            .map_err(problem)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(problem)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > SET_BYTES_MAX {
                return Err(self.problem("it is too large"));
            }
        }
        self.parse(&bytes)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Keys, KeyError> {
        if bytes.len() > SET_BYTES_MAX {
            return Err(self.problem("it is too large"));
        }
        let set: JwkSet =
            serde_json::from_slice(bytes).map_err(|_| self.problem("it is not a JSON Web Key Set"))?;
        Keys::new(&set).map_err(|problem| self.problem(problem))
    }
}

/// Reads at most one byte more than a set may have.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(SET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The keys of a set by `kid`. Never empty.
pub(crate) struct Keys(HashMap<String, (Algorithm, DecodingKey)>);

impl Keys {
    fn new(set: &JwkSet) -> Result<Self, &'static str> {
        let keys: HashMap<_, _> = set.keys.iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err("it holds no Ed25519 or P-256 key with a kid");
        }
        Ok(Self(keys))
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&(Algorithm, DecodingKey)> {
        self.0.get(kid)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// A key that we would believe, with the one algorithm that its kind allows: the token's `alg` never chooses.
fn usable(jwk: &Jwk) -> Option<(String, (Algorithm, DecodingKey))> {
    use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};
    let kid = jwk.common.key_id.clone().filter(|kid| !kid.is_empty())?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some((kid, (algorithm, key)))
}
