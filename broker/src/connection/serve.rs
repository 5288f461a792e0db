//! The life of an accepted connection.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep_until};

use super::closing::{close, put_disconnect, put_packet};
use super::handshake::{Parts, credentials_end, guarded, seconds};
use super::inbound::{Judged, Pause};
use super::wire::{ReadOutcome, Wire};
use crate::broker::Shared;
use crate::codec::{Auth, AuthProperties, Disconnect, Packet, Version, encode, encode_publish};
use crate::engine::{Ending, Outgoing};
use crate::metrics;
use crate::plugin::ReauthenticateRequest;
use crate::reason::ReasonCode;
use crate::websocket::CloseCode;

/// How far in the future a timer is set that has nothing to do.
const IDLE: Duration = Duration::from_secs(3600);

/// Deliveries that one locking of the engine may queue, before it is unlocked once.
const ROUTED_AT_ONCE: u64 = 2_000;

/// A client with a session.
pub(super) struct Connection<S> {
    wire: Wire<S>,
    parts: Parts,
    /// When the client was last heard.
    heard: Instant,
    /// By when the socket must have taken what waits for it.
    write_by: Option<Instant>,
}

/// What happened while the task waited.
enum Happened {
    /// Input came.
    Read,
    /// The socket took everything, or the engine has something.
    Sendable,
    /// A deadline may have passed.
    Timer,
    /// The client is gone without a word.
    Ended,
}

