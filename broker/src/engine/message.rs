//! An application message, shared by everybody who gets it.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;

use super::Time;
use crate::codec::{ByteStr, Publish, PublishProperties, QoS};
use crate::topic::TopicName;

static NO_PROPERTIES: LazyLock<PublishProperties> = LazyLock::new(PublishProperties::default);

/// What was published, without anything that belongs to one hop. Held in an `Arc` by every queue that it waits in.
pub struct Message {
    /// Where it was published.
    pub topic: TopicName,
    /// The application's bytes.
    pub payload: Bytes,
    /// `None` for most: a queue of a million messages should not hold a million empty structs.
    properties: Option<Box<PublishProperties>>,
    /// As published; a retained message is delivered with at most it.
    pub qos: QoS,
    /// From when on it is not sent any more.
    pub expires_at: Option<Time>,
    size: usize,
}

impl Message {
    /// Takes a publish over. `read_bytes` is the length of the buffer that it was read into: a small message in a
    /// large buffer is copied out, else a queue of such messages would hold many times the memory it accounts for.
    ///
    /// `None` without a topic.
    pub fn from_publish(publish: Publish, now: Time, read_bytes: usize) -> Option<Self> {
        let Publish {
            topic,
            mut properties,
            mut payload,
            qos,
            ..
        } = publish;
        let mut topic = topic?;
        properties.topic_alias = None;
        properties.subscription_ids = Vec::new();
        if read_bytes > 2 * (topic.as_str().len() + payload.len()) + 64 {
            topic = topic.detach();
            payload = Bytes::copy_from_slice(&payload);
            properties = properties.detach();
        }
        let expires_at = properties
            .message_expiry
            .map(|seconds| now + Duration::from_secs(seconds.into()));
        Some(Self::new(topic, payload, properties, qos, expires_at))
    }

    /// A message of these parts.
    pub fn new(
        topic: TopicName,
        payload: Bytes,
        properties: PublishProperties,
        qos: QoS,
        expires_at: Option<Time>,
    ) -> Self {
        let size = topic.as_str().len() + payload.len() + properties_size(&properties);
        let properties = (properties != *NO_PROPERTIES).then(|| Box::new(properties));
        Self {
            topic,
            payload,
            properties,
            qos,
            expires_at,
            size,
        }
    }

    /// As published, without topic alias and subscription identifiers.
    pub fn properties(&self) -> &PublishProperties {
        self.properties.as_deref().unwrap_or(&NO_PROPERTIES)
    }

    /// What a queue accounts for it: topic, payload and properties, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether its lifetime has ended.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// What properties hold in memory, about: without them a message could hide much behind an empty payload.
fn properties_size(properties: &PublishProperties) -> usize {
    let pairs = &properties.user_properties.0;
    let slots = pairs.len() * size_of::<(ByteStr, ByteStr)>();
    let texts: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    slots
        + texts
        + properties.correlation_data.as_ref().map_or(0, Bytes::len)
        + properties.content_type.as_ref().map_or(0, |text| text.len())
        + properties
            .response_topic
            .as_ref()
            .map_or(0, |topic| topic.as_str().len())
}

impl fmt::Debug for Message {
    /// Without the payload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic)
            .field("payload_bytes", &self.payload.len())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::UserProperties;

    fn publish(payload: Bytes) -> Publish {
        let pair = (ByteStr::from("name"), ByteStr::from("value"));
        Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: Some(TopicName::parse("a/b").unwrap()),
            packet_id: None,
            properties: PublishProperties {
                user_properties: UserProperties(vec![pair]),
                ..PublishProperties::default()
            },
            payload,
        }
    }

    #[test]
    fn a_small_message_does_not_keep_a_large_buffer_and_a_large_one_is_not_copied() {
        let buffer = Bytes::from(vec![b'x'; 4096]);
        let now = Time::default();
        let small = Message::from_publish(publish(buffer.slice(..10)), now, buffer.len()).unwrap();
        assert_ne!(small.payload.as_ptr(), buffer.as_ptr());
        let large = Message::from_publish(publish(buffer.slice(..4000)), now, buffer.len()).unwrap();
        assert_eq!(large.payload.as_ptr(), buffer.as_ptr());
    }

    #[test]
    fn properties_count() {
        let message =
            Message::from_publish(publish(Bytes::from_static(b"12345")), Time::default(), 0).unwrap();
        let slot = size_of::<(ByteStr, ByteStr)>();
        assert_eq!(message.size(), "a/b".len() + 5 + "namevalue".len() + slot);
    }
}
