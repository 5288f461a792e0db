//! What a message must look like: a topic of the tree, and the JSON that the topic takes.
//!
//! What the bridge would have to put aside is refused here, while its author still listens.

use muster_broker::codec::Publish;
use muster_broker::plugin::{FilterContext, PublishFilter};
use muster_broker::reason::ReasonCode;
use muster_domain::payload::{self, Chat, Command, Help, Location, PAYLOAD_BYTES_MAX, Seen};
use muster_domain::{Claims, EventTopic, Role, Topic};

/// Refuses an unknown topic with 0x90, and a payload of the wrong shape or of more than [`PAYLOAD_BYTES_MAX`] with 0x99.
/// The shape of what services publish is not looked at: Muster itself made it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PayloadShape;

impl PublishFilter for PayloadShape {
    fn filter(&self, publish: &mut Publish, context: &FilterContext<'_>) -> Result<(), ReasonCode> {
        if publish.payload.len() > PAYLOAD_BYTES_MAX {
            // Of the codes that a PUBACK may carry, this one fits.
            return Err(ReasonCode::PayloadFormatInvalid);
        }
        // The broker resolves aliases first, so a name is there.
        let name = publish.topic.as_ref().ok_or(ReasonCode::TopicNameInvalid)?;
        let topic = EventTopic::parse(name.as_str()).map_err(|_| ReasonCode::TopicNameInvalid)?;
        let claims = context.principal.attributes::<Claims>();
        if claims.is_some_and(|claims| claims.role == Role::Service) {
            return Ok(());
        }
        check(&topic.topic, publish.retain, &publish.payload).map_err(|error| {
            metrics::counter!("muster_payload_refused_total").increment(1);
            // The error names the field and never the text.
            tracing::debug!(client_id = context.client_id, topic = name.as_str(), %error, "a payload was refused");
            ReasonCode::PayloadFormatInvalid
        })
    }
}

fn check(topic: &Topic, retain: bool, bytes: &[u8]) -> Result<(), payload::PayloadError> {
    match topic {
        Topic::Help { .. } => payload::decode::<Help>(bytes).map(drop),
        Topic::Chat { .. } => payload::decode::<Chat>(bytes).map(drop),
        Topic::Seen { .. } => payload::decode::<Seen>(bytes).map(drop),
        Topic::Do { .. } => payload::decode::<Command>(bytes).map(drop),
        // An empty retained payload takes the last known position back.
        Topic::Loc { .. } if retain && bytes.is_empty() => Ok(()),
        Topic::Loc { .. } => payload::decode::<Location>(bytes).map(drop),
        _ => Ok(()),
    }
}
