//! One stream of MQTT bytes, over TCP or in WebSocket frames of a foreign implementation.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::DEADLINE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    WebSocket,
}

pub enum Wire {
    Tcp(TcpStream),
    WebSocket(Box<WebSocketStream<TcpStream>>),
}

impl Wire {
    pub async fn open(address: SocketAddr, transport: Transport) -> Self {
        let stream = TcpStream::connect(address).await.expect("the listener accepts");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        match transport {
            Transport::Tcp => Self::Tcp(stream),
            Transport::WebSocket => {
                let mut request = format!("ws://{address}/mqtt")
                    .into_client_request()
                    .expect("a request");
                request
                    .headers_mut()
                    .insert("Sec-WebSocket-Protocol", "mqtt".parse().expect("a header"));
                let upgraded = tokio_tungstenite::client_async(request, stream).await;
                let (stream, response) = upgraded.expect("the upgrade is accepted");
                assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "mqtt");
                Self::WebSocket(Box::new(stream))
            }
        }
    }

    /// Sends bytes; false when the peer is gone.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await.is_ok(),
            Self::WebSocket(stream) => stream
                .send(Message::Binary(Bytes::copy_from_slice(bytes)))
                .await
                .is_ok(),
        }
    }

    /// Appends what comes next; false at the end of the stream.
    ///
    /// # Panics
    /// When nothing comes within the deadline.
    pub async fn receive(&mut self, into: &mut BytesMut) -> bool {
        timeout(DEADLINE, self.receive_any(into))
            .await
            .expect("nothing came, not even the end")
    }

    async fn receive_any(&mut self, into: &mut BytesMut) -> bool {
        match self {
            Self::Tcp(stream) => stream.read_buf(into).await.is_ok_and(|len| len > 0),
            Self::WebSocket(stream) => loop {
                match stream.next().await {
                    Some(Ok(Message::Binary(bytes))) => {
                        into.extend_from_slice(&bytes);
                        return true;
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => {}
                    Some(Ok(other)) => panic!("the broker sent {other:?}"),
                    Some(Err(_)) | None => return false,
                }
            },
        }
    }

    /// What comes until the stream ends.
    pub async fn receive_to_end(&mut self) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        while self.receive(&mut bytes).await {}
        bytes.to_vec()
    }

    /// Exactly so many bytes.
    pub async fn receive_exactly(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        while bytes.len() < len {
            assert!(
                self.receive(&mut bytes).await,
                "the stream ended after {bytes:x?}"
            );
        }
        assert_eq!(bytes.len(), len, "more came than expected: {bytes:x?}");
        bytes.to_vec()
    }
}
