//! From an accepted socket to an accepted CONNECT, under one deadline.

use std::future::poll_fn;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::Origin;
use super::bell::Bell;
use super::closing::{close, put_packet, put_refusal};
use super::inbound::Inbound;
use super::serve::Connection;
use super::wire::{ReadOutcome, Wire};
use crate::broker::Shared;
use crate::codec::{
    ByteStr, Connack, ConnackProperties, Connect, Packet, Publish, QoS, Version, Will, decode,
};
use crate::engine::{Accepted, ConnectParams};
use crate::metrics;
use crate::plugin::{ConnectRequest, Event, Principal, PublishOrigin};
use crate::reason::ReasonCode;
use crate::session::StoredWill;
use crate::websocket::CloseCode;
use crate::websocket::upgrade::{UpgradePolicy, parse};

/// Why there is no connection.
enum Refused {
    /// The socket ended, or nothing can be said on it.
    Silent,
    /// What there was to say is in the output.
    Told,
}

/// Serves the HTTP upgrade, where there is to be one, and the CONNECT. `None` when there is no connection in the end;
/// the socket is closed then.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send>(
    shared: &Arc<Shared>,
    mut wire: Wire<S>,
    origin: Origin,
    upgrade: Option<Arc<UpgradePolicy>>,
) -> Option<Box<Connection<S>>> {
    // A socket that says nothing waits in here, so the future is kept small: it is pinned where it stands, and what
    // comes after the CONNECT is boxed.
    let outcome = {
        let accepted = std::pin::pin!(async {
            let first = timeout(shared.limits.connect_deadline, async {
                if let Some(policy) = upgrade {
                    upgrade_websocket(&mut wire, &policy, shared.limits.packet_size_max).await?;
                }
                read_connect(&mut wire, shared).await
            });
            let Ok(connect) = first.await else {
                metrics::connect_refused("deadline");
                return Err(Refused::Silent);
            };
            Box::pin(accept(shared, &mut wire, origin, connect?)).await
        });
        shared.stop.run_until_cancelled(accepted).await
    };
    match outcome {
        Some(Ok(parts)) => Some(Box::new(Connection::new(wire, *parts))),
        Some(Err(Refused::Told)) => {
            close(wire, CloseCode::Normal).await;
            None
        }
        Some(Err(Refused::Silent)) | None => None,
    }
}

async fn upgrade_websocket<S: AsyncRead + AsyncWrite + Unpin + Send>(
    wire: &mut Wire<S>,
    policy: &UpgradePolicy,
    packet_size_max: u32,
) -> Result<(), Refused> {
    loop {
        match parse(&wire.input, policy) {
            Ok(Some(upgrade)) => {
                wire.input.advance(upgrade.request_len);
                wire.put_raw(&upgrade.response);
                wire.speak_websocket(packet_size_max);
                poll_fn(|context| wire.poll_write(context))
                    .await
                    .map_err(|_| Refused::Silent)?;
                return match wire.reframe() {
                    ReadOutcome::Data => Ok(()),
                    ReadOutcome::Ended => Err(Refused::Told),
                };
            }
            Ok(None) => read_more(wire).await?,
            Err(error) => {
                metrics::connect_refused("upgrade");
                tracing::debug!(%error, "WebSocket upgrade refused");
                wire.put_raw(&error.response());
                return Err(Refused::Told);
            }
        }
    }
}

async fn read_more<S: AsyncRead + AsyncWrite + Unpin + Send>(wire: &mut Wire<S>) -> Result<(), Refused> {
    match poll_fn(|context| wire.poll_read(context)).await {
        Ok(ReadOutcome::Data) => {}
        Ok(ReadOutcome::Ended) if wire.has_output() => return Err(Refused::Told),
        Ok(ReadOutcome::Ended) | Err(_) => return Err(Refused::Silent),
    }
    // Answers to pings, before there is a connection.
    match wire.has_output() {
        true => poll_fn(|context| wire.poll_write(context))
            .await
            .map_err(|_| Refused::Silent),
        false => Ok(()),
    }
}

async fn read_connect<S: AsyncRead + AsyncWrite + Unpin + Send>(
    wire: &mut Wire<S>,
    shared: &Shared,
) -> Result<Box<Connect>, Refused> {
    let limits = shared.limits.decode(false);
    loop {
        match decode(&mut wire.input, None, &limits) {
            Ok(Some(Packet::Connect(connect))) => return Ok(connect),
            Ok(Some(_)) => return Err(Refused::Silent),
            Ok(None) => read_more(wire).await?,
            Err(error) => {
                metrics::connect_refused("malformed");
                tracing::debug!(%error, "CONNECT refused");
                let Some(version) = error.version else {
                    return Err(Refused::Silent);
                };
                put_refusal(wire, version, error.reason);
                return Err(Refused::Told);
            }
        }
    }
}