/// How it ends.
enum End {
    /// The client said so.
    Disconnect(Ending),
    /// The socket is of no use any more.
    Lost,
    /// The client ended the stream, perhaps with a close frame that is answered.
    Ended,
    /// This side ends it, and says why.
    Ours(ReasonCode),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) fn new(wire: Wire<S>, parts: Parts) -> Self {
        Self {
            wire,
            parts,
            heard: Instant::now(),
            write_by: None,
        }
    }

    /// Serves until the end, and tells the engine.
    pub(super) async fn serve(mut self: Box<Self>, shared: &Arc<Shared>) {
        let end = match shared.stop.is_cancelled() {
            // The broker stopped between the CONNECT and here.
            true => End::Ours(ReasonCode::ServerShuttingDown),
            false => self.exchange(shared).await,
        };
        let ending = match &end {
            End::Disconnect(ending) => *ending,
            End::Lost | End::Ended => Ending::Lost {
                reason: ReasonCode::UnspecifiedError,
            },
            End::Ours(reason) => Ending::Lost { reason: *reason },
        };
        let now = shared.now();
        let connection = self.parts.accepted.connection;
        shared.with_engine(|engine, effects| engine.disconnect(connection, ending, now, effects));
        match end {
            End::Lost => {}
            End::Ended if !self.wire.has_output() => {}
            End::Ended | End::Disconnect(_) => close(self.wire, CloseCode::Normal).await,
            End::Ours(reason) => {
                tracing::debug!(
                    client_id = self.parts.inbound.client_id.as_str(), peer = %self.parts.origin.peer, %reason,
                    "connection closed"
                );
                put_disconnect(&mut self.wire, self.parts.inbound.version, reason);
                let code = match reason {
                    ReasonCode::ServerShuttingDown => CloseCode::GoingAway,
                    _ => CloseCode::Normal,
                };
                close(self.wire, code).await;
            }
        }
    }

    async fn exchange(&mut self, shared: &Arc<Shared>) -> End {
        let mut timer = std::pin::pin!(sleep_until((Instant::now() + IDLE).into()));
        timer.as_mut().reset(self.next_deadline().into());
        // What came with the CONNECT is not announced by the socket any more.
        if let Err(end) = self.take_input(shared).await {
            return end;
        }
        let mut more = true;
        loop {
            if !self.wire.has_output() && more {
                more = match self.fetch(shared) {
                    Ok(more) => more,
                    Err(reason) => return End::Ours(reason),
                };
            }
            let connection = self.parts.accepted.connection;
            let readable = !self.wire.has_output()
                || shared.engine.lock().waiting_replies(connection) <= shared.limits.pending_acks_max;
            let waited = poll_fn(|context| self.poll(context, readable, more, timer.as_mut(), shared)).await;
            match waited {
                Ok(Happened::Read) => {
                    self.heard = Instant::now();
                    let credentials_end = self.parts.credentials_end;
                    if let Err(end) = self.take_input(shared).await {
                        return end;
                    }
                    if self.parts.credentials_end != credentials_end {
                        timer.as_mut().reset(self.next_deadline().into());
                    }
                    more = true;
                }
                Ok(Happened::Sendable) => more = true,
                Ok(Happened::Timer) => {
                    if let Some(end) = self.overdue() {
                        return end;
                    }
                    timer.as_mut().reset(self.next_deadline().into());
                }
                // A close frame may have come in one read with the packets before it.
                Ok(Happened::Ended) => return self.take_input(shared).await.err().unwrap_or(End::Ended),
                Err(_) => return End::Lost,
            }
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        readable: bool,
        more: bool,
        mut timer: Pin<&mut Sleep>,
        shared: &Shared,
    ) -> Poll<io::Result<Happened>> {
        if self.wire.has_output() {
            match self.wire.poll_write(context)? {
                Poll::Ready(()) => self.write_by = None,
                Poll::Pending if self.write_by.is_none() => {
                    self.write_by = Some(Instant::now() + shared.limits.write_deadline);
                    timer.as_mut().reset(self.next_deadline().into());
                }
                Poll::Pending => {}
            }
        }
        if readable && let Poll::Ready(read) = self.wire.poll_read(context)? {
            return Poll::Ready(Ok(match read {
                ReadOutcome::Data => Happened::Read,
                ReadOutcome::Ended => Happened::Ended,
            }));
        }
        if !self.wire.has_output() && (more || self.parts.bell.answer()) {
            return Poll::Ready(Ok(Happened::Sendable));
        }
        if timer.poll(context).is_ready() {
            return Poll::Ready(Ok(Happened::Timer));
        }
        self.wire.release();
        Poll::Pending
    }

    /// Encodes what the engine has for this client. True when there is more.
    fn fetch(&mut self, shared: &Shared) -> Result<bool, ReasonCode> {
        // Before the engine is asked: what comes after must ring again.
        self.parts.bell.answer();
        let connection = self.parts.accepted.connection;
        let version = self.parts.inbound.version;
        let bytes_max = shared.limits.write_buffer_max;
        let now = shared.now();
        let mut outgoing = Vec::new();
        let more = shared
            .with_engine(|engine, effects| engine.pull(connection, bytes_max, now, &mut outgoing, effects))?;
        if outgoing.is_empty() {
            return Ok(more);
        }
        self.wire.put(|out| {
            for item in outgoing {
                let encoded = match item {
                    Outgoing::Reply(reply) => encode(&reply.into_packet(), version, out),
                    Outgoing::Publish(outbound) => encode_publish(&outbound.as_delivery(), version, out),
                };
                if let Err(error) = encoded {
                    // Its parts were decoded or checked, so they have a form.
                    tracing::error!(%error, "a packet could not be encoded and was left out");
                }
            }
        });
        Ok(more)
    }

    /// Decodes what is there and gives it to the engine.
    async fn take_input(&mut self, shared: &Arc<Shared>) -> Result<(), End> {
        let mut batch = Vec::new();
        loop {
            let pause = self
                .parts
                .inbound
                .decode(&mut self.wire.input, &shared.chain, &mut batch);
            self.give(&mut batch, shared).map_err(End::Ours)?;
            match pause {
                Pause::Hungry => return Ok(()),
                Pause::Full => {}
                Pause::Disconnect(disconnect) => return Err(self.disconnected(&disconnect)),
                // Boxed: rare, and the state of what is rare would be held by every idle connection.
                Pause::Auth(auth) => Box::pin(self.reauthenticate(shared, auth))
                    .await
                    .map_err(End::Ours)?,
                Pause::Fault(reason, what) => {
                    tracing::debug!(
                        client_id = self.parts.inbound.client_id.as_str(), %reason, what, "protocol fault"
                    );
                    return Err(End::Ours(reason));
                }
            }
        }
    }

    fn give(&mut self, batch: &mut Vec<Judged>, shared: &Shared) -> Result<(), ReasonCode> {
        if batch.is_empty() {
            return Ok(());
        }
        let connection = self.parts.accepted.connection;
        let read_bytes = self.wire.read_bytes;
        let now = shared.now();
        let mut judged = batch.drain(..);
        loop {
            // Others get their turn between the parts of a batch that has many receivers.
            let left = shared.with_engine(|engine, effects| {
                let until = engine.routed() + ROUTED_AT_ONCE;
                while engine.routed() < until {
                    match judged.next() {
                        None => return Ok(false),
                        Some(Judged::Packet(packet)) => {
                            engine.packet(connection, packet, read_bytes, now, effects)?;
                        }
                        Some(Judged::Refused(publish, reason)) => {
                            engine.refused(connection, publish, reason, effects)?;
                        }
                    }
                }
                Ok(true)
            })?;
            if !left {
                return Ok(());
            }
        }
    }

    fn disconnected(&self, disconnect: &Disconnect) -> End {
        let session_expiry = disconnect.properties.session_expiry;
        // A session that was to end with its connection cannot be made to outlive it now. [section 3.14.2.2.2]
        if self.parts.ends_with_connection && session_expiry.is_some_and(|expiry| expiry > 0) {
            return End::Ours(ReasonCode::ProtocolError);
        }
        End::Disconnect(Ending::Client {
            reason: disconnect.reason,
            session_expiry: session_expiry.map(seconds),
        })
    }

    /// New credentials for the same principal. [section 4.12.1]
    async fn reauthenticate(&mut self, shared: &Arc<Shared>, auth: Auth) -> Result<(), ReasonCode> {
        let method = auth.properties.auth_method;
        let Some(auth_method) = self.parts.auth_method.clone() else {
            return Err(ReasonCode::ProtocolError);
        };
        if auth.reason != ReasonCode::ReAuthenticate {
            return Err(ReasonCode::ProtocolError);
        }
        if method.as_ref() != Some(&auth_method) {
            return Err(ReasonCode::BadAuthenticationMethod);
        }
        let Some(authenticator) = shared.authenticator.clone() else {
            return Err(ReasonCode::BadAuthenticationMethod);
        };
        let request = ReauthenticateRequest {
            client_id: self.parts.inbound.client_id.clone(),
            principal: self.parts.inbound.principal.clone(),
            auth_method: auth_method.clone(),
            auth_data: auth.properties.auth_data,
            peer: self.parts.origin.peer,
        };
        let principal = guarded(
            shared,
            async move { authenticator.reauthenticate(&request).await },
        )
        .await?;
        let credentials_end = credentials_end(&principal)?;
        let connection = self.parts.accepted.connection;
        let renewed = principal.clone();
        shared.with_engine(|engine, _| engine.reauthenticated(connection, renewed))?;
        self.parts.inbound.principal = principal;
        self.parts.credentials_end = credentials_end;
        let properties = AuthProperties {
            auth_method: Some(auth_method),
            ..AuthProperties::default()
        };
        let answer = Packet::Auth(Auth {
            reason: ReasonCode::Success,
            properties,
        });
        put_packet(&mut self.wire, &answer, Version::V5);
        Ok(())
    }

    /// The earliest of what may pass.
    fn next_deadline(&self) -> Instant {
        let silence = self.parts.silence_max.map(|max| self.heard + max);
        let earliest = [silence, self.parts.credentials_end, self.write_by]
            .into_iter()
            .flatten()
            .min();
        earliest.unwrap_or_else(|| Instant::now() + IDLE)
    }

    /// The deadline that has passed, if one has.
    fn overdue(&self) -> Option<End> {
        let now = Instant::now();
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        if passed(self.write_by) {
            metrics::slow_reader();
            tracing::info!(
                client_id = self.parts.inbound.client_id.as_str(),
                "slow reader cut"
            );
            // What was encoded is not coming through, so neither would a DISCONNECT.
            return Some(End::Lost);
        }
        if passed(self.parts.credentials_end) {
            return Some(End::Ours(ReasonCode::NotAuthorized));
        }
        let silence = self.parts.silence_max.map(|max| self.heard + max);
        passed(silence).then_some(End::Ours(ReasonCode::KeepAliveTimeout))
    }
}
