//! Signing keys, public key sets and tokens: who mints a token, and who believes it.
//!
//! **Invariant:** only EdDSA (Ed25519) and ES256 are believed; `none`, HMAC and RSA never are, whatever a token says.
//! **Invariant:** without a good key nothing starts: a missing, empty or damaged key or set is an error, never "no check".
//! **Invariant:** no error, log or `Debug` of this crate shows a token or a private key.
//!
//! What a token allows is not decided here but in `muster_domain::rights`.

mod claims;
mod error;
mod key_dir;
mod set;
mod signer;
mod verifier;

pub use claims::{ApiClaims, api_claims, participant_claims, service_claims, staff_claims};
pub use error::{KeyError, TokenError};
pub use jsonwebtoken::jwk::JwkSet;
pub use key_dir::KeyDir;
pub use set::KeySource;
pub use signer::Signer;
pub use verifier::{TOKEN_BYTES_MAX, Verifier, VerifierConfig};