/// What a connection is made of, apart from its socket.
pub(super) struct Parts {
    pub(super) accepted: Accepted,
    pub(super) inbound: Inbound,
    pub(super) bell: Arc<Bell>,
    pub(super) origin: Origin,
    /// After so long a silence the client is gone. [MQTT-3.1.2-22]
    pub(super) silence_max: Option<Duration>,
    /// When the credentials end.
    pub(super) credentials_end: Option<Instant>,
    pub(super) auth_method: Option<ByteStr>,
    /// The CONNECT asked for a session that ends with the connection. [MQTT-3.14.2-2 forbids to change that]
    pub(super) ends_with_connection: bool,
}

async fn accept<S: AsyncRead + AsyncWrite + Unpin + Send>(
    shared: &Arc<Shared>,
    wire: &mut Wire<S>,
    origin: Origin,
    connect: Box<Connect>,
) -> Result<Box<Parts>, Refused> {
    let version = connect.version;
    let client_id = connect.client_id.detach();
    let assigned = client_id.is_empty();
    let outcome = match assigned && version == Version::V3_1_1 && !connect.clean_start {
        // [MQTT-3.1.3-8] of 3.1.1: such a session could never be found again.
        true => Err(ReasonCode::ClientIdentifierNotValid),
        false => take_in(shared, origin, *connect).await,
    };
    match outcome {
        Ok((parts, connack)) => {
            put_packet(wire, &Packet::Connack(Box::new(connack)), version);
            Ok(Box::new(parts))
        }
        Err(reason) => {
            metrics::connect_refused("refused");
            tracing::debug!(client_id = client_id.as_str(), peer = %origin.peer, %reason, "CONNECT refused");
            shared.tell(Event::ConnectRefused {
                client_id,
                peer: origin.peer,
                reason,
            });
            put_refusal(wire, version, reason);
            Err(Refused::Told)
        }
    }
}

async fn take_in(
    shared: &Arc<Shared>,
    origin: Origin,
    connect: Connect,
) -> Result<(Parts, Connack), ReasonCode> {
    let limits = &shared.limits;
    let version = connect.version;
    let properties = &connect.properties;
    let assigned = connect.client_id.is_empty();
    let client_id = match assigned {
        true => ByteStr::from(format!("auto-{}", uuid::Uuid::now_v7().simple())),
        false => connect.client_id.detach(),
    };
    let auth_method = properties.auth_method.as_ref().map(ByteStr::detach);
    let request = ConnectRequest {
        client_id: client_id.clone(),
        username: connect.username.clone(),
        password: connect.password.as_ref().map(|password| password.0.clone()),
        auth_method: auth_method.clone(),
        auth_data: properties.auth_data.clone(),
        peer: origin.peer,
        transport: origin.transport,
        version,
    };
    let principal = authenticate(shared, request).await?;
    let credentials_end = credentials_end(&principal)?;
    let will = match connect.will {
        None => None,
        Some(will) => Some(admit_will(shared, will, &principal, &client_id)?),
    };
    let asked = match version {
        Version::V3_1_1 if connect.clean_start => Duration::ZERO,
        Version::V3_1_1 => Duration::MAX,
        Version::V5 => seconds(properties.session_expiry.unwrap_or(0)),
    };
    let receive_maximum = properties.receive_maximum.map_or(u16::MAX, NonZeroU16::get);
    let packet_size_max = properties.maximum_packet_size.map_or(u32::MAX, NonZeroU32::get);
    let bell = Bell::of_this_task().await;
    let params = ConnectParams {
        client_id: client_id.clone(),
        principal: principal.clone(),
        version,
        clean_start: connect.clean_start,
        session_expiry: asked,
        receive_maximum,
        packet_size_max,
        will,
        peer: origin.peer,
        transport: origin.transport,
        waker: bell.clone().into(),
    };
    let now = shared.now();
    let accepted = shared.with_engine(|engine, effects| engine.connect(params, now, effects))?;
    let keep_alive_max = limits
        .keep_alive_max
        .map(|max| u16::try_from(max.as_secs()).unwrap_or(u16::MAX));
    let keep_alive = match keep_alive_max {
        Some(max) if connect.keep_alive == 0 || connect.keep_alive > max => max,
        _ => connect.keep_alive,
    };
    // A client of 3.1.1 cannot be told another keep alive, so its own holds.
    let keep_alive = if version == Version::V3_1_1 {
        connect.keep_alive
    } else {
        keep_alive
    };
    let connack = Connack {
        session_present: accepted.session_present,
        reason: ReasonCode::Success,
        properties: ConnackProperties {
            session_expiry: (accepted.session_expiry != asked)
                .then(|| u32::try_from(accepted.session_expiry.as_secs()).unwrap_or(u32::MAX)),
            receive_maximum: NonZeroU16::new(limits.receive_maximum).filter(|max| max.get() < u16::MAX),
            maximum_qos: (limits.qos_max != QoS::ExactlyOnce).then_some(limits.qos_max),
            maximum_packet_size: NonZeroU32::new(limits.packet_size_max),
            assigned_client_id: assigned.then(|| client_id.clone()),
            topic_alias_maximum: (limits.topic_alias_max > 0).then_some(limits.topic_alias_max),
            server_keep_alive: (keep_alive != connect.keep_alive).then_some(keep_alive),
            auth_method: auth_method.clone(),
            ..ConnackProperties::default()
        },
    };
    let inbound = Inbound::new(
        version,
        limits.decode(true),
        client_id,
        principal,
        limits.topic_alias_max,
    );
    let parts = Parts {
        accepted,
        inbound,
        bell,
        origin,
        silence_max: (keep_alive > 0).then(|| Duration::from_millis(u64::from(keep_alive) * 1500)),
        credentials_end,
        auth_method,
        ends_with_connection: asked.is_zero(),
    };
    Ok((parts, connack))
}

