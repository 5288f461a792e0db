//! One who needs help: joins, connects, asks, waits, tells where, chats, and leaves when the case is closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use muster_broker::codec::{Publish, QoS, SubscribeOptions};
use muster_broker::topic::TopicName;
use muster_domain::payload::{Case, CaseState, Help, HelpKind, Location, LocationKind};
use muster_domain::{ClientId, MessageId, Topic};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::args::Pace;
use crate::client::{Client, ClientConfig, Event, Token};
use crate::schedule::Schedule;
use crate::setup::VENUE;
use crate::stage::{Chat, Stage};
use crate::tag::Side;
use crate::talk::Voice;

/// Tokens below are numbers of chat messages.
const HELP: Token = 1 << 32;
const LOCATION: Token = HELP + 1;
const SUBSCRIBED: Token = HELP + 2;

/// Seconds after which a location that nobody cleared is gone.
const LOCATION_EXPIRY_S: u32 = 900;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    Arriving,
    Asked,
    Queued,
    Claimed,
    Closed,
}

struct Participant {
    stage: Arc<Stage>,
    voice: Voice,
    client: Client,
    me: ClientId,
    location_topic: TopicName,
    phase: Phase,
    asked_at: Instant,
    /// Of the case, the last that was seen.
    revision: i64,
    schedule: Option<Schedule>,
    next_location: Option<Instant>,
    answered: u32,
    connected: bool,
    /// Sends nothing new.
    halted: bool,
}

/// Lives through the whole of it. Ends early, without an error, when the crowd is told to.
///
/// # Errors
/// What kept this one from being helped.
pub async fn run(stage: Arc<Stage>, chat: Arc<Chat>, arrival: Instant) -> anyhow::Result<()> {
    tokio::select! {
        () = tokio::time::sleep_until(arrival.into()) => {}
        () = stage.halt.cancelled() => return Ok(()),
    }
    let joining = Instant::now();
    let name = format!("Participant {}", chat.index + 1);
    let token = tokio::select! {
        token = stage.api.join(&stage.event.join_code, &name) => token.context("joining the event")?,
        () = stage.halt.cancelled() => return Ok(()),
    };
    stage.stats.join.note(joining.elapsed());
    stage.stats.joined.add();
    let me = token.client_id.clone();
    stage.joined.write().insert(me.clone(), Arc::clone(&chat));
    let config = ClientConfig {
        client_id: me.to_string(),
        password: Some(token.token),
        ..stage.client.clone()
    };
    let mut participant = Participant {
        client: Client::new(config),
        voice: Voice {
            chat,
            side: Side::Participant,
            topic: stage.topic(Topic::Chat {
                client: me.clone(),
                sender: me.clone(),
            }),
        },
        location_topic: stage.topic(Topic::Loc {
            group: "participants".into(),
            client: me.clone(),
        }),
        phase: Phase::Arriving,
        asked_at: joining,
        revision: i64::MIN,
        schedule: None,
        next_location: None,
        answered: 0,
        connected: false,
        halted: false,
        stage,
        me,
    };
    let result = participant.live().await;
    participant.client.close(true).await;
    result
}

impl Participant {
    async fn live(&mut self) -> anyhow::Result<()> {
        self.subscribe();
        let stage = Arc::clone(&self.stage);
        let mut go = stage.go.subscribe();
        let mut halt = pin!(stage.halt.cancelled());
        let mut end = pin!(stage.end.cancelled());
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        while !self.is_done() {
            let wake = self.wake_at();
            if let Some(wake) = wake.filter(|wake| timer.deadline() != (*wake).into()) {
                timer.as_mut().reset(wake.into());
            }
            tokio::select! {
                biased;
                event = self.client.next() => self.on_event(event?)?,
                () = &mut timer, if wake.is_some() => {}
                () = &mut end => return Ok(()),
                () = &mut halt, if !self.halted => self.halted = true,
                Ok(()) = go.changed(), if self.schedule.is_none() => self.begin(&go),
            }
            if wake.is_some() {
                self.act(Instant::now());
            }
        }
        self.stage.stats.chats_done.add();
        Ok(())
    }

