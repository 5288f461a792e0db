//! The private key that signs.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use muster_domain::Claims;
use serde::Serialize;

use crate::ApiClaims;

/// Signs tokens with one key. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    /// Reads a private key, PKCS#8 PEM: Ed25519 (signs EdDSA) or P-256 (signs ES256). `None` when it is neither.
    pub(crate) fn from_pem(kid: &str, pem: &[u8]) -> Option<Self> {
        let ed = EncodingKey::from_ed_pem(pem)
            .ok()
            .map(|key| (Algorithm::EdDSA, key));
        let (algorithm, key) = ed.or_else(|| {
            EncodingKey::from_ec_pem(pem)
                .ok()
                .map(|key| (Algorithm::ES256, key))
        })?;
        let signer = Self(Arc::new(Inner {
            kid: kid.to_owned(),
            algorithm,
            key,
        }));
        // A key that parses may still not sign (an Ed25519 body in an EC envelope, another curve): try it once.
        signer
            .public()
            .and_then(|_| signer.sign(&serde_json::json!({})).ok().map(|_| signer.clone()))
    }

    /// The key's name in `kid`.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The public half, for the key set.
    pub(crate) fn public(&self) -> Option<Jwk> {
        let mut jwk = Jwk::from_encoding_key(&self.0.key, self.0.algorithm).ok()?;
        jwk.common.key_id = Some(self.0.kid.clone());
        jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Some(jwk)
    }

    fn sign(&self, claims: &impl Serialize) -> jsonwebtoken::errors::Result<String> {
        let mut header = Header::new(self.0.algorithm);
        header.kid = Some(self.0.kid.clone());
        encode(&header, claims, &self.0.key)
    }

    /// Signs a token for the broker.
    pub fn mint(&self, claims: &Claims) -> String {
        self.sign(claims)
            .expect("a key that signed when it was loaded signs again")
    }

    /// Signs a token for the HTTP API.
    pub fn mint_api(&self, claims: &ApiClaims) -> String {
        self.sign(claims)
            .expect("a key that signed when it was loaded signs again")
    }
}

impl fmt::Debug for Signer {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}
