//! The byte stream below MQTT: a WebSocket or plain TCP.
//!
//! **Invariant:** what was put into `out` leaves in order and once; a buffer is written with one system call where the
//! socket takes it.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::endpoint::{Endpoint, Protocol};
use super::error::Lost;

/// What one read takes at most, and what a client holds for reading. Small, as clients are many and mostly idle.
const READ_BYTES: usize = 4 * 1024;
/// Longest message that is taken from a server.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) enum Transport {
    WebSocket {
        stream: Box<WebSocketStream<TcpStream>>,
        /// Frames were handed to the stream that it may not have written yet.
        dirty: bool,
    },
    Tcp(TcpStream),
}

impl Transport {
    /// Opens the stream. The caller sets the deadline.
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self, Lost> {
        let stream = TcpStream::connect(endpoint.addresses.as_slice()).await?;
        stream.set_nodelay(true)?;
        let Protocol::WebSocket(uri) = &endpoint.protocol else {
            return Ok(Self::Tcp(stream));
        };
        // Made anew for each handshake, as its key must be. (RFC 6455, section 4.1)
        let mut request = uri.into_client_request().map_err(Box::new)?;
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let (stream, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
            .await
            .map_err(Box::new)?;
        Ok(Self::WebSocket {
            stream: Box::new(stream),
            dirty: false,
        })
    }

    /// Appends what has arrived to `input`. Ready means that something was appended.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<Result<(), Lost>> {
        match self {
            Self::Tcp(stream) => {
                input.reserve(READ_BYTES);
                // Keeps no state between polls, so it may be made anew for each.
                let read = pin!(stream.read_buf(input));
                match ready!(read.poll(cx))? {
                    0 => Poll::Ready(Err(Lost::Closed)),
                    _ => Poll::Ready(Ok(())),
                }
            }
            Self::WebSocket { stream, .. } => loop {
                match ready!(Pin::new(&mut **stream).poll_next(cx)) {
                    Some(Ok(Message::Binary(bytes))) if bytes.is_empty() => {}
                    Some(Ok(Message::Binary(bytes))) => {
                        if input.is_empty() {
                            *input = bytes
                                .try_into_mut()
                                .unwrap_or_else(|bytes| BytesMut::from(&bytes[..]));
                        } else {
                            input.extend_from_slice(&bytes);
                        }
                        return Poll::Ready(Ok(()));
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_))) | None => return Poll::Ready(Err(Lost::Closed)),
                    Some(Ok(_)) => {
                        return Poll::Ready(Err(Lost::Protocol("a WebSocket message that is not binary")));
                    }
                    Some(Err(error)) => return Poll::Ready(Err(Box::new(error).into())),
                }
            },
        }
    }

    /// Writes all of `out`. Ready means that nothing waits any more.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Result<(), Lost>> {
        match self {
            Self::Tcp(stream) => {
                while !out.is_empty() {
                    let count = ready!(Pin::new(&mut *stream).poll_write(cx, out))?;
                    if count == 0 {
                        return Poll::Ready(Err(Lost::Closed));
                    }
                    let _ = out.split_to(count);
                }
                Poll::Ready(Ok(()))
            }
            Self::WebSocket { stream, dirty } => {
                let mut stream = Pin::new(&mut **stream);
                if !out.is_empty() {
                    ready!(stream.as_mut().poll_ready(cx)).map_err(Box::new)?;
                    let message = Message::Binary(out.split().freeze());
                    stream.as_mut().start_send(message).map_err(Box::new)?;
                    *dirty = true;
                }
                if *dirty {
                    ready!(stream.poll_flush(cx)).map_err(Box::new)?;
                    *dirty = false;
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Says goodbye as the transport does.
    pub(super) async fn close(mut self) {
        match &mut self {
            Self::Tcp(stream) => {
                let _ = stream.shutdown().await;
            }
            Self::WebSocket { stream, .. } => {
                let _ = stream.close(None).await;
            }
        }
    }
}
