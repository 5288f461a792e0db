//! One task per socket: bytes in, packets to the engine, what the engine has for it back out.
//!
//! **Invariant:** an idle connection holds no buffer: reads go through memory that all connections of a thread share,
//! and what is empty is given back.
//! **Invariant:** at most [`Limits::write_buffer_max`](crate::Limits::write_buffer_max) and one packet are encoded for
//! a socket; the rest waits in the session's queue under its bounds. A socket that does not take them within the
//! write deadline is closed.
//! **Invariant:** the engine is not locked over an await.
//!
//! Decides nothing that outlives the socket; that is the engine's.

mod bell;
mod closing;
mod handshake;
mod inbound;
mod serve;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::broker::Shared;
use crate::metrics;
use crate::plugin::Transport;
use crate::websocket::upgrade::UpgradePolicy;
use wire::Wire;

/// Held by every open socket, as long as it is open.
pub(crate) type Permit = OwnedSemaphorePermit;

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    peer: SocketAddr,
    transport: Transport,
}

/// Serves a client over plain TCP.
pub(crate) fn spawn_tcp(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr, permit: Permit) {
    let origin = Origin {
        peer,
        transport: Transport::Tcp,
    };
    let wire = Wire::plain(stream);
    shared
        .tasks
        .spawn(run(shared.clone(), wire, origin, None, permit));
}

/// Serves a client over WebSocket, from its HTTP request on.
pub(crate) fn spawn_websocket(
    shared: &Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    policy: Arc<UpgradePolicy>,
    permit: Permit,
) {
    let origin = Origin {
        peer,
        transport: Transport::WebSocket,
    };
    let wire = Wire::plain(stream);
    shared
        .tasks
        .spawn(run(shared.clone(), wire, origin, Some(policy), permit));
}

/// Serves a client on a stream that speaks WebSocket frames already.
pub(crate) fn spawn_upgraded<S>(shared: &Arc<Shared>, io: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ok(permit) = shared.connections.clone().try_acquire_owned() else {
        metrics::accept_refused();
        return;
    };
    let origin = Origin {
        peer,
        transport: Transport::WebSocket,
    };
    let mut wire = Wire::plain(io);
    wire.speak_websocket(shared.limits.packet_size_max);
    shared
        .tasks
        .spawn(run(shared.clone(), wire, origin, None, permit));
}

async fn run<S>(
    shared: Arc<Shared>,
    wire: Wire<S>,
    origin: Origin,
    upgrade: Option<Arc<UpgradePolicy>>,
    permit: Permit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    // Each boxed, so that the task holds the state of one of them at a time.
    let handshake = Box::pin(handshake::handshake(&shared, wire, origin, upgrade));
    if let Some(connection) = handshake.await {
        Box::pin(connection.serve(&shared)).await;
    }
    drop(permit);
}
