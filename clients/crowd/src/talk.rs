//! Sending and receiving chat messages with the books kept, the same for both sides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_broker::ReasonCode;
use muster_broker::codec::Publish;
use muster_broker::topic::TopicName;
use muster_domain::MessageId;
use muster_domain::payload::{self, Chat as ChatMessage};
use time::OffsetDateTime;

use crate::client::{Client, Token};
use crate::ledger::{Ledger, Receipt};
use crate::stage::{Chat, Stage};
use crate::tag::{Side, Tag};

/// One side of one chat.
pub struct Voice {
    /// The chat.
    pub chat: Arc<Chat>,
    /// Which side this is.
    pub side: Side,
    /// Where this side writes.
    pub topic: TopicName,
}

/// A message of the other side that came for the first time.
#[derive(Debug)]
pub struct Heard {
    /// Its place.
    pub tag: Tag,
    /// Its id.
    pub id: MessageId,
}

impl Voice {
    /// Sends the next message, due at `due`. `answers` is the message that it answers; `token` makes the token from the
    /// message's number.
    pub fn say(
        &self,
        stage: &Stage,
        client: &mut Client,
        due: Instant,
        answers: Option<&Heard>,
        token: impl FnOnce(u32) -> Token,
    ) {
        let id = MessageId::new();
        let seq = {
            let mut ledger = self.chat.ledger.lock();
            let seq = ledger.next_seq(self.side);
            ledger.sent(self.side, id, due);
            seq
        };
        let tag = Tag {
            chat: self.chat.index,
            side: self.side,
            seq,
            answers: answers.map(|heard| heard.tag.seq),
        };
        let message = ChatMessage {
            id,
            at: OffsetDateTime::now_utc(),
            text: tag.to_string(),
            reply_to: answers.map(|heard| heard.id),
        };
        let payload = serde_json::to_vec(&message).expect("a chat message has a form in JSON");
        stage.stats.sent.add();
        if client.publish(self.topic.clone(), payload, token(seq)).is_err() {
            stage.stats.not_sent.add();
        }
    }

    /// Enters a message of the other side that arrived; `None` when it is none that is news.
    pub fn hear(&self, stage: &Stage, publish: &Publish) -> Option<Heard> {
        let now = Instant::now();
        let read = self.read(publish);
        let mut ledger = self.chat.ledger.lock();
        let Some((tag, message)) = read else {
            ledger.unexpected();
            return None;
        };
        let receipt = ledger.received(self.side.other(), tag.seq, message.id, publish.dup, now);
        let Receipt::First(took) = receipt else {
            return None;
        };
        if !answers_what_it_says(&ledger, tag, &message) {
            ledger.unexpected();
        }
        drop(ledger);
        stage.stats.received.add();
        stage.stats.delivery.note(took);
        Some(Heard { tag, id: message.id })
    }

    fn read(&self, publish: &Publish) -> Option<(Tag, ChatMessage)> {
        let message: ChatMessage = payload::decode(&publish.payload).ok()?;
        let tag: Tag = message.text.parse().ok()?;
        (tag.chat == self.chat.index && tag.side == self.side.other()).then_some((tag, message))
    }

    /// Enters the acknowledgement of a message of this side.
    ///
    /// # Errors
    /// When the broker refuses it for good.
    pub fn acked(&self, stage: &Stage, seq: u32, waited: Duration, reason: ReasonCode) -> anyhow::Result<()> {
        if reason.is_error() {
            anyhow::bail!("the broker refused a chat message: {reason}");
        }
        self.chat.ledger.lock().acked(self.side, seq);
        stage.stats.acked.add();
        stage.stats.puback.note(waited);
        Ok(())
    }

    /// Enters that a message of this side left once more.
    pub fn resent(&self, seq: u32) {
        self.chat.ledger.lock().resent(self.side, seq);
    }

    /// Enters that the broker had no room for a message of this side.
    pub fn pushed_back(&self, seq: u32) {
        self.chat.ledger.lock().pushed_back(self.side, seq);
    }
}

fn answers_what_it_says(ledger: &Ledger, tag: Tag, message: &ChatMessage) -> bool {
    match tag.answers {
        None => message.reply_to.is_none(),
        Some(seq) => message.reply_to.is_some() && ledger.id(tag.side.other(), seq) == message.reply_to,
    }
}
