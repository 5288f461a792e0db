//! MQTT over WebSocket at `/mqtt` on the HTTP port: the upgrade, then the broker's connection.
//!
//! In one process the upgraded stream is handed to the broker. As a process of its own the API has no broker: it passes
//! the bytes on to the broker's WebSocket listener, which it asks for the same upgrade.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use hyper_util::rt::TokioIo;
use muster_broker::BrokerHandle;
use muster_broker::websocket::upgrade::{accept_key, select_subprotocol};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longest time that the broker's process may take to answer the upgrade.
const UPSTREAM_DEADLINE: Duration = Duration::from_secs(5);
/// Longest answer to the upgrade, in bytes.
const UPSTREAM_HEAD_MAX: u64 = 4 * 1024;

/// Where upgraded streams go.
#[derive(Clone)]
pub enum Upstream {
    /// The broker in this process.
    Here(BrokerHandle),
    /// The WebSocket listener of a broker in another process, and its path.
    There(SocketAddr, Arc<str>),
}

/// The route `/mqtt`.
pub fn router(upstream: Upstream) -> Router {
    Router::new().route("/mqtt", get(upgrade)).with_state(upstream)
}

async fn upgrade(
    State(upstream): State<Upstream>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let (key, subprotocol) = match offer(request.headers()) {
        Ok(offer) => offer,
        Err(problem) => return (StatusCode::BAD_REQUEST, problem).into_response(),
    };
    let accept = accept_key(&key);
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // A client that went away before the upgrade is its own business.
        let Ok(upgraded) = upgrade.await else { return };
        let mut stream = TokioIo::new(upgraded);
        match upstream {
            Upstream::Here(broker) => broker.serve_upgraded_websocket(stream, peer),
            Upstream::There(address, path) => match connect(address, &path, subprotocol).await {
                Ok(mut broker) => {
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut broker).await;
                }
                Err(error) => {
                    tracing::warn!(%address, error = format!("{error:#}"), "the broker cannot be reached")
                }
            },
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .header(header::SEC_WEBSOCKET_PROTOCOL, subprotocol)
        .body(Body::empty())
        .expect("fixed headers make a response")
}

/// The key and the chosen subprotocol of a request for an upgrade (RFC 6455, section 4.2.1).
fn offer(headers: &HeaderMap) -> Result<(String, &'static str), &'static str> {
    let text = |name: header::HeaderName| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let lists = |name, word: &str| {
        text(name)
            .split(',')
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if !lists(header::CONNECTION, "upgrade") || !lists(header::UPGRADE, "websocket") {
        return Err("this is MQTT over WebSocket: connect with an MQTT client");
    }
    if text(header::SEC_WEBSOCKET_VERSION) != "13" {
        return Err("only version 13 of WebSocket is spoken here");
    }
    let key = text(header::SEC_WEBSOCKET_KEY);
    if key.len() != 24 {
        return Err("Sec-WebSocket-Key is missing or wrong");
    }
    let subprotocol = select_subprotocol(text(header::SEC_WEBSOCKET_PROTOCOL));
    Ok((
        key.to_owned(),
        subprotocol.ok_or("the subprotocol must be mqtt [MQTT-6.0.0-3]")?,
    ))
}

/// Asks the broker's own listener for an upgrade; the stream then carries frames.
async fn connect(address: SocketAddr, path: &str, subprotocol: &str) -> anyhow::Result<BufReader<TcpStream>> {
    tokio::time::timeout(UPSTREAM_DEADLINE, async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // Nothing is masked by this key; RFC 6455 only wants its form.
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bXVzdGVyLWZvcndhcmRzIQ==\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        loop {
            let mut line = String::new();
            let read = tokio::io::AsyncReadExt::take(&mut reader, UPSTREAM_HEAD_MAX)
                .read_line(&mut line)
                .await?;
            head.push_str(&line);
            if read == 0 || head.len() as u64 > UPSTREAM_HEAD_MAX {
                bail!("it answered no upgrade");
            }
            if line == "\r\n" {
                break;
            }
        }
        if !head.starts_with("HTTP/1.1 101 ") {
            bail!("it refused the upgrade");
        }
        Ok(reader)
    })
    .await
    .context("it took too long")?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_a_whole_offer_is_taken() {
        let whole = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "mqtt"),
        ];
        assert_eq!(offer(&headers(&whole)).unwrap().1, "mqtt");
        for missing in 0..whole.len() {
            let mut part = whole.to_vec();
            part.remove(missing);
            assert!(
                offer(&headers(&part)).is_err(),
                "taken without {}",
                whole[missing].0
            );
        }
    }
}
