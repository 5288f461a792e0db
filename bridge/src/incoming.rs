//! What a message means: topic and payload, read and checked.
//!
//! **Invariant:** reading performs no IO and never panics, whatever came.
//! **Invariant:** a reason for a refusal repeats nothing of the payload.

use bytes::Bytes;
use muster_domain::case::Verb;
use muster_domain::payload::{self, Chat, Command, Help, Location};
use muster_domain::{ClientId, EventId, EventTopic, MessageId, Topic};
use muster_store::chat::NewChat;
use time::OffsetDateTime;

/// A message as it came from the broker.
#[derive(Clone)]
pub struct Incoming {
    /// MQTT topic name.
    pub topic: String,
    /// The payload.
    pub payload: Bytes,
    /// When the broker accepted it, by the broker's clock.
    pub received_at: OffsetDateTime,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({}, {} bytes)", self.topic, self.payload.len())
    }
}

/// A position to store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLocation {
    /// At which event.
    pub event: EventId,
    /// Whose.
    pub client: ClientId,
    /// `participants`, `devices` or a team.
    pub group: String,
    /// When the fix was taken, by the device's clock.
    pub at: OffsetDateTime,
    /// When the broker accepted it.
    pub received_at: OffsetDateTime,
    /// The rest.
    pub position: Location,
}

/// A call for help, or its withdrawal.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// At which event.
    pub event: EventId,
    /// Who.
    pub client: ClientId,
    /// What.
    pub help: Help,
    /// When the broker accepted it.
    pub received_at: OffsetDateTime,
}

/// A command of staff.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// At which event.
    pub event: EventId,
    /// Who.
    pub sender: ClientId,
    /// What; `None` is a verb that this bridge does not know.
    pub verb: Option<Verb>,
    /// About which case.
    pub command: Command,
    /// When the broker accepted it.
    pub received_at: OffsetDateTime,
}

/// What is to be done with a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Archive a chat message.
    Chat(NewChat),
    /// Store a position.
    Location(NewLocation),
    /// Apply a call for help.
    Call(Box<Call>),
    /// Apply a command.
    Order(Order),
    /// Nothing: it says nothing that is kept, such as the clearing of a retained position.
    Nothing,
}

/// Reads a message.
///
/// # Errors
/// The reason why it can never be stored, for `dead_letters`.
pub fn read(message: &Incoming) -> Result<Work, String> {
    let EventTopic { event, topic } = EventTopic::parse(&message.topic).map_err(|error| error.to_string())?;
    let received_at = message.received_at;
    Ok(match topic {
        Topic::Chat { client, sender } => {
            let chat: Chat = decode(message)?;
            Work::Chat(NewChat {
                event,
                id: chat.id,
                client,
                sender,
                text: chat.text,
                reply_to: chat.reply_to,
                received_at,
                sent_at: chat.at,
            })
        }
        Topic::Loc { .. } if message.payload.is_empty() => Work::Nothing,
        Topic::Loc { group, client } => {
            Work::Location(location(event, group, client, decode(message)?, received_at)?)
        }
        Topic::Help { client } => Work::Call(Box::new(Call {
            event,
            client,
            help: decode(message)?,
            received_at,
        })),
        Topic::Do { verb, client } => {
            let command = decode(message)?;
            Work::Order(Order {
                event,
                sender: client,
                verb: verb.parse().ok(),
                command,
                received_at,
            })
        }
        _ => Work::Nothing,
    })
}

/// A position in the shape that is stored.
pub(crate) fn location(
    event: EventId,
    group: String,
    client: ClientId,
    position: Location,
    received_at: OffsetDateTime,
) -> Result<NewLocation, String> {
    let at = OffsetDateTime::from_unix_timestamp(position.tst).map_err(|_| "tst is no time".to_owned())?;
    Ok(NewLocation {
        event,
        client,
        group,
        at,
        received_at,
        position,
    })
}

/// The id of a message whose other fields may be broken, to answer it by.
pub fn id_of(payload: &[u8]) -> Option<MessageId> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: MessageId,
    }
    serde_json::from_slice::<Named>(payload)
        .ok()
        .map(|named| named.id)
}

fn decode<P: payload::Payload>(message: &Incoming) -> Result<P, String> {
    payload::decode(&message.payload).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: String, payload: &str) -> Incoming {
        Incoming {
            topic,
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            received_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_author_is_the_topics_and_never_the_payloads() {
        let (event, id) = (EventId::new(), MessageId::new());
        let json =
            format!(r#"{{"id":"{id}","at":"2026-11-21T10:00:00Z","text":"x","sender":"somebody-else"}}"#);
        match read(&message(format!("ev/{event}/chat/phone/op"), &json)).unwrap() {
            Work::Chat(chat) => assert_eq!((chat.sender.as_str(), chat.client.as_str()), ("op", "phone")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_cleared_position_and_a_reading_mark_are_not_kept() {
        let event = EventId::new();
        assert_eq!(
            read(&message(format!("ev/{event}/loc/participants/phone"), "")),
            Ok(Work::Nothing)
        );
        assert_eq!(
            read(&message(format!("ev/{event}/chat/phone/phone/seen"), "{}")),
            Ok(Work::Nothing)
        );
    }

    #[test]
    fn what_can_never_be_stored_has_a_reason_without_the_text() {
        let event = EventId::new();
        for (topic, payload) in [
            (format!("ev/{event}/help/phone"), "canary{"),
            (format!("ev/{event}/help/phone"), ""),
            (format!("ev/{event}/chat/phone/phone"), r#"{"id":"canary"}"#),
            (
                format!("ev/{event}/loc/participants/phone"),
                r#"{"_type":"canary","lat":1,"lon":2,"tst":1795000000}"#,
            ),
            ("somewhere/else".into(), "canary"),
        ] {
            let reason = read(&message(topic, payload)).unwrap_err();
            assert!(!reason.is_empty() && !reason.contains("canary"), "{reason}");
        }
    }

    #[test]
    fn a_command_with_a_broken_body_can_still_be_answered_by_its_id() {
        let id = MessageId::new();
        assert_eq!(id_of(format!(r#"{{"id":"{id}","case":7}}"#).as_bytes()), Some(id));
        assert_eq!(id_of(b"{}"), None);
    }
}
