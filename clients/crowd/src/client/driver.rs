//! The client itself: a state machine that its owner polls.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::num::NonZeroU16;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use muster_broker::ReasonCode;
use muster_broker::codec::{
    self, Ack, Connack, Disconnect, DisconnectProperties, Packet, PacketId, Publish, PublishProperties, QoS,
    Suback, Subscribe, SubscribeOptions, Subscription, Unsubscribe, UserProperties, Version,
};
use muster_broker::topic::{TopicFilter, TopicName};
use tokio::time::Sleep;

use super::backoff;
use super::connect::{self, LIMITS, Opened};
use super::error::{Lost, is_passing};
use super::outgoing::{Acked, ID_MAX, Outgoing};
use super::transport::Transport;
use super::{ClientConfig, ClientError, Event, QueueFull, Token};

/// Bytes that are gathered before they must be written; publishes beyond stay in their queue.
const WRITE_BYTES: usize = 64 * 1024;
/// Longest time for the goodbye of [`Client::close`].
const CLOSE_TIME: Duration = Duration::from_secs(2);

enum State {
    /// Until the timer fires.
    Waiting,
    Connecting {
        since: Instant,
        opening: Pin<Box<dyn Future<Output = Result<Opened, Lost>> + Send>>,
    },
    Up(Transport),
    Ended,
}

/// What was asked for and is not answered yet.
struct Asked {
    packet_id: PacketId,
    /// `None` for an UNSUBSCRIBE, and for what a lost session is asked again.
    token: Option<Token>,
    filters: Vec<TopicFilter>,
}

/// One client. See the module.
pub struct Client {
    config: ClientConfig,
    state: State,
    input: BytesMut,
    out: BytesMut,
    events: VecDeque<Event>,
    outgoing: Outgoing,
    subscriptions: Vec<Subscription>,
    asked: Vec<Asked>,
    next_ask_id: PacketId,
    /// One for all: the next attempt, keep alive, and the end of a pause that the server asked for.
    timer: Pin<Box<Sleep>>,
    keep_alive: Option<Duration>,
    read_at: Instant,
    written_at: Instant,
    /// Attempts since the last connection that stood.
    attempt: u32,
    reconnects: u32,
}

impl Client {
    /// A client that connects with the first call of [`Client::next`]. Must be called within a tokio runtime.
    pub fn new(config: ClientConfig) -> Self {
        let now = Instant::now();
        Self {
            outgoing: Outgoing::new(config.queue_max),
            config,
            state: State::Waiting,
            input: BytesMut::new(),
            out: BytesMut::new(),
            events: VecDeque::new(),
            subscriptions: Vec::new(),
            asked: Vec::new(),
            next_ask_id: PacketId::MAX,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            keep_alive: None,
            read_at: now,
            written_at: now,
            attempt: 0,
            reconnects: 0,
        }
    }

    /// Publishes with QoS 1; the acknowledgement comes as [`Event::Acked`] with the same token.
    ///
    /// # Errors
    /// When [`ClientConfig::queue_max`] wait already; nothing was taken then.
    pub fn publish(
        &mut self,
        topic: TopicName,
        payload: impl Into<Bytes>,
        token: Token,
    ) -> Result<(), QueueFull> {
        self.publish_with(topic, payload, token, false, None)
    }

