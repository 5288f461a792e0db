//! The last words on a socket.

use std::future::poll_fn;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::wire::Wire;
use crate::codec::{Connack, ConnackProperties, Disconnect, Packet, PacketType, Version, encode};
use crate::reason::ReasonCode;
use crate::websocket::CloseCode;

/// Longest time that a socket gets to take its last words.
const FAREWELL: Duration = Duration::from_secs(3);

/// Most reads that are thrown away while waiting for the peer to close.
const DISCARDED_READS_MAX: usize = 64;

/// Appends a packet that this program made.
pub(super) fn put_packet<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    packet: &Packet,
    version: Version,
) {
    wire.put(|out| {
        if let Err(error) = encode(packet, version, out) {
            tracing::error!(%error, packet = ?packet.packet_type(), "a packet of the broker's own has no form");
        }
    });
}

/// Appends the CONNACK that refuses, where the version has one for the reason.
pub(super) fn put_refusal<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    version: Version,
    reason: ReasonCode,
) {
    let reason = match version {
        Version::V3_1_1 if reason.to_connect_return_code().is_none() => return,
        Version::V5 if !reason.is_valid_in(PacketType::Connack) => ReasonCode::UnspecifiedError,
        _ => reason,
    };
    let connack = Connack {
        session_present: false,
        reason,
        properties: ConnackProperties::default(),
    };
    put_packet(wire, &Packet::Connack(Box::new(connack)), version);
}

/// Appends the DISCONNECT that says why, in 5. [MQTT-4.13.1-1]
pub(super) fn put_disconnect<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    version: Version,
    reason: ReasonCode,
) {
    if version != Version::V5 {
        return;
    }
    let reason = match reason.is_valid_in(PacketType::Disconnect) {
        true => reason,
        false => ReasonCode::UnspecifiedError,
    };
    put_packet(
        wire,
        &Packet::Disconnect(Disconnect::with_reason(reason)),
        version,
    );
}

/// Writes what is left, closes, and waits a little for the peer to close too: a socket that is closed with unread
/// input resets, and the peer might never see why.
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut wire: Wire<S>, code: CloseCode) {
    wire.put_close(code);
    let deadline = Instant::now() + FAREWELL;
    let closed = timeout_at(deadline, async {
        poll_fn(|context| wire.poll_shutdown(context)).await?;
        for _ in 0..DISCARDED_READS_MAX {
            if poll_fn(|context| wire.poll_discard(context)).await? {
                break;
            }
        }
        std::io::Result::Ok(())
    });
    // The peer may be gone; there is nobody left to tell.
    let _ = closed.await;
}
