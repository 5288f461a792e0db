//! The role that turns credentials into a principal.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Principal;
use crate::codec::{ByteStr, Version};
use crate::reason::ReasonCode;

/// How a client reached the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain TCP.
    Tcp,
    /// WebSocket, on a listener of the broker or upgraded by the embedding program.
    WebSocket,
}

/// What a CONNECT says about who sends it.
#[derive(Clone)]
pub struct ConnectRequest {
    /// As sent, or as assigned by the broker when the client sent none.
    pub client_id: ByteStr,
    /// User name, where one was sent.
    pub username: Option<ByteStr>,
    /// Password, where one was sent; any bytes.
    pub password: Option<Bytes>,
    /// Method of enhanced authentication; 5 only. An authenticator that does not know it answers 0x8C.
    pub auth_method: Option<ByteStr>,
    /// First data of that method.
    pub auth_data: Option<Bytes>,
    /// The peer's address, or that of the proxy before it.
    pub peer: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// The version of the protocol.
    pub version: Version,
}

impl fmt::Debug for ConnectRequest {
    /// Without credentials; that there are some is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("client_id", &self.client_id)
            .field("has_username", &self.username.is_some())
            .field("has_password", &self.password.is_some())
            .field("auth_method", &self.auth_method)
            .field("peer", &self.peer)
            .field("transport", &self.transport)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// New credentials on a living connection: AUTH with 0x19 and the method of its CONNECT.
#[derive(Clone)]
pub struct ReauthenticateRequest {
    /// The connection's client id.
    pub client_id: ByteStr,
    /// The principal that the connection has now.
    pub principal: Principal,
    /// The method; always that of the CONNECT.
    pub auth_method: ByteStr,
    /// The method's data, such as a token.
    pub auth_data: Option<Bytes>,
    /// The peer's address.
    pub peer: SocketAddr,
}

impl fmt::Debug for ReauthenticateRequest {
    /// Without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReauthenticateRequest")
            .field("client_id", &self.client_id)
            .field("principal", &self.principal.id)
            .field("auth_method", &self.auth_method)
            .finish_non_exhaustive()
    }
}

/// Decides who a client is. At most one per broker.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// The principal of a CONNECT.
    ///
    /// # Errors
    /// The code of the CONNACK that refuses it: usually 0x86 or 0x87, 0x8C for a method that is not known.
    /// A panic is 0x87, taking longer than [`crate::Limits::authenticate_deadline`] is 0x88.
    async fn authenticate(&self, request: &ConnectRequest) -> Result<Principal, ReasonCode>;

    /// The principal after a re-authentication; its id must be that of the connection, else the connection ends
    /// with 0x87. By default no method is known.
    ///
    /// # Errors
    /// The code of the DISCONNECT that ends the connection.
    async fn reauthenticate(&self, request: &ReauthenticateRequest) -> Result<Principal, ReasonCode> {
        let _ = request;
        Err(ReasonCode::BadAuthenticationMethod)
    }
}

#[async_trait]
impl<T: Authenticator + ?Sized> Authenticator for Arc<T> {
    async fn authenticate(&self, request: &ConnectRequest) -> Result<Principal, ReasonCode> {
        (**self).authenticate(request).await
    }

    async fn reauthenticate(&self, request: &ReauthenticateRequest) -> Result<Principal, ReasonCode> {
        (**self).reauthenticate(request).await
    }
}