    fn subscribe(&mut self) {
        let qos = |filter: String, no_local| {
            let options = SubscribeOptions {
                qos: QoS::AtLeastOnce,
                no_local,
                ..SubscribeOptions::default()
            };
            (self.stage.filter(&filter), options)
        };
        let filters = [
            qos("info".into(), false),
            qos(format!("case/{}", self.me), false),
            qos(format!("chat/{}/+", self.me), true),
            qos("queue/help/state".into(), false),
            qos("alert/+".into(), false),
        ];
        self.client.subscribe(filters, SUBSCRIBED);
    }

    fn is_done(&self) -> bool {
        self.phase == Phase::Closed
            && self.answered == self.stage.plan.messages
            && self.client.unacknowledged() == 0
    }

    fn wake_at(&self) -> Option<Instant> {
        if self.halted {
            return None;
        }
        let message = self.schedule.as_ref().and_then(Schedule::next_due);
        [message, self.next_location].into_iter().flatten().min()
    }

    /// Does what is due.
    fn act(&mut self, now: Instant) {
        if self.halted {
            return;
        }
        while let Some(due) = self.schedule.as_mut().and_then(|schedule| schedule.take_due(now)) {
            self.say(due);
        }
        if self.next_location.is_some_and(|due| due <= now) {
            self.tell_location(now);
        }
    }

    fn say(&mut self, due: Instant) {
        self.voice
            .say(&self.stage, &mut self.client, due, None, Token::from);
    }

    /// The open loop begins for all at once, when all have their operator.
    fn begin(&mut self, go: &watch::Receiver<Option<Instant>>) {
        let plan = &self.stage.plan;
        if let (Pace::Every(period), Some(start)) = (plan.pace, *go.borrow()) {
            let index = self.voice.chat.index;
            self.schedule = Some(Schedule::new(
                start,
                period,
                plan.messages,
                index,
                plan.participants,
            ));
        }
    }

    fn on_event(&mut self, event: Event) -> anyhow::Result<()> {
        let stats = &self.stage.stats;
        match event {
            Event::Connected { took, .. } => {
                stats.connect.note(took);
                if !std::mem::replace(&mut self.connected, true) {
                    stats.connected.add();
                }
            }
            Event::Disconnected(_) => stats.reconnects.add(),
            Event::Subscribed(_) => self.ask()?,
            Event::Message(publish) => self.on_message(&publish)?,
            Event::Acked {
                token: LOCATION,
                reason,
                ..
            } => {
                if reason.is_error() {
                    bail!("the broker refused the location: {reason}");
                }
                stats.locations_acked.add();
            }
            Event::Acked {
                token: HELP,
                reason,
                waited,
            } => {
                if reason.is_error() {
                    bail!("the broker refused the call for help: {reason}");
                }
                stats.puback.note(waited);
            }
            Event::Acked {
                token,
                reason,
                waited,
            } => {
                self.voice.acked(&self.stage, token as u32, waited, reason)?;
            }
            Event::Resent(token) if token < HELP => self.voice.resent(token as u32),
            Event::PushedBack(token) => {
                stats.pushed_back.add();
                if token < HELP {
                    self.voice.pushed_back(token as u32);
                }
            }
            Event::Resent(_) => {}
        }
        Ok(())
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        if self.phase != Phase::Arriving || self.halted {
            return Ok(());
        }
        let kind = match self.voice.chat.index % 20 {
            0 => HelpKind::Life,
            1..=5 => HelpKind::Urgent,
            _ => HelpKind::Service,
        };
        let help = Help {
            id: MessageId::new(),
            kind,
            text: "I cannot find my way out of the crowd".into(),
            seat: Some(format!(
                "Block {}",
                char::from(b'A' + (self.voice.chat.index % 26) as u8)
            )),
            location: Some(self.location()),
        };
        let topic = self.stage.topic(Topic::Help {
            client: self.me.clone(),
        });
        self.asked_at = Instant::now();
        self.phase = Phase::Asked;
        self.stage.stats.asked.add();
        self.client
            .publish(topic, serde_json::to_vec(&help)?, HELP)
            .context("asking for help")
    }

