//! Authentication by token: the password of a CONNECT, or the data of a re-authentication.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use muster_auth::{TokenError, Verifier};
use muster_broker::plugin::{
    Authenticator, ConnectRequest, Principal, PrincipalLimits, ReauthenticateRequest, WhenFull,
};
use muster_broker::reason::ReasonCode;
use muster_domain::{Claims, ClientId, Role};

/// Method of enhanced authentication: the data is a token.
const METHOD: &str = "jwt";

/// The one client that must see every stored message: the bridge.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Its client id. A token of role `service` with this `sub` is the archive.
    pub client: ClientId,
    /// Messages that may wait for it; past it publishers are refused.
    pub backlog_max: usize,
    /// Bytes that may wait for it; past it publishers are refused.
    pub backlog_bytes_max: usize,
}

/// Believes the token in a client's password. The client identifier must be the token's `sub`.
pub struct JwtAuthenticator {
    verifier: Verifier,
    archive: Archive,
}

impl JwtAuthenticator {
    /// Takes the keys to believe, and who the archive is.
    pub fn new(verifier: Verifier, archive: Archive) -> Self {
        Self { verifier, archive }
    }

    /// What a token makes of its bearer.
    fn principal(&self, token: &str, client_id: &str) -> Result<Principal, ReasonCode> {
        let claims = self.verifier.verify_mqtt(token).map_err(|error| {
            metrics::counter!("muster_auth_refused_total", "reason" => reason_word(error)).increment(1);
            tracing::info!(client_id, %error, "a token was refused");
            ReasonCode::NotAuthorized
        })?;
        if claims.sub.as_str() != client_id {
            tracing::info!(client_id, sub = %claims.sub, "the client identifier is not the token's sub");
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        Ok(self.principal_of(claims))
    }

    /// The principal that a token with these claims stands for.
    pub fn principal_of(&self, claims: Claims) -> Principal {
        let mut principal = Principal::new(principal_id(&claims));
        let seconds = u64::try_from(claims.exp).unwrap_or(0);
        principal.expires_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        if claims.role == Role::Service && claims.evt.is_none() && claims.sub == self.archive.client {
            principal.limits = PrincipalLimits {
                queue_max: Some(self.archive.backlog_max),
                queue_bytes_max: Some(self.archive.backlog_bytes_max),
                when_full: Some(WhenFull::PushBack),
                // It stays as long as the broker does: a bridge that is away for days must find its backlog.
                session_expiry_max: Some(Duration::MAX),
            };
        }
        principal.attributes = std::sync::Arc::new(claims);
        principal
    }
}

/// Names the bearer beyond its client id: the same `sub` of another event or role is somebody else, and its session is
/// not theirs.
fn principal_id(claims: &Claims) -> String {
    match claims.evt {
        Some(event) => format!("{event}/{}/{}", claims.role, claims.sub),
        None => format!("{}/{}", claims.role, claims.sub),
    }
}

/// A word for a metric's label.
fn reason_word(error: TokenError) -> &'static str {
    match error {
        TokenError::TooLong => "too_long",
        TokenError::Malformed => "malformed",
        TokenError::Algorithm => "algorithm",
        TokenError::UnknownKey => "unknown_key",
        TokenError::Signature => "signature",
        TokenError::Expired => "expired",
        TokenError::NotYet => "not_yet",
        TokenError::Issuer => "issuer",
        TokenError::Audience => "audience",
        TokenError::Contradiction => "contradiction",
    }
}

#[async_trait]
impl Authenticator for JwtAuthenticator {
    async fn authenticate(&self, request: &ConnectRequest) -> Result<Principal, ReasonCode> {
        // With method `jwt` the token comes as the method's data, without one as the password.
        let bytes = match &request.auth_method {
            None => request.password.as_ref(),
            Some(method) if method.as_str() == METHOD => {
                request.auth_data.as_ref().or(request.password.as_ref())
            }
            Some(_) => return Err(ReasonCode::BadAuthenticationMethod),
        };
        let token = bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .ok_or(ReasonCode::NotAuthorized)?;
        self.principal(token, request.client_id.as_str())
    }

    async fn reauthenticate(&self, request: &ReauthenticateRequest) -> Result<Principal, ReasonCode> {
        if request.auth_method.as_str() != METHOD {
            return Err(ReasonCode::BadAuthenticationMethod);
        }
        let token = request
            .auth_data
            .as_ref()
            .and_then(|data| std::str::from_utf8(data).ok());
        let principal = self.principal(
            token.ok_or(ReasonCode::NotAuthorized)?,
            request.client_id.as_str(),
        )?;
        // The broker holds the id to be the same; it names event, role and sub.
        Ok(principal)
    }
}
