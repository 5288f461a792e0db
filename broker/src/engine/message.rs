//! An application message, shared by everybody who gets it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::Time;
use crate::codec::{Publish, PublishProperties, QoS};
use crate::topic::TopicName;

/// What was published, without anything that belongs to one hop. Held in an `Arc` by every queue that it waits in.
pub struct Message {
    /// Where it was published.
    pub topic: TopicName,
    /// The application's bytes.
    pub payload: Bytes,
    /// As published, without topic alias and subscription identifiers.
    pub properties: PublishProperties,
    /// As published; a retained message is delivered with at most it.
    pub qos: QoS,
    /// From when on it is not sent any more.
    pub expires_at: Option<Time>,
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
        Some(Self {
            topic,
            payload,
            properties,
            qos,
            expires_at,
        })
    }

    /// What a queue accounts for it: topic and payload, in bytes.
    pub fn size(&self) -> usize {
        self.topic.as_str().len() + self.payload.len()
    }

    /// Whether its lifetime has ended.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
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