    /// Somewhere within some 200 m of the venue, the same for the same chat but for a few steps.
    fn location(&self) -> Location {
        let event = &self.stage.event;
        let angle = f64::from(self.voice.chat.index) * 2.399_963;
        let metres =
            20.0 + 180.0 * (f64::from(self.voice.chat.index % 97) / 97.0) + 5.0 * rand::random::<f64>();
        let (lat, lon) = (event.lat.unwrap_or(VENUE.0), event.lon.unwrap_or(VENUE.1));
        Location {
            kind: LocationKind::Location,
            lat: (lat + metres * angle.sin() / 111_320.0).clamp(-90.0, 90.0),
            lon: (lon + metres * angle.cos() / (111_320.0 * lat.to_radians().cos().max(0.01)))
                .clamp(-180.0, 180.0),
            tst: OffsetDateTime::now_utc().unix_timestamp(),
            acc: Some(8.0),
            alt: None,
            vel: None,
            cog: None,
            batt: Some(80.0),
        }
    }

    fn tell_location(&mut self, now: Instant) {
        let payload = serde_json::to_vec(&self.location()).expect("a location has a form in JSON");
        let topic = self.location_topic.clone();
        if self
            .client
            .publish_with(topic, payload, LOCATION, true, Some(LOCATION_EXPIRY_S))
            .is_ok()
        {
            self.stage.stats.locations_sent.add();
        }
        self.next_location = self.stage.plan.location_every.map(|every| now + every);
    }

    fn on_message(&mut self, publish: &Publish) -> anyhow::Result<()> {
        let Some(topic) = &publish.topic else {
            return Ok(());
        };
        let mut levels = self.stage.rest(topic).split('/');
        match (levels.next(), levels.next(), levels.next(), levels.next()) {
            (Some("case"), Some(client), None, None) if client == self.me.as_str() => {
                if publish.payload.is_empty() {
                    return Ok(());
                }
                let case: Case =
                    serde_json::from_slice(&publish.payload).context("the case is not as it should be")?;
                self.on_case(&case)
            }
            (Some("chat"), Some(client), Some(sender), None) if sender != self.me.as_str() => {
                if client == self.me.as_str() {
                    self.on_answer(publish);
                } else {
                    // Another's chat must never come here.
                    self.voice.chat.ledger.lock().unexpected();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_case(&mut self, case: &Case) -> anyhow::Result<()> {
        if case.revision <= self.revision || self.phase == Phase::Arriving {
            return Ok(());
        }
        self.revision = case.revision;
        if self.phase == Phase::Asked {
            self.phase = Phase::Queued;
            self.stage.stats.help_to_case.note(self.asked_at.elapsed());
            self.stage.stats.opened.add();
            self.next_location = self.stage.plan.location_every.map(|_| Instant::now());
        }
        match case.state {
            CaseState::Queued => {}
            CaseState::Claimed if self.phase == Phase::Queued => {
                self.phase = Phase::Claimed;
                if self.stage.plan.pace == Pace::Answered && !self.halted {
                    self.say(Instant::now());
                }
            }
            CaseState::Claimed => {}
            CaseState::Closed => {
                self.phase = Phase::Closed;
                self.stage.stats.closed.add();
                self.next_location = None;
                let said = self.voice.chat.ledger.lock().next_seq(Side::Participant);
                if said < self.stage.plan.messages {
                    bail!(
                        "the case was closed after {said} of {} messages",
                        self.stage.plan.messages
                    );
                }
            }
        }
        Ok(())
    }

    fn on_answer(&mut self, publish: &Publish) {
        let Some(heard) = self.voice.hear(&self.stage, publish) else {
            return;
        };
        let asked = heard
            .tag
            .answers
            .and_then(|seq| self.voice.chat.ledger.lock().due(Side::Participant, seq));
        if let Some(asked) = asked {
            self.stage.stats.round_trip.note(asked.elapsed());
        }
        self.answered += 1;
        let plan = &self.stage.plan;
        if plan.pace == Pace::Answered && self.answered < plan.messages && !self.halted {
            self.say(Instant::now());
        }
    }
}
