//! One who answers: sees the line, claims, chats with several at once, closes.

mod waiting;

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use muster_broker::ReasonCode;
use muster_broker::codec::{Publish, QoS, SubscribeOptions};
use muster_broker::topic::{TopicFilter, TopicName};
use muster_domain::payload::{Case, CaseState, Command, Done};
use muster_domain::{CaseId, ClientId, MessageId, Topic};

use crate::api::MqttToken;
use crate::client::{Client, ClientConfig, Event, Token};
use crate::stage::{Chat, Stage};
use crate::tag::Side;
use crate::talk::Voice;
use waiting::Waiting;

/// Tokens below are chat and number of a message: the chat in the upper, the number in the lower 32 bits.
const COMMAND: Token = 1 << 62;
const SUBSCRIBED: Token = COMMAND + 1;
/// The chat of the case that is about to be claimed is subscribed to.
const OPENED: Token = COMMAND + 2;

/// A case on the screen, not claimed yet: its chat is subscribed to first, so that no message is missed.
struct Opened {
    case: CaseId,
    client: ClientId,
    chat: Arc<Chat>,
    /// The claim, once sent.
    command: Option<MessageId>,
    since: Instant,
    /// Messages that came before the answer to the claim.
    early: Vec<Publish>,
}

/// A case of one's own.
struct Mine {
    case: CaseId,
    voice: Voice,
    heard: u32,
    acked: u32,
    /// The command that closes it, once sent.
    closing: Option<MessageId>,
}

struct Operator {
    stage: Arc<Stage>,
    client: Client,
    me: ClientId,
    claim_topic: TopicName,
    close_topic: TopicName,
    waiting: Waiting,
    opened: Option<Opened>,
    mine: HashMap<ClientId, Mine>,
    /// Whose chat a number is.
    clients: HashMap<u32, ClientId>,
    connected: bool,
    halted: bool,
}

/// Answers until the crowd ends.
///
/// # Errors
/// What kept this one from answering.
pub async fn run(stage: Arc<Stage>, token: MqttToken) -> anyhow::Result<()> {
    let me = token.client_id;
    // An operator writes in many chats over one connection, and takes as large a window as they would have together; the
    // server's receive maximum bounds it.
    let share = u16::try_from(stage.plan.share()).unwrap_or(u16::MAX);
    let config = ClientConfig {
        client_id: me.to_string(),
        password: Some(token.token),
        inflight_max: stage
            .client
            .inflight_max
            .saturating_mul(NonZeroU16::MIN.saturating_add(share)),
        ..stage.client.clone()
    };
    let command = |verb: &str| {
        stage.topic(Topic::Do {
            verb: verb.into(),
            client: me.clone(),
        })
    };
    let mut operator = Operator {
        client: Client::new(config),
        claim_topic: command("claim"),
        close_topic: command("close"),
        waiting: Waiting::default(),
        opened: None,
        mine: HashMap::new(),
        clients: HashMap::new(),
        connected: false,
        halted: false,
        stage,
        me,
    };
    let result = operator.live().await;
    operator.client.close(true).await;
    result
}

impl Operator {
    async fn live(&mut self) -> anyhow::Result<()> {
        let filters = [
            "info".to_owned(),
            "case/+".to_owned(),
            "queue/help/state".to_owned(),
            "loc/participants/+".to_owned(),
            format!("done/{}", self.me),
        ];
        let options = SubscribeOptions {
            qos: QoS::AtLeastOnce,
            ..SubscribeOptions::default()
        };
        let stage = Arc::clone(&self.stage);
        self.client
            .subscribe(filters.map(|filter| (stage.filter(&filter), options)), SUBSCRIBED);
        let mut halt = pin!(stage.halt.cancelled());
        let mut end = pin!(stage.end.cancelled());
        loop {
            tokio::select! {
                biased;
                event = self.client.next() => self.on_event(event?)?,
                () = &mut end => return Ok(()),
                () = &mut halt, if !self.halted => self.halted = true,
            }
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
            Event::Subscribed(OPENED) => self.claim()?,
            Event::Subscribed(_) => self.open_next(),
            Event::Message(publish) => self.on_message(publish)?,
            Event::Acked {
                token,
                reason,
                waited,
            } if token >= COMMAND => {
                if reason.is_error() {
                    bail!("the broker refused a command: {reason}");
                }
                stats.puback.note(waited);
            }
            Event::Acked {
                token,
                reason,
                waited,
            } => self.on_acked(token, waited, reason)?,
            Event::Resent(token) => {
                if let Some(mine) = self.chat_of(token) {
                    mine.voice.resent(token as u32);
                }
            }
            Event::PushedBack(token) => {
                stats.pushed_back.add();
                if let Some(mine) = self.chat_of(token) {
                    mine.voice.pushed_back(token as u32);
                }
            }
        }
        Ok(())
    }