    /// As [`Client::publish`]; retained, and with a lifetime in seconds, where asked for.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn publish_with(
        &mut self,
        topic: TopicName,
        payload: impl Into<Bytes>,
        token: Token,
        retain: bool,
        expiry_s: Option<u32>,
    ) -> Result<(), QueueFull> {
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain,
            topic: Some(topic),
            packet_id: None,
            properties: PublishProperties {
                message_expiry: expiry_s,
                ..PublishProperties::default()
            },
            payload: payload.into(),
        };
        self.outgoing.push(publish, token, Instant::now())
    }

    /// Publishes with QoS 0: written once when a connection stands. Returns false, and forgets it, when none does or
    /// too much waits for the socket.
    pub fn publish_at_most_once(&mut self, topic: &TopicName, payload: &[u8]) -> bool {
        if !matches!(self.state, State::Up(_)) || self.out.len() >= WRITE_BYTES {
            return false;
        }
        let properties = PublishProperties::default();
        let delivery = codec::Delivery {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: None,
            topic: topic.as_str(),
            topic_alias: None,
            message_expiry: None,
            subscription_ids: &[],
            properties: &properties,
            payload,
        };
        codec::encode_publish(&delivery, Version::V5, &mut self.out).is_ok()
    }

    /// Subscribes with one SUBSCRIBE, now and again whenever a session was lost. [`Event::Subscribed`] brings the token
    /// once the first SUBACK grants all filters; a refusal ends the client.
    pub fn subscribe(
        &mut self,
        filters: impl IntoIterator<Item = (TopicFilter, SubscribeOptions)>,
        token: Token,
    ) {
        let new: Vec<_> = filters
            .into_iter()
            .map(|(filter, options)| Subscription { filter, options })
            .collect();
        let filters = new.iter().map(|one| one.filter.clone()).collect();
        self.subscriptions
            .retain(|old| new.iter().all(|one| one.filter != old.filter));
        self.subscriptions.extend(new.iter().cloned());
        let packet_id = self.ask_id();
        self.asked.push(Asked {
            packet_id,
            token: Some(token),
            filters,
        });
        if matches!(self.state, State::Up(_)) {
            self.write_subscribe(packet_id, new);
        }
    }

    /// Takes subscriptions back. Messages that are on their way may still arrive.
    pub fn unsubscribe(&mut self, filters: impl IntoIterator<Item = TopicFilter>) {
        let filters: Vec<_> = filters.into_iter().collect();
        self.subscriptions.retain(|old| !filters.contains(&old.filter));
        let packet_id = self.ask_id();
        self.asked.push(Asked {
            packet_id,
            token: None,
            filters: filters.clone(),
        });
        if matches!(self.state, State::Up(_)) {
            self.write(&Packet::Unsubscribe(Unsubscribe {
                packet_id,
                user_properties: UserProperties::default(),
                filters,
            }));
        }
    }

    /// Publishes that were taken and are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.outgoing.len()
    }

    /// How many times a connection was opened again or attempted to.
    pub fn reconnects(&self) -> u32 {
        self.reconnects
    }

    /// True while a connection stands.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Drives the client until something is to be told. May be dropped at any point and called again: nothing is lost.
    ///
    /// # Errors
    /// When the client has ended; every further call then waits for ever.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Writes what waits and ends the connection in order; `forget` ends the session too. Takes at most two seconds.
    pub async fn close(mut self, forget: bool) {
        let State::Up(mut transport) = std::mem::replace(&mut self.state, State::Ended) else {
            return;
        };
        let disconnect = Disconnect {
            reason: ReasonCode::NORMAL_DISCONNECTION,
            properties: DisconnectProperties {
                session_expiry: forget.then_some(0),
                ..DisconnectProperties::default()
            },
        };
        self.write(&Packet::Disconnect(disconnect));
        let goodbye = async {
            if poll_fn(|cx| transport.poll_write(cx, &mut self.out))
                .await
                .is_ok()
            {
                transport.close().await;
            }
        };
        // Past the time the socket is dropped, which ends the connection as well.
        let _ = tokio::time::timeout(CLOSE_TIME, goodbye).await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, ClientError>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Ok(event));
            }
            match &mut self.state {
                State::Ended => return Poll::Pending,
                State::Waiting => {
                    if self.timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    let opening = Box::pin(connect::open(self.config.clone()));
                    self.state = State::Connecting {
                        since: Instant::now(),
                        opening,
                    };
                }
                State::Connecting { since, opening } => {
                    let since = *since;
                    let result = match opening.as_mut().poll(cx) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(result) => result,
                    };
                    if let Err(error) = self.opened(result, since) {
                        return Poll::Ready(Err(error));
                    }
                }
                State::Up(_) => match self.poll_up(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(Stop::Lost(lost))) => {
                        if let Err(error) = self.lost(lost) {
                            return Poll::Ready(Err(error));
                        }
                    }
                    Poll::Ready(Err(Stop::Ended(error))) => {
                        self.state = State::Ended;
                        return Poll::Ready(Err(error));
                    }
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// One round of a connection that stands. Ready means that something happened.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        while self.events.is_empty() {
            match codec::decode(&mut self.input, Some(Version::V5), &LIMITS).map_err(Lost::from)? {
                Some(packet) => self.handle(packet)?,
                None => break,
            }
        }
        if !self.events.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let State::Up(transport) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        // All that has arrived is read before anything is written, so that the answers to it leave together.
        if self.out.len() < WRITE_BYTES
            && let Poll::Ready(read) = transport.poll_read(cx, &mut self.input)
        {
            read?;
            self.read_at = Instant::now();
            return Poll::Ready(Ok(()));
        }
        self.take_outgoing();
        let State::Up(transport) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        let had = !self.out.is_empty();
        let written = transport.poll_write(cx, &mut self.out)?;
        if had && written.is_ready() {
            self.written_at = Instant::now();
            // More may have waited than one write takes, or the read was held back for it.
            return Poll::Ready(Ok(()));
        }
        if !self.events.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.poll_timer(cx)
    }

    /// Moves publishes to the write buffer, as many as the window and the buffer take.
    fn take_outgoing(&mut self) {
        let now = Instant::now();
        while self.out.len() < WRITE_BYTES {
            let Some((publish, token, again)) = self.outgoing.next(now) else {
                break;
            };
            // A publish was made of a checked topic and a payload; only one of 256 MiB has no form.
            if codec::encode_publish(&publish.as_delivery(), Version::V5, &mut self.out).is_ok() && again {
                self.events.push_back(Event::Resent(token));
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        loop {
            let now = Instant::now();
            if self.outgoing.resume(now) {
                return Poll::Ready(Ok(()));
            }
            if let Some(keep_alive) = self.keep_alive {
                if now >= self.read_at + keep_alive * 3 / 2 {
                    return Poll::Ready(Err(Lost::Silent.into()));
                }
                if now >= self.written_at + keep_alive * 3 / 4 {
                    self.write(&Packet::Pingreq);
                    self.written_at = now;
                    return Poll::Ready(Ok(()));
                }
            }
            let keep_alive = self.keep_alive.map(|keep_alive| {
                (self.written_at + keep_alive * 3 / 4).min(self.read_at + keep_alive * 3 / 2)
            });
            let Some(deadline) = [keep_alive, self.outgoing.paused_until()]
                .into_iter()
                .flatten()
                .min()
            else {
                return Poll::Pending;
            };
            // Left alone where it fires too early, so that it is not moved with every packet.
            if self.timer.is_elapsed() || self.timer.deadline() > deadline.into() {
                self.timer.as_mut().reset(deadline.into());
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn opened(&mut self, result: Result<Opened, Lost>, since: Instant) -> Result<(), ClientError> {
        let opened = match result {
            Ok(opened) if !opened.connack.reason.is_error() => opened,
            Ok(opened) if is_passing(opened.connack.reason) => {
                return self.lost(Lost::Disconnected(opened.connack.reason));
            }
            Ok(opened) => {
                self.state = State::Ended;
                return Err(ClientError::Refused(opened.connack.reason));
            }
            Err(lost) => return self.lost(lost),
        };
        let now = Instant::now();
        (self.read_at, self.written_at) = (now, now);
        self.state = State::Up(opened.transport);
        self.input = opened.input;
        self.attempt = 0;
        self.accept(&opened.connack);
        self.events.push_back(Event::Connected {
            session_present: opened.connack.session_present,
            took: now - since,
        });
        Ok(())
    }

    fn accept(&mut self, connack: &Connack) {
        let keep_alive = connack
            .properties
            .server_keep_alive
            .unwrap_or(self.config.keep_alive_s);
        self.keep_alive = (keep_alive > 0).then(|| Duration::from_secs(keep_alive.into()));
        let receive_maximum = connack.properties.receive_maximum.unwrap_or(NonZeroU16::MAX);
        self.outgoing.connected(
            connack.session_present,
            usize::from(receive_maximum.min(self.config.inflight_max).get()),
        );
        // What was asked and not answered is asked again in its first words, and all that stood when it was forgotten.
        let waiting: Vec<_> = self.asked.drain(..).collect();
        let again: Vec<Subscription> = self
            .subscriptions
            .iter()
            .filter(|one| {
                !connack.session_present && !waiting.iter().any(|asked| asked.filters.contains(&one.filter))
            })
            .cloned()
            .collect();
        if !again.is_empty() {
            let packet_id = self.ask_id();
            let filters = again.iter().map(|one| one.filter.clone()).collect();
            self.asked.push(Asked {
                packet_id,
                token: None,
                filters,
            });
            self.write_subscribe(packet_id, again);
        }
        for asked in waiting {
            let wanted: Vec<_> = self
                .subscriptions
                .iter()
                .filter(|one| asked.filters.contains(&one.filter))
                .cloned()
                .collect();
            if wanted.is_empty() {
                self.write(&Packet::Unsubscribe(Unsubscribe {
                    packet_id: asked.packet_id,
                    user_properties: UserProperties::default(),
                    filters: asked.filters.clone(),
                }));
            } else {
                self.write_subscribe(asked.packet_id, wanted);
            }
            self.asked.push(asked);
        }
    }

    /// Lets go of the connection and plans the next one.
    fn lost(&mut self, cause: Lost) -> Result<(), ClientError> {
        self.input = BytesMut::new();
        self.out.clear();
        self.outgoing.disconnected();
        if self.reconnects >= self.config.reconnect_limit {
            self.state = State::Ended;
            let limit = self.config.reconnect_limit;
            return Err(ClientError::ReconnectLimit { limit, cause });
        }
        self.reconnects += 1;
        let wait = backoff::delay(self.attempt, rand::random());
        self.attempt += 1;
        self.timer.as_mut().reset(tokio::time::Instant::now() + wait);
        self.state = State::Waiting;
        self.events.push_back(Event::Disconnected(cause));
        Ok(())
    }

    fn handle(&mut self, packet: Packet) -> Result<(), Stop> {
        match packet {
            Packet::Publish(publish) => {
                if publish.topic.is_none() || publish.qos == QoS::ExactlyOnce {
                    return Err(Lost::Protocol("a topic alias or QoS 2 that nobody asked for").into());
                }
                if let Some(packet_id) = publish.packet_id {
                    self.write(&Packet::Puback(Ack::success(packet_id)));
                }
                self.events.push_back(Event::Message(publish));
            }
            Packet::Puback(ack) => match self.outgoing.acked(ack.packet_id, ack.reason, Instant::now()) {
                Acked::Done {
                    token,
                    waited,
                    reason,
                } => {
                    self.events.push_back(Event::Acked {
                        token,
                        waited,
                        reason,
                    });
                }
                Acked::PushedBack { token } => self.events.push_back(Event::PushedBack(token)),
                Acked::Unknown => return Err(Lost::Protocol("a PUBACK of nothing that waits for one").into()),
            },
            Packet::Suback(suback) => self.subscribed(&suback)?,
            Packet::Unsuback(unsuback) => self.asked.retain(|asked| asked.packet_id != unsuback.packet_id),
            Packet::Pingresp => {}
            Packet::Disconnect(disconnect) if is_passing(disconnect.reason) => {
                return Err(Lost::Disconnected(disconnect.reason).into());
            }
            Packet::Disconnect(disconnect) => return Err(Stop::Ended(ClientError::Ended(disconnect.reason))),
            _ => return Err(Lost::Protocol("a packet that a server does not send now").into()),
        }
        Ok(())
    }

    fn subscribed(&mut self, suback: &Suback) -> Result<(), Stop> {
        let Some(index) = self
            .asked
            .iter()
            .position(|asked| asked.packet_id == suback.packet_id)
        else {
            return Err(Lost::Protocol("a SUBACK of nothing that waits for one").into());
        };
        let asked = self.asked.swap_remove(index);
        if let Some((filter, reason)) = asked
            .filters
            .iter()
            .zip(&suback.reasons)
            .find(|(_, reason)| reason.is_error())
        {
            return Err(Stop::Ended(ClientError::SubscriptionRefused {
                filter: filter.as_str().to_owned(),
                reason: *reason,
            }));
        }
        self.events.extend(asked.token.map(Event::Subscribed));
        Ok(())
    }

    fn write_subscribe(&mut self, packet_id: PacketId, subscriptions: Vec<Subscription>) {
        self.write(&Packet::Subscribe(Subscribe {
            packet_id,
            subscription_id: None,
            user_properties: UserProperties::default(),
            subscriptions,
        }));
    }

    fn write(&mut self, packet: &Packet) {
        codec::encode(packet, Version::V5, &mut self.out).expect("the client's own packets are short");
    }

    /// Identifiers for subscribing are those above the ones of publishes.
    fn ask_id(&mut self) -> PacketId {
        loop {
            let id = self.next_ask_id;
            self.next_ask_id = PacketId::new(id.get() - 1)
                .filter(|id| *id > ID_MAX)
                .unwrap_or(PacketId::MAX);
            if self.asked.iter().all(|asked| asked.packet_id != id) {
                return id;
            }
        }
    }
}

/// Why a round of a standing connection ends it.
enum Stop {
    Lost(Lost),
    Ended(ClientError),
}

impl From<Lost> for Stop {
    fn from(lost: Lost) -> Self {
        Stop::Lost(lost)
    }
}