/// A session expiry on the wire; the largest number is for ever.
pub(super) fn seconds(value: u32) -> Duration {
    match value {
        u32::MAX => Duration::MAX,
        value => Duration::from_secs(value.into()),
    }
}

/// When the principal's credentials end, on the clock that does not jump.
pub(super) fn credentials_end(principal: &Principal) -> Result<Option<Instant>, ReasonCode> {
    let Some(at) = principal.expires_at else {
        return Ok(None);
    };
    match at.duration_since(SystemTime::now()) {
        Ok(left) => Ok(Instant::now().checked_add(left)),
        Err(_) => Err(ReasonCode::NotAuthorized),
    }
}

async fn authenticate(shared: &Shared, request: ConnectRequest) -> Result<Principal, ReasonCode> {
    let Some(authenticator) = shared.authenticator.clone() else {
        return match request.auth_method {
            None => Ok(Principal::anonymous()),
            Some(_) => Err(ReasonCode::BadAuthenticationMethod),
        };
    };
    guarded(shared, async move { authenticator.authenticate(&request).await }).await
}

/// Runs a plugin's future in a task of its own: its panic is a denial, and so is running over its time.
pub(super) async fn guarded(
    shared: &Shared,
    asked: impl Future<Output = Result<Principal, ReasonCode>> + Send + 'static,
) -> Result<Principal, ReasonCode> {
    let mut task = tokio::spawn(asked);
    match timeout(shared.limits.authenticate_deadline, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            tracing::error!("the authenticator panicked; that is a denial");
            Err(ReasonCode::NotAuthorized)
        }
        Err(_) => {
            task.abort();
            tracing::warn!("the authenticator took too long; that is a denial");
            Err(ReasonCode::ServerUnavailable)
        }
    }
}

/// Lets the plugins judge a will as if it were published now; it is authorized again when it is.
fn admit_will(
    shared: &Shared,
    will: Will,
    principal: &Principal,
    client_id: &str,
) -> Result<StoredWill, ReasonCode> {
    if will.qos > shared.limits.qos_max {
        return Err(ReasonCode::QosNotSupported);
    }
    let delay = seconds(will.properties.will_delay.unwrap_or(0));
    let mut publish = Publish {
        dup: false,
        qos: will.qos,
        retain: will.retain,
        topic: Some(will.topic.detach()),
        packet_id: None,
        properties: will.properties.to_publish_properties(),
        payload: Bytes::copy_from_slice(&will.payload),
    };
    shared.chain.admit(
        &mut publish,
        principal,
        client_id,
        PublishOrigin::Will,
        SystemTime::now,
    )?;
    Ok(StoredWill { publish, delay })
}
