//! Why a key or a token is refused.

use std::path::PathBuf;

/// Why a token is not believed. Never says what was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`crate::TOKEN_BYTES_MAX`].
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url JSON, or a claim is missing or of the wrong kind.
    #[error("the token is malformed")]
    Malformed,
    /// Its algorithm is not EdDSA or ES256, or not that of its key.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// No key of the set has its `kid`, or it has none.
    #[error("the token was signed with an unknown key")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// `exp` is past, the leeway included.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is to come, the leeway included.
    #[error("the token is not valid yet")]
    NotYet,
    /// `iss` is somebody else.
    #[error("the token is from another issuer")]
    Issuer,
    /// `aud` is something else.
    #[error("the token is for another audience")]
    Audience,
    /// The claims contradict each other, such as a participant without an event.
    #[error("the token's claims contradict each other")]
    Contradiction,
}

/// Why keys cannot be used. Names the file, never its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or directory cannot be read or written.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A private key file is none.
    #[error(
        "the signing key {path} is damaged or of an unknown kind (Ed25519 or P-256 as PKCS#8 PEM); restore it from a backup, or move it away to sign with a new one"
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// A private key file can be read by others.
    #[error("the signing key {path} can be read by others; run: chmod 600 {path}")]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
    /// A public set cannot be had, or holds no key that can be used.
    #[error("the public key set {source_name} cannot be used: {problem}")]
    Set {
        /// The file or URL.
        source_name: String,
        /// What is wrong.
        problem: String,
    },
    /// The system gave no randomness or the key library refused it.
    #[error("a new signing key cannot be made")]
    Generate,
}
