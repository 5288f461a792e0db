//! From nothing to an accepted connection.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use muster_broker::codec::{
    self, ByteStr, Connack, Connect, ConnectProperties, DecodeLimits, Packet, Password, Sender, Version,
};
use muster_broker::topic::TopicLimits;

use super::ClientConfig;
use super::error::Lost;
use super::transport::Transport;

/// What is accepted from a server, which is the measured one and not an enemy.
pub(super) const LIMITS: DecodeLimits = DecodeLimits {
    sender: Sender::Server,
    packet_size_max: 4 * 1024 * 1024,
    topic: TopicLimits {
        length_max: 65_535,
        levels_max: 256,
    },
    user_properties_max: 256,
    filters_max: 256,
};

/// A connection that the server answered, accepting or not.
pub(super) struct Opened {
    pub(super) transport: Transport,
    pub(super) connack: Connack,
    /// What came behind the CONNACK already.
    pub(super) input: BytesMut,
}

/// Opens the stream, sends CONNECT and waits for CONNACK, all within the configured time.
pub(super) async fn open(config: ClientConfig) -> Result<Opened, Lost> {
    let deadline = config.connect_timeout;
    let opening = async {
        let mut transport = Transport::open(&config.endpoint).await?;
        let mut out = BytesMut::new();
        // A client id or token that does not fit into a field is no fault of the network.
        codec::encode(&Packet::Connect(Box::new(packet(&config))), Version::V5, &mut out)
            .map_err(|_| Lost::Protocol("no CONNECT: the client id or the token is too long for one"))?;
        poll_fn(|cx| transport.poll_write(cx, &mut out)).await?;
        let mut input = BytesMut::new();
        loop {
            match codec::decode(&mut input, Some(Version::V5), &LIMITS)? {
                Some(Packet::Connack(connack)) => {
                    return Ok(Opened {
                        transport,
                        connack: *connack,
                        input,
                    });
                }
                Some(Packet::Disconnect(disconnect)) => return Err(Lost::Disconnected(disconnect.reason)),
                Some(_) => return Err(Lost::Protocol("something else before CONNACK")),
                None => poll_fn(|cx| transport.poll_read(cx, &mut input)).await?,
            }
        }
    };
    tokio::time::timeout(deadline, opening)
        .await
        .unwrap_or(Err(Lost::Silent))
}

fn packet(config: &ClientConfig) -> Connect {
    let client_id = ByteStr::from(config.client_id.as_str());
    Connect {
        version: Version::V5,
        clean_start: config.clean_start,
        keep_alive: config.keep_alive_s,
        username: Some(client_id.clone()),
        client_id,
        will: None,
        password: config
            .password
            .as_ref()
            .map(|password| Password(Bytes::copy_from_slice(password.as_bytes()))),
        properties: ConnectProperties {
            session_expiry: Some(config.session_expiry_s),
            ..ConnectProperties::default()
        },
    }
}