    fn chat_of(&mut self, token: Token) -> Option<&mut Mine> {
        let index = u32::try_from(token >> 32).ok()?;
        self.mine.get_mut(self.clients.get(&index)?)
    }

    fn chat_filter(&self, client: &ClientId) -> TopicFilter {
        self.stage.filter(&format!("chat/{client}/+"))
    }

    /// Puts the next waiting case on the screen, if there is room: as many as are this operator's share.
    fn open_next(&mut self) {
        let plan = &self.stage.plan;
        if self.opened.is_some() || self.halted || self.mine.len() >= plan.share() as usize {
            return;
        }
        let Some((case, client)) = self.waiting.take(plan.operators as usize * 2, rand::random()) else {
            return;
        };
        let Some(chat) = self.stage.joined.read().get(&client).cloned() else {
            return;
        };
        let options = SubscribeOptions {
            qos: QoS::AtLeastOnce,
            no_local: true,
            ..SubscribeOptions::default()
        };
        self.client
            .subscribe([(self.chat_filter(&client), options)], OPENED);
        self.opened = Some(Opened {
            case,
            client,
            chat,
            command: None,
            since: Instant::now(),
            early: Vec::new(),
        });
    }

    fn claim(&mut self) -> anyhow::Result<()> {
        let Some(opened) = &mut self.opened else {
            return Ok(());
        };
        let command = Command {
            id: MessageId::new(),
            case: opened.case,
            reason: None,
        };
        opened.command = Some(command.id);
        opened.since = Instant::now();
        self.client
            .publish(self.claim_topic.clone(), serde_json::to_vec(&command)?, COMMAND)
            .context("claiming a case")
    }

