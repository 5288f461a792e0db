//! Where a broker is, and over what it is spoken to.

use std::net::SocketAddr;

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Uri;

/// A broker's address. Names are looked up once, not with every connection of a large crowd.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) protocol: Protocol,
}

#[derive(Debug, Clone)]
pub(super) enum Protocol {
    WebSocket(Uri),
    Tcp,
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not of a form that is understood.
    #[error("{0} is no address of a broker: use ws://HOST:PORT/mqtt or mqtt://HOST:PORT")]
    Form(String),
    /// TLS is not spoken here.
    #[error("{0} asks for TLS, which this client does not speak: use the address behind the TLS proxy")]
    Tls(String),
    /// The name leads nowhere.
    #[error("cannot look up {host}: {cause}")]
    Lookup {
        /// Host and port.
        host: String,
        /// What the resolver said.
        cause: std::io::Error,
    },
}

impl Endpoint {
    /// Reads `ws://HOST[:80]/PATH` or `mqtt://HOST[:1883]`, and looks the host up.
    ///
    /// # Errors
    /// [`EndpointError`] says what to use instead.
    pub async fn resolve(url: &str) -> Result<Self, EndpointError> {
        let form = || EndpointError::Form(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(form)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (port, protocol) = match scheme {
            "ws" => {
                let uri: Uri = url.parse().map_err(|_| form())?;
                (&uri).into_client_request().map_err(|_| form())?;
                (80, Protocol::WebSocket(uri))
            }
            "mqtt" | "tcp" => (1883, Protocol::Tcp),
            "wss" | "mqtts" | "ssl" => return Err(EndpointError::Tls(url.to_owned())),
            _ => return Err(form()),
        };
        if authority.is_empty() || authority.contains('@') {
            return Err(form());
        }
        // "[::1]" has colons and no port.
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.contains(']'));
        let host = if has_port {
            authority.to_owned()
        } else {
            format!("{authority}:{port}")
        };
        let lookup = |cause| EndpointError::Lookup {
            host: host.clone(),
            cause,
        };
        let addresses: Vec<_> = tokio::net::lookup_host(&host).await.map_err(lookup)?.collect();
        if addresses.is_empty() {
            return Err(lookup(std::io::ErrorKind::NotFound.into()));
        }
        Ok(Self { addresses, protocol })
    }

    /// Plain MQTT over TCP.
    pub fn tcp(address: SocketAddr) -> Self {
        Self {
            addresses: vec![address],
            protocol: Protocol::Tcp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_read_with_their_default_ports() {
        for (url, port) in [
            ("ws://127.0.0.1:8080/mqtt", 8080),
            ("ws://127.0.0.1/mqtt", 80),
            ("mqtt://127.0.0.1", 1883),
            ("tcp://[::1]:1884", 1884),
            ("mqtt://[::1]", 1883),
        ] {
            let endpoint = Endpoint::resolve(url).await.expect(url);
            assert_eq!(endpoint.addresses[0].port(), port, "{url}");
            assert_eq!(
                matches!(endpoint.protocol, Protocol::WebSocket(_)),
                url.starts_with("ws")
            );
        }
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_refused_with_what_can() {
        for url in [
            "127.0.0.1:1883",
            "http://127.0.0.1",
            "ws://",
            "mqtt://user:secret@host",
        ] {
            let error = Endpoint::resolve(url).await.expect_err(url).to_string();
            assert!(error.contains("ws://HOST:PORT/mqtt"), "{error}");
        }
        assert!(matches!(
            Endpoint::resolve("wss://127.0.0.1/mqtt").await,
            Err(EndpointError::Tls(_))
        ));
    }
}