    fn on_message(&mut self, publish: Publish) -> anyhow::Result<()> {
        let Some(topic) = &publish.topic else {
            return Ok(());
        };
        let mut levels = self.stage.rest(topic).split('/');
        match (levels.next(), levels.next(), levels.next(), levels.next()) {
            (Some("case"), Some(_), None, None) if !publish.payload.is_empty() => {
                let case =
                    serde_json::from_slice(&publish.payload).context("a case is not as it should be")?;
                self.on_case(&case);
            }
            (Some("done"), Some(_), None, None) => {
                let done =
                    serde_json::from_slice(&publish.payload).context("an answer is not as it should be")?;
                self.on_done(&done)?;
            }
            (Some("chat"), Some(client), Some(sender), None) if sender != self.me.as_str() => {
                // Of a chat that is no longer, or not, this operator's, another one hears.
                if let Ok(client) = ClientId::new(client) {
                    self.on_chat(&client, publish)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_case(&mut self, case: &Case) {
        if !self.stage.joined.read().contains_key(&case.client) || !self.waiting.saw(case) {
            return;
        }
        let own = case
            .operator
            .as_ref()
            .is_some_and(|operator| operator.client == self.me);
        let opened = self
            .opened
            .as_ref()
            .is_some_and(|opened| opened.case == case.id && opened.command.is_some());
        if case.state == CaseState::Claimed && own && opened {
            self.claimed();
        }
        if case.state == CaseState::Closed
            && self
                .mine
                .get(&case.client)
                .is_some_and(|mine| mine.case == case.id)
        {
            self.closed(&case.client);
        }
        self.open_next();
    }

    fn on_done(&mut self, done: &Done) -> anyhow::Result<()> {
        if self
            .opened
            .as_ref()
            .is_some_and(|opened| opened.command == Some(done.id))
        {
            if done.ok {
                self.claimed();
            } else {
                self.race_lost(done)?;
            }
        } else if let Some((client, _)) = self.mine.iter().find(|(_, mine)| mine.closing == Some(done.id)) {
            if !done.ok && done.code != "not_open" {
                bail!("closing a case was refused: {} ({})", done.message, done.code);
            }
            let client = client.clone();
            self.closed(&client);
        }
        self.open_next();
        Ok(())
    }

    fn claimed(&mut self) {
        let Some(opened) = self.opened.take() else {
            return;
        };
        self.stage.stats.claim.note(opened.since.elapsed());
        self.stage.stats.claimed.add();
        self.clients.insert(opened.chat.index, opened.client.clone());
        let voice = Voice {
            chat: opened.chat,
            side: Side::Operator,
            topic: self.stage.topic(Topic::Chat {
                client: opened.client.clone(),
                sender: self.me.clone(),
            }),
        };
        let mine = Mine {
            case: opened.case,
            voice,
            heard: 0,
            acked: 0,
            closing: None,
        };
        self.mine.insert(opened.client.clone(), mine);
        for publish in opened.early {
            self.answer(&opened.client, &publish);
        }
    }

    fn race_lost(&mut self, done: &Done) -> anyhow::Result<()> {
        let Some(opened) = self.opened.take() else {
            return Ok(());
        };
        if !matches!(done.code.as_str(), "already_claimed" | "not_open") {
            bail!("claiming a case was refused: {} ({})", done.message, done.code);
        }
        self.stage.stats.races_lost.add();
        self.client.unsubscribe([self.chat_filter(&opened.client)]);
        Ok(())
    }

    fn closed(&mut self, client: &ClientId) {
        if let Some(mine) = self.mine.remove(client) {
            self.clients.remove(&mine.voice.chat.index);
            self.client.unsubscribe([self.chat_filter(client)]);
        }
    }

    fn on_chat(&mut self, client: &ClientId, publish: Publish) -> anyhow::Result<()> {
        if let Some(opened) = self.opened.as_mut().filter(|opened| opened.client == *client) {
            if opened.early.len() >= self.stage.plan.messages as usize * 2 {
                bail!("more chat messages than were sent came before the answer to a claim");
            }
            opened.early.push(publish);
        } else {
            self.answer(client, &publish);
        }
        Ok(())
    }

    fn answer(&mut self, client: &ClientId, publish: &Publish) {
        let Some(mine) = self.mine.get_mut(client) else {
            return;
        };
        let Some(heard) = mine.voice.hear(&self.stage, publish) else {
            return;
        };
        mine.heard += 1;
        let chat = Token::from(mine.voice.chat.index);
        let token = |seq| chat << 32 | Token::from(seq);
        mine.voice
            .say(&self.stage, &mut self.client, Instant::now(), Some(&heard), token);
    }

    fn on_acked(&mut self, token: Token, waited: Duration, reason: ReasonCode) -> anyhow::Result<()> {
        let stage = Arc::clone(&self.stage);
        let messages = stage.plan.messages;
        let Some(mine) = self.chat_of(token) else {
            return Ok(());
        };
        mine.voice.acked(&stage, token as u32, waited, reason)?;
        mine.acked += 1;
        if mine.heard < messages || mine.acked < messages || mine.closing.is_some() {
            return Ok(());
        }
        let command = Command {
            id: MessageId::new(),
            case: mine.case,
            reason: Some("resolved".into()),
        };
        mine.closing = Some(command.id);
        self.client
            .publish(self.close_topic.clone(), serde_json::to_vec(&command)?, COMMAND)
            .context("closing a case")
    }
}
